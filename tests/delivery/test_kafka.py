"""Kafka, by the mock cluster of librdkafka: the order and the outcome of each message."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from prefect_lineage_events.delivery.deliver import TransientDeliveryError, deliver
from prefect_lineage_events.delivery.kafka import DELIVERY_TIMEOUT_MS, with_defaults
from prefect_lineage_events.delivery.targets import targets
from prefect_lineage_events.openlineage.events import run_events
from tests.openlineage.conftest import child_of, elt
from tests.stitching.lineages import run

confluent_kafka = pytest.importorskip("confluent_kafka", reason="the client's Kafka transport needs confluent-kafka")
pytestmark = pytest.mark.usefixtures("nothing_configured")
TOPIC = "lineage"


@pytest.fixture
def events():
    return run_events(run(elt()), namespace="prefect://acme")


@pytest.fixture
def brokers():
    """The addresses of a mock cluster, which lives as long as the producer that made it."""
    cluster = confluent_kafka.Producer({"test.mock.num.brokers": 2, "log_level": 0})
    yield ",".join(f"{broker.host}:{broker.port}" for broker in cluster.list_topics(timeout=120).brokers.values())
    cluster.flush(0)


@pytest.fixture
def configured(monkeypatch):
    def configure(producer, **more):
        transport = {"type": "kafka", "topic": TOPIC, "config": {"log_level": 0, **producer}, **more}
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps(transport))

    return configure


def send(events) -> list[str | None]:
    return [refusal for target in targets() for refusal in deliver(events, target)]


def messages(brokers: str, count: int) -> list:
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": brokers, "group.id": "test", "auto.offset.reset": "earliest", "log_level": 0}
    )
    consumer.subscribe([TOPIC])
    try:
        got = consumer.consume(count, timeout=300)
    finally:
        consumer.close()
    assert [message.error() for message in got] == [None] * count
    return got


def test_a_run_arrives_in_order_under_one_key(events, brokers, configured):
    configured({"bootstrap.servers": brokers})
    assert send(events) == [None, None]
    got = messages(brokers, 2)
    assert [json.loads(message.value())["eventType"] for message in got] == ["START", "COMPLETE"]
    assert {(message.partition(), message.key()) for message in got} == {
        (got[0].partition(), b"run:prefect://acme/nightly")
    }


def test_a_subflow_has_the_key_of_the_topmost_flow(brokers, configured):
    lineage = run(elt())
    lineage = replace(lineage, run=replace(lineage.run, parents=child_of("middle", "top")))
    configured({"bootstrap.servers": brokers})
    send(run_events(lineage, namespace="prefect://acme"))
    assert {message.key() for message in messages(brokers, 2)} == {b"run:prefect://acme/top"}


def test_unreachable_brokers_are_transient(events, configured):
    configured({"bootstrap.servers": "127.0.0.1:9", "message.timeout.ms": 300})
    with pytest.raises(TransientDeliveryError, match="Message timed out") as caught:
        send(events)
    assert caught.value.retry_soon


def test_kafka_delivery_is_always_waited_for(events, configured):
    configured({"bootstrap.servers": "127.0.0.1:9", "message.timeout.ms": 300}, flush=False)
    with pytest.raises(TransientDeliveryError):
        send(events)


def test_too_large_event_is_refused_and_the_next_is_sent(events, brokers, configured):
    configured({"bootstrap.servers": brokers, "message.max.bytes": 60_000})
    start = copy.deepcopy(events[0])
    start["run"]["facets"]["prefect_run"]["large"] = "x" * 80_000
    first, second = send([start, events[1]])
    assert "MSG_SIZE_TOO_LARGE" in first
    assert second is None


def test_password_is_hidden(events, configured):
    login = {"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": "etl"}
    configured({"bootstrap.servers": "127.0.0.1:9", "message.timeout.ms": 300, **login, "sasl.password": "hunter22"})
    with pytest.raises(TransientDeliveryError) as caught:
        send(events)
    assert "hunter22" not in f"{caught.value} {targets()}"


def test_kafka_timeout_is_a_minute_by_default():
    assert with_defaults({"config": {}})["config"]["message.timeout.ms"] == DELIVERY_TIMEOUT_MS
    assert with_defaults({"config": {"delivery.timeout.ms": 5}})["config"] == {"delivery.timeout.ms": 5}
