"""Work of a run that is not captured: libraries, and processes with lineage of their own; each is noted once a run."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from prefect_lineage_events import filters, patches
from prefect_lineage_events.context import running
from prefect_lineage_events.context.run import Run, current_run, runs_in_progress
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import ChildStartedNote, NotCapturedNote
from prefect_lineage_events.guard import guarded

_MAX_NOTED = 10_000
_noted: OrderedDict[tuple[UUID | None, str], None] = OrderedDict()
_in_each_run: dict[str, None] = {}


def name_library(library: str) -> None:
    """Note that the current run uses this library beside what is captured. Never raises; outside of runs, nothing."""
    with guarded("naming a library that is not captured", count_loss):
        if (run := _first_for_run(library)) is not None:
            worker.put(NotCapturedNote(library, run))


def name_early(call: str) -> None:
    """Note that the current run uses an object of a library that was made before it could be seen. Never raises."""
    name_library(f"{call} (made before the run, or before lineage was switched on)")


def count_child() -> None:
    """Note that a process of the current run sends lineage of its own, with the run as its parent. Never raises."""
    with guarded("noting a child process", count_loss):
        if (run := _first_for_run("")) is not None:
            worker.put(ChildStartedNote(run))


def name_in_each_run(library: str) -> None:
    """Note that runs of this process may use a library that is not captured: those in progress, and all later ones."""
    with guarded("naming a library that is not captured", count_loss):
        _in_each_run[library] = None
        for run in runs_in_progress():
            _name(library, run)


def named_in_each_run() -> tuple[str, ...]:
    """The libraries that each run of this process names."""
    return tuple(_in_each_run)


def _name_in_this_run() -> None:
    for library in tuple(_in_each_run):
        name_library(library)


running.when_entered(_name_in_this_run)
patches.when_off(_in_each_run.clear)


def _first_for_run(noted: str) -> Run | None:
    """The current run, if this is not noted for it yet."""
    if not filters.current().enabled or filters.disabled() or worker.is_worker_thread():
        return None
    run = current_run()
    return run if run is not None and _is_first(noted, run) else None


def _name(library: str, run: Run) -> None:
    if filters.current().enabled and _is_first(library, run):
        worker.put(NotCapturedNote(library, run))


def _is_first(noted: str, run: Run) -> bool:
    if not run.captured or (run.key, noted) in _noted:
        return False
    _noted[run.key, noted] = None
    if len(_noted) > _MAX_NOTED:
        _noted.popitem(last=False)
    return True
