"""Columns and types of frames, tables and schemas of pandas and pyarrow, as events name them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from prefect_lineage_events.events import Column
from prefect_lineage_events.instrumentation.access import MAX_COLUMNS


def columns_of_pandas(frame: Any, *, index: bool = True) -> tuple[Column, ...]:
    """The columns of a DataFrame or a Series, with those of its index that have a name; none if they are not known."""
    try:
        return _columns_of_pandas(frame, index=index)
    except Exception:  # noqa: BLE001  (a subclass of the user's; the file is known without its columns)
        return ()


def _columns_of_pandas(frame: Any, *, index: bool) -> tuple[Column, ...]:
    levels: list[Column] = []
    if index and any(name is not None for name in frame.index.names):
        kinds = frame.index.dtypes if frame.index.nlevels > 1 else [frame.index.dtype]
        levels = [_of(name, kind) for name, kind in zip(frame.index.names, kinds, strict=True) if name is not None]
    if not hasattr(frame, "columns"):
        return (*levels, _of("0" if frame.name is None else frame.name, frame.dtype))
    names = frame.columns.tolist()
    if len(names) > MAX_COLUMNS:
        return tuple(_column(_name(name), None) for name in names[:MAX_COLUMNS])
    return (*levels, *map(_of, names, _dtypes(frame)))


def _dtypes(frame: Any) -> Any:
    """The types of a frame's columns. Those of pandas' own come from its blocks: `dtypes` makes a Series each time."""
    try:
        blocks = frame._mgr if type(frame).__module__.startswith("pandas.") else None
    except AttributeError:  # another version of pandas
        blocks = None
    return frame.dtypes.tolist() if blocks is None else blocks.get_dtypes().tolist()


def columns_of_arrow(schema: Any) -> tuple[Column, ...]:
    """The columns of an Arrow schema."""
    return tuple(map(_of, schema.names[:MAX_COLUMNS], schema.types[:MAX_COLUMNS]))


def _of(name: Any, kind: Any) -> Column:
    plain = type(kind).__module__.startswith("numpy")
    return _column(_name(name), _numpy(kind) if plain else str(kind))


# Few columns and types come many times, and a program waits for this.
@lru_cache(maxsize=20_000)
def _column(name: str, kind: str | None) -> Column:
    return Column(name=name, type=kind)


@lru_cache(maxsize=200)
def _numpy(kind: Any) -> str:
    return str(kind)


def _name(name: Any) -> str:
    return name if isinstance(name, str) else str(name)
