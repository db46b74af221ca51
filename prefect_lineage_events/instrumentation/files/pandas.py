"""pandas: files that its functions and methods read and write.

The functions below are those within pandas through which its public ones go, where there are some: so a function that a
program imported by its name before `instrument()` is captured as well. Readers of chunks are noted chunk by chunk.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from inspect import signature
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.emission.not_captured import name_early
from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.access import Access, Call, Describe, Make, is_inside, reports, suppressed
from prefect_lineage_events.instrumentation.derived_frames import follow_pandas
from prefect_lineage_events.instrumentation.files.locations import Location, accesses, locate
from prefect_lineage_events.instrumentation.files.schemas import columns_of_pandas
from prefect_lineage_events.instrumentation.kept import Kept
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction, in_file_of, shared

# The files of readers, of ExcelFile and of ExcelWriter, which programs keep and use later; the sheets of a writer.
_files_of: Kept[tuple[Location, ...]] = Kept()
_sheets_of: Kept[list[tuple[tuple[Column, ...], int]]] = Kept()


def _given(call: Call) -> Mapping[str, Any]:
    """The arguments of a call by their names, as far as more than one is given by its position."""
    if len(call.args) < 2:
        return call.kwargs
    try:
        return signature(call.function).bind(*call.args, **call.kwargs).arguments
    except (TypeError, ValueError):
        return call.kwargs


def _located(call: Call, position: int, name: str) -> tuple[Location, ...]:
    target = call.argument(position, name)
    if target is None or _is_text_of_data(target):
        return ()
    return locate(target, filesystem=call.kwargs.get("filesystem"), options=call.kwargs.get("storage_options"))


def _is_text_of_data(target: Any) -> bool:
    """Return whether a text is the data itself, which older versions of pandas take where they take a path."""
    return isinstance(target, str) and (target.lstrip()[:1] in ("<", "{", "[") or "\n" in target)


def _frames(result: Any) -> list[Any] | None:
    """The frames in a result: it is one, or a list or a dictionary of them; None for anything else."""
    if hasattr(result, "iloc"):
        return [result]
    values = list(result.values()) if isinstance(result, dict) else result
    if isinstance(values, list) and values and all(hasattr(value, "iloc") for value in values):
        return values
    return None


def _read(result: Any, locations: Sequence[Location], call_name: str) -> Iterator[Access]:
    frames = _frames(result) or []
    columns = tuple({column.name: column for frame in frames for column in columns_of_pandas(frame)}.values())
    rows = sum(map(len, frames)) if frames else None
    yield from accesses("read", locations, call_name, columns=columns, rows=rows, data=frames)


def _reads(call_name: str, position: int, name: str) -> Describe:
    """The description of a function that returns a frame or several, or any object of a pickle."""

    def describe(call: Call) -> Iterator[Access]:
        locations = _located(call, position, name)
        if _is_reader(call.result):
            _files_of.put(call.result, locations)
            _read_by_chunks(type(call.result), call_name)
        else:
            yield from _read(call.result, locations, call_name)

    return describe


def _is_reader(result: Any) -> bool:
    """Return whether a result reads chunks later."""
    return hasattr(type(result), "__next__") and hasattr(type(result), "close")


def _read_by_chunks(kind: type, call_name: str) -> None:
    """Have the chunks noted of a kind of reader. A method that calls another one of them is noted once."""
    for name in ("read", "__next__"):
        patches.add(kind, name, reports(_reads_part(call_name, whole=False)))


def _reads_lines(call: Call) -> Iterator[Access]:
    """Describe `_read`, the function below `read_csv`, `read_table` and `read_fwf`."""
    given = call.argument(1, "kwds", default={})
    locations = locate(call.argument(0, "filepath_or_buffer"), options=given.get("storage_options"))
    call_name = "pandas.read_fwf" if given.get("engine") == "python-fwf" else "pandas.read_csv"
    if _is_reader(call.result):
        _files_of.put(call.result, locations)
    else:
        yield from _read(call.result, locations, call_name)


def _reads_part(call_name: str, *, whole: bool = True) -> Describe:
    """The description of a method that reads a chunk, a sheet, or the `whole` file, whose bytes then count."""

    def describe(call: Call) -> Iterator[Access]:
        known = _files_of.get(call.instance)
        if known is None:
            name_early(call_name)
        for access in _read(call.result, known or (), call_name):
            yield access if whole else replace(access, size=None)

    return describe


def _writes(call_name: str, name: str = "path_or_buf", *, index: bool = True) -> Describe:
    """The description of a method that writes its frame. `index`: whether it writes the index by default."""

    def describe(call: Call) -> Iterator[Access]:
        yield from _write(call, call.instance, call_name, _located(call, 0, name), index=index)

    return describe


def _write(
    call: Call, frame: Any, call_name: str, locations: Sequence[Location], *, index: bool = True
) -> Iterator[Access]:
    if locations:
        given = _given(call)
        columns, mode = _columns_written(frame, given, index=index), given.get("mode")
        for access in accesses("write", locations, call_name, columns=columns, rows=len(frame), data=frame):
            yield replace(access, appends=isinstance(mode, str) and mode.startswith("a"))


def _columns_written(frame: Any, given: Mapping[str, Any], *, index: bool) -> tuple[Column, ...]:
    """The columns that a method writes: those it was asked for, under the names it was given for them."""
    has_index = given.get("index", given.get("write_index", index))
    columns = columns_of_pandas(frame, index=has_index is None or bool(has_index))
    chosen, header = given.get("columns"), given.get("header")
    if chosen is not None and hasattr(frame, "columns"):
        names = set(map(str, [chosen] if isinstance(chosen, str) else chosen))
        names.update(str(name) for name in frame.index.names if name is not None)
        columns = tuple(column for column in columns if column.name in names)
    if isinstance(header, list | tuple) and len(header) <= len(columns):
        kept = len(columns) - len(header)
        renamed = zip(columns[kept:], header, strict=True)
        columns = (*columns[:kept], *(column.model_copy(update={"name": str(name)}) for column, name in renamed))
    return columns


def _writes_excel(call: Call) -> Iterator[Access]:
    """Describe `to_excel`. A sheet of a writer that the program keeps is written when the writer is closed."""
    target = call.argument(0, "excel_writer")
    if isinstance(target, sys.modules["pandas"].ExcelWriter):
        sheet = (_columns_written(call.instance, _given(call), index=True), len(call.instance))
        _sheets_of.get_or_put(target, list).append(sheet)
        if _files_of.get(target) is None:
            name_early("pandas.ExcelWriter")
    else:
        yield from _write(call, call.instance, "pandas.to_excel", _located(call, 0, "excel_writer"))


def _closes_excel(call: Call) -> Iterator[Access]:
    """Describe `ExcelWriter.close`, the end of its `with` block as well. It writes once."""
    sheets = _sheets_of.pop(call.instance) or []
    columns = tuple({column.name: column for columns, _ in sheets for column in columns}.values())
    rows = sum(rows for _, rows in sheets) if sheets else None
    yield from accesses("write", _files_of.pop(call.instance) or (), "pandas.ExcelWriter", columns=columns, rows=rows)


def _writes_parquet(call: Call) -> Iterator[Access]:
    yield from _write(call, call.argument(0, "df"), "pandas.to_parquet", _located(call, 1, "path"))


def _writes_object(call: Call) -> Iterator[Access]:
    """Describe `pandas.to_pickle(obj, path)`, of any object."""
    given, locations = call.argument(0, "obj"), _located(call, 1, "filepath_or_buffer")
    if hasattr(given, "iloc"):
        yield from _write(call, given, "pandas.to_pickle", locations)
    else:
        yield from accesses("write", locations, "pandas.to_pickle")


def _hdf(operation: str, call: Call) -> Iterator[Access]:
    """Describe the methods of HDFStore; `read_hdf` and `to_hdf` use them too."""
    for location in locate(call.instance._path):
        key = str(call.argument(0, "key")).strip("/")
        frames = _frames(call.argument(1, "value") if operation == "write" else call.result) or []
        columns = tuple(column for frame in frames for column in columns_of_pandas(frame))
        rows = sum(map(len, frames)) if frames else None
        (access,) = accesses("write" if operation == "write" else "read", (location,), "pandas.HDFStore")
        appends = call.function.__name__ == "append"
        yield replace(access, columns=columns, rows=rows, size=None, subset=(key,) if key else (), appends=appends)


def _remembers(position: int, name: str, inner: str = "") -> Make:
    """The maker of a patch of `__init__`, which keeps the files that an object is made for.

    `inner` is the attribute of the object that reads for it.
    """

    def wrapper(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if is_inside():
            return function(*args, **kwargs)
        with suppressed():
            result = function(*args, **kwargs)
        with guarded("noting the file of a reader", count_loss):
            reader = getattr(instance, inner) if inner else instance
            _files_of.put(reader, _located(Call(function, instance, args, kwargs), position, name))
        return result

    def make(original: Any, is_on: Callable[[], bool]) -> Any:
        return PatchedFunction(original, in_file_of(original, wrapper), enabled=is_on)

    return make


# Functions and methods within pandas through which its public functions go: (module, attribute, patch).
_INNER: tuple[tuple[str, str, Make], ...] = (
    ("pandas.io.parsers.readers", "_read", reports(_reads_lines)),
    ("pandas.io.parsers.readers", "TextFileReader.read", reports(_reads_part("pandas.read_csv", whole=False))),
    ("pandas.io.parquet", "PyArrowImpl.read", reports(_reads("pandas.read_parquet", 0, "path"))),
    ("pandas.io.parquet", "FastParquetImpl.read", reports(_reads("pandas.read_parquet", 0, "path"))),
    ("pandas.io.parquet", "PyArrowImpl.write", reports(_writes_parquet)),
    ("pandas.io.parquet", "FastParquetImpl.write", reports(_writes_parquet)),
    ("pandas.io.json._json", "JsonReader.__init__", _remembers(0, "filepath_or_buffer")),
    ("pandas.io.json._json", "JsonReader.read", reports(_reads_part("pandas.read_json"))),
    ("pandas.io.json._json", "JsonReader.__next__", reports(_reads_part("pandas.read_json", whole=False))),
    ("pandas.io.excel._base", "ExcelFile.__init__", _remembers(0, "path_or_buffer", "_reader")),
    ("pandas.io.excel._base", "BaseExcelReader.parse", reports(_reads_part("pandas.read_excel"))),
    ("pandas.io.excel._base", "ExcelWriter.__init__", _remembers(0, "path")),
    ("pandas.io.excel._base", "ExcelWriter.close", reports(_closes_excel)),
    ("pandas.io.html", "_parse", reports(_reads("pandas.read_html", 1, "io"))),
    ("pandas.io.xml", "_parse", reports(_reads("pandas.read_xml", 0, "path_or_buffer"))),
    ("pandas.io.stata", "StataReader.__init__", _remembers(0, "path_or_buf")),
    ("pandas.io.stata", "StataReader.read", reports(_reads_part("pandas.read_stata", whole=False))),
    ("pandas.io.pytables", "HDFStore.get", reports(partial(_hdf, "read"))),
    ("pandas.io.pytables", "HDFStore.select", reports(partial(_hdf, "read"))),
    ("pandas.io.pytables", "HDFStore.put", reports(partial(_hdf, "write"))),
    ("pandas.io.pytables", "HDFStore.append", reports(partial(_hdf, "write"))),
)
# Public functions below which there is none: (module, name, patch).
_PUBLIC: tuple[tuple[str, str, Make], ...] = (
    ("pandas.io.feather_format", "read_feather", reports(_reads("pandas.read_feather", 0, "path"))),
    ("pandas.io.orc", "read_orc", reports(_reads("pandas.read_orc", 0, "path"))),
    ("pandas.io.pickle", "read_pickle", reports(_reads("pandas.read_pickle", 0, "filepath_or_buffer"))),
    ("pandas.io.pickle", "to_pickle", reports(_writes_object)),
    ("pandas.io.sas.sasreader", "read_sas", reports(_reads("pandas.read_sas", 0, "filepath_or_buffer"))),
    ("pandas.io.spss", "read_spss", reports(_reads("pandas.read_spss", 0, "path"))),
)
_METHODS: dict[str, Make] = {
    "to_csv": reports(_writes("pandas.to_csv")),
    "to_json": reports(_writes("pandas.to_json")),
    "to_excel": reports(_writes_excel),
    "to_pickle": reports(_writes("pandas.to_pickle", "path")),
    "to_feather": reports(_writes("pandas.to_feather", "path")),
    "to_orc": reports(_writes("pandas.to_orc", "path")),
    "to_xml": reports(_writes("pandas.to_xml", "path_or_buffer")),
    "to_html": reports(_writes("pandas.to_html", "buf")),
    "to_stata": reports(_writes("pandas.to_stata", "path")),
    "to_latex": reports(_writes("pandas.to_latex", "buf")),
    "to_markdown": reports(_writes("pandas.to_markdown", "buf")),
    "to_string": reports(_writes("pandas.to_string", "buf")),
}


def patch(pandas: Any) -> None:
    """Patch pandas' functions and methods that read and write files, and those that pass on the origins of frames."""
    follow_pandas(pandas)
    for module_name, attribute, make in _INNER:
        owner = sys.modules.get(module_name)
        *classes, name = attribute.split(".")
        for class_name in classes:
            owner = getattr(owner, class_name, None)
        if hasattr(owner, name):
            patches.add(owner, name, make)
    for module_name, name, make in _PUBLIC:
        once = shared(make)
        for module in (sys.modules.get(module_name), sys.modules.get("pandas.io.api"), pandas):
            if hasattr(module, name):
                patches.add(module, name, once)
    for name, make in _METHODS.items():
        for kind in (pandas.core.generic.NDFrame, pandas.DataFrame, pandas.Series):
            if name in vars(kind):
                patches.add(kind, name, make)


LIBRARIES = (
    Library(
        "files",
        "pandas",
        patch,
        package="pandas",
        captured="`read_csv`, `table`, `fwf`, `json`, `parquet`, `feather`, `orc`, `excel`, `xml`, `html`, `pickle`, "
        "`hdf`, `stata`, `sas`, `spss`, by chunks too; `ExcelFile`, `ExcelWriter`, `HDFStore`; `to_csv`, `json`, "
        "`parquet`, `feather`, `orc`, `excel`, `xml`, `html`, `pickle`, `hdf`, `stata`, `latex`, `markdown`, `string`",
        not_captured="chunks of `read_hdf`, methods of `DataFrame.style`; readers of chunks, `ExcelFile` and "
        "`ExcelWriter` that were made before the run or the switch-on (named); `read_feather`, `read_orc`, "
        "`read_pickle`, `read_sas` and `read_spss` that were imported by their name before `instrument()`",
        tests=("tests/instrumentation/files/test_pandas.py", "tests/instrumentation/files/test_frames_on_s3.py"),
        against="local disk, `memory://`, moto's S3",
    ),
)
