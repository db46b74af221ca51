"""pymssql: SQL Server by FreeTDS. https://pymssql.readthedocs.io"""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import replace
from typing import Any

from prefect_lineage_events import stores
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.driver import Driver, rowcount
from prefect_lineage_events.instrumentation.drivers.generic import odbc_address
from prefect_lineage_events.instrumentation.execution import (
    Execution,
    TracedConnection,
    TracedCursor,
    answer_or_default,
    argument,
    traced_call,
    when_done,
)
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import everywhere, is_left_alone, patched, traced
from prefect_lineage_events.naming import quote
from prefect_lineage_events.stores import Store

# sybdb.h: codes of db-lib, of which pymssql shows five kinds
_TYPES = {1: "varchar", 2: "varbinary", 3: "float", 4: "datetime", 5: "decimal"}


def store(connection: Any) -> Store:
    """Raises LookupError: a connection does not keep its address. `connect` is traced with it."""
    raise LookupError("a connection of pymssql has no address: give `url`")


def _store(connection: Any, args: Any, kwargs: Any) -> Store:
    """The store of a call of `connect`, in the database that the server reports."""
    host = str(kwargs.get("host") or argument(args, kwargs, 0, "server", default=".") or ".")
    host = host.partition("\\")[0]  # an instance is no part of the address, as in a URL
    address = odbc_address(f"server={host};port={kwargs.get('port', '')}")
    given = argument(args, kwargs, 3, "database", default="")
    database = given or answer_or_default(_current_database, connection, default="")
    user = argument(args, kwargs, 1, "user")
    return stores.server("mssql", address.host, address.port, database or None, user=user)


def _current_database(connection: Any) -> str:
    """The name in the server's last response, which db-lib keeps."""
    return str(connection._conn.cur_db_name())


def _rows(cursor: Any) -> int | None:
    return rowcount(cursor) if cursor.description is None else None


def _trace_autocommit(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `autocommit(status)`, which rolls an open transaction back where it switches the mode on."""
    before = connection._self_own.autocommit_state

    def on_success(result: Any) -> Any:
        if connection._self_own.autocommit_state and not before:
            connection._self_tracer.rollback()
        return result

    return when_done(method(*args, **kwargs), on_success)


def _trace_bulk_copy(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `bulk_copy(table, elements)`, which does the same as an INSERT."""
    name = ".".join(quote(part.strip("[]")) for part in str(argument(args, kwargs, 0, "table_name")).split("."))
    rows = argument(args, kwargs, 1, "elements")
    execution = Execution(connection, f"INSERT INTO {name} VALUES (?)")

    def on_success(result: Any) -> Any:
        execution.succeeded(rows=len(rows) if isinstance(rows, Sized) else None)
        return result

    return traced_call(method, args, kwargs, on_success, execution.failed)


def _trace_callproc(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `callproc(name, parameters)`."""
    given = argument(args, kwargs, 1, "parameters", default=())
    binds = ", ".join("?" * len(given)) if isinstance(given, Sized) else ""
    operation = f"EXEC {argument(args, kwargs, 0, 'procname', default='')} {binds}".strip()
    return wrappers.trace_execute_as(cursor, operation, method, args, kwargs)


def _trace_nextset(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    cursor._self_fetched.end()
    return method(*args, **kwargs)


DRIVER = Driver(
    store=store,
    autocommits=lambda connection: connection.autocommit_state,
    leaves_transaction_open=lambda connection: connection.autocommit_state,
    rows=_rows,
    type_name=_TYPES.get,
    connection_wrappers={"autocommit": _trace_autocommit, "bulk_copy": _trace_bulk_copy},
    cursor_wrappers={"callproc": _trace_callproc, "nextset": _trace_nextset},
)


def _connected(function: Any, _: Any, args: Any, kwargs: Any) -> Any:
    connection = function(*args, **kwargs)
    if is_left_alone():
        return connection
    found: Store | None = answer_or_default(_store, connection, args, kwargs, default=None)
    return traced(connection, DRIVER if found is None else replace(DRIVER, store=lambda _: found))


def _patch(module: Any) -> None:
    everywhere(module, "connect", patched(_connected))


LIBRARY = Library(
    "databases",
    "pymssql._pymssql",
    _patch,
    package="pymssql",
    captured="connections by `connect`, their cursors, `callproc`, `bulk_copy`, `autocommit`",
    not_captured="connections of the low-level module `_mssql`; a class `Connection` that the program calls itself",
    tests=("tests/instrumentation/opened/test_pymssql.py",),
    against="the driver's own classes over a stub of its network layer",
)
