"""Events on their way to one Prefect API: a bounded line of them, and a thread with Prefect's own client that sends it.

Prefect's shared events worker is not used. It works off one event after the other and tries each for minutes when the
API is silent, so that what Prefect itself has to tell would wait behind ours, and the process's end with it. Here
nobody waits for longer than they say, and what the API does not take now is tried again until the process ends.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from contextvars import Context

from prefect.events import Event
from prefect.events.clients import EventsClient, get_events_client

from prefect_lineage_events.guard import logger

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
        silence = _Silence(threading.get_ident())
        _clients_log.addFilter(silence)
        try:
            asyncio.run(self._deliver())
        finally:
            _clients_log.removeFilter(silence)

    async def _deliver(self) -> None:
        self._loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while await self._something_to_do(None):
            try:
                async with get_events_client() as client:
                    await self._send_on(client)
                pause = _FIRST_PAUSE
            except Exception as error:  # noqa: BLE001 - whatever keeps the API from us now, it may be gone later
                logger.debug("lineage: the Prefect API takes no events: %r", error)
                await self._rest(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _send_on(self, client: EventsClient) -> None:
        """Send until there is nothing to send for a while; what an interrupted connection left unsure is sent again."""
        try:
            while await self._something_to_do(_IDLE):
                event, size = self._waiting[0]
                await client.emit(event)
                self._waiting.popleft()
                self._bytes -= size
        except Exception:
            self._take_again(client)
            raise

    def _take_again(self, client: EventsClient) -> None:
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

    async def _something_to_do(self, patience: float | None) -> bool:
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


class _Silence(logging.Filter):
    """Prefect's client warns of each failed connection. Of ours, what is lost by it is said once, at the end."""

    def __init__(self, thread: int) -> None:
        super().__init__()
        self._thread = thread

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self._thread
