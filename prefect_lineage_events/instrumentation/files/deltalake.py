"""deltalake: tables that are read and written. A table is named by its location, whatever files it has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from prefect_lineage_events import patches
from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.access import Access, Call, Describe, Make, is_inside, reports
from prefect_lineage_events.instrumentation.columns_given import columns_of
from prefect_lineage_events.instrumentation.files.everywhere import patch_everywhere
from prefect_lineage_events.instrumentation.files.lakes import LakeTable, delta_table
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction, in_file_of

# The columns of a merge's source, by the merge that is executed later; the tables of a query by their names in it.
_merges: WeakKeyDictionary[Any, tuple[LakeTable | None, tuple[Column, ...]]] = WeakKeyDictionary()
_registered: WeakKeyDictionary[Any, dict[str, LakeTable]] = WeakKeyDictionary()


def _columns(data: Any) -> tuple[Column, ...]:
    """The columns of data that has been read or written, as far as they are known without reading it."""
    with guarded("naming columns", count_loss):
        if hasattr(data, "schema") or hasattr(data, "dtypes"):
            return columns_of(data)
    return ()


def _rows(data: Any) -> int | None:
    """The rows of data in memory; None for a stream."""
    for name in ("num_rows", "height"):
        if isinstance(rows := getattr(data, name, None), int):
            return rows
    return len(data) if hasattr(data, "iloc") else None


def _is_ignored(call: Call) -> bool:
    """Return whether a write with the mode `ignore` finds a table, before it is called. It then writes nothing."""
    target = call.argument(0, "table_or_uri")
    if hasattr(target, "table_uri"):
        return True
    path = str(target).removeprefix("file://")
    if "://" in path:
        count_loss("a Delta table of a store that is written unless it exists")
        return True
    return (Path(path) / "_delta_log").is_dir()


def _ignores(original: Any, is_on: Callable[[], bool]) -> Any:
    """The maker of the patch of `write_deltalake`."""
    inner = reports(_writes)(original, is_on)

    def wrapper(function: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs.get("mode") == "ignore" and not is_inside():
            with guarded("looking for a table", count_loss):
                if _is_ignored(Call(function, None, args, kwargs)):
                    return function(*args, **kwargs)
        return inner(*args, **kwargs)

    return PatchedFunction(original, in_file_of(original, wrapper), enabled=is_on)


def _writes(call: Call) -> Iterator[Access]:
    table = delta_table(call.argument(0, "table_or_uri"), call.kwargs.get("storage_options"))
    if table is not None:
        data = call.argument(1, "data")
        keeps = call.kwargs.get("mode") == "append" or call.kwargs.get("predicate") is not None
        yield Access(
            "write",
            table.dataset,
            "deltalake.write_deltalake",
            _columns(data),
            rows=_rows(data),
            appends=keeps,
            data=data,
        )


def _reads(name: str) -> Describe:
    """The description of a method of a table that returns its rows."""

    def describe(call: Call) -> Iterator[Access]:
        table = delta_table(call.instance)
        if table is not None:
            columns = _columns(call.result)
            yield Access(
                "read",
                table.dataset,
                f"deltalake.DeltaTable.{name}",
                columns,
                rows=_rows(call.result),
                data=call.result,
            )

    return describe


def _changes(name: str, *counts: str) -> Describe:
    """The description of a method that changes rows in place, and returns how many. No row is no write."""

    def describe(call: Call) -> Iterator[Access]:
        table = delta_table(call.instance)
        numbers = call.result if isinstance(call.result, Mapping) else {}
        rows = next((numbers[count] for count in counts if isinstance(numbers.get(count), int)), None)
        if table is not None and rows != 0:
            yield Access("write", table.dataset, f"deltalake.DeltaTable.{name}", rows=rows, appends=True)

    return describe


def _begins_merge(call: Call) -> Iterator[Access]:
    _merges[call.result] = (delta_table(call.instance), _columns(call.argument(0, "source")))
    yield from ()


def _merges_rows(call: Call) -> Iterator[Access]:
    table, columns = _merges.get(call.instance) or (None, ())
    if table is None:
        raw = call.instance._table
        table = delta_table(raw.table_uri())
    numbers = call.result if isinstance(call.result, Mapping) else {}
    kinds = ("num_target_rows_inserted", "num_target_rows_updated", "num_target_rows_deleted")
    known = [numbers[kind] for kind in kinds if isinstance(numbers.get(kind), int)]
    rows = sum(known) if known else None
    if table is not None and rows != 0:
        yield Access("write", table.dataset, "deltalake.TableMerger.execute", columns, rows=rows, appends=True)


def _registers(call: Call) -> Iterator[Access]:
    table = delta_table(call.argument(1, "delta_table"))
    if table is not None:
        _registered.setdefault(call.instance, {})[str(call.argument(0, "table_name"))] = table
    yield from ()


def _queries(call: Call) -> Iterator[Access]:
    """Describe the SQL of a query: it reads the registered tables that its text names. Its columns have no origin."""
    words = set(re.findall(r"\b\w{1,200}", str(call.argument(0, "sql")).lower()))
    tables = [t.dataset for name, t in _registered.get(call.instance, {}).items() if name.lower() in words]
    if tables:
        first, *others = tables
        yield Access(
            "read",
            first,
            "deltalake.QueryBuilder.execute",
            _columns(call.result),
            inputs=tuple(others),
            input_columns=((),) * len(tables),
        )


_TABLE: dict[str, Make] = {
    "to_pyarrow_table": reports(_reads("to_pyarrow_table")),
    "to_pyarrow_dataset": reports(_reads("to_pyarrow_dataset")),
    "scan": reports(_reads("scan")),
    "load_cdf": reports(_reads("load_cdf")),
    "delete": reports(_changes("delete", "num_deleted_rows")),
    "update": reports(_changes("update", "num_updated_rows")),
    "restore": reports(_changes("restore")),
    "merge": reports(_begins_merge),
}


def _patch(module: Any) -> None:
    for name, make in _TABLE.items():
        if hasattr(module.DeltaTable, name):
            patches.add(module.DeltaTable, name, make)
    merger = getattr(module.table, "TableMerger", None)
    if merger is not None:
        patches.add(merger, "execute", reports(_merges_rows))
    builder = getattr(module, "QueryBuilder", None)
    if builder is not None:
        patches.add(builder, "register", reports(_registers))
        patches.add(builder, "execute", reports(_queries))
    patch_everywhere("write_deltalake", module.write_deltalake, _ignores)


LIBRARIES: tuple[Library, ...] = (
    Library(
        "files",
        "deltalake",
        _patch,
        "deltalake",
        "tables, by their location: `write_deltalake`, merge, update, delete, restore; rows by `to_pandas`, "
        "`to_pyarrow_table`, `to_pyarrow_dataset`, `scan`, `load_cdf`, SQL of `QueryBuilder` (its tables)",
        "`create` without rows, `convert_to_deltalake`, `optimize` and `vacuum`, which change no rows; the mode "
        "`ignore` on a store; `write_deltalake` under another name (`import ... as`) before lineage is switched on",
        ("tests/instrumentation/files/test_deltalake.py",),
        "local disk, moto's server",
    ),
)
