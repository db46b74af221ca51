"""A cache of answers that holds no more than so many of them and no more than so many bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from threading import Lock
from typing import Generic, TypeVar

from prefect_lineage_events.sql.model import Statement

Value = TypeVar("Value")

_NEWCOMERS = 64
_MET_PER_ENTRY = 4
_STATEMENT_BYTES = 1_500  # what one statement weighs, about, and one reference or edge of it
_REFERENCE_BYTES = 250


class BoundedCache(Generic[Value]):
    """The values used last, at most `max_entries` of them and `max_bytes` in all. Safe for threads.

    What is asked for again stays; of what came once, only the last few are kept. A program may never say the same
    thing twice, and objects that live for a while and go unused make the garbage collector walk through all there is.
    Of keys that were let go a hash is remembered, so that what comes again after a long round is known as such.

    What an entry weighs is told by who puts it in, because only they know what hangs on it. An entry heavier than a
    sixteenth of the whole is not kept: it would push out what is asked for every day.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._entries: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._newcomers: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._met: OrderedDict[int, None] = OrderedDict()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries) + len(self._newcomers)

    @property
    def bytes(self) -> int:
        """What the entries weigh, as told."""
        return self._bytes

    def get(self, key: Hashable) -> Value | None:
        """The value, which is then the one used last; None when it is not here."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                return entry[0]
            entry = self._newcomers.pop(key, None)
            if entry is None:
                return None
            self._entries[key] = entry
            return entry[0]

    def put(self, key: Hashable, value: Value, weight: int) -> None:
        """Keep a value of `weight` bytes, and let go of those used longest ago while there is too much."""
        if weight > self._max_bytes // 16:
            return
        with self._lock:
            before = self._entries.pop(key, None) or self._newcomers.pop(key, None)
            self._bytes += weight - (before[1] if before else 0)
            (self._entries if before or hash(key) in self._met else self._newcomers)[key] = (value, weight)
            while len(self._newcomers) > _NEWCOMERS or len(self) > self._max_entries or self._bytes > self._max_bytes:
                self._let_go()

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._entries.clear()
            self._newcomers.clear()
            self._met.clear()
            self._bytes = 0

    def _let_go(self) -> None:
        key, (_, freed) = (self._newcomers or self._entries).popitem(last=False)
        self._bytes -= freed
        self._met[hash(key)] = None
        if len(self._met) > _MET_PER_ENTRY * self._max_entries:
            self._met.popitem(last=False)


def estimated_bytes(statements: Iterable[Statement]) -> int:
    """About how many bytes the statements hold."""
    weight = 0
    for s in statements:
        references = len(s.inputs) + len(s.outputs) + len(s.columns) + len(s.indirect)
        references += sum(map(len, s.declared.values()))
        weight += _STATEMENT_BYTES + len(s.sanitised) + _REFERENCE_BYTES * references
    return weight
