"""Columns and types of frames, tables and schemas of pandas and pyarrow, as events name them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prefect_lineage_events.events import Column
from prefect_lineage_events.instrumentation.access import MAX_COLUMNS


def columns_of_pandas(frame: Any, *, index: bool = True) -> tuple[Column, ...]:
    """The columns of a DataFrame or a Series, with those of its index that have a name."""
    names = list(frame.index.names) if index else []
    levels = [(name, frame.index.get_level_values(i).dtype) for i, name in enumerate(names) if name is not None]
    if not hasattr(frame, "columns"):
        return _columns([*levels, ("0" if frame.name is None else frame.name, frame.dtype)])
    if len(frame.columns) > MAX_COLUMNS:
        return tuple(Column(name=_name(name)) for name in frame.columns[:MAX_COLUMNS])
    return _columns([*levels, *zip(frame.columns, frame.dtypes, strict=True)])


def columns_of_arrow(schema: Any) -> tuple[Column, ...]:
    """The columns of an Arrow schema."""
    return tuple(Column(name=name, type=str(kind)) for name, kind in zip(schema.names, schema.types, strict=True))[
        :MAX_COLUMNS
    ]


def _columns(pairs: Iterable[tuple[Any, Any]]) -> tuple[Column, ...]:
    return tuple(Column(name=_name(name), type=str(kind)) for name, kind in pairs)


def _name(name: Any) -> str:
    return name if isinstance(name, str) else str(name)
