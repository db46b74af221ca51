"""Samples and origins of frames and tables in memory: pandas', polars' and pyarrow's.

A frame that was read, or derived from one by operations of pandas, has the read as an origin. What is derived from
others is known from `NDFrame.__finalize__`, through which pandas passes on the metadata of the objects of nearly each
operation (pandas.pydata.org/docs/development/extending.html, "Define original properties"). No attribute of a frame is
set: programs and files would show it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import RecordNote, SampleNote, StatementNote
from prefect_lineage_events.emission.row_samples import (
    MAX_COLUMNS,
    MAX_ROWS_READ,
    Origins,
    RowSample,
    origins_in_call,
    plain,
    positions,
    positions_read,
    statements_in_call,
)
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.frame_classes import frame_class
from prefect_lineage_events.instrumentation.kept import Kept
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction, in_file_of
from prefect_lineage_events.instrumentation.read_frames import forget

_MAX_ORIGINS = 50

# Methods of pandas' frames and indexers by which `__setitem__` sets values. A wrapper of `__setitem__` itself would be
# the caller whose variables pandas searches for the frame, and its warnings of chained assignments would be lost.
_SETTERS = ("_set_item", "_set_item_frame_value", "_setitem_array", "_setitem_frame", "_setitem_slice", "_set_value")
_BY_INDEXER = "_setitem_with_indexer"

_origins: Kept[Origins] = Kept()


def origins_of(data: Any) -> Origins | None:
    """The origins of a frame; None if they are not known."""
    return _origins.get(data)


def keep_read(data: Any, note: RecordNote | StatementNote) -> None:
    """Keep a read as the origin of the frame, or of the frames, that it returned."""
    for frame in _frames(data):
        _keep(frame, Origins((note,)))


def note_result(data: Any, note: StatementNote) -> None:
    """Keep a statement as the origin of the frame or the table that it returned, and note a sample of its rows."""
    with guarded("taking a sample of rows"):
        if _frames(data):
            keep_read(data, note)
            if (sample := sample_read(data)) is not None:
                worker.put(SampleNote(note, sample))


def sample_read(data: Any) -> RowSample | None:
    """A sample of the rows of a frame, or of several, that a call has returned."""
    frames = _frames(data)
    if len(frames) != 1:
        return None
    (frame,) = frames
    columns, rows = _shape(frame)
    taken = _columns(frame, positions_read(rows))
    whole = rows <= MAX_ROWS_READ and columns <= MAX_COLUMNS
    return RowSample(taken, whole) if taken is not None else None


def sample_written(data: Any) -> RowSample | None:
    """A sample of the rows of a frame that a call has written."""
    frames = _frames(data)
    if len(frames) != 1:
        return None
    taken = _columns(frames[0], positions(_shape(frames[0])[1]))
    return RowSample(taken) if taken is not None else None


def _frames(data: Any) -> list[Any]:
    if isinstance(data, dict):
        data = list(data.values())
    several = data if type(data) in (list, tuple) else (data,)
    return [frame for frame in several if frame_class(frame).library]


def _shape(frame: Any) -> tuple[int, int]:
    """The number of columns and rows."""
    shape = frame.shape
    return (shape[1] if len(shape) > 1 else 1), shape[0]


def _columns(frame: Any, rows: Any) -> Callable[[], list[list[Any]]] | None:
    """The values of some rows by column, to be computed in our thread; None for an object without columns.

    Those of pandas may change, so they are copied now. Slices of the other libraries stay as they are.
    """
    library = frame_class(frame).library
    if library == "pandas" and hasattr(frame, "_get_column_array"):
        arrays = [frame._get_column_array(n) for n in range(min(frame.shape[1], MAX_COLUMNS))]
        chosen = slice(rows.start, rows.stop) if isinstance(rows, range) else list(rows)
        picked = [array[chosen].copy() for array in arrays]
        picked = [[plain(value) for value in one] if one.dtype == object else one for one in picked]
        return lambda: [_values_of_array(array) for array in picked]
    if library == "pandas" and hasattr(frame, "array"):
        array = frame.array[list(rows)]
        return lambda: [[plain(value) for value in array]]
    if library == "polars" and hasattr(frame, "get_columns"):
        parts = _parts(frame, rows, frame.slice)
        return lambda: _joined([[column.to_list() for column in part.get_columns()[:MAX_COLUMNS]] for part in parts])
    if library == "pyarrow" and hasattr(frame, "columns") and hasattr(frame, "slice"):
        parts = _parts(frame, rows, frame.slice)
        return lambda: _joined([[column.to_pylist() for column in part.columns[:MAX_COLUMNS]] for part in parts])
    return None


def _values_of_array(array: Any) -> list[Any]:
    if type(array) is list:
        return array
    if getattr(array.dtype, "kind", "") == "M" and type(array).__module__ == "numpy":
        array = array.astype("datetime64[us]")
    return list(array.tolist())


def _parts(frame: Any, rows: Any, cut: Callable[[int, int], Any]) -> list[Any]:
    """Slices of an immutable frame with these rows."""
    numbers = list(rows)
    if not numbers:
        return [cut(0, 0)]
    starts = [n for n, number in enumerate(numbers) if n == 0 or number != numbers[n - 1] + 1]
    return [cut(numbers[start], end - start) for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True)]


def _joined(parts: list[list[list[Any]]]) -> list[list[Any]]:
    return [[value for column in columns for value in column] for columns in zip(*parts, strict=True)]


def _keep(frame: Any, origins: Origins) -> None:
    try:
        _origins.put(frame, origins)
    except TypeError:  # an object without weak references
        return


def _inherit(target: Any, sources: Iterable[Any]) -> None:
    """Add the origins of the objects that another one was made of."""
    known = [origins for one in sources if (origins := _origins.get(one)) is not None]
    if not known:
        return
    if (own := _origins.get(target)) is not None:
        known.insert(0, own)
    reads = {id(read): read for origins in known for read in origins.reads}
    if len(reads) <= _MAX_ORIGINS:
        _keep(target, Origins(tuple(reads.values()), made=not reads and all(origins.made for origins in known)))
    else:
        _origins.pop(target)


# --- patches


def _finalizes(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = function(*args, **kwargs)
    if _origins and instance is not None:
        with guarded("following a frame"):
            other = args[0] if args else kwargs.get("other")
            _inherit(instance, getattr(other, "input_objs", None) or (other,))
    return result


def _changes(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Change values of a frame in place: it is not the file any more that it was read from, and has more origins."""
    result = function(*args, **kwargs)
    if _origins and instance is not None:
        with guarded("following a frame"):
            forget(instance)
            _inherit(instance, (args[1] if len(args) > 1 else kwargs.get("value"),))
    return result


def _changes_by_indexer(
    function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Change the frame of an indexer: `loc`, `iloc`."""
    result = function(*args, **kwargs)
    if _origins and instance is not None:
        with guarded("following a frame"):
            forget(instance.obj)
            _inherit(instance.obj, (args[1] if len(args) > 1 else kwargs.get("value"),))
    return result


def _is_made(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Make a frame. One that a program makes of what it read has the same origins; else it is made of Python's."""
    result = function(*args, **kwargs)
    with guarded("following a frame"):
        caller = str(sys._getframe(1).f_globals.get("__name__", ""))
        if instance is not None and caller.partition(".")[0] != "pandas":
            data = args[0] if args else kwargs.get("data")
            parts = list(data.values()) if type(data) is dict else list(data) if type(data) is list else [data]
            frames = [part for part in parts[:_MAX_ORIGINS] if frame_class(part).library]
            if frames:
                _inherit(instance, frames)
            elif data is not None:
                _keep(instance, Origins(made=True))
    return result


@contextmanager
def _statements_of_call() -> Iterator[list[StatementNote]]:
    found: list[StatementNote] = []
    token = statements_in_call.set(found)
    try:
        yield found
    finally:
        statements_in_call.reset(token)


def _reads_by_statements(
    function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with _statements_of_call() as statements:
        result = function(*args, **kwargs)
    if statements and hasattr(result, "iloc"):
        with guarded("following a frame"):
            _keep(result, Origins(tuple(statements)))
    return result


def _writes_by_statements(
    function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    frame = args[0] if instance is None and args else instance
    token = origins_in_call.set(origins_of(frame))
    try:
        return function(*args, **kwargs)
    finally:
        origins_in_call.reset(token)


def _patched(wrapper: Callable[..., Any]) -> patches.Make:
    return lambda original, is_on: PatchedFunction(original, in_file_of(original, wrapper), enabled=is_on)


def follow_polars(kind: Any) -> None:
    """Patch the methods by which polars changes columns of a frame in place."""
    for name in ("__setitem__", "replace_column"):
        if name in vars(kind):
            patches.add(kind, name, _patched(_changes))


def follow_pandas(pandas: Any) -> None:
    """Patch the functions of pandas that pass origins on."""
    generic = pandas.core.generic.NDFrame
    if "__finalize__" in vars(generic):
        patches.add(generic, "__finalize__", _patched(_finalizes))
    patches.add(pandas.DataFrame, "__init__", _patched(_is_made))
    for name in _SETTERS:
        if name in vars(pandas.DataFrame):
            patches.add(pandas.DataFrame, name, _patched(_changes))
    indexer = getattr(getattr(pandas.core, "indexing", None), "_iLocIndexer", object)
    if _BY_INDEXER in vars(indexer):
        patches.add(indexer, _BY_INDEXER, _patched(_changes_by_indexer))
    patches.add(generic, "to_sql", _patched(_writes_by_statements))
    sql = sys.modules.get("pandas.io.sql")
    for name in ("SQLDatabase", "SQLiteDatabase", "ADBCDatabase"):
        for method in ("read_query", "read_table"):
            if method in vars(getattr(sql, name, object)):
                patches.add(getattr(sql, name), method, _patched(_reads_by_statements))
