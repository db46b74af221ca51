"""librdkafka's mock of a Kafka cluster: a broker on a loopback port, which any client can use.

It keeps messages, groups and transactions in memory, and has no consumer groups of several members, no ACLs.
https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer


@pytest.fixture(scope="session")
def brokers() -> Iterator[str]:
    """The address of a mock cluster, which lives as long as this producer."""
    host = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = host.list_topics(timeout=30).brokers.values()
    yield f"{broker.host}:{broker.port}"
    del host
