"""Frames of pandas, polars and pyarrow that a statement scans, as datasets of its text.

When a statement has succeeded, a call of a reader takes the place of each frame in it: of the file that the frame was
read from, unless it was changed; else of a temporary dataset, which is noted as written right before. So the rows of a
frame have the sources that a temporary file would have to which the program had written it.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from itertools import chain, count
from typing import Any
from weakref import ref

from prefect_lineage_events.context.process import process_token
from prefect_lineage_events.context.run import current_run
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission.lookups import DescribedColumns
from prefect_lineage_events.events import Column
from prefect_lineage_events.instrumentation.access import MAX_COLUMNS, Access, report
from prefect_lineage_events.instrumentation.execution import answer_or_default
from prefect_lineage_events.instrumentation.files.schemas import columns_of_arrow, columns_of_pandas
from prefect_lineage_events.instrumentation.frame_classes import frame_class
from prefect_lineage_events.instrumentation.read_frames import source_of

# A scan of a frame by its number and its name in Python, until the statement has succeeded.
_SCAN = re.compile(r"pandas_scan\((\d{1,18}), (\w{1,200})\)")
_READ = re.compile(r"\bframe_\w{1,200} = (\d{1,18})\)\Z")
_NO_WORD = re.compile(r"\W")
_MAX_FRAMES = 10_000
_MAX_SCHEMAS = 1_000
_MAX_NAME = 100

_numbers = count(1)
_frames: OrderedDict[int, ref[Any]] = OrderedDict()
# Columns have a number of their own, so that equal statements on frames with equal columns have equal texts.
_schemas: OrderedDict[tuple[Column, ...], int] = OrderedDict()
_by_number: dict[int, tuple[Column, ...]] = {}


def scan_of(frame: Any, name: str) -> str | None:
    """The expression for a frame of this name in a statement; None for an object that is no frame, as a lazy one."""
    if not frame_class(frame).is_table:
        return None
    number = next(_numbers)
    _frames[number] = ref(frame)
    if len(_frames) > _MAX_FRAMES:
        _frames.popitem(last=False)
    return f"pandas_scan({number}, {_NO_WORD.sub('_', name)[:_MAX_NAME] or 'frame'})"


def with_readers(text: str) -> str:
    """The text of a statement that has succeeded, with readers for its frames; what it reads of them is noted."""
    run = current_run()
    readers: dict[str, str] = {}
    names: set[str] = set()

    def reader(found: re.Match[str]) -> str:
        scan, number, name = found[0], int(found[1]), found[2]
        if scan not in readers:
            is_noted = run is not None and run.captured
            known = answer_or_default(_reader, number, name, names, default=None) if is_noted else None
            readers[scan] = known or f"pandas_scan({name})"
        return readers[scan]

    return _SCAN.sub(reader, text)


def columns_of(reader: str) -> DescribedColumns | None:
    """The columns of the frame that a call of a reader stands for; None for any other call."""
    found = _READ.search(reader)
    if found is None:
        return None
    return DescribedColumns({column.name: column.type for column in _by_number.get(int(found[1]), ())})


def _reader(number: int, name: str, names: set[str]) -> str | None:
    """The call of a reader for a frame. `names` are those of the statement's other frames."""
    reference = _frames.get(number)
    frame = reference() if reference is not None else None
    if frame is None:
        return None
    known = source_of(frame)
    if known is not None:
        columns, dataset = known.columns, known.dataset
    else:
        columns, dataset = answer_or_default(_columns, frame, default=()), _dataset(name, names)
        call = f"{frame_class(frame).library}.{type(frame).__name__}"
        report(Access("write", dataset, call, columns=columns, rows=frame.shape[0], data=frame))
    path = dataset.name if dataset.namespace == "file" else dataset.uri
    return "read_csv('" + path.replace("'", "''") + f"', frame_{name} = {_number_of(columns)})"


def _dataset(name: str, names: set[str]) -> Dataset:
    """The temporary dataset of a frame: of this thread, which writes no other one of its name until it is read."""
    free = next(one for one in chain([name], (f"{name}_{n}" for n in count(2))) if one not in names)
    names.add(free)
    return Dataset(f"temporary://{process_token()}.frames.{threading.get_ident()}", free)


def _columns(frame: Any) -> tuple[Column, ...]:
    library = frame_class(frame).library
    if library == "pandas":
        return columns_of_pandas(frame, index=False)
    if library == "pyarrow":
        return columns_of_arrow(frame.schema)
    schema = list(frame.schema.items())[:MAX_COLUMNS]
    return tuple(Column(name=name, type=str(kind)) for name, kind in schema)


def _number_of(columns: tuple[Column, ...]) -> int:
    known = _schemas.get(columns)
    if known is None:
        known = _schemas[columns] = next(_numbers)
        _by_number[known] = columns
        if len(_schemas) > _MAX_SCHEMAS:
            _by_number.pop(_schemas.popitem(last=False)[1], None)
    return known
