"""The channel to one Prefect API: in order, with retries, bounded, and never waiting past a deadline."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import Context
from types import TracebackType
from typing import Any

import pytest
from prefect.events import Event
from websockets.exceptions import ConnectionClosedError

from prefect_lineage_events.emission import exporter
from prefect_lineage_events.emission.exporter import Channel

_ENOUGH = 300.0


def event(number: int) -> Event:
    return Event(event=f"lineage.{number}", resource={"prefect.resource.id": "s3://b/k"})


class Api:
    """A stand-in for Prefect's client: the events that it took, and the faults that it has."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.connections = 0
        self.closed = threading.Event()
        self.connect: Callable[[], None] = lambda: None
        self.take: Callable[[Event], None] = lambda _: None
        self.silent = False
        self.confirms: Callable[[], None] = lambda: None
        self.pong = True
        self._websocket = self
        self._unconfirmed_events: list[Event] = []

    async def __aenter__(self) -> Api:
        self.connections += 1
        self._unconfirmed_events = []
        self.connect()
        while self.silent:
            await asyncio.sleep(0.01)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed.set()

    async def ping(self) -> asyncio.Future[None]:
        self.confirms()
        while not self.pong:
            await asyncio.sleep(0.01)
        pong = asyncio.get_running_loop().create_future()
        pong.set_result(None)
        return pong

    async def emit(self, given: Event) -> None:
        self._unconfirmed_events.append(given)
        self.take(given)
        self.taken.append(given.event)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    fake = Api()
    monkeypatch.setattr(exporter, "get_events_client", lambda **_: fake)
    monkeypatch.setattr(exporter, "_FIRST_PAUSE", 0.01)
    # Other tests of this process leave channels open, whose threads live as long as the process.
    before = set(threading.enumerate())
    yield fake
    fake.silent, fake.pong = False, True
    for thread in set(threading.enumerate()) - before:
        if thread.name == "prefect-lineage-out":
            thread.join(_ENOUGH)


def fails_once(error: Exception) -> Callable[..., None]:
    left = [error]

    def fail(*_: Any) -> None:
        if left:
            raise left.pop()

    return fail


def end(line: Channel, within: float = _ENOUGH) -> bool:
    line.close()
    return line.ended(time.monotonic() + within)


def test_events_arrive_in_order_over_one_connection(api: Api) -> None:
    line = Channel(Context())
    assert all(line.put(event(n), 10) for n in range(50))
    assert end(line)
    assert api.taken == [f"lineage.{n}" for n in range(50)]
    assert api.connections == 1
    assert api.closed.is_set()


def test_nothing_is_connected_to_without_an_event(api: Api) -> None:
    assert end(Channel(Context()))
    assert api.connections == 0


def test_an_unreachable_api_is_tried_again(api: Api) -> None:
    api.connect = fails_once(ConnectionRefusedError())
    line = Channel(Context())
    line.put(event(1), 10)
    assert end(line)
    assert api.taken == ["lineage.1"]
    assert api.connections == 2


def test_unconfirmed_events_of_a_broken_connection_are_sent_again_in_order(api: Api) -> None:
    breaks = fails_once(RuntimeError("the API closed the connection"))
    api.take = lambda given: breaks() if given.event == "lineage.1" else None
    line = Channel(Context())
    for number in range(3):
        line.put(event(number), 10)
    assert end(line)
    assert api.taken == ["lineage.0", "lineage.0", "lineage.1", "lineage.2"]


def test_events_of_a_connection_that_breaks_before_they_are_confirmed_are_sent_again(api: Api) -> None:
    api.confirms = fails_once(ConnectionClosedError(None, None))
    line = Channel(Context())
    for number in range(3):
        line.put(event(number), 10)
    assert end(line)
    assert api.taken == [f"lineage.{n}" for n in (0, 1, 2, 0, 1, 2)]


def test_events_that_the_api_does_not_confirm_have_not_arrived(api: Api) -> None:
    api.pong = False
    asked = threading.Event()
    api.confirms = asked.set
    line = Channel(Context())
    line.put(event(1), 10)
    line.close()
    assert asked.wait(_ENOUGH)
    assert not line.ended(time.monotonic())
    assert line.waiting == 1


def test_sent_events_are_confirmed_while_more_come(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "_MAX_UNCONFIRMED", 150)
    confirmed: list[int] = []
    api.confirms = lambda: confirmed.append(len(api._unconfirmed_events))
    channel = Channel(Context())
    for number in range(4):
        channel.put(event(number), 100)
    assert end(channel)
    assert confirmed == [2, 2]


def test_waiting_for_a_silent_api_ends_at_the_deadline(api: Api) -> None:
    api.silent = True
    line = Channel(Context())
    line.put(event(1), 10)
    assert not end(line, within=0.05)
    assert line.waiting == 1


def test_a_closing_channel_accepts_no_events(api: Api) -> None:
    line = Channel(Context())
    assert end(line)
    assert not line.put(event(1), 10)


def test_a_full_channel_refuses_events_and_warns_once(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    api.silent = True
    line = Channel(Context())
    with caplog.at_level(logging.WARNING, logger="prefect_lineage_events"):
        taken = [line.put(event(n), 10_000_000) for n in range(6)]
    end(line, within=0)
    assert taken == [True, True, True, False, False, False]
    assert [r.levelname for r in caplog.records] == ["WARNING"]


def test_an_idle_connection_is_closed_and_the_next_event_opens_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "_IDLE", 0.01)
    line = Channel(Context())
    line.put(event(1), 10)
    assert api.closed.wait(_ENOUGH)
    line.put(event(2), 10)
    assert end(line)
    assert api.taken == ["lineage.1", "lineage.2"]
    assert api.connections == 2


def test_warnings_of_prefects_client_are_suppressed_in_our_thread_only(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("prefect.events.clients")
    api.connect = lambda: log.warning("of our connection")
    with caplog.at_level(logging.WARNING, logger=log.name):
        line = Channel(Context())
        line.put(event(1), 10)
        log.warning("of the user's")
        assert end(line)
    assert [r.message for r in caplog.records] == ["of the user's"]
    assert line._thread.ident not in {getattr(f, "_thread", None) for f in log.filters}
