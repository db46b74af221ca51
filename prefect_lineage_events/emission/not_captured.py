"""Work of a run that is not captured: libraries, and processes with lineage of their own; each is noted once a run."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from prefect_lineage_events import filters
from prefect_lineage_events.context.run import Run, current_run
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import ChildStartedNote, NotCapturedNote
from prefect_lineage_events.guard import guarded

_MAX_NOTED = 10_000
_noted: OrderedDict[tuple[UUID | None, str], None] = OrderedDict()


def name_library(library: str) -> None:
    """Note that the current run uses this library beside what is captured. Never raises; outside of runs, nothing."""
    with guarded("naming a library that is not captured", count_loss):
        if (run := _first_for_run(library)) is not None:
            worker.put(NotCapturedNote(library, run))


def count_child() -> None:
    """Note that a process of the current run sends lineage of its own, with the run as its parent. Never raises."""
    with guarded("noting a child process", count_loss):
        if (run := _first_for_run("")) is not None:
            worker.put(ChildStartedNote(run))


def _first_for_run(noted: str) -> Run | None:
    """The current run, if this is not noted for it yet."""
    if not filters.current().enabled or filters.disabled() or worker.is_worker_thread():
        return None
    run = current_run()
    if run is None or not run.captured or (run.key, noted) in _noted:
        return None
    _noted[run.key, noted] = None
    if len(_noted) > _MAX_NOTED:
        _noted.popitem(last=False)
    return run
