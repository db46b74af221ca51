"""Coalescing of equal statements into one event: Prefect's server stores 100-200 events a second, not more.

Order is kept where it carries meaning: a statement is never counted together with an earlier one if another statement
created, altered, dropped, truncated or overwrote one of its datasets in between. That holds for the first
`_MAX_LIFETIMES` lifetimes of a dataset in a run; later ones are counted together, as in a loop that creates and drops
its table. Each move or removal of a file ends a lifetime. A temporary file that is written again has a new one if the
program has read something else in between, since it may hold other rows. Only what the program reads for the first
time counts after `_MAX_LIFETIMES`.

`Waits` says for how long a statement waits for equal ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prefect_lineage_events.emission.pending import Key, PendingEvent
from prefect_lineage_events.events import EventDataset

# The waits for equal statements, in units of the setting `coalesce_seconds`: the first, and the longest.
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 12
_MAX_DOUBLINGS = 30
_MAX_REMEMBERED = 10_000
_MAX_LIFETIMES = 8
_Name = tuple[str, str]


class Waits:
    """The seconds that a statement waits for equal ones: twice as long each time that its shape was sent.

    Rare statements are sent after the first wait, so that a killed run keeps them; frequent ones in few events.
    """

    def __init__(self, coalesce_seconds: float) -> None:
        self._first = coalesce_seconds * _FIRST_WAIT
        self._longest = coalesce_seconds * _LONGEST_WAIT
        self._times_sent: dict[Key, int] = {}

    def of(self, shape: Key) -> float:
        return self.after(self._times_sent.get(shape, 0))

    def after(self, times: int) -> float:
        """The wait for what was sent so often."""
        return min(self._first * (1 << min(times, _MAX_DOUBLINGS)), self._longest)

    def count(self, shape: Key) -> None:
        """Count that the shape was sent once more."""
        if len(self._times_sent) >= _MAX_REMEMBERED:
            self._times_sent.clear()
        self._times_sent[shape] = self._times_sent.get(shape, 0) + 1


@dataclass(slots=True)
class _Reads:
    """Counts of reads of lasting datasets: the `new` ones, and those that differ from the one before (`changes`)."""

    new: int = 0
    changes: int = 0
    last: Key = ()

    def add(self, key: Key, *, is_new: bool) -> None:
        self.new += is_new
        self.changes += key != self.last
        self.last = key


class Coalescer:
    """Pending events in the order of their first occurrence, equal ones counted together."""

    def __init__(self) -> None:
        self._by_key: dict[Key, PendingEvent] = {}
        self._lifetimes: dict[_Name, tuple[int, Key]] = {}
        self._reads = _Reads()
        self._last_read: tuple[PendingEvent | None, int] = (None, 0)
        self.lifetimes = 0
        """The number of changes of datasets' lifetimes so far."""

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def pending_events(self) -> list[PendingEvent]:
        """All pending events, in order."""
        return list(self._by_key.values())

    def add(self, pending: PendingEvent) -> PendingEvent:
        """Add a pending event. Returns the one in which it is counted: itself, when it is the first of its kind."""
        shape = pending.key
        if pending.changes_lifecycle:
            self._begin_lifetimes(pending.event.datasets[:1], shape)
        for dataset in pending.moved:
            number, last = self._lifetimes.get((dataset.namespace, dataset.name), (0, ()))
            self._lifetimes[dataset.namespace, dataset.name] = (number + 1, last)
            self.lifetimes += 1
        key = self._key(pending)
        first = self._by_key.get(key)
        if _reads_lasting(pending):
            self._reads.add(key, is_new=first is None)
            self._last_read = (pending, self.lifetimes)
        if first is None or first.is_full:
            self._by_key[key if first is None else (key, pending.event.statement.id)] = pending
            return pending
        if first.executions == 0:  # late rows of a statement that was sent: they count with this one
            pending.coalesce(first)
            self._by_key[key] = pending
            return pending
        first.coalesce(pending)
        return first

    def count_again(self, pending: PendingEvent) -> None:
        """Note that a pending event, which is here already, is counted once more."""
        last, lifetimes = self._last_read
        if (last is not pending or lifetimes != self.lifetimes) and _reads_lasting(pending):
            self._reads.add(self._key(pending), is_new=False)
            self._last_read = (pending, self.lifetimes)

    def withdraw(self, pending: PendingEvent) -> None:
        """Count one execution less of an event without rows that is here; remove the event with its last one."""
        pending.executions -= 1
        pending.executions_without_rows = max(pending.executions_without_rows - 1, 0)
        if pending.executions <= 0:
            self._by_key = {key: one for key, one in self._by_key.items() if one is not pending}

    def take(self) -> list[PendingEvent]:
        """Remove and return all pending events, in order. The lifetimes of datasets are kept."""
        pending_events, self._by_key = self.pending_events, {}
        return pending_events

    def _begin_lifetimes(self, datasets: Iterable[EventDataset], shape: Key) -> None:
        for dataset in datasets:
            name = (dataset.namespace, dataset.name)
            number, last = self._lifetimes.get(name, (0, ()))
            if dataset.temporary and dataset.kind == "file":
                reads = (self._reads.new, self._reads.changes)
                is_new = reads[:1] != last[:1] or (reads != last and number < _MAX_LIFETIMES)
                self._lifetimes[name] = (number + is_new, reads)
                self.lifetimes += is_new
            elif last != shape:
                self._lifetimes[name] = (min(number + 1, _MAX_LIFETIMES), shape)
                self.lifetimes += 1

    def _key(self, pending: PendingEvent) -> Key:
        return (pending.key, tuple(self._lifetime(d) for d in pending.event.datasets[:50]))

    def _lifetime(self, dataset: EventDataset) -> int:
        return self._lifetimes.get((dataset.namespace, dataset.name), (0, ()))[0]


def _reads_lasting(pending: PendingEvent) -> bool:
    """Return whether it is a read of a dataset that outlasts the run."""
    return pending.event.operation == "read" and not all(d.temporary for d in pending.event.inputs)
