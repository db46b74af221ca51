"""Messages of Kafka clients over librdkafka's mock of a cluster, and what a program asks of clients and classes."""

import abc
import asyncio
import inspect
import os
import sqlite3
import threading
import typing

import aiokafka
import confluent_kafka
from confluent_kafka import Consumer, KafkaException, Producer, SerializingProducer
from confluent_kafka import Producer as Writer
from confluent_kafka.serialization import StringSerializer
from kit import attempt
from prefect import flow, task

QUIET = {"log_level": 0}
HOST = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, **QUIET})
(BROKER,) = HOST.list_topics(timeout=60).brokers.values()
SERVERS = {"bootstrap.servers": f"{BROKER.host}:{BROKER.port}", **QUIET}


class Audited(Producer):
    def produce(self, topic, value=None, **more):
        print("own produce", topic)
        super().produce(topic, value, **more)


class Plain(Writer):
    pass


def asked(class_):
    return (
        class_.__name__,
        class_.__module__,
        (class_.__doc__ or "")[:30],
        inspect.isclass(class_),
        isinstance(HOST, class_),
        issubclass(SerializingProducer, class_),
        str(typing.Optional[class_]),
        class_ == Producer,
        callable(class_),
    )


@task
def produced():
    seen = []
    for class_ in (Producer, Writer, confluent_kafka.Producer):
        attempt("asked", lambda class_=class_: asked(class_))
    for make in (Producer, Audited, Plain):
        producer = make(SERVERS)
        for number in range(20):
            producer.produce("orders", str(number), on_delivery=lambda error, message: seen.append(error))
        producer.produce("orders", b"1")
        attempt("waiting", lambda producer=producer: len(producer) > 0)
        attempt("flushed", lambda producer=producer: producer.flush(60))
        attempt("delivered", lambda: (len(seen), set(seen)))
        attempt("type", lambda producer=producer: (type(producer).__name__, isinstance(producer, Producer)))
    texts = SerializingProducer({**SERVERS, "value.serializer": StringSerializer("utf_8")})
    texts.produce("orders", value="x")
    attempt("serialized", lambda: texts.flush(60))
    attempt("no setting", lambda: Producer({"no.such": 1}))
    attempt("no configuration", lambda: Producer())
    attempt("no topic", lambda: Producer(SERVERS).produce())
    attempt("wrong value", lambda: Producer(SERVERS).produce("orders", 7))
    full = Producer({"bootstrap.servers": "127.0.0.1:9", "queue.buffering.max.messages": 1, **QUIET})
    full.produce("orders", b"1")
    attempt("full", lambda: full.produce("orders", b"1"))
    attempt("purged", full.purge)
    failing = Producer(SERVERS)
    failing.produce("orders", b"1", on_delivery=lambda error, message: 1 / 0)
    attempt("callback fails", lambda: failing.flush(60))

    class Late(Producer, abc.ABC):
        pass

    attempt("late subclass", lambda: [c.__name__ for c in Late.__mro__ if c.__name__ != "Producer"])
    attempt("instance", lambda: Late(SERVERS).flush(60))


@task
def consumed():
    consumer = Consumer({**SERVERS, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["orders"])
    messages = []
    while len(messages) < 64:
        messages += consumer.consume(10, timeout=60)
    attempt("consumed", lambda: len(messages))
    attempt("poll", lambda: consumer.poll(0))
    attempt("wrong timeout", lambda: consumer.poll("soon"))
    consumer.close()
    attempt("closed", lambda: consumer.poll(0))
    attempt("no group", lambda: Consumer(SERVERS))


@task
def asynchronous():
    async def used():
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=SERVERS["bootstrap.servers"]) as producer:
            metadata = await producer.send_and_wait("async", b"1")
            print(metadata.topic, type(await producer.send("async", b"2")).__name__)
            try:
                await producer.send("async")
            except AssertionError as error:
                print(type(error), error)
            except Exception as error:
                print(type(error), error)
        consumer = aiokafka.AIOKafkaConsumer(
            "async", bootstrap_servers=SERVERS["bootstrap.servers"], auto_offset_reset="earliest"
        )
        async with consumer:
            print((await consumer.getone()).topic)
        print(inspect.iscoroutinefunction(aiokafka.AIOKafkaProducer.send), inspect.signature(consumer.getmany))

    asyncio.run(used())


@flow
def messages():
    produced()
    consumed()
    asynchronous()
    thread = threading.Thread(target=lambda: attempt("thread", lambda: Producer(SERVERS).flush(60)))
    thread.start()
    thread.join()
    with sqlite3.connect("shop.db") as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
    connection.close()
    print(issubclass(KafkaException, Exception), os.getpid() > 0)


if __name__ == "__main__":
    messages()
