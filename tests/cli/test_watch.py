"""`watch` on a real server: the subscription, hostile names, a server that stops and comes back, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prefect.events import Event

from prefect_lineage_events.cli import watching as watching_command
from tests.conftest import PrefectServer, running_server
from tests.services.process import free_port

ROOT = Path(__file__).parents[2]
# Each emits what its flow, or a client of the API, would.
LOAD = """
from prefect import flow
from tests.by_hand import emit_writes

@flow(name="watched load")
def load(output):
    emit_writes([(output, "source")])

load({output!r})
"""
HOSTILE = """
from prefect import flow
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from tests.by_hand import emit_writes

@flow(name="wat\\x1b[31mched", flow_run_name="r\\x1b]0;title\\x07\\nFORGED LINE")
def load():
    emit_writes([("or\\n12:00:00  FORGED LINE\\x1b[2J\\u202e[red]<b>", "source")])

load()
resource = {"prefect.resource.id": "x", "prefect.resource.name": "n\\x9b2J\\nFORGED LINE"}
emit_event(event="lineage.odd", resource=resource, payload={"summary": "s\\x1b[2J\\r\\nFORGED LINE [bold]<b>&amp;"})
emit_event(event="lineage.old\\x1b[2J\\nFORGED LINE", resource=resource)
EventsWorker.drain_all(timeout=60)
"""


class Watch:
    """A running `watch`, and what it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.errors: list[str] = []
        for stream, found in ((process.stdout, self.lines), (process.stderr, self.errors)):
            threading.Thread(target=lambda s=stream, f=found: f.extend(s), daemon=True).start()

    def waits_for(self, ready: Callable[[], object], seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            assert self.process.poll() is None, self.errors
            assert time.monotonic() < deadline, (self.lines, self.errors)
            time.sleep(0.2)

    def shows(self, text: str) -> None:
        self.waits_for(lambda: any(text in one for one in self.lines))


@contextmanager
def watching(server: PrefectServer, *options: str, begun: bool = True) -> Iterator[Watch]:
    """A `watch` that (`begun`) shows events already."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "prefect_lineage_events.cli", "watch", *options],
        env=server.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        watch = Watch(process)
        if begun:
            watch.waits_for(lambda: _begins(server, watch))
        yield watch
    finally:
        process.kill()
        process.wait(60)


def _begins(server: PrefectServer, watch: Watch) -> bool:
    """Send an event; return whether one was shown."""
    resource = {"prefect.resource.id": "test.marker", "prefect.resource.name": "watched load"}
    event = {
        "id": str(uuid4()),
        "event": "lineage.marker",
        "occurred": dt.datetime.now(dt.timezone.utc).isoformat(),
        "resource": resource,
        "payload": {"summary": "a marker"},
    }
    httpx.post(f"{server.api_url}/events", json=[event], timeout=60).raise_for_status()
    return any("a marker" in one for one in watch.lines)


def run(program: str, server: PrefectServer) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], env=server.environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


def test_events_arrive_as_sentences_until_ctrl_c(prefect_server: PrefectServer) -> None:
    with watching(prefect_server) as watch, watching(prefect_server, "--flow", "another flow", begun=False) as other:
        run(LOAD.format(output="watched_orders"), prefect_server)
        watch.shows("were written into shop.public.watched_orders from shop.public.source")
        (sentence,) = [one for one in watch.lines if "watched_orders" in one]
        assert sentence[2::3][:2] == "::"
        assert "watched load / " in sentence
        watch.process.send_signal(signal.SIGINT)
        assert watch.process.wait(60) == 130
        assert "Traceback" not in "".join(watch.errors)
        assert other.lines == []
        assert "note: there is no flow 'another flow' until now" in "".join(other.errors)


def test_json_has_one_event_on_each_line(prefect_server: PrefectServer) -> None:
    with watching(prefect_server, "--json", "--flow", "watched load") as watch:
        run(LOAD.format(output="watched_json"), prefect_server)
        watch.shows("watched_json")
        watch.waits_for(lambda: any("lineage.closed" in one for one in watch.lines))
        events = [json.loads(one) for one in watch.lines]
    assert {"lineage.write", "lineage.closed"} <= {one["event"] for one in events}
    assert {"id", "event", "occurred", "resource", "related", "payload"} <= events[0].keys()


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_hostile_names_are_harmless(prefect_server: PrefectServer, options: tuple[str, ...]) -> None:
    with watching(prefect_server, *options) as watch:
        run(HOSTILE, prefect_server)
        watch.shows("[bold]<b>&amp;")
        watch.shows("lineage.old" if options else "old")
        watch.shows("[red]<b>")
        shown = list(watch.lines)
    assert all(one.rstrip("\n").isprintable() for one in shown)
    assert not [one for one in shown if one.startswith(("FORGED", "12:00:00  FORGED"))]
    if options:
        assert all(isinstance(json.loads(one), dict) for one in shown)


def test_server_that_stops_and_comes_back_is_watched_again(port: int) -> None:
    with running_server("watched", port) as server:
        watching_it = watching(server)
        watch = watching_it.__enter__()
        run(LOAD.format(output="before_the_stop"), server)
        watch.shows("before_the_stop")
    try:
        watch.waits_for(lambda: any("the connection is lost" in one for one in watch.errors))
        with running_server("watched", port) as server:
            run(LOAD.format(output="after_the_stop"), server)
            watch.shows("after_the_stop")
            watch.waits_for(lambda: "connected again\n" in watch.errors)
            assert len([one for one in watch.lines if "before_the_stop" in one]) == 1
            assert "Traceback" not in "".join(watch.errors)
    finally:
        watching_it.__exit__(None, None, None)


def test_event_that_is_stored_after_the_connection_was_made_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    event = Event(event="lineage.write", resource={"prefect.resource.id": "x"})
    readings = iter([([], False), ([event], False), ([event], False)])
    monkeypatch.setattr(watching_command, "_READ_AFTER", (0.0, 0.0, 0.0))
    monkeypatch.setattr(watching_command, "_stored", lambda _: next(readings))

    async def nothing_arrives() -> AsyncIterator[Event]:
        await asyncio.Event().wait()
        yield event

    async def first() -> Event:
        missed = watching_command._missed(dt.datetime.now(dt.timezone.utc))
        async with contextlib.aclosing(watching_command._together(nothing_arrives(), missed)) as together:
            return await anext(together)

    assert asyncio.run(first()) is event


def test_error_of_the_connection_ends_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching_command, "_stored", lambda _: ([], False))

    async def broken() -> AsyncIterator[Event]:
        raise ConnectionError("lost")
        yield

    async def read() -> None:
        async for _ in watching_command._together(broken(), watching_command._missed(dt.datetime.now(dt.timezone.utc))):
            pass

    with pytest.raises(ConnectionError, match="lost"):
        asyncio.run(read())
