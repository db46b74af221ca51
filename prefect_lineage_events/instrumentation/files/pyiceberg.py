"""pyiceberg: tables that are read by scans, and written by transactions. A write counts when it is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from prefect_lineage_events import patches
from prefect_lineage_events.events import Column
from prefect_lineage_events.filters import lineage_disabled
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.access import Access, Call, Describe, reports
from prefect_lineage_events.instrumentation.columns_given import columns_of
from prefect_lineage_events.instrumentation.files.lakes import iceberg_at, iceberg_table
from prefect_lineage_events.instrumentation.import_hooks import when_imported
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction, in_file_of


@dataclass(slots=True)
class _Changes:
    """The changes of a transaction so far."""

    columns: dict[str, Column] = field(default_factory=dict)
    rows: int | None = 0
    only_appends: bool = True


_pending: WeakKeyDictionary[Any, _Changes] = WeakKeyDictionary()


def _columns(data: Any) -> tuple[Column, ...]:
    with guarded("naming columns", count_loss):
        if hasattr(data, "schema"):
            return columns_of(data)
    return ()


def _reads(name: str) -> Describe:
    """The description of a method of a scan that returns rows."""

    def describe(call: Call) -> Iterator[Access]:
        scan = call.instance
        table = iceberg_at(scan.table_metadata, getattr(scan, "catalog", None), getattr(scan, "table_identifier", None))
        if table is not None:
            rows = getattr(call.result, "num_rows", None)
            yield Access(
                "read",
                table.dataset,
                f"pyiceberg.{type(scan).__name__}.{name}",
                _columns(call.result),
                rows=rows,
                symlinks=table.symlinks,
                data=call.result,
            )

    return describe


def _changes(*, appends: bool = False, data: bool = True) -> Describe:
    """The description of a method of a transaction that changes rows: they are written when it is committed."""

    def describe(call: Call) -> Iterator[Access]:
        changes = _pending.setdefault(call.instance, _Changes())
        changes.only_appends = changes.only_appends and appends
        given = call.argument(0, "df") if data else None
        changes.columns.update((column.name, column) for column in _columns(given))
        rows = getattr(given, "num_rows", None)
        changes.rows = None if rows is None or changes.rows is None else changes.rows + rows
        if call.instance._autocommit:  # it was committed within this call
            yield from _written(call.instance)

    return describe


def _committed(call: Call) -> Iterator[Access]:
    yield from _written(call.instance)


def _written(transaction: Any) -> Iterator[Access]:
    changes = _pending.pop(transaction, None)
    if changes is None:
        return
    table = iceberg_table(transaction._table)
    if table is not None:
        yield Access(
            "write",
            table.dataset,
            "pyiceberg.Table",
            tuple(changes.columns.values()),
            rows=changes.rows,
            symlinks=table.symlinks,
            appends=changes.only_appends,
        )


_TRANSACTION: dict[str, Describe] = {
    "append": _changes(appends=True),
    "overwrite": _changes(),
    "dynamic_partition_overwrite": _changes(),
    "upsert": _changes(),
    "delete": _changes(data=False),
    "add_files": _changes(appends=True, data=False),
    "commit_transaction": _committed,
}
_SCANS = ("DataScan", "IncrementalAppendScan")
_METHODS = ("to_arrow", "to_arrow_batch_reader", "to_pandas", "to_duckdb", "to_ray", "to_polars")


def _of_catalog(function: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a method of a SQL catalog: its own tables in a database are none that a run reads or writes."""
    with lineage_disabled():
        return function(*args, **kwargs)


def _silent(original: Any, is_on: Callable[[], bool]) -> Any:
    return PatchedFunction(original, in_file_of(original, _of_catalog), enabled=is_on)


def _patch_sql_catalog(module: Any) -> None:
    for name, method in list(vars(module.SqlCatalog).items()):
        if isinstance(method, FunctionType) and (not name.startswith("_") or name == "__init__"):
            patches.add(module.SqlCatalog, name, _silent)


def _patch(module: Any) -> None:
    when_imported("pyiceberg.catalog.sql", _patch_sql_catalog)
    for name in _SCANS:
        for method in _METHODS:
            kind = getattr(module, name, None)
            if kind is not None and method in vars(kind):
                patches.add(kind, method, reports(_reads(method)))
    for name, describe in _TRANSACTION.items():
        if name in vars(module.Transaction):
            patches.add(module.Transaction, name, reports(describe))
    staged = getattr(module, "CreateTableTransaction", None)
    if staged is not None and "commit_transaction" in vars(staged):
        patches.add(staged, "commit_transaction", reports(_committed))


LIBRARIES: tuple[Library, ...] = (
    Library(
        "files",
        "pyiceberg.table",
        _patch,
        "pyiceberg",
        "tables, by their location, with the name in a REST or Hive catalog beside it: scans to Arrow, pandas, "
        "Polars and DuckDB; append, overwrite, upsert, delete and added files, when the transaction is committed",
        "changes of a table's schema, properties or snapshots alone; scans by Daft, Bodo and Ray's workers",
        ("tests/instrumentation/files/test_pyiceberg.py",),
        "a SQL catalog on SQLite, local disk",
    ),
)
