"""mysqlclient, the module `MySQLdb`. https://mysqlclient.readthedocs.io"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from prefect_lineage_events import patches, stores
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import subclasses
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.drivers.mysql import calls
from prefect_lineage_events.instrumentation.drivers.mysql.types import type_name
from prefect_lineage_events.instrumentation.execution import argument
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import is_left_alone, patched, traced
from prefect_lineage_events.stores import Store


def store(connection: Any) -> Store:
    """The server's address. The database is known where the constructor is traced."""
    return _store(connection, None)


def _store(connection: Any, database: str | None) -> Store:
    host = str(connection.get_host_info()).partition(" via ")[0]  # `db via TCP/IP`, `Localhost via UNIX socket`
    return stores.server("mysql", host, connection.port or None, database or None)


DRIVER = Driver(
    store=store,
    autocommits=lambda connection: connection.get_autocommit(),  # as the server's last response has it
    rows=calls.rows,
    type_name=type_name,
    connection_wrappers={
        "begin": calls.trace_begin,
        "autocommit": calls.trace_autocommit,
        "select_db": calls.trace_select_db,
        "query": partial(calls.trace_query, "MySQLdb."),
    },
    cursor_wrappers={"callproc": calls.trace_callproc, "nextset": calls.trace_nextset},
    subclassed=True,
    cursor_classes=("MySQLdb.cursors.BaseCursor",),
)


def _connected(method: Any, connection: Any, args: Any, kwargs: Any) -> None:
    with guarded("tracing a connection", count_untraced):
        subclasses.forget(connection)
    method(*args, **kwargs)
    with guarded("tracing a connection", count_untraced):
        if is_left_alone():
            return
        found = _store(connection, argument(args, kwargs, 3, "database", "db"))
        if traced(connection, replace(DRIVER, store=lambda _: found)) is not connection:
            count_untraced("the class of a connection cannot be changed")


def _patch(module: Any) -> None:
    patches.add(module.Connection, "__init__", patched(_connected))


LIBRARY = Library(
    "databases",
    "MySQLdb.connections",
    _patch,
    package="mysqlclient",
    captured="all connections and cursors, under every name of `connect` and in users' subclasses; `callproc`, "
    "`select_db`, `begin`, `autocommit`, `Connection.query`",
    not_captured="the database that only an option file names; `change_user`; the module `_mysql` used directly",
    tests=("tests/instrumentation/opened/test_mysqlclient.py",),
    against="MariaDB",
)
