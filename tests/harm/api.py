"""A loopback proxy in front of a real Prefect server, which imitates failures of networks and servers."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Literal
from urllib.parse import urlsplit

Mode = Literal["refused", "silent", "stalled", "cut"]
_EVENTS = b"GET /api/events/in"
_CUT = b"GET /harm/cut"


class Proxy:
    """A proxy that forwards everything, except as `mode` requires.

    - `refused`: connections for events are closed at once.
    - `silent`: connections for events are accepted, and never answered.
    - `stalled`: connections for events are opened by the server, and then transfer nothing.
    - `cut`: the API works until a program requests `/harm/cut`, and is unreachable from then on.
    """

    def __init__(self, server: str, mode: Mode) -> None:
        self._server = (urlsplit(server).hostname, urlsplit(server).port)
        self._mode = mode
        self._is_cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{mode}", daemon=True)
        self.port = 0

    def __enter__(self) -> Proxy:
        self._thread.start()
        assert self._ready.wait(10), "the proxy does not listen"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        listening = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0))
        self.port = listening.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        for writer in self._open:
            writer.close()
        listening.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        self._open.discard(writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(_CUT):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            self._cut(but=writer)
            return
        of_events = head.startswith(_EVENTS)
        if self._is_cut or (of_events and self._mode == "refused"):
            return
        if of_events and self._mode == "silent":
            await reader.read()
            return
        to_reader, to_writer = await asyncio.open_connection(*self._server)
        self._open.add(to_writer)
        to_writer.write(head)
        if of_events and self._mode == "stalled":
            writer.write(await to_reader.readuntil(b"\r\n\r\n"))
            await reader.read()
            return
        await asyncio.gather(_pump(reader, to_writer), _pump(to_reader, writer))
        self._open.discard(to_writer)

    def _cut(self, but: asyncio.StreamWriter) -> None:
        self._is_cut = True
        for writer in self._open - {but}:
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
