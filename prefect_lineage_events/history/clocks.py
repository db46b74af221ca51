"""Times of events and task runs by the server's clock. Pure.

Prefect times flow runs by the server's clock, but events and task runs by the clock of their process
(prefect/server/services/task_run_recorder.py). A process whose clock is off by hours or days would put its statements
before or after those of other processes, and before or after the run itself.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from prefect_lineage_events.events import CountEvent, LineageEvent, SchemaEvent
from prefect_lineage_events.history.event_log import EventLog
from prefect_lineage_events.history.model import FlowRun, TaskRun

logger = logging.getLogger(__name__)

# A smaller difference may be the latency of an event.
TOLERANCE = dt.timedelta(minutes=10)

_Numbered = TypeVar("_Numbered", LineageEvent, SchemaEvent)


def correct(log: EventLog, run: FlowRun) -> None:
    """Shift the times of each emitter whose clock is off; `log.clock_offsets` are the shifts.

    A clock is ahead if an event was received before it occurred, and behind if an event occurred before the run began.
    The offset is the shortest latency of the emitter's events, since a true latency is some seconds.
    """
    log.clock_offsets = {
        emitter: timing.latency
        for emitter, timing in log.timings.items()
        if timing.latency < -TOLERANCE
        or (run.started and timing.first < run.started - TOLERANCE < timing.first + timing.latency)
    }
    if not log.clock_offsets:
        return
    log.lineage = [_shifted(event, log.clock_offsets) for event in log.lineage]
    log.schemas = [_shifted(event, log.clock_offsets) for event in log.schemas]
    log.counts = [_shifted_count(count, log.clock_offsets) for count in log.counts]


def warn(log: EventLog, run: FlowRun) -> None:
    """Log a warning for each process whose times were corrected."""
    for emitter, offset in log.clock_offsets.items():
        logger.warning(
            "Run %s: the clock of emitter %s is off by %s; its times are corrected", run.id, emitter, -offset
        )


def correct_tasks(tasks: Mapping[UUID, TaskRun], run: FlowRun, offsets: Iterable[dt.timedelta]) -> dict[UUID, TaskRun]:
    """Task runs that Prefect timed outside of the flow run, shifted by the offset that puts them into it, if any."""
    known = sorted(set(offsets))
    if not known or run.started is None:
        return dict(tasks)
    since = run.started - TOLERANCE
    until = run.ended + TOLERANCE if run.ended else dt.datetime.max.replace(tzinfo=dt.timezone.utc)

    def shifted(task: TaskRun) -> TaskRun:
        times = [time for time in (task.started, task.ended) if time]
        for offset in (dt.timedelta(0), *known):
            if all(since <= time + offset <= until for time in times):
                return replace(
                    task, started=task.started and task.started + offset, ended=task.ended and task.ended + offset
                )
        return task

    return {id_: shifted(task) for id_, task in tasks.items()}


def _shifted_count(count: CountEvent, offsets: Mapping[UUID, dt.timedelta]) -> CountEvent:
    """The count by the server's clock. One of a clock that is ahead has the time of its receipt already."""
    offset = offsets.get(count.emitter_id)
    if offset is None or offset < dt.timedelta(0) or count.occurred is None:
        return count
    return count.model_copy(update={"occurred": count.occurred + offset})


def _shifted(event: _Numbered, offsets: Mapping[UUID, dt.timedelta]) -> _Numbered:
    offset = offsets.get(event.emitter.id)
    if offset is None:
        return event
    if isinstance(event, SchemaEvent):
        return event.model_copy(update={"observed": event.observed and event.observed + offset})
    info = event.statement
    times = {"started": info.started and info.started + offset, "last": info.last and info.last + offset}
    return event.model_copy(update={"statement": info.model_copy(update=times)})
