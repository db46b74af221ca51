"""Orders of queues: a stream of Redis, a queue of SQS, a subscription of Pub/Sub. No word of lineage."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

import boto3
import redis
import redis.asyncio
import sqlalchemy as sa
from google.cloud import pubsub_v1
from prefect import flow, task

ENGINE = sa.create_engine(os.environ["SHOP_URL"])
PORT = int(os.environ["SHOP_REDIS"])


def insert(rows: list[dict[str, Any]]) -> None:
    with ENGINE.begin() as connection:
        connection.execute(sa.text("INSERT INTO audit VALUES (:step, :rows)"), rows)


@task
def add_to_stream() -> None:
    with redis.Redis(port=PORT) as client, client.pipeline() as pipeline:
        for number in range(50):
            pipeline.xadd("clicks", {"n": number})
        pipeline.execute()


@task
async def read_stream() -> list[dict[str, Any]]:
    async with redis.asyncio.Redis(port=PORT, decode_responses=True) as client:
        entries = await client.xrange("clicks")
    return [{"step": fields["n"], "rows": 1} for _, fields in entries]


@flow(name="stream")
def stream() -> None:
    add_to_stream()
    insert(asyncio.run(read_stream.fn()))


@flow(name="queue")
def queue() -> None:
    sqs = boto3.resource("sqs")
    orders = sqs.create_queue(QueueName="jobs")
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(10)]
    orders.send_messages(Entries=entries)
    got = orders.receive_messages(MaxNumberOfMessages=10)
    insert([{"step": message.body, "rows": 1} for message in got])


@flow(name="subscription")
def subscription() -> None:
    publisher = pubsub_v1.PublisherClient()
    for future in [publisher.publish("projects/shop/topics/events", b"1") for _ in range(5)]:
        future.result(60)
    done, rows = threading.Event(), []

    def handle(message: Any) -> None:
        rows.append({"step": message.data.decode(), "rows": 1})
        if len(rows) == 5:
            done.set()

    with pubsub_v1.SubscriberClient() as subscriber:
        pulled = subscriber.subscribe("projects/shop/subscriptions/events", handle, await_callbacks_on_shutdown=True)
        assert done.wait(60)
        pulled.cancel()
        pulled.result(60)
    insert(rows)
    publisher.stop()


if __name__ == "__main__":
    stream()
    queue()
    subscription()
    print("done")
