"""Handing events to Prefect, from our thread, with the Prefect settings that the run saw.

Our thread has no run context, so Prefect attaches nothing by itself; the related resources are explicit.
"""

from __future__ import annotations

import time
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from prefect.context import FlowRunContext, SettingsContext, TaskRunContext
from prefect.events import Event, RelatedResource, Resource, emit_event
from prefect.events.worker import EventsWorker, should_emit_events
from prefect.exceptions import EventTooLarge
from prefect.settings import get_current_settings

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission.channel import Channel
from prefect_lineage_events.guard import logger, softly

_Api = tuple[str | None, str | None]
# An event with fewer related resources is far from any limit that Prefect's validation knows.
_FEW = 20


@dataclass(frozen=True, slots=True)
class _Way:
    """What the settings of a run say of its events; asked once, for a look at a setting costs more than an event."""

    open: bool
    api: _Api
    max_bytes: int

    @classmethod
    def by_settings(cls) -> _Way:
        current = get_current_settings()
        key = current.api.key.get_secret_value() if current.api.key is not None else None
        return cls(should_emit_events(), (current.api.url, key), current.server.events.maximum_size_bytes)


class Sender:
    """One channel per Prefect API. Where Prefect's own events are led elsewhere, ours go with them.

    That is so in a process pool's child, which hands its events to the parent, and under a test's event client.
    """

    def __init__(self) -> None:
        self._channels: dict[_Api, Channel] = {}
        self._workers: list[EventsWorker] = []
        self._over = False
        self._context: tuple[SettingsContext | None, Context] | None = None
        self._way: _Way | None = None

    def send(self, event: dict[str, Any], run: Run) -> bool:
        """Was the event handed over? Never raises: EventTooLarge and all else is a False, for the emitter to count."""
        with softly("handing an event to Prefect"):
            # a copy: at the process's end another thread tells the count, and a context is one thread's at a time
            return self._context_with(run.settings).copy().run(self._emit, event)
        return False

    def wait(self, deadline: float) -> int:
        """Wait until Prefect has what it was given, or the deadline (`time.monotonic()`) has passed.

        Returns how many events the API has not taken by then. The connections are closed by that, which is how the API
        confirms; an event that comes later opens a new one.
        """
        channels, self._channels = list(self._channels.values()), {}
        for channel in channels:
            channel.close()
        for worker in self._workers:
            while worker._queue.unfinished_tasks and time.monotonic() < deadline:
                time.sleep(0.02)
        return sum(channel.waiting for channel in channels if not channel.ended(deadline))

    def finish(self, deadline: float) -> bool:
        """Wait as `wait` does, for the last time: what the API has not taken by then goes with the process.

        Returns whether it has taken all.
        """
        self._over = True
        lost = self.wait(deadline)
        if lost:
            logger.warning("lineage: the Prefect API did not take %s events in time; they are lost", lost)
        return not lost

    def _emit(self, event: dict[str, Any]) -> bool:
        if self._way is None:
            self._way = _Way.by_settings()
        if self._over or not self._way.open:
            return False
        if EventsWorker._client_override is not None:
            return self._emit_elsewhere(event)
        made = _event(event)
        size = made.size_bytes
        if size > self._way.max_bytes:
            raise EventTooLarge(size, self._way.max_bytes)
        return self._channel(self._way.api).put(made, size)

    def _emit_elsewhere(self, event: dict[str, Any]) -> bool:
        if emit_event(**event) is None:
            return False
        worker = EventsWorker.instance()
        if worker not in self._workers:
            self._workers.append(worker)
        return True

    def _channel(self, api: _Api) -> Channel:
        if api not in self._channels:
            self._channels[api] = Channel(self._context[1].copy() if self._context else Context())
        return self._channels[api]

    def _context_with(self, settings: SettingsContext | None) -> Context:
        if self._context is None or self._context[0] is not settings:
            context = Context()
            # Prefect's worker runs in a copy of the context that was the first to emit, which may be another run's:
            # what an event leaves open there is filled in from it, so the absence of a run has to be said.
            for absent in (FlowRunContext, TaskRunContext):
                context.run(absent.__var__.set, None)  # type: ignore[arg-type]
            if settings is not None:
                context.run(SettingsContext.__var__.set, settings)
            self._context, self._way = (settings, context), None
        return self._context[1]


def _event(event: dict[str, Any]) -> Event:
    """The same as `Event(**event)`. An ordinary one is not validated: it is valid by construction, and the validation
    of each of its resources looks settings up.
    """
    if len(event.get("related", ())) > _FEW or not event.get("occurred"):
        return Event(**event)
    return Event.model_construct(
        **{
            **event,
            "resource": Resource.model_construct(root=event["resource"]),
            "related": [RelatedResource.model_construct(root=resource) for resource in event["related"]],
        }
    )
