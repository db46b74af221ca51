"""confluent-kafka over a mock cluster: messages are counted once they are delivered, and clients stay what they are."""

from __future__ import annotations

import abc
import asyncio
import inspect
import subprocess
import sys
from typing import Any
from uuid import uuid4

import confluent_kafka
import pytest
from confluent_kafka import SerializingProducer
from confluent_kafka.aio import AIOConsumer, AIOProducer
from confluent_kafka.serialization import StringDeserializer, StringSerializer

from prefect_lineage_events import instrument, lineage_disabled, uninstrument
from prefect_lineage_events.instrumentation.messages import confluent
from tests.instrumentation.recording import RecordedNotes

_KEPT_APART = {"Producer": confluent_kafka.Producer}
_PRODUCER, _CONSUMER = confluent_kafka.Producer, confluent_kafka.Consumer


class OwnProducer(confluent_kafka.Producer):
    """A subclass that was defined before lineage was switched on."""


class OwnProducerWithInit(confluent_kafka.Producer):
    """A subclass with a construction of its own."""

    def __init__(self, servers: str) -> None:
        super().__init__({"bootstrap.servers": servers})


@pytest.fixture
def topic() -> str:
    return f"orders-{uuid4().hex[:8]}"


def fill(brokers: str, topic: str, messages: int = 3) -> None:
    """Write messages without lineage."""
    with lineage_disabled():
        producer = _PRODUCER({"bootstrap.servers": brokers})
        for number in range(messages):
            producer.produce(topic, str(number).encode())
        assert producer.flush(30) == 0


def reading(brokers: str, **more: Any) -> dict[str, Any]:
    return {"bootstrap.servers": brokers, "group.id": uuid4().hex, "auto.offset.reset": "earliest", **more}


def test_delivered_messages_are_counted_at_the_flush(
    notes: RecordedNotes, brokers: str, cluster: str, topic: str
) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers, "linger.ms": 1000})
    for number in range(100):
        producer.produce(topic, str(number).encode())
    assert notes.messages == {}
    assert producer.flush(30) == 0
    assert notes.messages == {f"write {cluster}/{topic}": 100}


def _by_name(brokers: str, topic: str, seen: list[Any]) -> Any:
    producer = confluent_kafka.Producer(**{"bootstrap.servers": brokers})
    producer.produce(topic=topic, value=b"1", on_delivery=lambda error, _: seen.append(error))
    return producer


def _by_old_name(brokers: str, topic: str, seen: list[Any]) -> Any:
    producer = OwnProducer({"bootstrap.servers": brokers})
    producer.produce(topic, b"1", callback=lambda error, _: seen.append(error))
    return producer


def _by_position(brokers: str, topic: str, seen: list[Any]) -> Any:
    producer = OwnProducerWithInit(brokers)
    producer.produce(topic, b"1", b"k", 0, lambda error, _: seen.append(error))
    return producer


def _by_default(brokers: str, topic: str, seen: list[Any]) -> Any:
    class Late(confluent_kafka.Producer, abc.ABC):
        """A subclass that is defined after the switch-on, with a metaclass."""

    producer = Late({"bootstrap.servers": brokers, "on_delivery": lambda error, _: seen.append(error)})
    producer.produce(topic, b"1")
    return producer


def _serialized(brokers: str, topic: str, seen: list[Any]) -> Any:
    configuration = {"bootstrap.servers": brokers, "value.serializer": StringSerializer("utf_8")}
    producer = SerializingProducer(configuration)
    producer.produce(topic, value="1", on_delivery=lambda error, _: seen.append(error))
    return producer


def _in_batch(brokers: str, topic: str, seen: list[Any]) -> Any:
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers})
    message = {"value": b"1", "callback": lambda error, _: seen.append(error)}
    before = dict(message)
    assert producer.produce_batch(topic, [message]) == 1
    assert message == before
    return producer


@pytest.mark.parametrize(
    "produced", [_by_name, _by_old_name, _by_position, _by_default, _serialized, _in_batch], ids=lambda f: f.__name__
)
def test_every_way_to_produce_is_counted_once_and_keeps_the_users_callback(
    produced: Any, notes: RecordedNotes, brokers: str, cluster: str, topic: str
) -> None:
    seen: list[Any] = []
    producer = produced(brokers, topic, seen)
    assert producer.flush(30) == 0
    assert (notes.messages, seen) == ({f"write {cluster}/{topic}": 1}, [None])


def test_batch_without_callbacks_is_counted(notes: RecordedNotes, brokers: str, cluster: str, topic: str) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers})
    assert producer.produce_batch(topic, [{"value": b"1"}] * 7) == 7
    assert producer.flush(30) == 0
    assert notes.messages == {f"write {cluster}/{topic}": 7}


def test_message_that_does_not_arrive_is_not_counted(notes: RecordedNotes, topic: str) -> None:
    seen: list[Any] = []
    producer = confluent_kafka.Producer({"bootstrap.servers": "127.0.0.1:9", "message.timeout.ms": 50, "log_level": 0})
    producer.produce(topic, b"1", on_delivery=lambda error, _: seen.append(error.code()))
    producer.flush(30)
    assert seen == [confluent_kafka.KafkaError._MSG_TIMED_OUT]
    assert notes.messages == {}


def test_errors_of_the_client_are_the_same(notes: RecordedNotes, brokers: str, topic: str) -> None:
    with pytest.raises(confluent_kafka.KafkaException, match="No such configuration"):
        confluent_kafka.Producer({"no.such.setting": 1})
    with pytest.raises(TypeError):
        confluent_kafka.Producer({"bootstrap.servers": brokers}).produce()
    with pytest.raises(BufferError):
        full = confluent_kafka.Producer({"bootstrap.servers": "127.0.0.1:9", "queue.buffering.max.messages": 1})
        for _ in range(10):
            full.produce(topic, b"1")


def test_exception_of_the_users_callback_leaves_the_flush(
    notes: RecordedNotes, brokers: str, cluster: str, topic: str
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("of the user")

    producer = confluent_kafka.Producer({"bootstrap.servers": brokers})
    producer.produce(topic, b"1", on_delivery=fail)
    with pytest.raises(RuntimeError, match="of the user"):
        producer.flush(30)
    assert notes.messages == {f"write {cluster}/{topic}": 1}


@pytest.mark.parametrize("end", ["commit", "abort"])
def test_messages_of_a_transaction_count_when_it_is_committed(
    end: str, notes: RecordedNotes, brokers: str, cluster: str, topic: str
) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers, "transactional.id": uuid4().hex})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"1")
    producer.flush(30)
    assert notes.messages == {}
    getattr(producer, f"{end}_transaction")(30)
    assert notes.messages == ({f"write {cluster}/{topic}": 1} if end == "commit" else {})


@pytest.mark.parametrize("name", ["Consumer", "DeserializingConsumer"])
def test_polled_messages_are_counted(name: str, notes: RecordedNotes, brokers: str, cluster: str, topic: str) -> None:
    fill(brokers, topic)
    more = {} if name == "Consumer" else {"value.deserializer": StringDeserializer("utf_8")}
    consumer = getattr(confluent_kafka, name)(reading(brokers, **more))
    consumer.subscribe([topic])
    got = [message for _ in range(3) if (message := consumer.poll(30)) is not None]
    assert consumer.poll(0) is None
    consumer.close()
    assert (len(got), notes.messages) == (3, {f"read {cluster}/{topic}": 3})


def test_consumed_messages_are_counted_by_topic(notes: RecordedNotes, brokers: str, cluster: str, topic: str) -> None:
    fill(brokers, topic)
    fill(brokers, f"{topic}-b", 2)
    consumer = confluent_kafka.Consumer(reading(brokers))
    consumer.subscribe([topic, f"{topic}-b"])
    got = 0
    while got < 5:
        got += len(consumer.consume(5, timeout=30))
    assert consumer.consume(5, timeout=0.01) == []
    consumer.close()
    assert notes.messages == {f"read {cluster}/{topic}": 3, f"read {cluster}/{topic}-b": 2}


def test_asyncio_clients_are_counted(notes: RecordedNotes, brokers: str, cluster: str, topic: str) -> None:
    async def used() -> int:
        producer = AIOProducer({"bootstrap.servers": brokers})
        futures = [await producer.produce(topic, value=b"1") for _ in range(5)]
        await producer.flush()
        await asyncio.gather(*futures)
        await producer.close()
        consumer = AIOConsumer(reading(brokers))
        await consumer.subscribe([topic])
        got = 0
        while got < 5:
            got += len(await consumer.consume(5, timeout=30))
        await consumer.close()
        return got

    assert asyncio.run(used()) == 5
    assert notes.messages == {f"write {cluster}/{topic}": 5, f"read {cluster}/{topic}": 5}


def test_dataset_is_at_the_first_server_without_credentials(notes: RecordedNotes, brokers: str, topic: str) -> None:
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": f"PLAINTEXT://{brokers}, 127.0.0.1:9", "sasl.password": "s3cret", "log_level": 0}
    )
    producer.produce(topic, b"1")
    producer.flush(30)
    (written,) = notes.messages
    assert written == f"write kafka://{brokers.replace('127.0.0.1', 'localhost')}/{topic}"
    assert "s3cret" not in repr(vars(type(producer))) + repr(producer)


def test_client_whose_broker_is_not_known_is_counted_as_a_loss(
    notes: RecordedNotes, brokers: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[str] = []
    monkeypatch.setattr(confluent, "count_loss", losses.append)
    producer = _KEPT_APART["Producer"]({"bootstrap.servers": brokers})
    producer.produce(topic, b"1")
    assert producer.flush(30) == 0
    assert (notes.messages, len(losses)) == ({}, 1)


def test_nothing_is_counted_outside_runs_and_in_a_block_without_lineage(
    notes: RecordedNotes, brokers: str, topic: str
) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers})
    with lineage_disabled():
        producer.produce(topic, b"1")
    notes.run = None
    producer.produce(topic, b"1")
    producer.flush(30)
    assert notes.messages == {}


def test_classes_are_themselves_under_the_patch(notes: RecordedNotes, brokers: str) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers})
    assert isinstance(producer, confluent_kafka.Producer)
    assert isinstance(producer, _PRODUCER)
    assert isinstance(SerializingProducer({"bootstrap.servers": brokers}), confluent_kafka.Producer)
    assert issubclass(SerializingProducer, confluent_kafka.Producer)
    assert confluent_kafka.Producer == _PRODUCER
    assert inspect.isclass(confluent_kafka.Producer)
    assert (type(producer).__name__, type(producer).__module__) == ("Producer", "cimpl")
    assert confluent_kafka.Producer.__doc__ == _PRODUCER.__doc__
    assert (confluent_kafka.Producer | None) == (_PRODUCER | None)
    assert len(producer) == 0


def test_uninstrument_restores_the_types_of_c_code(brokers: str) -> None:
    before = dict(vars(_PRODUCER)), dict(vars(_CONSUMER)), vars(OwnProducer).get("__init__")
    instrument("messages")
    instrument("messages")
    assert vars(_PRODUCER)["produce"] is not before[0]["produce"]
    assert confluent_kafka.Producer is not _KEPT_APART["Producer"]
    uninstrument()
    assert (dict(vars(_PRODUCER)), dict(vars(_CONSUMER)), vars(OwnProducer).get("__init__")) == before
    assert confluent_kafka.Producer is _PRODUCER is _KEPT_APART["Producer"]
    assert len(_PRODUCER({"bootstrap.servers": brokers})) == 0


def test_name_that_was_imported_before_makes_counted_clients(brokers: str) -> None:
    program = f"""
from confluent_kafka import Producer as Writer, Consumer
from prefect_lineage_events import instrument
from prefect_lineage_events.emission import worker
from prefect_lineage_events.instrumentation import access
from tests.emission.conftest import make_run
instrument("messages")
notes = []
worker.put = lambda note: notes.append(note) or True
access.current_run = lambda: make_run(task="load")
producer = Writer({{"bootstrap.servers": "{brokers}"}})
producer.produce("early", b"1")
producer.flush(30)
print([note.tally.take().rows for note in notes if hasattr(note, "tally")])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip().endswith("[1]"), done.stderr
