"""Losses in the user's thread: failures of our own work there that cost a run some of its lineage.

Each is counted for the run that it happened in, and reported with its reason by `lineage.closed`.
"""

from __future__ import annotations

from prefect_lineage_events import filters
from prefect_lineage_events.context.run import Run, current_run, is_ambiguous
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import Connection, LossNote
from prefect_lineage_events.guard import count_losses_with, guarded


def count_loss(
    reason: str,
    run: Run | None = None,
    connection: Connection | None = None,
    *,
    in_step: bool = False,
    of_connection: bool = False,
) -> None:
    """Count a loss of our own work in the calling thread. Never raises: it is called where another error was raised.

    `run` is the one in which `connection` was last used. `in_step`: a step of its transaction is lost, or may be.
    `of_connection`: a whole connection is not traced; made outside any run, it may be used in all runs of the process.
    """
    with guarded("counting a loss"):
        if worker.is_worker_thread() or not filters.current().enabled:
            return
        is_found = False
        with guarded("finding the run of a loss"):
            run, is_found = current_run(run), True
        in_any_run = run is None and (of_connection or not is_found)
        if run is not None and (not run.captured or filters.disabled()):
            run = None
        if run is not None or in_any_run or connection is not None:
            worker.put(LossNote(reason, run, connection, in_step=in_step, in_any_run=in_any_run))


def count_without_run() -> None:
    """Count work of a thread whose run is not known, in all runs in progress: it may be that of any of them."""
    if is_ambiguous():
        count_loss("a thread was started before lineage was switched on, beside several runs", of_connection=True)


def count_untraced(reason: str) -> None:
    """Count that a connection, an engine or a client could not be traced."""
    count_loss(reason, of_connection=True)


count_losses_with(count_loss)
