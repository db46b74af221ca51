"""Appenders of a DuckDB connection, which buffer rows and write them at each flush (DuckDB 2.0).

A flush is one statement of the connection. `with` flushes at its end, unless an error ends it; an appender that is
collected writes nothing. https://duckdb.org/docs/stable/data/appender
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.drivers.duckdb import relations
from prefect_lineage_events.instrumentation.drivers.duckdb.frames import SCAN
from prefect_lineage_events.instrumentation.execution import Execution, TracedConnection, argument, traced_call
from prefect_lineage_events.instrumentation.proxies import PartProxy
from prefect_lineage_events.instrumentation.wrappers import column_list, row_count
from prefect_lineage_events.naming import quote


def trace_appender(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `appender(table)`."""
    return _Appender(method(*args, **kwargs), connection, _statement(args, kwargs), kwargs.get("action", "insert"))


def trace_query_appender(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `query_appender(dml, columns)`: counted as a loss, because the name of its rows may be DuckDB's own."""
    return _Appender(method(*args, **kwargs), connection, "", "query")


def _statement(args: Any, kwargs: Any) -> str:
    """The statement of a flush; empty where the columns that it writes are not known."""
    table = relations.quoted(str(argument(args, kwargs, 0, "table")))
    columns, key, action = kwargs.get("columns"), kwargs.get("key") or (), kwargs.get("action", "insert")
    if action == "delete":
        return f"DELETE FROM {table}"
    if action == "update":
        names = [str(name) for name in columns if name not in key] if isinstance(columns, Collection) else []
        return f"UPDATE {table} SET {', '.join(f'{quote(name)} = ?' for name in names)}" if names else ""
    return f"INSERT INTO {table}{column_list(columns)} SELECT * FROM {SCAN}"


class _Appender(PartProxy):
    """The proxy of an appender, which counts the rows in its buffer."""

    def __init__(self, appender: Any, connection: TracedConnection, statement: str, action: str) -> None:
        super().__init__(appender)
        self._self_connection = connection
        self._self_statement = statement
        self._self_is_insert = action == "insert"
        self._self_rows: int | None = 0  # None: not known

    def append_row(self, *args: Any, **kwargs: Any) -> Any:
        result = self.__wrapped__.append_row(*args, **kwargs)
        self._self_add(1)
        return result

    def append_rows(self, *args: Any, **kwargs: Any) -> Any:
        before, self._self_rows = self._self_rows, None  # an error keeps the rows before it
        result = self.__wrapped__.append_rows(*args, **kwargs)
        self._self_rows = before
        with guarded("counting rows"):
            self._self_add(row_count(argument(args, kwargs, 0, "rows")))
        return result

    def clear(self) -> Any:
        result = self.__wrapped__.clear()
        self._self_rows = 0
        return result

    def flush(self) -> Any:
        return self._self_flushed(self.__wrapped__.flush, ())

    def __enter__(self) -> Any:
        self.__wrapped__.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        if error[0] is not None:
            return self.__wrapped__.__exit__(*error)
        return self._self_flushed(self.__wrapped__.__exit__, error)

    def _self_add(self, rows: int | None) -> None:
        self._self_rows = None if rows is None or self._self_rows is None else self._self_rows + rows

    def _self_flushed(self, method: Any, args: tuple[Any, ...]) -> Any:
        if self._self_rows == 0:
            return method(*args)
        execution = Execution(self._self_connection, self._self_statement)

        def on_success(result: Any) -> Any:
            if self._self_statement:
                execution.succeeded(rows=self._self_rows if self._self_is_insert else None)
            else:
                count_loss("the statement of an appender of DuckDB is not known")
            self._self_rows = 0
            return result

        return traced_call(method, args, {}, on_success, execution.failed)
