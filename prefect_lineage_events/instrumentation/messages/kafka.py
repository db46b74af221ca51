"""Datasets of Kafka: a topic at the first of its bootstrap servers, as OpenLineage's integrations name it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prefect_lineage_events.datasets import Dataset


def first_server(servers: Any) -> str | None:
    """The first of bootstrap servers: `host:port`, several with commas, or a list. None if there is none."""
    listed: Iterable[Any] = servers.split(",") if isinstance(servers, str) else servers or ()
    for server in listed:
        address = str(server).strip().rpartition("://")[2].rpartition("@")[2].strip("/")
        if address:
            return address
    return None


def topic_at(servers: Any) -> Callable[[str], Dataset | None]:
    """A function from the name of a topic at these bootstrap servers to its dataset."""
    server = first_server(servers)

    def dataset_of(topic: str) -> Dataset | None:
        return Dataset(f"kafka://{server}", topic).canonical() if server else None

    return dataset_of
