"""Samples and origins of frames and tables in memory: pandas', polars' and pyarrow's.

A frame that was read, or derived from one by pandas (`derived_frames`) or polars (`files/polars/derived`),
has the read as an origin. No attribute of a frame is set: programs and files would show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import RecordNote, SampleNote, StatementNote
from prefect_lineage_events.emission.row_samples import (
    MAX_COLUMNS,
    MAX_ROWS_READ,
    Origins,
    RowSample,
    plain,
    positions,
    positions_read,
)
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.frame_classes import frame_class
from prefect_lineage_events.instrumentation.kept import Kept

MAX_ORIGINS = 50
MAX_RENAMED = 500
# The earlier name of a column whose values were computed of others: it is none of a column that was read.
COMPUTED = "(computed)"

origins_kept: Kept[Origins] = Kept()


def origins_of(data: Any) -> Origins | None:
    """The origins of a frame; None if they are not known."""
    return origins_kept.get(data)


def keep_read(data: Any, note: RecordNote | StatementNote) -> None:
    """Keep a read as the origin of the frame, or of the frames, that it returned."""
    for frame in _frames(data):
        keep(frame, Origins((note,)))


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


def keep(frame: Any, origins: Origins) -> None:
    """Keep the origins of a frame, if it can be referenced weakly."""
    try:
        origins_kept.put(frame, origins)
    except TypeError:  # an object without weak references
        return


def rename(frame: Any, names: Iterable[tuple[Any, Any]], *, copied: bool = False) -> None:
    """Keep that columns of a frame have got new names: pairs of the old and the new one, all given at once.

    `copied`: a column may be there under its old name as well.
    """
    origins = origins_kept.get(frame)
    changed = [(old, new) for old, new in names if type(old) is type(new) is str and old != new]
    if origins is None or not changed:
        return
    earlier = dict[str, list[str]]()
    for new, old in origins.renamed:
        earlier.setdefault(new, []).append(old)
    gone = {new for _, new in changed} | (set() if copied else {old for old, _ in changed})
    kept = [pair for pair in origins.renamed if pair[0] not in gone]
    pairs = [(new, first) for old, new in changed for first in earlier.get(old, [old])]
    keep(frame, replace(origins, renamed=tuple(dict.fromkeys((*kept, *pairs)))[:MAX_RENAMED]))


def _renamed_together(known: list[Origins]) -> tuple[tuple[str, str], ...]:
    """The renamed columns of an object that was made of several: none if these were read apart.

    A column of one may have had its name all along in another one.
    """
    reads = {id(read) for origins in known if origins.renamed for read in origins.reads}
    apart = any(id(read) not in reads for origins in known for read in origins.reads)
    return () if apart else tuple(dict.fromkeys(pair for origins in known for pair in origins.renamed))[:MAX_RENAMED]


def inherit(target: Any, sources: Iterable[Any]) -> None:
    """Add the origins of the objects that another one was made of."""
    known = [origins for one in sources if (origins := origins_kept.get(one)) is not None]
    if not known:
        return
    if (own := origins_kept.get(target)) is not None:
        known.insert(0, own)
    reads = {id(read): read for origins in known for read in origins.reads}
    if len(reads) <= MAX_ORIGINS:
        made = not reads and all(origins.made for origins in known)
        renamed = _renamed_together(known)
        keep(target, Origins(tuple(reads.values()), made, any(origins.partial for origins in known), renamed))
    else:
        origins_kept.pop(target)
