"""Statements that are alike are counted into one event: Prefect's server stores 100-200 events a second, not more.

Order is kept where it carries meaning: a statement is never counted together with an earlier one when a dataset of it
was created, altered, dropped, truncated or overwritten in between by something else. That holds for the first
`_MAX_GENERATIONS` lives of a dataset in a run; a loop that goes on creating and dropping its table is counted together
after that.
"""

from __future__ import annotations

from collections.abc import Iterable

from prefect_lineage_events.emission.pending import Key, PendingEvent
from prefect_lineage_events.events import EventDataset

_MAX_GENERATIONS = 8
_Name = tuple[str, str]


class Coalescer:
    """Drafts in the order in which they first came, alike ones counted together."""

    def __init__(self) -> None:
        self._by_key: dict[Key, PendingEvent] = {}
        self._lives: dict[_Name, tuple[int, Key]] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def pending_events(self) -> list[PendingEvent]:
        """All drafts, in order."""
        return list(self._by_key.values())

    def add(self, pending: PendingEvent) -> PendingEvent:
        """The draft it is counted in: itself when it is the first of its kind."""
        shape = pending.key
        if pending.changes_lifecycle:
            self._begin_lives(pending.event.datasets[:1], shape)
        key = (shape, tuple(self._life(d) for d in pending.event.datasets[:50]))
        first = self._by_key.get(key)
        if first is None or first.is_full:
            self._by_key[key if first is None else (key, pending.event.statement.id)] = pending
            return pending
        if first.executions == 0:  # late rows only, of a statement that was told: from here on they count with this one
            pending.coalesce(first)
            self._by_key[key] = pending
            return pending
        first.coalesce(pending)
        return first

    def take(self) -> list[PendingEvent]:
        """All drafts, in order; the coalescer is empty then, but remembers the datasets' lives."""
        pending_events, self._by_key = self.pending_events, {}
        return pending_events

    def _begin_lives(self, datasets: Iterable[EventDataset], shape: Key) -> None:
        for dataset in datasets:
            name = (dataset.namespace, dataset.name)
            life, last = self._lives.get(name, (0, ()))
            if last != shape:
                self._lives[name] = (min(life + 1, _MAX_GENERATIONS), shape)

    def _life(self, dataset: EventDataset) -> int:
        return self._lives.get((dataset.namespace, dataset.name), (0, ()))[0]
