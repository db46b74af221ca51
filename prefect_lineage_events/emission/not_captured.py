"""Libraries that a run uses and whose calls are not captured: each is named once for the run."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from prefect_lineage_events import filters
from prefect_lineage_events.context.run import current_run
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import NotCapturedNote
from prefect_lineage_events.guard import guarded

_MAX_NOTED = 10_000
_noted: OrderedDict[tuple[UUID | None, str], None] = OrderedDict()


def name_library(library: str) -> None:
    """Note that the current run uses this library beside what is captured. Never raises; outside of runs, nothing."""
    with guarded("naming a library that is not captured", count_loss):
        if not filters.current().enabled or filters.disabled() or worker.is_worker_thread():
            return
        run = current_run()
        if run is None or not run.captured or (run.key, library) in _noted:
            return
        _noted[run.key, library] = None
        if len(_noted) > _MAX_NOTED:
            _noted.popitem(last=False)
        worker.put(NotCapturedNote(library, run))
