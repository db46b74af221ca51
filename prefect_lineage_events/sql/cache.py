"""A cache with a maximal number of entries and a maximal number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from threading import Lock
from typing import Generic, TypeVar

from prefect_lineage_events.sql.model import Statement

Value = TypeVar("Value")

_MAX_USED_ONCE = 64
_EVICTED_PER_ENTRY = 4
_STATEMENT_BYTES = 1_500  # an estimate for one statement; the next is for one reference or edge of it
_REFERENCE_BYTES = 250


class BoundedCache(Generic[Value]):
    """The values used last, at most `max_entries` of them and `max_bytes` in all. Safe for threads.

    A value that is used again stays; of values that were used once, only the last few are kept. A program may never
    repeat a text, and unused objects that survive for a while make the garbage collector visit all objects. The hashes
    of evicted keys are kept, so that a key that comes again after a long cycle is recognised.

    The caller states the weight of an entry, because only the caller knows what the entry refers to. An entry of more
    than a sixteenth of the whole is not kept: it would evict entries in daily use.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._entries: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._used_once: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._evicted_hashes: OrderedDict[int, None] = OrderedDict()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries) + len(self._used_once)

    @property
    def bytes(self) -> int:
        """The sum of the weights that callers stated."""
        return self._bytes

    def get(self, key: Hashable) -> Value | None:
        """The value, which then counts as used last; None when it is not in the cache."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                return entry[0]
            entry = self._used_once.pop(key, None)
            if entry is None:
                return None
            self._entries[key] = entry
            return entry[0]

    def put(self, key: Hashable, value: Value, weight: int) -> None:
        """Keep a value of `weight` bytes; evict the values used longest ago while a maximum is exceeded."""
        if weight > self._max_bytes // 16:
            return
        with self._lock:
            before = self._entries.pop(key, None) or self._used_once.pop(key, None)
            self._bytes += weight - (before[1] if before else 0)
            (self._entries if before or hash(key) in self._evicted_hashes else self._used_once)[key] = (value, weight)
            while self._is_over():
                self._evict()

    def _is_over(self) -> bool:
        """True while a maximum is exceeded."""
        is_over = len(self) > self._max_entries or self._bytes > self._max_bytes
        return is_over or len(self._used_once) > _MAX_USED_ONCE

    def clear(self) -> None:
        """Remove all entries."""
        with self._lock:
            self._entries.clear()
            self._used_once.clear()
            self._evicted_hashes.clear()
            self._bytes = 0

    def _evict(self) -> None:
        key, (_, freed) = (self._used_once or self._entries).popitem(last=False)
        self._bytes -= freed
        self._evicted_hashes[hash(key)] = None
        if len(self._evicted_hashes) > _EVICTED_PER_ENTRY * self._max_entries:
            self._evicted_hashes.popitem(last=False)


def estimated_bytes(statements: Iterable[Statement]) -> int:
    """An estimate of the bytes that the statements hold."""
    weight = 0
    for s in statements:
        references = len(s.inputs) + len(s.outputs) + len(s.columns) + len(s.indirect)
        references += sum(map(len, s.declared.values()))
        weight += _STATEMENT_BYTES + len(s.sanitised) + _REFERENCE_BYTES * references
    return weight
