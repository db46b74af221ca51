"""Datasets of Kafka: a topic at the first of its bootstrap servers, as OpenLineage's integrations name it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.instrumentation.messages.topics import Topics


def first_server(servers: Any) -> str | None:
    """The first of bootstrap servers: `host:port`, several with commas, or a list. None if there is none."""
    listed: Iterable[Any] = servers.split(",") if isinstance(servers, str) else servers or ()
    for server in listed:
        address = str(server).strip().rpartition("://")[2].rpartition("@")[2].strip("/")
        if address:
            return address
    return None


def topics_at(servers: Any) -> Topics:
    """The topics of a client with these bootstrap servers."""
    server = first_server(servers)

    def dataset_of(topic: str) -> Dataset | None:
        return Dataset(f"kafka://{server}", topic).canonical() if server else None

    return Topics(dataset_of)
