"""Queries of polars on lazy frames: the datasets that they have read, and the columns of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prefect_lineage_events.datasets import MAX_SINGLE_FILES, Dataset, common_directory
from prefect_lineage_events.events import Column, EventColumnEdge
from prefect_lineage_events.guard import count_loss
from prefect_lineage_events.instrumentation.access import Access
from prefect_lineage_events.instrumentation.files.locations import locate
from prefect_lineage_events.instrumentation.files.polars.plan import (
    OPEN_FILE,
    Leaf,
    Origin,
    Plan,
    Source,
    is_in_memory,
    origins,
    read_plan,
)
from prefect_lineage_events.instrumentation.files.polars.scans import Scanned, columns_of_schema, scanned
from prefect_lineage_events.instrumentation.files.polars.tables import Running

_MAX_EDGES = 5_000
_OF_PYTHON = Scanned((), None, frozenset({"\0"}))  # unlike any other source


@dataclass(frozen=True, slots=True)
class Query:
    """A query that has been run: its datasets with the columns read from each, and the edges to its result."""

    inputs: tuple[Dataset, ...] = ()
    input_columns: tuple[tuple[Column, ...], ...] = ()
    edges: tuple[EventColumnEdge, ...] = ()
    files: int | None = None
    size: int | None = None
    subset: tuple[str, ...] = ()


def plan_of(frame: Any) -> Plan:
    """The plan of a lazy frame whose query has been run: polars has looked at the files, and does not do so again."""
    return read_plan(frame._ldf.describe_plan())


def query(plan: Plan, result: Sequence[Column], running: Running) -> Query:
    """The datasets of a query that has been run, and their columns in its result."""
    times = Counter(plan.sources)
    found = _in_directories(plan.sources, [_scanned(source, times[source]) for source in plan.sources])
    tables = _tables(plan, running)
    groups = list(dict.fromkeys(found))
    collected = _Columns(groups)
    for table in tables:
        collected.columns.setdefault(table, {})
    if not collected.columns:
        return Query()
    numbers = {group: number for number, group in enumerate(groups)}
    known = origins(plan, [column.name for column in result], [_leaf(one, numbers[one]) for one in found])
    collected.add(known or {}, result, tables)
    alone = [location for one in groups for location in one.locations]
    only = alone[0] if len(collected.columns) == 1 and len(alone) == 1 else None
    return Query(
        tuple(collected.columns),
        tuple(tuple(own.values()) for own in collected.columns.values()),
        tuple(collected.edges.values()),
        only.files if only else None,
        only.size() if only else None,
        only.subset if only else (),
    )


def _leaf(one: Scanned, number: int) -> Leaf:
    return Leaf(number, frozenset(column.name for column in one.columns) if one.columns is not None else None)


def _in_directories(sources: Sequence[Source], found: Sequence[Scanned]) -> list[Scanned]:
    """The sources, with the directory in place of the files of many scans of one file each."""
    single = [n for n, source in enumerate(sources) if source.files == 1 and len(found[n].locations) == 1]
    shared = common_directory([sources[n].first for n in single]) if len(single) > MAX_SINGLE_FILES else None
    if shared is None:
        return list(found)
    columns = next((found[n].columns for n in single if found[n].columns is not None), None)
    locations = tuple(replace(location, subset=(), files=len(single), path=None) for location in locate(shared))
    one = Scanned(locations, columns, frozenset().union(*(found[n].added for n in single)))
    return [one if n in set(single) else scan for n, scan in enumerate(found)]


class _Columns:
    """The columns of each dataset of a query that go into its result, and the edges."""

    def __init__(self, groups: Sequence[Scanned]) -> None:
        self._groups = groups
        self.columns: dict[Dataset, dict[str, Column]] = {
            location.dataset: {} for one in groups for location in one.locations
        }
        self.edges: dict[tuple[str, str, str], EventColumnEdge] = {}

    def add(self, known: Mapping[str, Sequence[Origin]], result: Sequence[Column], tables: Sequence[Dataset]) -> None:
        """Add those of the result's columns. `tables` are those that Python code has read."""
        if not known:  # the plan was not understood: all columns may have been read
            for one in self._groups:
                for location in one.locations:
                    self.columns[location.dataset].update({column.name: column for column in one.columns or ()})
        types = {column.name: column.type for column in result}
        declared = [{column.name: column for column in one.columns or ()} for one in self._groups]
        for name, found in known.items():
            for origin in found:
                one = self._groups[origin.source]
                if origin.column in one.added or len(self.edges) >= _MAX_EDGES:
                    continue
                type_ = types.get(name) if origin.transformation == "IDENTITY" else None
                column = declared[origin.source].get(origin.column) or Column(name=origin.column, type=type_)
                datasets = [location.dataset for location in one.locations]
                if one is _OF_PYTHON and len(tables) == 1:
                    datasets = [tables[0]]
                for dataset in datasets:
                    self._add(dataset, column, name, origin)

    def _add(self, dataset: Dataset, column: Column, name: str, origin: Origin) -> None:
        self.columns[dataset].setdefault(origin.column, column)
        self.edges[name, dataset.uri, origin.column] = EventColumnEdge(
            column=name,
            source=dataset.uri,
            source_column=origin.column,
            transformation=origin.transformation,
        )


def _scanned(source: Source, times: int) -> Scanned:
    if source.is_python:
        return _OF_PYTHON
    if is_in_memory(source):
        return Scanned(())
    if source.first == OPEN_FILE:
        count_loss("an open file that a lazy frame reads")
        return Scanned(())
    return scanned(source, times)


def _tables(plan: Plan, running: Running) -> list[Dataset]:
    """The tables that Python code read for the query."""
    if not any(source.is_python for source in plan.sources):
        return []
    if not running.is_alone:
        count_loss("tables of lazy frames that were read at the same time")
        return []
    return [location.dataset for location in running.tables]


def reads(plan: Plan, frame: Any, running: Running, call: str) -> Iterator[Access]:
    """The read of a query whose result is a frame."""
    result = columns_of_schema(frame.schema)
    found = query(plan, result, running)
    if found.inputs:
        first, *others = found.inputs
        yield Access(
            "read",
            first,
            call,
            result,
            found.edges,
            rows=frame.height,
            size=found.size,
            files=found.files,
            subset=found.subset,
            inputs=tuple(others),
            input_columns=found.input_columns,
        )
