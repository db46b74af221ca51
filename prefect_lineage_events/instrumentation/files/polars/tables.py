"""Tables that Python code reads for a query of polars: Delta, Iceberg and pyarrow's datasets.

The plan does not name them. polars asks for them while the query runs, in threads of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from itertools import islice
from os.path import commonpath
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.access import MAX_COLUMNS, suppressed
from prefect_lineage_events.instrumentation.files.lakes import delta_table, iceberg_table
from prefect_lineage_events.instrumentation.files.locations import Location, locate
from prefect_lineage_events.instrumentation.files.polars.scans import Columns
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction, in_file_of

_lock = threading.Lock()
_running: set[Running] = set()


def _forget() -> None:
    global _lock
    _lock = threading.Lock()
    _running.clear()


os.register_at_fork(after_in_child=_forget)


class Running:
    """A block in which a query is run, with the tables that polars asked for, and whether another query ran then."""

    def __init__(self) -> None:
        self.tables: dict[Location, Columns] = {}
        self.is_alone = True

    def __enter__(self) -> Running:
        with _lock:
            _running.add(self)
            if len(_running) > 1:
                for one in _running:
                    one.is_alone = False
        return self

    def __exit__(self, *_: object) -> None:
        with _lock:
            _running.discard(self)


def patch_tables(name: str, class_name: str) -> Callable[[Any], None]:
    """The patch of a module's class whose method or function (class_name "") is asked for a table."""

    def patch(module: Any) -> None:
        target = getattr(module, class_name, None) if class_name else module
        if target is not None and hasattr(target, name):
            patches.add(target, name, _noting)

    return patch


def _noting(original: Any, is_on: Callable[[], bool]) -> Any:
    return PatchedFunction(original, in_file_of(original, _noted), enabled=is_on)


def _noted(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with suppressed():  # polars calls this in threads of a pool, which do not know that a query is run
        result = function(*args, **kwargs)
    if _running:
        with guarded("naming a table", count_loss):
            table = instance if instance is not None else args[0]
            found = dict.fromkeys(_locations(table), _columns(table))
            with _lock:
                for one in _running:
                    one.tables.update(found)
    return result


def _locations(table: Any) -> tuple[Location, ...]:
    if hasattr(table, "table_uri"):
        found = delta_table(table)
    elif hasattr(table, "files"):  # pyarrow
        filesystem = getattr(table, "filesystem", None)
        if type(getattr(filesystem, "handler", None)).__module__.startswith("deltalake."):
            return ()  # the table was noted when it was asked for the dataset
        files = list(table.files)
        return locate(commonpath(files) if len(files) > 1 else files, filesystem=filesystem)
    else:  # Iceberg: polars has loaded the table to answer
        found = iceberg_table(table.table.get())
    if found is None:
        count_loss("a table of a lazy frame that has no name")
        return ()
    return (Location(found.dataset),)


def _columns(table: Any) -> Columns:
    """The columns of a table that polars has loaded; () where they are not at hand."""
    with guarded("naming the columns of a table", count_loss):
        if hasattr(table, "table_uri"):
            loaded = table.table_.get()
        elif hasattr(table, "files") or table.snapshot_id is not None:  # a snapshot may have had other columns
            return ()
        else:
            loaded = table.table.get()
        fields = loaded.schema().fields if loaded is not None else ()
        return tuple((field.name, str(_type(field))) for field in islice(fields, MAX_COLUMNS))
    return ()


def _type(field: Any) -> Any:
    """`long` of a primitive type, or the name of a nested one (`array`)."""
    kind = getattr(field, "field_type", None) or field.type
    return getattr(kind, "type", kind)
