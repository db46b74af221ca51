"""A cache of answers that holds no more than so many of them and no more than so many bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """The values used last, at most `max_entries` of them and `max_bytes` in all. Safe for threads.

    What an entry weighs is told by who puts it in, because only they know what hangs on it. An entry heavier than a
    sixteenth of the whole is not kept: it would push out what is asked for every day.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._entries: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        """What the entries weigh, as told."""
        return self._bytes

    def get(self, key: Hashable) -> Value | None:
        """The value, which is then the one used last; None when it is not here."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: Hashable, value: Value, weight: int) -> None:
        """Keep a value of `weight` bytes, and let go of those used longest ago while there is too much."""
        if weight > self._max_bytes // 16:
            return
        with self._lock:
            before = self._entries.pop(key, None)
            self._bytes += weight - (before[1] if before else 0)
            self._entries[key] = (value, weight)
            while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
                _, (_, freed) = self._entries.popitem(last=False)
                self._bytes -= freed

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0
