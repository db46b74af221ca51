"""Queries of polars on lazy frames: the datasets that they have read, and the columns of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from prefect_lineage_events.datasets import MAX_SINGLE_FILES, Dataset, common_directory
from prefect_lineage_events.emission.notes import RecordColumns
from prefect_lineage_events.events import Column, EventColumnEdge
from prefect_lineage_events.guard import count_loss
from prefect_lineage_events.instrumentation.access import MAX_COLUMNS, Access
from prefect_lineage_events.instrumentation.files.locations import locate
from prefect_lineage_events.instrumentation.files.polars import callbacks
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


@dataclass(frozen=True, slots=True)
class Query:
    """A query that has been run: its datasets, and their columns in its result, which our thread computes."""

    inputs: tuple[Dataset, ...] = ()
    later: Callable[[], RecordColumns] | None = None
    files: int | None = None
    size: int | None = None
    subset: tuple[str, ...] = ()


def plan_of(frame: Any) -> Plan | None:
    """The plan of a lazy frame whose query has been run: polars has looked at the files, and does not do so again.

    None if polars might call a function of the program for it.
    """
    if callbacks.may_be_called():
        count_loss("a lazy frame in a program whose functions are called for a plan (pipe_with_schema and the like)")
        return None
    return read_plan(frame._ldf.describe_plan())


def query(plan: Plan, schema: Mapping[str, Any], running: Running, *, writes: bool = False) -> Query:
    """The datasets of a query that has been run. `schema` are the columns of its result, which a sink `writes`."""
    times = Counter(plan.sources)
    found = _in_directories(plan.sources, [_scanned(source, times[source]) for source in plan.sources])
    tables = _tables(plan, running)
    if len(tables) == 1 and (columns := next(iter(running.tables.values()))):
        found = [replace(one, columns=columns) if one.is_table else one for one in found]
    named = [location for one in dict.fromkeys(found) for location in one.locations]
    inputs = tuple(dict.fromkeys([*(location.dataset for location in named), *tables]))
    later = _Columns(plan, found, tables, dict(islice(schema.items(), MAX_COLUMNS)), inputs, writes)
    if not inputs:
        return Query()
    if len(named) != 1 or len(inputs) > 1:
        return Query(inputs, later)
    return Query(inputs, later, named[0].files, named[0].size(), named[0].subset)


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a query's result, of each of its datasets, and the edges between them, computed by a call."""

    plan: Plan
    found: Sequence[Scanned]
    tables: Sequence[Dataset]
    schema: Mapping[str, Any]
    inputs: Sequence[Dataset]
    writes: bool

    def __call__(self) -> RecordColumns:
        groups = list(dict.fromkeys(self.found))
        numbers = {group: number for number, group in enumerate(groups)}
        known = origins(self.plan, list(self.schema), [_leaf(one, numbers[one]) for one in self.found])
        result = columns_of_schema(self.schema)
        collected = _Edges(groups, self.inputs)
        collected.add(known or {}, result, self.tables)
        edges = tuple(collected.edges.values())
        is_plain = all(edge.column == edge.source_column and edge.transformation == "IDENTITY" for edge in edges)
        if is_plain and not self.writes and len(self.inputs) == 1 and len(edges) == len(result):
            return RecordColumns(result, (), None)  # as any other read of a file
        return RecordColumns(result, edges, tuple(tuple(own.values()) for own in collected.columns.values()))


def _leaf(one: Scanned, number: int) -> Leaf:
    return Leaf(number, frozenset(name for name, _ in one.columns) if one.columns is not None else None)


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


class _Edges:
    """The columns of each dataset of a query that go into its result, and the edges."""

    def __init__(self, groups: Sequence[Scanned], inputs: Sequence[Dataset]) -> None:
        self._groups = groups
        self.columns: dict[Dataset, dict[str, Column]] = {dataset: {} for dataset in inputs}
        self.edges: dict[tuple[str, str, str], EventColumnEdge] = {}

    def add(self, known: Mapping[str, Sequence[Origin]], result: Sequence[Column], tables: Sequence[Dataset]) -> None:
        """Add those of the result's columns. `tables` are those that Python code has read."""
        declared = [{name: _column(name, kind) for name, kind in one.columns or ()} for one in self._groups]
        if not known:  # the plan was not understood: all columns may have been read
            for number, one in enumerate(self._groups):
                for location in one.locations:
                    self.columns[location.dataset].update(declared[number])
        types = {column.name: column.type for column in result}
        for name, found in known.items():
            for origin in found:
                one = self._groups[origin.source]
                if origin.column in one.added or len(self.edges) >= _MAX_EDGES:
                    continue
                type_ = types.get(name) if origin.transformation == "IDENTITY" else None
                column = declared[origin.source].get(origin.column) or Column(name=origin.column, type=type_)
                datasets = [location.dataset for location in one.locations]
                if one.is_table and len(tables) == 1:
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


def _column(name: str, kind: Any) -> Column:
    return Column(name=name, type=str(kind))


def _scanned(source: Source, times: int) -> Scanned:
    if source.is_python:
        return Scanned((), is_table=True)
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


def read(
    plan: Plan, schema: Mapping[str, Any], running: Running, call: str, *, rows: int | None = None, data: Any = None
) -> Iterator[Access]:
    """The read of a query whose result has a schema."""
    found = query(plan, schema, running)
    if found.inputs:
        yield Access(
            "read",
            found.inputs[0],
            call,
            rows=rows,
            size=found.size,
            files=found.files,
            subset=found.subset,
            inputs=found.inputs[1:],
            later=found.later,
            data=data,
        )
