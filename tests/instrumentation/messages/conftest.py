"""A Kafka cluster within librdkafka, and the notes of messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from prefect_lineage_events import instrument, uninstrument
from tests.instrumentation.recording import RecordedNotes, recorded_notes


@pytest.fixture(scope="session")
def brokers() -> Iterator[str]:
    """The address of a mock cluster, which lives as long as this producer."""
    host = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = host.list_topics(timeout=30).brokers.values()
    yield f"{broker.host}:{broker.port}"
    del host


@pytest.fixture
def cluster(brokers: str) -> str:
    """The namespace of the cluster's topics."""
    return f"kafka://{brokers.replace('127.0.0.1', 'localhost')}"


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedNotes]:
    instrument("messages")
    with recorded_notes(monkeypatch) as recorded:
        yield recorded
    uninstrument()
