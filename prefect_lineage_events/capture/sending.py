"""Handing events to Prefect: `emit_event` from our thread, with the Prefect settings that the run saw.

Our thread has no run context, so Prefect attaches nothing by itself; the related resources are explicit.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import Context
from typing import Any

from prefect.context import FlowRunContext, SettingsContext, TaskRunContext
from prefect.events import Event, RelatedResource, Resource
from prefect.events.worker import EventsWorker

from prefect_lineage_events.capture.context import Run
from prefect_lineage_events.capture.log import logger, softly

# What an ordinary event has at most: related resources, characters of SQL, column edges.
_FEW, _SHORT, _MANY = 20, 10_000, 300
_NOTHING: Mapping[str, Any] = {}


class Sender:
    """Prefect's own events worker, and what has to be known of it at the end of the process."""

    def __init__(self) -> None:
        self._workers: list[EventsWorker] = []
        self._open: tuple[SettingsContext | None, EventsWorker] | None = None
        self._context: tuple[SettingsContext | None, Context] | None = None

    def send(self, event: dict[str, Any], run: Run) -> bool:
        """Was the event handed over? Never raises: EventTooLarge and all else is a False, for the emitter to count."""
        with softly("handing an event to Prefect"):
            return self._context_with(run.settings).run(self._emit, event, run.settings)
        return False

    def wait(self, deadline: float) -> None:
        """Wait until Prefect's worker has sent what it was given, or the deadline (`time.monotonic()`) has passed."""
        for worker in self._workers:
            while worker._queue.unfinished_tasks and time.monotonic() < deadline:
                time.sleep(0.02)

    def finish(self, deadline: float) -> None:
        """Wait as `wait` does, for the last time.

        What it has not sent by then is taken back: with the API away it would try each event for seconds, and hold the
        process up for as long.
        """
        self.wait(deadline)
        for worker in self._workers:
            taken = _take_back(worker)
            if taken:
                logger.warning("lineage: the Prefect API did not take %s events in time; they are lost", taken)

    def _emit(self, event: dict[str, Any], settings: SettingsContext | None) -> bool:
        """By `emit_event`, which decides whether events are emitted at all and to where.

        When it took one, ordinary events go to the same worker without it: it validates what is valid by construction,
        looks up a dozen settings for each resource, and serialises the event to measure it.
        """
        from prefect.events import emit_event

        if self._open is not None and self._open[0] is settings and is_ordinary(event):
            worker = self._open[1]
            if not worker._stopped:
                worker.send(_event(event))
                return True
        self._open = None
        if emit_event(**event) is None:
            return False
        worker = EventsWorker.instance()
        if worker not in self._workers:
            self._workers.append(worker)
        self._open = (settings, worker)
        return True

    def _context_with(self, settings: SettingsContext | None) -> Context:
        if self._context is None or self._context[0] is not settings:
            context = Context()
            # Prefect's worker runs in a copy of the context that was the first to emit, which may be another run's:
            # what an event leaves open there is filled in from it, so the absence of a run has to be said.
            for absent in (FlowRunContext, TaskRunContext):
                context.run(absent.__var__.set, None)  # type: ignore[arg-type]
            if settings is not None:
                context.run(SettingsContext.__var__.set, settings)
            self._context = (settings, context)
        return self._context[1]


def is_ordinary(event: dict[str, Any]) -> bool:
    """Is the event far below all that Prefect limits, however it is configured?"""
    payload = event["payload"]
    sql = payload.get("statement", _NOTHING).get("sql") or ""
    return (
        event["occurred"] is not None
        and "statement" in payload
        and len(event["related"]) <= _FEW
        and len(sql) <= _SHORT
        and len(payload.get("columns", ())) <= _MANY
    )


def _event(event: dict[str, Any]) -> Event:
    """The same as `Event(**event)`, not validated."""
    return Event.model_construct(
        **{
            **event,
            "resource": Resource.model_construct(root=event["resource"]),
            "related": [RelatedResource.model_construct(root=resource) for resource in event["related"]],
        }
    )


def before_exit(call: Callable[[], None]) -> None:
    """Have `call` called at the end of the process, before any of Prefect's event workers stops taking events.

    Exit calls of the threading module run last in, first out: registered here, `call` precedes the workers there are;
    those that start later call it themselves.
    """
    threading._register_atexit(call)  # type: ignore[attr-defined]
    stops = EventsWorker._at_exit

    @functools.wraps(stops)
    def _at_exit(self: EventsWorker) -> None:
        call()
        stops(self)

    EventsWorker._at_exit = _at_exit  # type: ignore[method-assign, assignment]


def _take_back(worker: EventsWorker) -> int:
    """Remove our events that the worker has not begun to send; how many those were."""
    queue = worker._queue
    with queue.mutex:
        ours = [event for event in queue.queue if event is not None and _is_ours(event)]
        for event in ours:
            queue.queue.remove(event)
            worker._on_item_dropped(event)
        queue.unfinished_tasks -= len(ours)
    return len(ours)


def _is_ours(event: Any) -> bool:
    return event.event.startswith("lineage.") and "schema_version" in event.payload
