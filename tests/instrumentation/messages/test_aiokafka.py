"""aiokafka over a mock cluster: messages are counted once they are delivered."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import uuid4

import aiokafka
import pytest
from aiokafka.errors import KafkaError

from prefect_lineage_events import lineage_disabled
from tests.instrumentation.recording import RecordedNotes

Use = Callable[[aiokafka.AIOKafkaProducer, str], Awaitable[Any]]


@pytest.fixture
def topic() -> str:
    return f"orders-{uuid4().hex[:8]}"


async def _send(producer: aiokafka.AIOKafkaProducer, topic: str) -> Any:
    await (await producer.send(topic, b"1"))


async def _send_and_wait(producer: aiokafka.AIOKafkaProducer, topic: str) -> Any:
    assert (await producer.send_and_wait(topic=topic, value=b"1")).topic == topic


async def _send_batch(producer: aiokafka.AIOKafkaProducer, topic: str) -> Any:
    await producer.client._wait_on_metadata(topic)
    batch = producer.create_batch()
    batch.append(key=None, value=b"1", timestamp=None)
    await (await producer.send_batch(batch, topic, partition=0))


async def _send_and_flush(producer: aiokafka.AIOKafkaProducer, topic: str) -> Any:
    await producer.send(topic, value=b"1")
    await producer.flush()


@pytest.mark.parametrize("use", [_send, _send_and_wait, _send_batch, _send_and_flush], ids=lambda use: use.__name__)
async def test_delivered_message_is_counted_once(
    use: Use, notes: RecordedNotes, brokers: str, cluster: str, topic: str
) -> None:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=[brokers, "127.0.0.1:9"]) as producer:
        await use(producer, topic)
    assert notes.messages == {f"write {cluster}/{topic}": 1}


async def test_messages_that_are_read_are_counted(notes: RecordedNotes, brokers: str, cluster: str, topic: str) -> None:
    with lineage_disabled():
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=brokers) as producer:
            for _ in range(9):
                await producer.send_and_wait(topic, b"1")
    async with aiokafka.AIOKafkaConsumer(
        topic, bootstrap_servers=brokers, auto_offset_reset="earliest", enable_auto_commit=False
    ) as consumer:
        await consumer.getone()
        assert notes.messages == {f"read {cluster}/{topic}": 1}
        got = 0
        async for _ in consumer:
            got += 1
            if got == 3:
                break
        assert notes.messages == {f"read {cluster}/{topic}": 3}
        while got < 8:
            got += sum(map(len, (await consumer.getmany(timeout_ms=10_000)).values()))
        assert await consumer.getmany(timeout_ms=1) == {}
    assert notes.messages == {f"read {cluster}/{topic}": 5}


async def test_message_that_does_not_arrive_is_not_counted(
    notes: RecordedNotes, brokers: str, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KafkaError):
        async with aiokafka.AIOKafkaProducer(bootstrap_servers="127.0.0.1:9"):
            pass
    loop = asyncio.get_running_loop()
    unseen: list[str] = []
    loop.set_exception_handler(lambda _, context: unseen.append(context["message"]))
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=brokers) as producer:
        future = await producer.send(topic, b"1")
        future.cancel()
        failing = loop.create_future()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(producer._message_accumulator, "add_message", partial(_returned, failing))
            await producer.send(topic, b"1")
        failing.set_exception(KafkaError("refused"))
        await asyncio.sleep(0)
        del failing
        gc.collect()
    assert notes.messages == {}
    assert unseen == ["Future exception was never retrieved"]


async def _returned(value: Any, *_: Any, **__: Any) -> Any:
    return value


@pytest.mark.parametrize("end", ["commit", "abort"])
async def test_messages_of_a_transaction_count_when_it_is_committed(
    end: str, notes: RecordedNotes, brokers: str, cluster: str, topic: str
) -> None:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=brokers, transactional_id=uuid4().hex) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"1")
        assert notes.messages == {}
        await getattr(producer, f"{end}_transaction")()
    assert notes.messages == ({f"write {cluster}/{topic}": 1} if end == "commit" else {})


async def test_tasks_of_one_loop_are_each_counted(notes: RecordedNotes, brokers: str, cluster: str, topic: str) -> None:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=brokers) as producer:
        await asyncio.gather(*(producer.send_and_wait(topic, b"1") for _ in range(20)))
    assert notes.messages == {f"write {cluster}/{topic}": 20}
