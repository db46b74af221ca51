"""Messages: the clients whose topics, queues and streams are captured."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.messages import aiokafka, confluent

_MOCK = "librdkafka's mock of a cluster, over TCP"

LIBRARIES: tuple[Library, ...] = (
    Library(
        "messages",
        "confluent_kafka",
        confluent.patch,
        package="confluent-kafka",
        captured="`Producer.produce`, `produce_batch` when delivered, transactions when committed; `Consumer.poll`, "
        "`consume`; the serializing, Avro and asyncio clients, subclasses",
        not_captured="`ShareConsumer`; clients that were made before the switch-on (counted as lost); keys, schemas, "
        "headers",
        tests=("tests/instrumentation/messages/test_confluent.py",),
        against=_MOCK,
    ),
    Library(
        "messages",
        "aiokafka.producer.producer",
        aiokafka.patch_producer,
        package="aiokafka",
        captured="`AIOKafkaProducer.send`, `send_and_wait`, `send_batch` when delivered, transactions when committed",
        not_captured="keys, schemas and headers of messages",
        tests=("tests/instrumentation/messages/test_aiokafka.py",),
        against=_MOCK,
    ),
    Library(
        "messages",
        "aiokafka.consumer.consumer",
        aiokafka.patch_consumer,
        package="aiokafka",
        captured="`AIOKafkaConsumer.getone`, `getmany`, `async for`",
        not_captured="keys, schemas and headers of messages",
        tests=("tests/instrumentation/messages/test_aiokafka.py",),
        against=_MOCK,
    ),
)
