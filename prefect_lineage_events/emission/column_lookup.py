"""Look-up of unknown columns of the datasets that a run touched: in batches, after commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from prefect_lineage_events.emission.lookups import DescribedColumns, SchemaLookup
from prefect_lineage_events.emission.pending import PendingEvent
from prefect_lineage_events.events import Column, EventDataset
from prefect_lineage_events.guard import guarded

_KINDS = frozenset({"table", "view"})
_MAX_TABLES = 1_000
_MAX_FAILURES = 3
# The limits of one `lineage.schema` event: tables, and columns.
_BATCH = 50
_BATCH_COLUMNS = 5_000
# Characters of the columns of one table. An event gets no further table after so many.
_MAX_TEXT = 150_000


class ColumnLookup:
    """The columns of one run's datasets: each dataset is looked up once, and again after DDL on it."""

    def __init__(self) -> None:
        self._wanted: dict[str, tuple[EventDataset, SchemaLookup, tuple[str, ...]]] = {}
        self._found: set[str] = set()
        self._failures: dict[int, int] = {}

    @property
    def wanted(self) -> bool:
        return bool(self._wanted)

    def observe(self, pending: PendingEvent) -> None:
        """Note which datasets of a true event have to be looked up: those without columns and types."""
        event = pending.event
        if pending.changes_lifecycle and event.output is not None:
            self._found.discard(event.output.uri)
        if event.operation == "drop":
            for dataset in event.datasets:
                self._wanted.pop(dataset.uri, None)
            return
        if pending.lookup is None:
            return
        for dataset in event.datasets:
            parts = pending.tables.get(dataset.uri)
            if parts is not None and self._unknown(dataset):
                self._wanted[dataset.uri] = (dataset, pending.lookup, parts)

    def look_up(self) -> Iterator[list[EventDataset]]:
        """Look up what is wanted, in one call per connection. Yields the datasets in portions that fit one event."""
        wanted, self._wanted = self._wanted, {}
        found: list[EventDataset] = []
        for lookup in {id(entry[1]): entry[1] for entry in wanted.values()}.values():
            mine = {uri: entry for uri, entry in wanted.items() if entry[1] is lookup}
            answer = self._ask(lookup, {parts: dataset for dataset, _, parts in mine.values()})
            if answer is None:
                self._wanted.update(mine)
            else:
                found += answer
                self._found.update(mine)
        portion: list[EventDataset] = []
        for dataset in found:
            columns = [column for d in portion for column in d.columns]
            if portion and (
                len(portion) >= _BATCH or len(columns) >= _BATCH_COLUMNS or sum(map(_length, columns)) >= _MAX_TEXT
            ):
                yield portion
                portion = []
            portion.append(dataset)
        if portion:
            yield portion

    def _unknown(self, dataset: EventDataset) -> bool:
        if (
            dataset.namespace.startswith("temporary://")
            or dataset.kind not in _KINDS
            or dataset.uri in self._found
            or len(self._wanted) >= _MAX_TABLES
        ):
            return False
        return not dataset.columns or any(c.type is None for c in dataset.columns)

    def _ask(self, lookup: SchemaLookup, tables: dict[tuple[str, ...], EventDataset]) -> list[EventDataset] | None:
        """The database's answer; None when it failed and may be asked again (a lock, a moment without network).

        After `_MAX_FAILURES` it is not asked again: each failing call would wait.
        """
        failures = self._failures.get(id(lookup), 0)
        if failures >= _MAX_FAILURES:
            return []
        with guarded("looking up columns"):
            return [
                _described(tables[parts], columns)
                for parts, columns in lookup(list(tables)).items()
                if parts in tables and columns
            ]
        self._failures[id(lookup)] = failures + 1
        return None


def _described(dataset: EventDataset, columns: Mapping[str, str | None]) -> EventDataset:
    """The dataset with its columns, and its kind where the store reports it (a view)."""
    kind = (columns.kind if isinstance(columns, DescribedColumns) else None) or dataset.kind
    known: list[Column] = []
    length = 0
    for name, type_ in islice(columns.items(), _BATCH_COLUMNS):
        known.append(Column(name=name, type=type_))
        length += _length(known[-1])
        if length > _MAX_TEXT:
            known.pop()
            break
    return dataset.model_copy(update={"kind": kind, "columns": tuple(known)})


def _length(column: Column) -> int:
    return len(column.name) + len(column.type or "")
