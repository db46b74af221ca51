"""pyarrow: Parquet, CSV, JSON, Feather, ORC, IPC files and datasets that its functions and classes read and write.

Its classes in Python are patched, so that functions which a program imported by their name are captured as well. Those
in Cython cannot be patched: scans of a dataset are not seen, and a dataset is read when it is opened, which reads the
schema of its files. https://arrow.apache.org/docs/python/api/dataset.html
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.emission.not_captured import name_early
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.access import (
    Access,
    Call,
    Describe,
    Make,
    is_inside,
    report_call,
    reports,
    suppressed,
)
from prefect_lineage_events.instrumentation.files import opened
from prefect_lineage_events.instrumentation.files.locations import Location, accesses, locate
from prefect_lineage_events.instrumentation.files.schemas import columns_of_arrow
from prefect_lineage_events.instrumentation.kept import Kept
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction, in_file_of, shared


class _Open:
    """A reader or writer that a program keeps: its files, and what has been written so far."""

    def __init__(self, locations: tuple[Location, ...], schema: Any = None) -> None:
        self.locations = locations
        self.schema = schema
        self.rows = 0
        self.is_writing = False


_open: Kept[_Open] = Kept()


def _rows(data: Any) -> int | None:
    """The rows of a table or a batch, or of a list of them."""
    if isinstance(data, list | tuple):
        each = [_rows(one) for one in data]
        return None if None in each else sum(filter(None, each))
    return getattr(data, "num_rows", None)


def _accesses(operation: Any, locations: Sequence[Location], call_name: str, data: Any) -> Iterator[Access]:
    first = data[0] if isinstance(data, list | tuple) and data else data
    schema = getattr(first, "schema", None)
    columns = columns_of_arrow(schema) if schema is not None else ()
    yield from accesses(operation, locations, call_name, columns=columns, rows=_rows(data), data=data)


def _located(call: Call, position: int, *names: str) -> tuple[Location, ...]:
    target = call.argument(position, *names)
    return () if target is None else locate(target, filesystem=call.kwargs.get("filesystem"))


def _reads(call_name: str, position: int, *names: str) -> Describe:
    """The description of a function that returns a table, or a reader with a schema."""

    def describe(call: Call) -> Iterator[Access]:
        yield from _accesses("read", _located(call, position, *names), call_name, call.result)

    return describe


def _writes(call_name: str, *names: str) -> Describe:
    """The description of a function of a table and of the file that it is written to."""

    def describe(call: Call) -> Iterator[Access]:
        yield from _accesses("write", _located(call, 1, *names), call_name, call.argument(0, "data", "df"))

    return describe


def _opens_dataset(call: Call) -> Iterator[Access]:
    """Describe `dataset()`. A dataset of tables in memory, or of other datasets, is no read of files."""
    source = call.argument(0, "source")
    several = list(source) if isinstance(source, list | tuple) else [source]
    paths = [one if isinstance(one, str | os.PathLike) else getattr(one, "path", None) for one in several]
    if None in paths or not paths:
        return
    filesystem = call.argument(3, "filesystem")
    locations = locate(paths if isinstance(source, list | tuple) else paths[0], filesystem=filesystem)
    for access in _accesses("read", locations, "pyarrow.dataset", call.result):
        yield replace(access, files=_number_of_files(call.result, access), data=None)  # it has no rows yet


def _number_of_files(dataset: Any, access: Access) -> int | None:
    """The number of a dataset's files; None for a single file, whose bytes are known."""
    files = getattr(dataset, "files", None)
    return len(files) if files is not None and access.size is None else access.files


def _writes_dataset(call: Call) -> Iterator[Access]:
    locations = _located(call, 1, "base_dir")
    data, schema = call.argument(0, "data"), call.kwargs.get("schema")
    for access in _accesses("write", locations, "pyarrow.dataset", data):
        yield replace(access, columns=access.columns or (columns_of_arrow(schema) if schema is not None else ()))


def _remembers(position: int, name: str, *, schema: int | None = None, filesystem: int = 99) -> Make:
    """The maker of a patch of `__init__`, which keeps the files of a reader or writer, and a writer's schema.

    Numbers are positions of arguments.
    """

    def wrapper(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if is_inside():
            return function(*args, **kwargs)
        with suppressed():
            result = function(*args, **kwargs)
        with guarded("noting the file of a reader", count_loss):
            call = Call(function, instance, args, kwargs)
            target, system = call.argument(position, name), call.argument(filesystem, "filesystem")
            known = call.argument(schema, "schema") if schema is not None else None
            _open.put(instance, _Open(locate(target, filesystem=system), known))
        return result

    def make(original: Any, is_on: Callable[[], bool]) -> Any:
        return PatchedFunction(original, in_file_of(original, wrapper), enabled=is_on)

    return make


def _reads_part(call_name: str, *, whole: bool = False) -> Describe:
    """The description of a method of a reader that returns a table or a batch; of the `whole` file, if it is so."""

    def describe(call: Call) -> Iterator[Access]:
        known = _open.get(call.instance)
        if known is None:
            name_early(call_name)
        for access in _accesses("read", known.locations if known else (), call_name, call.result):
            files = _number_of_files(getattr(call.instance, "_dataset", None), access)
            yield replace(access, files=files) if whole else replace(access, size=None)

    return describe


def _reads_batches(function: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
    """Call `iter_batches`. Each batch is a read, once the program has it."""
    batches = function(*args, **kwargs)
    if is_inside():
        return batches
    return _noted(batches, Call(function, instance, args, kwargs))


def _noted(batches: Any, call: Call) -> Iterator[Any]:
    for batch in batches:
        report_call(_reads_part("pyarrow.parquet"), replace(call, result=batch))
        yield batch


def _iterates(original: Any, is_on: Callable[[], bool]) -> Any:
    return PatchedFunction(original, in_file_of(original, _reads_batches), enabled=is_on)


def _counts(original: Any, is_on: Callable[[], bool]) -> Any:
    """The patch of a writer's method of one table or batch: its rows are written when the writer is closed."""

    def wrapper(function: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        known = _open.get(instance)
        if known is None and not is_inside():
            name_early(str(getattr(type(instance), "__name__", "")))
        if known is None or known.is_writing:  # a method that calls another one counts once
            return function(*args, **kwargs)
        known.is_writing = True
        try:
            result = function(*args, **kwargs)
        finally:
            known.is_writing = False
        with guarded("counting written rows", count_loss):
            data = args[0] if args else next(iter(kwargs.values()), None)
            known.rows += _rows(data) or 0
            known.schema = known.schema or getattr(data, "schema", None)
        return result

    return PatchedFunction(original, in_file_of(original, wrapper), enabled=is_on)


def _closes(call_name: str) -> Describe:
    """The description of `close` of a writer, the end of its `with` block as well. It writes once."""

    def describe(call: Call) -> Iterator[Access]:
        known = _open.pop(call.instance)
        if known is not None:
            columns = columns_of_arrow(known.schema) if known.schema is not None else ()
            yield from accesses("write", known.locations, call_name, columns=columns, rows=known.rows)

    return describe


def _leaves(original: Any, is_on: Callable[[], bool]) -> Any:
    """The patch of `__exit__` of a writer: a block that failed has written nothing."""

    def wrapper(function: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if args and args[0] is not None:
            with guarded("leaving a writer's block", count_loss):
                _open.pop(instance)
        return function(*args, **kwargs)

    return PatchedFunction(original, in_file_of(original, wrapper), enabled=is_on)


def _names(original: Any, is_on: Callable[[], bool]) -> Any:
    """The patch of a function that opens a file of Arrow's own kind by its path."""

    def wrapper(function: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
        file = function(*args, **kwargs)
        with guarded("noting the file of a reader", count_loss):
            path = args[0] if args else kwargs.get("path", kwargs.get("source"))
            if isinstance(path, str | os.PathLike):
                opened.named_files.put(file, os.path.realpath(os.fsdecode(path)))
        return file

    return PatchedFunction(original, in_file_of(original, wrapper), enabled=is_on)


def _writer(class_name: str, call_name: str, where: str, counting: Sequence[str], schema: int | None = 1) -> Any:
    filesystem = 2 if class_name == "ParquetWriter" else 99
    yield f"{class_name}.__init__", _remembers(0, where, schema=schema, filesystem=filesystem)
    for name in counting:
        yield f"{class_name}.{name}", _counts
    yield f"{class_name}.close", reports(_closes(call_name))
    yield f"{class_name}.__exit__", _leaves


_PARQUET, _ORC, _IPC = "pyarrow.parquet", "pyarrow.orc", "pyarrow.ipc"
_PATCHES: dict[str, tuple[tuple[str, Make], ...]] = {
    _PARQUET: (
        ("ParquetDataset.__init__", _remembers(0, "path_or_paths", filesystem=1)),
        ("ParquetDataset.read", reports(_reads_part(_PARQUET, whole=True))),
        ("ParquetFile.__init__", _remembers(0, "source")),
        ("ParquetFile.read", reports(_reads_part(_PARQUET, whole=True))),
        ("ParquetFile.read_row_group", reports(_reads_part(_PARQUET))),
        ("ParquetFile.read_row_groups", reports(_reads_part(_PARQUET))),
        ("ParquetFile.iter_batches", _iterates),
        *_writer("ParquetWriter", _PARQUET, "where", ("write_table", "write_batch")),
    ),
    "pyarrow.csv": (
        ("read_csv", reports(_reads("pyarrow.csv", 0, "input_file"))),
        ("open_csv", reports(_reads("pyarrow.csv", 0, "input_file"))),
        ("write_csv", reports(_writes("pyarrow.csv", "output_file"))),
    ),
    "pyarrow.json": (
        ("read_json", reports(_reads("pyarrow.json", 0, "input_file"))),
        ("open_json", reports(_reads("pyarrow.json", 0, "input_file"))),
    ),
    "pyarrow.feather": (
        ("read_table", reports(_reads("pyarrow.feather", 0, "source"))),
        ("_read_table_internal", reports(_reads("pyarrow.feather", 0, "source"))),  # below read_feather
        ("write_feather", reports(_writes("pyarrow.feather", "dest"))),
    ),
    _ORC: (
        ("read_table", reports(_reads(_ORC, 0, "source"))),
        ("ORCFile.__init__", _remembers(0, "source")),
        ("ORCFile.read", reports(_reads_part(_ORC, whole=True))),
        ("ORCFile.read_stripe", reports(_reads_part(_ORC))),
        *_writer("ORCWriter", _ORC, "where", ("write",), schema=None),
    ),
    _IPC: (
        ("RecordBatchFileReader.__init__", _remembers(0, "source")),
        ("RecordBatchFileReader.read_all", reports(_reads_part(_IPC, whole=True))),
        ("RecordBatchFileReader.get_batch", reports(_reads_part(_IPC))),
        ("RecordBatchStreamReader.__init__", _remembers(0, "source")),
        ("RecordBatchStreamReader.read_all", reports(_reads_part(_IPC, whole=True))),
        ("RecordBatchStreamReader.read_next_batch", reports(_reads_part(_IPC))),
        *_writer("RecordBatchFileWriter", _IPC, "sink", ("write_table", "write_batch")),
        *_writer("RecordBatchStreamWriter", _IPC, "sink", ("write_table", "write_batch")),
    ),
    "pyarrow.dataset": (
        ("dataset", reports(_opens_dataset)),
        ("write_dataset", reports(_writes_dataset)),
    ),
    "pyarrow": (
        ("memory_map", _names),
        ("create_memory_map", _names),
        ("input_stream", _names),
        ("output_stream", _names),
    ),
}


def _patch(name: str, module: Any) -> None:
    """Patch a module's functions, also where they are defined, and methods of its classes."""
    for attribute, make in _PATCHES[name]:
        class_name, _, method = attribute.partition(".")
        owner = getattr(module, class_name, None)
        if method and hasattr(owner, method):
            patches.add(owner, method, make)
        elif owner is not None and not method:
            once = shared(make)
            for home in {id(one): one for one in (module, sys.modules.get(owner.__module__)) if one}.values():
                if getattr(home, attribute, None) is owner:
                    patches.add(home, attribute, once)


def _library(module: str, captured: str, not_captured: str = "") -> Library:
    return Library(
        "files",
        module,
        partial(_patch, module),
        package="pyarrow",
        captured=captured,
        not_captured=not_captured,
        tests=("tests/instrumentation/files/test_pyarrow.py", "tests/instrumentation/files/test_frames_on_s3.py"),
        against="local disk, `memory://`, moto's S3",
    )


_EARLY = "functions that were imported by their name before `instrument()`"
_EARLY_OBJECTS = "readers and writers that were made before the switch-on"
LIBRARIES = (
    _library(
        "pyarrow.parquet",
        "`read_table`, `write_table`, `ParquetFile`, `ParquetDataset`, `ParquetWriter`",
        f"{_EARLY_OBJECTS} (named)",
    ),
    _library("pyarrow.csv", "`read_csv`, `open_csv` (without rows), `write_csv`", f"`CSVWriter`; {_EARLY}"),
    _library("pyarrow.json", "`read_json`, `open_json` (without rows)", _EARLY),
    _library("pyarrow.feather", "`read_table`, `read_feather`, `write_feather`", _EARLY),
    _library("pyarrow.orc", "`read_table`, `write_table`, `ORCFile`, `ORCWriter`", f"{_EARLY_OBJECTS} (named)"),
    _library("pyarrow.ipc", "`open_file`, `open_stream`, `new_file`, `new_stream`", "files opened by `OSFile`"),
    _library(
        "pyarrow.dataset",
        "`dataset`, as a read of all columns when it is opened; `write_dataset`",
        f"scans of a dataset: their rows and columns; datasets that were opened before the switch-on; {_EARLY}",
    ),
    _library("pyarrow", "`memory_map`, `input_stream`, `output_stream`: the names of their files", "`OSFile`"),
)
