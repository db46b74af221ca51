"""Orders of a Kafka topic: read in batches into a table, and written to another topic. No word of lineage."""

from __future__ import annotations

import json
import os
from typing import Any

import sqlalchemy as sa
from confluent_kafka import Consumer, Producer
from prefect import flow, task

SERVERS = os.environ["SHOP_KAFKA"]
MESSAGES = 2_000


@flow(name="fill a topic")
def fill_a_topic() -> None:
    producer = Producer({"bootstrap.servers": SERVERS})
    for number in range(MESSAGES):
        producer.produce("orders-topic", json.dumps({"id": number, "amount": number % 7}).encode())
        producer.poll(0)
    assert producer.flush(60) == 0


@task
def consume() -> list[dict[str, Any]]:
    consumer = Consumer({"bootstrap.servers": SERVERS, "group.id": "load", "auto.offset.reset": "earliest"})
    consumer.subscribe(["orders-topic"])
    rows: list[dict[str, Any]] = []
    while len(rows) < MESSAGES:
        message = consumer.poll(30)
        if message is not None and message.error() is None:
            rows.append(json.loads(message.value()))
    consumer.close()
    return rows


@task
def load(rows: list[dict[str, Any]]) -> int:
    engine = sa.create_engine(os.environ["SHOP_URL"])
    with engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO audit VALUES (:id, :amount)"), [{**row, "id": str(row["id"])} for row in rows]
        )
    engine.dispose()
    return len(rows)


@flow(name="kafka to a table")
def kafka_to_a_table() -> None:
    print(load(consume()), "orders")


if __name__ == "__main__":
    fill_a_topic()
    kafka_to_a_table()
