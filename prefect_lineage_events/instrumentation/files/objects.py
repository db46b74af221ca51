"""Accesses to objects by the calls of their stores' clients: keys are taken as they are, no URLs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from prefect_lineage_events.datasets import Dataset, Located
from prefect_lineage_events.file_parts import split_parts
from prefect_lineage_events.instrumentation.access import Access


def located(namespace: str, key: str) -> Located:
    """The dataset that a key of a bucket or container belongs to, with the part of it that the key is."""
    root, part = split_parts(key)
    return Located(Dataset(namespace, root or "/"), part)


def is_marker(key: str) -> bool:
    """Return whether a key is that of an empty object which consoles show as a folder."""
    return key.endswith("/")


def access(
    operation: Literal["read", "write", "drop"],
    namespace: str,
    key: str,
    call: str,
    *,
    size: int | None = None,
    inputs: tuple[Dataset, ...] = (),
) -> Iterator[Access]:
    """The access to one object: none to a folder's marker, and none for a removed part, because the dataset stays."""
    if is_marker(key):
        return
    found = located(namespace, key)
    if not found.part:
        yield Access(operation, found.dataset, call, size=size, inputs=inputs)
    elif operation != "drop":
        yield Access(operation, found.dataset, call, size=size, inputs=inputs, files=1, subset=(found.part,))


def copy(namespace: str, key: str, source: tuple[str, str], call: str, *, size: int | None = None) -> Iterator[Access]:
    """The access of a copy within a store. A copy onto itself changes an object's metadata only."""
    if source != (namespace, key):
        yield from access("write", namespace, key, call, size=size, inputs=(located(*source).dataset,))
