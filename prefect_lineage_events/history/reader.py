"""Everything that assembly needs of one flow run: its events, all of them, and the proof.

A run is seen as ended before its last events are stored (they take another way, and 5 to 70 s). So reading polls until
every emitter's numbers are there, up to a deadline, and what is still missing then is named, not guessed.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.history import api, event_log, runs
from prefect_lineage_events.history.completeness import judge
from prefect_lineage_events.history.event_log import EventLog, Window
from prefect_lineage_events.history.model import Completeness, FlowRun, RunHistory, TaskRun
from prefect_lineage_events.history.related_runs import RelatedRunReader, any_writes_python_rows
from prefect_lineage_events.history.tasks import read_tasks

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# A process's clock may differ from the server's by a time zone, and a run's process may report after its end.
_BEFORE = dt.timedelta(days=1)
_AFTER = dt.timedelta(days=1)
_LONG_GONE = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
# What a process sent has long been stored when a run ended this long ago: waiting would bring nothing.
LONG_AGO = dt.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for events, in seconds.

    `completeness`: at most, for what an emitter counted; `settle`: after a run's end, for a first event at all, or
    `completeness` as long as the history has not even the run's end; `poll`: between two looks.
    """

    completeness: float = 60.0
    settle: float = 20.0
    poll: float = 1.0


@dataclass(frozen=True, slots=True)
class Clock:
    """The time and the waiting, so that tests need neither."""

    now: Callable[[], dt.datetime]
    sleep: Callable[[float], None] = time.sleep


def read_history(
    client: SyncPrefectClient, run: FlowRun, patience: Patience = Patience(), clock: Clock | None = None
) -> RunHistory:
    """The run's history, as complete as it gets within the patience.

    For a run that ended long ago nothing is waited for. Requests: one a 50 events, one a poll, one a 200 task runs.
    Runs above and below are read only where rows or columns can have come from them (`kin`).
    The clock is the API's, by which the run ended, unless another is given.
    """
    clock = clock or Clock(now=lambda: api.now(client))
    log, completeness = _read_events(client, run, patience, clock)
    if log.empty and not log.from_emitters:
        completeness = replace(completeness, end_unrecorded=_end_unrecorded(client, run, clock))
    tasks = _read_tasks(client, run, log, patience, clock)
    history = RunHistory(
        run=run,
        events=tuple(log.lineage),
        schemas=tuple(log.schemas),
        tasks=tasks,
        assets=tuple(log.assets),
        completeness=completeness,
        descendants_have_lineage=log.empty and _descendants_have_lineage(client, run, clock),
        stored_events=log.stored,
    )
    return RelatedRunReader(client, _kins_events(client, patience, clock)).read(history)


def window_of(run: FlowRun, now: dt.datetime) -> Window:
    """When events of this run can have occurred."""
    began = run.started or run.expected_start or run.ended or now
    until = now + _BEFORE
    return Window(began - _BEFORE, min(until, run.ended + _AFTER) if run.ended and run.ended_for_good else until)


def _read_events(
    client: SyncPrefectClient, run: FlowRun, patience: Patience, clock: Clock
) -> tuple[EventLog, Completeness]:
    began = clock.now()
    window = window_of(run, began)
    log = event_log.read(client, run.id, window, run.kind)
    completeness = _judge(log, run, began)
    while (now := clock.now()) < _deadline(log, completeness, run, patience, began) or (
        not log.from_emitters and now < _latest(run, patience) and _end_unrecorded(client, run, clock)
    ):
        clock.sleep(patience.poll)
        if event_log.count(client, run.id, window, run.kind) != log.stored:
            log = event_log.read(client, run.id, window, run.kind)
        completeness = _judge(log, run, now)
    return log, completeness


def _kins_events(
    client: SyncPrefectClient, patience: Patience, clock: Clock
) -> Callable[[FlowRun], tuple[EventLog, bool]]:
    """Reads the events of runs around a run, and tells whether they are all there.

    Those that ended just now are waited for, all of them together for as long as for a first event of the run itself.
    """
    settle = dt.timedelta(seconds=patience.settle)
    until: dt.datetime | None = None

    def read(kin: FlowRun) -> tuple[EventLog, bool]:
        nonlocal until
        now = clock.now()
        until = until or now + min(settle, dt.timedelta(seconds=patience.completeness))
        left = max(0.0, (until - now).total_seconds())
        log, completeness = _read_events(client, kin, replace(patience, completeness=left), clock)
        told = bool(log.from_emitters) or (kin.ended is not None and clock.now() - kin.ended >= settle)
        return log, kin.ended_for_good and not completeness.awaited and told

    return read


def _end_unrecorded(client: SyncPrefectClient, run: FlowRun, clock: Clock) -> bool:
    """Was the run's end lost on its way into the history? Then the run's own events may have been lost with it.

    A server that is killed loses what it received and had not stored yet: some seconds of everybody's events. Its
    record of the run itself is safe, and the event that it made of the run's end has the id of that state.
    """
    if not run.ended_for_good or run.state_id is None:
        return False
    return not event_log.is_stored(client, run.state_id, window_of(run, clock.now()))


def _judge(log: EventLog, run: FlowRun, now: dt.datetime) -> Completeness:
    silent = bool(run.ended and now - run.ended > LONG_AGO)
    return judge(
        [*log.lineage, *log.schemas],
        log.counts,
        run_ended=run.ended,
        silent=silent,
        rejected=log.rejected,
        running=not run.ended_for_good,
    )


def _deadline(
    log: EventLog, completeness: Completeness, run: FlowRun, patience: Patience, began: dt.datetime
) -> dt.datetime:
    """Until when it is worth waiting for more, as things stand; in the past when it is not."""
    ended = run.ended or began
    if not run.ended_for_good or began - ended > LONG_AGO:
        return began
    if not log.from_emitters:
        return ended + dt.timedelta(seconds=min(patience.settle, patience.completeness))
    return began + dt.timedelta(seconds=patience.completeness) if completeness.awaited else began


def _latest(run: FlowRun, patience: Patience) -> dt.datetime:
    """Until when to wait for a history that has not even the run's end: so far behind, it says nothing of the run."""
    return (run.ended or _LONG_GONE) + dt.timedelta(seconds=patience.completeness)


def _read_tasks(
    client: SyncPrefectClient, run: FlowRun, log: EventLog, patience: Patience, clock: Clock
) -> dict[UUID, TaskRun]:
    """The run's task runs, once those that its events name have arrived: they too come some seconds late."""
    named = {e.run.task_run_id for e in log.lineage} | {a.task_run_id for a in log.assets}
    named.discard(None)
    if run.kind == "task-run" or (not named and not any_writes_python_rows(log.lineage)):
        return {}
    tasks = read_tasks(client, run.id)
    deadline = (run.ended or clock.now()) + dt.timedelta(seconds=patience.settle)
    while named - tasks.keys() and clock.now() < deadline:
        clock.sleep(patience.poll)
        tasks = read_tasks(client, run.id)
    return tasks


def _descendants_have_lineage(client: SyncPrefectClient, run: FlowRun, clock: Clock) -> bool:
    window = window_of(run, clock.now())
    return any(event_log.any_lineage(client, level, window) for level in runs.descendants(client, run.id))


def parse_run_id(value: UUID | str) -> UUID:
    """A flow run's id. Raises ValueError, saying what is expected, for anything else."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(str(value).strip().removeprefix("prefect.flow-run.").removeprefix("prefect.task-run."))
    except ValueError:
        raise ValueError(
            f"{value!r} is no flow run id: expected a UUID, as the run's page and `prefect flow-run ls` show it"
        ) from None
