"""Reads the history of one flow run: its events, its tasks, and the proof that all events are there.

Prefect shows a run as ended before its last events are stored (they take another route, and 5 to 70 s). So the reader
polls until every emitter's numbers are there, up to a deadline. It lists the events that are still missing then.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.encoding import EPOCH
from prefect_lineage_events.history import api, clocks, event_log, runs
from prefect_lineage_events.history.ambiguous_tasks import ambiguous_tasks
from prefect_lineage_events.history.completeness import judge
from prefect_lineage_events.history.event_log import EventLog, Window, merged_definitions
from prefect_lineage_events.history.model import Completeness, FlowRun, RunHistory, TaskRun
from prefect_lineage_events.history.python_writes import any_writes_python_rows
from prefect_lineage_events.history.related_runs import RelatedRunReader
from prefect_lineage_events.history.task_names import task_names
from prefect_lineage_events.history.tasks import read_tasks
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Events are found by the time at which they occurred, by the clock of their process. One that is off by more is lost.
# With a run of a day this is the longest span that Prefect Cloud takes in one request.
CLOCKS_DIFFER = dt.timedelta(days=6)
# All that a process sent is stored if its run ended this long ago: waiting would bring nothing.
LONG_AGO = dt.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Patience:
    """Limits of waiting for events, in seconds.

    `completeness`: for all events that an emitter counted; `first_event`: after a run's end, for a first event (or
    `completeness` as long as the history has not even the run's end); `poll`: between two requests.
    """

    completeness: float = 60.0
    first_event: float = 20.0
    poll: float = 1.0


@dataclass(frozen=True, slots=True)
class Clock:
    """The functions for time and waiting, which tests replace."""

    now: Callable[[], dt.datetime]
    sleep: Callable[[float], None] = time.sleep


def read_history(
    client: SyncPrefectClient, run: FlowRun, patience: Patience = Patience(), clock: Clock | None = None
) -> RunHistory:
    """The run's history, as complete as it gets within the patience.

    For a run that ended long ago there is no waiting. Requests: one per 50 events, per poll, and per 200 task runs.
    Parent and subflow runs are read only if rows or columns can have come from them (`related_runs`).
    The clock is the API's, by which the run ended, unless another is passed.
    """
    clock = clock or Clock(now=lambda: api.now(client))
    log, completeness = _read_events(client, run, patience, clock)
    if log.empty and not log.from_emitters:
        completeness = replace(completeness, end_unrecorded=_end_unrecorded(client, run, clock))
    tasks = _read_tasks(client, run, log, patience, clock)
    definitions = merged_definitions(log.counts)
    of_tasks = task_names(tasks.values(), definitions.tasks).values()
    names = {task.name for task in of_tasks} if settings().granularity == "task" else ()
    history = RunHistory(
        run=run,
        events=tuple(log.lineage),
        schemas=tuple(log.schemas),
        tasks=tasks,
        assets=tuple(log.assets),
        witnessed=tuple(log.witnessed),
        completeness=completeness,
        descendants_have_lineage=log.empty and _descendants_have_lineage(client, run, clock),
        stored_events=log.stored,
        ambiguous_tasks=ambiguous_tasks(client, run, names, settings().job_name) if names else frozenset(),
        definitions=definitions,
        engine_version=next((count.engine_version for count in reversed(log.counts) if count.engine_version), ""),
    )
    return RelatedRunReader(client, _events_reader(client, patience, clock)).read(history)


def window_of(run: FlowRun, now: dt.datetime) -> Window:
    """The window in which events of this run can have occurred."""
    began = run.started or run.expected_start or run.ended or now
    until = now + CLOCKS_DIFFER
    return Window(
        began - CLOCKS_DIFFER, min(until, run.ended + CLOCKS_DIFFER) if run.ended and run.ended_for_good else until
    )


def _read_events(
    client: SyncPrefectClient, run: FlowRun, patience: Patience, clock: Clock
) -> tuple[EventLog, Completeness]:
    began = clock.now()
    window = window_of(run, began)
    log = _read_log(client, run, window)
    completeness = _judge(log, run, began)
    while (now := clock.now()) < _deadline(log, completeness, run, patience, began) or (
        not log.from_emitters and now < _latest(run, patience) and _end_unrecorded(client, run, clock)
    ):
        clock.sleep(patience.poll)
        if event_log.count(client, run.id, window, run.kind) != log.stored:
            log = _read_log(client, run, window)
        completeness = _judge(log, run, now)
    clocks.warn(log, run)
    return log, completeness


def _read_log(client: SyncPrefectClient, run: FlowRun, window: Window) -> EventLog:
    log = event_log.read(client, run.id, window, run.kind)
    clocks.correct(log, run)
    return log


def _events_reader(
    client: SyncPrefectClient, patience: Patience, clock: Clock
) -> Callable[[FlowRun], tuple[EventLog, bool]]:
    """A function that reads the events of a related run, and returns them and whether all of them are there.

    It waits for runs that ended just now, for all together as long as for a first event of the run itself.
    """
    first_event = dt.timedelta(seconds=patience.first_event)
    until: dt.datetime | None = None

    def read(run: FlowRun) -> tuple[EventLog, bool]:
        nonlocal until
        now = clock.now()
        until = until or now + min(first_event, dt.timedelta(seconds=patience.completeness))
        left = max(0.0, (until - now).total_seconds())
        log, completeness = _read_events(client, run, replace(patience, completeness=left), clock)
        is_known = bool(log.from_emitters) or (run.ended is not None and clock.now() - run.ended >= first_event)
        return log, run.ended_for_good and not completeness.awaited and is_known

    return read


def _end_unrecorded(client: SyncPrefectClient, run: FlowRun, clock: Clock) -> bool:
    """Return whether the history lacks the run's end: then the run's own events may have been lost with it.

    A server that is killed loses the events that it received and had not stored yet: some seconds of all runs' events.
    Its record of the run itself is safe, and its event of the run's end has the id of that state.
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
    """The time until which more events are worth waiting for; in the past if they are not."""
    ended = run.ended or began
    if not run.ended_for_good or began - ended > LONG_AGO:
        return began
    if not log.from_emitters:
        return ended + dt.timedelta(seconds=min(patience.first_event, patience.completeness))
    return began + dt.timedelta(seconds=patience.completeness) if completeness.awaited else began


def _latest(run: FlowRun, patience: Patience) -> dt.datetime:
    """The time until which to wait for a history that lacks even the run's end: so late, it proves nothing."""
    return (run.ended or EPOCH) + dt.timedelta(seconds=patience.completeness)


def _read_tasks(
    client: SyncPrefectClient, run: FlowRun, log: EventLog, patience: Patience, clock: Clock
) -> dict[UUID, TaskRun]:
    """The run's task runs, once those named by its events have arrived: they too come some seconds late."""
    named = {e.run.task_run_id for e in log.lineage} | {a.task_run_id for a in log.assets}
    named.discard(None)
    if run.kind == "task-run" or (not named and not any_writes_python_rows(log.lineage)):
        return {}
    tasks = read_tasks(client, run.id)
    deadline = (run.ended or clock.now()) + dt.timedelta(seconds=patience.first_event)
    while named - tasks.keys() and clock.now() < deadline:
        clock.sleep(patience.poll)
        tasks = read_tasks(client, run.id)
    for event in log.lineage:
        task = tasks.get(event.run.task_run_id) if event.run.task_run_id and event.run.task_name else None
        if task is not None:
            tasks[task.id] = replace(task, task_name=event.run.task_name)
    return clocks.correct_tasks(tasks, run, log.clock_offsets.values())


def _descendants_have_lineage(client: SyncPrefectClient, run: FlowRun, clock: Clock) -> bool:
    window = window_of(run, clock.now())
    return any(event_log.any_lineage(client, level, window) for level in runs.descendants(client, run.id))


def parse_run_id(value: UUID | str) -> UUID:
    """A flow run's id. Raises ValueError with the expected form for anything else."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(str(value).strip().removeprefix("prefect.flow-run.").removeprefix("prefect.task-run."))
    except ValueError:
        raise ValueError(
            f"{value!r} is not a flow run id: expected a UUID, as the run's page and `prefect flow-run ls` show it"
        ) from None
