"""Events of connections that break without an error on our side, with Prefect's own client and a real websocket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextvars import copy_context
from http import HTTPStatus
from typing import Any

import pytest
from prefect.events import Event
from prefect.settings import PREFECT_API_URL, temporary_settings
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from prefect_lineage_events.emission import exporter
from prefect_lineage_events.emission.exporter import Channel
from tests.emission.test_channel import _ENOUGH, end, event


class Server:
    """The events of Prefect's API, of which the first connection breaks: a server that is killed, a proxy that resets.

    The first connection takes `before` events that are stored, and the next one with the connection itself.
    """

    def __init__(self, before: int) -> None:
        self.stored: list[str] = []
        self.broken = threading.Event()
        self.arrived = threading.Event()
        self.url = ""
        self.before = before
        self._connections = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._ready.wait(_ENOUGH)
        return self

    def __exit__(self, *_: Any) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_ENOUGH)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with serve(
            self._take, "127.0.0.1", 0, subprotocols=[Subprotocol("prefect")], process_request=self._answer
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            self.url = f"http://127.0.0.1:{port}/api"
            self._ready.set()
            await self._stop.wait()

    def _answer(self, connection: ServerConnection, request: Any) -> Any:
        """Requests other than for events: the client asks for the server's version first."""
        return None if request.path.endswith("/events/in") else connection.respond(HTTPStatus.NOT_FOUND, "")

    async def _take(self, connection: ServerConnection) -> None:
        self._connections += 1
        first = self._connections == 1
        await connection.recv()
        await connection.send('{"type": "auth_success"}')
        async for text in connection:
            if first and len(self.stored) == self.before:
                connection.transport.abort()
                self.broken.set()
                return
            self.stored.append(Event.model_validate_json(text).event)
            if not first:
                self.arrived.set()


@pytest.fixture(params=[0, 2], ids=["nothing stored", "some stored"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(request.param) as started, temporary_settings({PREFECT_API_URL: started.url}):
        yield started


def sent(server: Server) -> Channel:
    line = Channel(copy_context())
    for number in range(3):
        line.put(event(number), 10)
        if number == server.before:
            break
    assert server.broken.wait(_ENOUGH)
    return line


def test_events_that_a_broken_connection_swallowed_are_sent_again_at_the_end(server: Server) -> None:
    assert end(sent(server))
    assert set(server.stored) == {f"lineage.{n}" for n in range(server.before + 1)}


def test_events_that_a_broken_connection_swallowed_are_sent_again_without_further_ones(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "_IDLE", 0.01)
    line = sent(server)
    assert server.arrived.wait(_ENOUGH)
    assert end(line)
    assert set(server.stored) == {f"lineage.{n}" for n in range(server.before + 1)}
