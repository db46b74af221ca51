"""Queries of polars on lazy frames: the datasets that they have read, and the columns of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import Column, EventColumnEdge
from prefect_lineage_events.guard import count_loss
from prefect_lineage_events.instrumentation.access import Access
from prefect_lineage_events.instrumentation.files.polars.plan import (
    OPEN_FILE,
    Origin,
    Plan,
    Source,
    is_in_memory,
    origins,
    read_plan,
)
from prefect_lineage_events.instrumentation.files.polars.scans import Scanned, columns_of_schema, scanned
from prefect_lineage_events.instrumentation.files.polars.tables import Running


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
    found = [_scanned(source, times[source]) for source in plan.sources]
    tables = _tables(plan, running)
    if not tables and not any(one.locations for one in found):
        return Query()
    collected = _Columns(plan, found, result)
    for one in found:
        for location in one.locations:
            collected.columns.setdefault(location.dataset, {})
    for table in tables:
        collected.columns.setdefault(table, {})
    for number, one in enumerate(found):
        datasets = [location.dataset for location in one.locations]
        if plan.sources[number].is_python:
            datasets = tables if len(tables) == 1 else []
        collected.add(number, one, datasets)
    alone = [location for one in found for location in one.locations]
    only = alone[0] if len(collected.columns) == 1 and len(alone) == 1 else None
    return Query(
        tuple(collected.columns),
        tuple(tuple(own.values()) for own in collected.columns.values()),
        tuple(collected.edges.values()),
        only.files if only else None,
        only.size() if only else None,
        only.subset if only else (),
    )


class _Columns:
    """The columns of each dataset of a query that go into its result, and the edges."""

    def __init__(self, plan: Plan, found: Sequence[Scanned], result: Sequence[Column]) -> None:
        schemas = [frozenset(c.name for c in one.columns) if one.columns is not None else None for one in found]
        self._origins = origins(plan, [column.name for column in result], schemas) or {}
        self._types = {column.name: column.type for column in result}
        self.columns: dict[Dataset, dict[str, Column]] = {}
        self.edges: dict[tuple[str, str, str], EventColumnEdge] = {}

    def add(self, number: int, one: Scanned, datasets: Sequence[Dataset]) -> None:
        """Add those of one source."""
        declared = {column.name: column for column in one.columns or ()}
        if not self._origins:
            for dataset in datasets:
                self.columns[dataset].update(declared)
        for name, found in self._origins.items():
            for origin in found:
                if origin.source == number and origin.column not in one.added:
                    type_ = self._types.get(name) if origin.transformation == "IDENTITY" else None
                    column = declared.get(origin.column) or Column(name=origin.column, type=type_)
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
    if source.is_python or is_in_memory(source):
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
