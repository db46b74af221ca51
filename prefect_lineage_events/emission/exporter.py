"""The exporter of events to Prefect's API, used by our thread with the Prefect settings of each run.

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

_Api = tuple[str | None, str | None]


class Exporter:
    """One channel per Prefect API. Where Prefect's own events are redirected, ours take the same way.

    A process pool's child redirects its events to the parent, and a test to its own event client.
    """

    def __init__(self) -> None:
        self._channels: dict[_Api, Channel] = {}
        self._closing: list[Channel] = []  # closed, and not all of their events are confirmed
        self._workers: list[EventsWorker] = []
        self._finished = False
        self._context: tuple[SettingsContext | None, Context] | None = None
        self._settings: EmissionSettings | None = None

    def send(self, event: dict[str, Any], run: Run) -> bool:
        """Return whether the event was handed over. Never raises: the emitter counts a failure (EventTooLarge)."""
        with guarded("handing an event to Prefect"):
            # a copy: at the process's end another thread sends the count, and one thread at a time can use a context
            return self._context_with(run.settings).copy().run(self._emit, event)
        return False

    def wait(self, deadline: float) -> int:
        """Wait until Prefect has all events, or the deadline (`time.monotonic()`) has passed.

        Returns the number of events that the API has not confirmed by then. Closes the connections, because our thread
        has events confirmed before it closes one; a later event opens a new one.
        """
        channels, self._channels = [*self._closing, *self._channels.values()], {}
        for channel in channels:
            channel.close()
        for worker in self._workers:
            while worker._queue.unfinished_tasks and time.monotonic() < deadline:
                time.sleep(0.02)
        self._closing = [channel for channel in channels if not channel.ended(deadline)]
        return sum(channel.waiting for channel in self._closing)

    def finish(self, deadline: float) -> bool:
        """Wait as `wait` does, for the last time. Returns whether the API has confirmed all events."""
        self._finished = True
        lost = self.wait(deadline)
        self._closing = []
        if lost:
            logger.warning("lineage: the Prefect API did not confirm %s events in time; they may be lost", lost)
        return not lost

    def _emit(self, event: dict[str, Any]) -> bool:
        if self._settings is None:
            self._settings = EmissionSettings.current()
        if self._finished or not self._settings.enabled:
            return False
        if EventsWorker._client_override is not None:
            return self._emit_by_prefect(event)
        prefect_event = _event(event)
        size = prefect_event.size_bytes
        if size > self._settings.max_bytes:
            raise EventTooLarge(size, self._settings.max_bytes)
        return self._channel(self._settings.api).put(prefect_event, size)

    def _emit_by_prefect(self, event: dict[str, Any]) -> bool:
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
            # Prefect's worker runs in a copy of the context that emitted first, possibly that of another run, and fills
            # in what an event leaves open from it: so the absence of a run is set explicitly.
            for absent in (FlowRunContext, TaskRunContext):
                context.run(absent.__var__.set, None)  # type: ignore[arg-type]
            if settings is not None:
                context.run(SettingsContext.__var__.set, settings)
            self._context, self._settings = (settings, context), None
        return self._context[1]


@dataclass(frozen=True, slots=True)
class EmissionSettings:
    """The Prefect settings of a run that concern its events, read once: reading them costs more than an event."""

    enabled: bool
    api: _Api
    max_bytes: int

    @classmethod
    def current(cls) -> EmissionSettings:
        prefect = get_current_settings()
        key = prefect.api.key.get_secret_value() if prefect.api.key is not None else None
        return cls(should_emit_events(), (prefect.api.url, key), prefect.server.events.maximum_size_bytes)


# An event with fewer related resources is far from any limit that Prefect's validation has.
_MAX_UNVALIDATED = 20


def _event(event: dict[str, Any]) -> Event:
    """The same as `Event(**event)`. An ordinary event is not validated: it is valid by construction, and the validation
    of each of its resources reads settings.
    """
    if len(event.get("related", ())) > _MAX_UNVALIDATED or not event.get("occurred"):
        return Event(**event)
    return Event.model_construct(
        **{
            **event,
            "resource": Resource.model_construct(root=event["resource"]),
            "related": [RelatedResource.model_construct(root=resource) for resource in event["related"]],
        }
    )


_MAX_EVENTS = 10_000
_MAX_BYTES = 32_000_000
# Seconds without an event after which all events are confirmed, and the connection is closed.
_IDLE = 30.0
# Seconds, and bytes of sent events, after which they are confirmed while more come: they are kept until then.
_CONFIRM_AFTER, _MAX_UNCONFIRMED = 30.0, 4_000_000
# Seconds between the times at which Prefect's client has events confirmed by itself. That would happen beside our own
# sending, on the same lists, so it never does.
_NEVER = 1e9
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0


class Channel:
    """A queue of events and a thread that sends them to the API of the settings in `context`.

    The thread ends with `close`, or with the process.
    """

    def __init__(self, context: Context) -> None:
        self._waiting: deque[tuple[Event, int]] = deque()  # the first one stays until it is sent
        self._bytes = 0
        self._warned = False
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: EventsClient | None = None
        self._sending: Event | None = None
        self._arrived = asyncio.Event()
        self._thread = threading.Thread(target=context.run, args=(self._run,), name="prefect-lineage-out", daemon=True)
        self._thread.start()

    def put(self, event: Event, size: int) -> bool:
        """Add an event of `size` bytes. Returns False where too much is waiting already, or the channel is closing."""
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
        """Accept no more events, send the waiting ones, close the connection, end the thread. Returns at once."""
        self._closing = True
        self._wake()

    def ended(self, deadline: float) -> bool:
        """Wait until the API has confirmed all, or the deadline (`time.monotonic()`) has passed.

        Returns whether the API has all events.
        """
        self._thread.join(max(deadline - time.monotonic(), 0))
        return not self.waiting

    @property
    def waiting(self) -> int:
        """The number of events that the API has not confirmed yet."""
        client = self._client
        return len(self._waiting) + (len(self._unconfirmed(client)) if client is not None else 0)

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._arrived.set)

    def _run(self) -> None:
        own_thread = _OwnThreadFilter(threading.get_ident())
        _clients_log.addFilter(own_thread)
        try:
            asyncio.run(self._deliver())
        finally:
            _clients_log.removeFilter(own_thread)

    async def _deliver(self) -> None:
        self._loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while await self._wait_for_events(None):
            try:
                async with get_events_client(checkpoint_interval=_NEVER) as client:
                    await self._send_on(client)
                pause = _FIRST_PAUSE
            except Exception as error:  # noqa: BLE001 - any failure of the API may be transient
                logger.debug("lineage: the Prefect API takes no events: %s", described(error))
                await self._pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _send_on(self, client: EventsClient) -> None:
        """Send until no event comes for a while, and have all confirmed.

        Unconfirmed events of a broken connection are sent again.
        """
        self._client, confirmed, unconfirmed = client, time.monotonic(), 0
        try:
            while await self._wait_for_events(_IDLE):
                self._sending, size = self._waiting[0]
                await client.emit(self._sending)
                self._waiting.popleft()
                self._sending = None
                self._bytes -= size
                unconfirmed += size
                if unconfirmed > _MAX_UNCONFIRMED or time.monotonic() - confirmed > _CONFIRM_AFTER:
                    await _confirm(client)
                    confirmed, unconfirmed = time.monotonic(), 0
            await _confirm(client)
        except Exception:
            # One that did arrive does no harm: the server drops a repeated id.
            self._waiting.extendleft((event, 0) for event in reversed(self._unconfirmed(client)))
            raise
        finally:
            self._client = self._sending = None

    def _unconfirmed(self, client: EventsClient) -> list[Event]:
        """The events that were sent and not confirmed, without the one that is being sent."""
        sending = self._sending
        return [event for event in tuple(getattr(client, "_unconfirmed_events", ())) if event is not sending]

    async def _pause(self, seconds: float) -> None:
        """Wait before the next try; shortly where the channel is closing."""
        end = time.monotonic() + seconds
        while not self._closing and time.monotonic() < end:
            await asyncio.sleep(_FIRST_PAUSE)
        if self._closing:
            await asyncio.sleep(_FIRST_PAUSE)

    async def _wait_for_events(self, timeout: float | None) -> bool:
        """Wait for an event to send. Returns False after `timeout` seconds without one, or after `close`."""
        while not self._waiting and not self._closing:
            self._arrived.clear()
            if self._waiting or self._closing:
                break
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout)
            except asyncio.TimeoutError:
                return False
        return bool(self._waiting)


async def _confirm(client: EventsClient) -> None:
    """Wait until the API has received all that was sent. Raises `ConnectionClosed` if the connection has broken.

    Prefect's client closes a connection without this: events of one that had broken before, or that the API is too slow
    to close, would be lost without an error.
    """
    unconfirmed = getattr(client, "_unconfirmed_events", ())
    if not unconfirmed or not hasattr(client, "_websocket"):
        return
    await (await client._websocket.ping())
    unconfirmed.clear()


_clients_log = logging.getLogger("prefect.events.clients")


class _OwnThreadFilter(logging.Filter):
    """Suppresses warnings of Prefect's client about failed connections of one thread.

    The exporter logs the loss once, at the end.
    """

    def __init__(self, thread: int) -> None:
        super().__init__()
        self._thread = thread

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self._thread
