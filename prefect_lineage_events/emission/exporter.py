"""Handing events to Prefect, from our thread, with the Prefect settings that the run saw.

Our thread has no run context, so Prefect attaches nothing by itself; the related resources are explicit.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from prefect.context import FlowRunContext, SettingsContext, TaskRunContext
from prefect.events import Event, RelatedResource, Resource, emit_event
from prefect.events.clients import EventsClient, get_events_client
from prefect.events.worker import EventsWorker, should_emit_events
from prefect.exceptions import EventTooLarge
from prefect.settings import get_current_settings

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.guard import described, guarded, logger

_MAX_EVENTS = 10_000
_MAX_BYTES = 32_000_000
# Without anything to send for so many seconds, the connection is closed; the server has confirmed all by that.
_IDLE = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_clients_log = logging.getLogger("prefect.events.clients")


class Channel:
    """The way to the API that the settings in `context` name. Its thread ends with `close`, or with the process."""

    def __init__(self, context: Context) -> None:
        self._waiting: deque[tuple[Event, int]] = deque()  # the first one stays until it is sent
        self._bytes = 0
        self._warned = False
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()
        self._thread = threading.Thread(target=context.run, args=(self._run,), name="prefect-lineage-out", daemon=True)
        self._thread.start()

    def put(self, event: Event, size: int) -> bool:
        """Was the event, of so many bytes, taken? Not when too much is waiting already, or the channel is closing."""
        if self._closing:
            return False
        if len(self._waiting) >= _MAX_EVENTS or self._bytes + size > _MAX_BYTES:
            if not self._warned:
                self._warned = True
                logger.warning("lineage: the Prefect API does not take events as fast as they come; some are dropped")
            return False
        self._bytes += size
        self._waiting.append((event, size))
        self._wake()
        return True

    def close(self) -> None:
        """Take no more; send what waits, close the connection, end the thread. Returns at once: see `ended`."""
        self._closing = True
        self._wake()

    def ended(self, deadline: float) -> bool:
        """Wait until the API has confirmed all, or the deadline (`time.monotonic()`) has passed. Has it all?"""
        self._thread.join(max(deadline - time.monotonic(), 0))
        return not self._waiting

    @property
    def waiting(self) -> int:
        """How many events the API has not taken yet."""
        return len(self._waiting)

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._arrived.set)

    def _run(self) -> None:
        silence = _OwnThreadFilter(threading.get_ident())
        _clients_log.addFilter(silence)
        try:
            asyncio.run(self._deliver())
        finally:
            _clients_log.removeFilter(silence)

    async def _deliver(self) -> None:
        self._loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while await self._wait_for_events(None):
            try:
                async with get_events_client() as client:
                    await self._send_on(client)
                pause = _FIRST_PAUSE
            except Exception as error:  # noqa: BLE001 - whatever keeps the API from us now, it may be gone later
                logger.debug("lineage: the Prefect API takes no events: %s", described(error))
                await self._rest(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _send_on(self, client: EventsClient) -> None:
        """Send until there is nothing to send for a while; what an interrupted connection left unsure is sent again."""
        try:
            while await self._wait_for_events(_IDLE):
                event, size = self._waiting[0]
                await client.emit(event)
                self._waiting.popleft()
                self._bytes -= size
        except Exception:
            self._requeue_unconfirmed(client)
            raise

    def _requeue_unconfirmed(self, client: EventsClient) -> None:
        """The server knows an event by its id, so one that had arrived all the same does no harm."""
        first = self._waiting[0][0] if self._waiting else None
        unsure = [event for event in getattr(client, "_unconfirmed_events", ()) if event is not first]
        self._waiting.extendleft((event, 0) for event in reversed(unsure))

    async def _rest(self, pause: float) -> None:
        """Before the next try, which is due at once when the end is near."""
        end = time.monotonic() + pause
        while not self._closing and time.monotonic() < end:
            await asyncio.sleep(_FIRST_PAUSE)
        if self._closing:
            await asyncio.sleep(_FIRST_PAUSE)

    async def _wait_for_events(self, patience: float | None) -> bool:
        """Wait for an event to send. False when there will be none: for `patience` seconds, or because of `close`."""
        while not self._waiting and not self._closing:
            self._arrived.clear()
            if self._waiting or self._closing:
                break
            try:
                await asyncio.wait_for(self._arrived.wait(), patience)
            except asyncio.TimeoutError:
                return False
        return bool(self._waiting)


class _OwnThreadFilter(logging.Filter):
    """Prefect's client warns of each failed connection. Of ours, what is lost by it is said once, at the end."""

    def __init__(self, thread: int) -> None:
        super().__init__()
        self._thread = thread

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self._thread


_Api = tuple[str | None, str | None]
# An event with fewer related resources is far from any limit that Prefect's validation knows.
_FEW = 20


@dataclass(frozen=True, slots=True)
class EmissionSettings:
    """What the settings of a run say of its events; asked once, for a look at a setting costs more than an event."""

    open: bool
    api: _Api
    max_bytes: int

    @classmethod
    def by_settings(cls) -> EmissionSettings:
        current = get_current_settings()
        key = current.api.key.get_secret_value() if current.api.key is not None else None
        return cls(should_emit_events(), (current.api.url, key), current.server.events.maximum_size_bytes)


class Exporter:
    """One channel per Prefect API. Where Prefect's own events are led elsewhere, ours go with them.

    That is so in a process pool's child, which hands its events to the parent, and under a test's event client.
    """

    def __init__(self) -> None:
        self._channels: dict[_Api, Channel] = {}
        self._workers: list[EventsWorker] = []
        self._over = False
        self._context: tuple[SettingsContext | None, Context] | None = None
        self._settings: EmissionSettings | None = None

    def send(self, event: dict[str, Any], run: Run) -> bool:
        """Was the event handed over? Never raises: EventTooLarge and all else is a False, for the emitter to count."""
        with guarded("handing an event to Prefect"):
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
        if self._settings is None:
            self._settings = EmissionSettings.by_settings()
        if self._over or not self._settings.open:
            return False
        if EventsWorker._client_override is not None:
            return self._emit_elsewhere(event)
        made = _event(event)
        size = made.size_bytes
        if size > self._settings.max_bytes:
            raise EventTooLarge(size, self._settings.max_bytes)
        return self._channel(self._settings.api).put(made, size)

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
            self._context, self._settings = (settings, context), None
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
