"""Handing events to Prefect: `emit_event` from our thread, with the Prefect settings that the run saw.

Our thread has no run context, so Prefect attaches nothing by itself; the related resources are explicit.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any

from prefect.context import FlowRunContext, SettingsContext, TaskRunContext
from prefect.events.worker import EventsWorker

from prefect_lineage_events.capture.context import Run
from prefect_lineage_events.capture.log import logger, softly


class Sender:
    """Prefect's own events worker, and what has to be known of it at the end of the process."""

    def __init__(self) -> None:
        self._workers: list[EventsWorker] = []
        self._context: tuple[SettingsContext | None, Context] | None = None

    def send(self, event: dict[str, Any], run: Run) -> bool:
        """Was the event handed over? Never raises: EventTooLarge and all else is a False, for the emitter to count."""
        with softly("handing an event to Prefect"):
            return self._context_with(run.settings).run(self._emit, event)
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

    def _emit(self, event: dict[str, Any]) -> bool:
        from prefect.events import emit_event

        if emit_event(**event) is None:
            return False
        worker = EventsWorker.instance()
        if worker not in self._workers:
            self._workers.append(worker)
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
