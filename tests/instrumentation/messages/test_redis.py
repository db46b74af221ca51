"""Streams of a real Redis: entries that are added and read, by commands and pipelines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis
import redis.asyncio
from redis.exceptions import ResponseError

from prefect_lineage_events import lineage_disabled
from prefect_lineage_events.instrumentation.messages import redis as patched_redis
from tests.instrumentation.recording import RecordedNotes
from tests.services.redis import redis_server

__all__ = ["redis_server"]


@pytest.fixture
def stream() -> str:
    return f"orders:{uuid4().hex[:8]}"


@pytest.fixture
def server(redis_server: int) -> str:
    """The namespace of the server's streams."""
    return f"redis://localhost:{redis_server}"


@pytest.fixture(params=[2, 3])
def client(request: pytest.FixtureRequest, redis_server: int) -> Iterator[redis.Redis]:
    with redis.Redis(port=redis_server, protocol=request.param) as connected:
        yield connected


def run(use: Callable[[redis.asyncio.Redis], Any], port: int, **more: Any) -> Any:
    async def used() -> Any:
        async with redis.asyncio.Redis(port=port, **more) as connected:
            return await use(connected)

    return asyncio.run(used())


def test_added_and_read_entries_are_counted(
    notes: RecordedNotes, client: redis.Redis, server: str, stream: str
) -> None:
    for number in range(5):
        client.xadd(stream, {"n": number})
    assert notes.messages == {f"write {server}/{stream}": 5}
    client.xread({stream: 0}, count=3)
    assert notes.messages == {f"read {server}/{stream}": 3}


def test_reads_by_group_range_and_claim_are_counted(
    notes: RecordedNotes, client: redis.Redis, server: str, stream: str
) -> None:
    for _ in range(4):
        client.execute_command("xadd", stream.encode(), "*", "n", 1)
    client.xgroup_create(stream, "g", id=0)
    assert notes.messages == {f"write {server}/{stream}": 4}
    client.xreadgroup("g", "one", {stream: ">"}, count=3)
    assert notes.messages == {f"read {server}/{stream}": 3}
    assert len(client.xrange(stream)) + len(client.xrevrange(stream, count=1)) == 5
    assert notes.messages == {f"read {server}/{stream}": 5}
    assert len(client.xautoclaim(stream, "g", "two", 0)[1]) == 3
    assert notes.messages == {f"read {server}/{stream}": 3}


def test_read_of_nothing_is_no_read(notes: RecordedNotes, client: redis.Redis, stream: str) -> None:
    client.xread({stream: 0})
    client.xread({stream: "$"}, block=1)
    client.xadd(stream, {"n": 1}, nomkstream=True)
    client.xlen(stream)
    assert notes.messages == {}


def test_pipeline_is_counted_when_it_was_executed(
    notes: RecordedNotes, client: redis.Redis, server: str, stream: str
) -> None:
    for transaction in (True, False):
        with client.pipeline(transaction=transaction) as pipeline:
            pipeline.set("x", 1).xadd(stream, {"n": 1}).xadd(stream, {"n": 2}).xlen(stream)
            assert notes.messages == {}
            assert len(pipeline.execute()) == 4
        assert notes.messages == {f"write {server}/{stream}": 2}
    with client.pipeline() as pipeline:
        pipeline.watch(stream)
        assert len(pipeline.xrange(stream)) == 4
        pipeline.multi()
        pipeline.xadd(stream, {"n": 3})
        pipeline.execute()
    assert notes.messages == {f"read {server}/{stream}": 4, f"write {server}/{stream}": 1}


def test_pipeline_with_a_failed_command_counts_the_others(
    notes: RecordedNotes, client: redis.Redis, server: str, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[str] = []
    monkeypatch.setattr(patched_redis, "count_loss", losses.append)
    client.set("text", "x")
    pipeline = client.pipeline(transaction=False)
    pipeline.xadd("text", {"n": 1}).xadd(stream, {"n": 1})
    assert isinstance(pipeline.execute(raise_on_error=False)[0], ResponseError)
    assert (notes.messages, losses) == ({f"write {server}/{stream}": 1}, [])
    pipeline.xadd(stream, {"n": 1}).xadd("text", {"n": 1})
    with pytest.raises(ResponseError):
        pipeline.execute()
    assert (notes.messages, len(losses)) == ({}, 1)


def test_failed_command_counts_nothing(notes: RecordedNotes, client: redis.Redis) -> None:
    client.set("text", "x")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        client.xadd("text", {"n": 1})
    assert notes.messages == {}


def test_database_is_a_part_of_the_name(notes: RecordedNotes, redis_server: int, server: str, stream: str) -> None:
    with redis.Redis.from_url(f"redis://127.0.0.1:{redis_server}/1") as client:
        client.xadd(stream, {"n": 1})
    assert notes.messages == {f"write {server}/1/{stream}": 1}


def test_asyncio_client_is_counted(notes: RecordedNotes, redis_server: int, server: str, stream: str) -> None:
    async def use(client: redis.asyncio.Redis) -> Any:
        await client.set("text", "x")
        await client.xadd(stream, {"n": 1})
        async with client.pipeline() as pipeline:
            pipeline.xadd(stream, {"n": 2}).xadd(stream, {"n": 3})
            await pipeline.execute()
        with pytest.raises(ResponseError):
            await client.xadd("text", {"n": 1})
        return await client.xread({stream: 0})

    assert run(use, redis_server)
    assert notes.messages == {f"write {server}/{stream}": 3, f"read {server}/{stream}": 3}


def test_nothing_is_counted_outside_runs_and_in_a_block_without_lineage(
    notes: RecordedNotes, client: redis.Redis, stream: str
) -> None:
    with lineage_disabled():
        client.xadd(stream, {"n": 1})
    notes.run = None
    client.xadd(stream, {"n": 1})
    assert notes.messages == {}


@pytest.mark.parametrize("module", ["docket.worker", "prefect_redis.messaging", "prefect.server.events"])
def test_streams_of_prefects_own_work_are_not_counted(
    module: str, notes: RecordedNotes, client: redis.Redis, stream: str
) -> None:
    namespace: dict[str, Any] = {"__name__": module}
    exec("def call(client, stream): client.xadd(stream, {'n': 1})", namespace)
    namespace["call"](client, stream)
    assert notes.messages == {}
