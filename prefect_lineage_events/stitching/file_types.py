"""The types of a file's columns, which no store can be asked for: those at the other end of an unchanged value's edge.

A column of a text format is text, always: what a reader makes of it may differ from day to day. A column that a write
puts into an existing table may be cast there, so that only a table which the statement itself makes shows the file's
types. A column for which two types are found has none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.stitching.model import ColumnEdge, DatasetUse

_TEXT_FORMAT = re.compile(r"\.(?:csv|tsv|txt)(?:\.(?:gz|zst|bz2))?\Z", re.IGNORECASE)
_TEXT = "VARCHAR"

_Field = tuple[Dataset, str]


def with_types(
    uses: Iterable[DatasetUse], all_uses: Iterable[DatasetUse], edges: Iterable[ColumnEdge], made: Collection[Dataset]
) -> tuple[DatasetUse, ...]:
    """The uses, with the types of files' columns. `made` are the datasets that the run's statements made of others."""
    known = {(use.dataset, c.name.casefold()): c.type for use in all_uses for c in use.columns if c.type}
    told: dict[_Field, set[str]] = defaultdict(set)
    for edge in edges:
        if edge.transformation != "IDENTITY" or edge.inferred:
            continue
        source = (edge.source, edge.source_column.casefold())
        target = (edge.target, edge.target_column.casefold())
        if type_ := known.get(source):
            told[target].add(type_)
        if edge.target in made and (type_ := known.get(target)):
            told[source].add(type_)
    return tuple(_typed(use, told) if use.kind == "file" else use for use in uses)


def _typed(use: DatasetUse, told: dict[_Field, set[str]]) -> DatasetUse:
    is_text = _TEXT_FORMAT.search(use.dataset.name) is not None
    columns = []
    for column in use.columns:
        types = {_TEXT} if is_text else told.get((use.dataset, column.name.casefold()), set())
        unknown = column.type is None and len(types) == 1
        columns.append(replace(column, type=next(iter(types))) if unknown else column)
    return replace(use, columns=tuple(columns))
