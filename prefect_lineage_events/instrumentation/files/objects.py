"""Accesses to objects by the calls of their stores' clients: keys are taken as they are, no URLs."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, Literal

from prefect_lineage_events.datasets import Dataset, Located
from prefect_lineage_events.file_parts import split_parts
from prefect_lineage_events.guard import count_loss
from prefect_lineage_events.instrumentation.access import Access
from prefect_lineage_events.instrumentation.files.locations import locate

# Uploads in progress whose parts are copied from objects; the oldest are removed beyond this number.
_MAX_UPLOADS = 1_000
_MAX_SOURCES = 1_000


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


def open_file(data: Any) -> tuple[Dataset, ...]:
    """The file of this machine that a program has opened to upload it; () for anything else."""
    if not isinstance(data, io.BufferedReader | io.FileIO):
        return ()
    return tuple(location.dataset for location in locate(data))


class PartSources:
    """The objects from which the parts of uploads in progress were copied, by upload."""

    def __init__(self) -> None:
        self._by_upload: OrderedDict[Hashable, dict[Dataset, None]] = OrderedDict()
        self._lock = threading.RLock()

    def __contains__(self, upload: Hashable) -> bool:
        return upload in self._by_upload

    def add(self, upload: Hashable, sources: Iterable[Dataset]) -> None:
        with self._lock:
            known = self._by_upload.setdefault(upload, {})
            if len(known) < _MAX_SOURCES:
                known.update(dict.fromkeys(sources))
            while len(self._by_upload) > _MAX_UPLOADS:
                self._by_upload.popitem(last=False)
                count_loss("more multipart uploads are in progress than can be remembered")

    def take(self, upload: Hashable) -> tuple[Dataset, ...]:
        with self._lock:
            return tuple(self._by_upload.pop(upload, ()))
