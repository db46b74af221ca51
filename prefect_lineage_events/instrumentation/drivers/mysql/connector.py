"""mysql-connector-python: its pure and its C connections, its pools, and `mysql.connector.aio`.

https://dev.mysql.com/doc/connector-python/en/
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from prefect_lineage_events import patches, stores
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import subclasses, wrappers
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.drivers.mysql import calls
from prefect_lineage_events.instrumentation.drivers.mysql.lookup import TIMEOUT, MySQLLookup
from prefect_lineage_events.instrumentation.drivers.mysql.types import type_name
from prefect_lineage_events.instrumentation.execution import TracedConnection, traced_call, when_done
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import traced, traces_own
from prefect_lineage_events.stores import Store


def store(connection: Any) -> Store:
    """The server's address, and the database that the connection begins in: the property of it sends a query."""
    return stores.server("mysql", connection._host, connection._port, connection._database or None)


def _rows(cursor: Any) -> int | None:
    """The rows written. Of a query the C extension knows none before they are fetched, and then counts them."""
    return calls.rows(cursor) if cursor.description is None else None


def lookup(connection: Any) -> MySQLLookup:
    """The look-up with the connection's login, which the connector keeps."""
    from mysql.connector.connection import MySQLConnection  # the pure one, which needs no library

    known = {
        "host": connection._host,
        "port": connection._port,
        "unix_socket": connection._unix_socket,
        "user": connection._user,
        "password": connection._password,
        "connection_timeout": TIMEOUT,
    }
    return MySQLLookup(
        partial(MySQLConnection, **{name: value for name, value in known.items() if value}),
        connection._database or None,
    )


def _trace_reset(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `cmd_reset_connection` and `cmd_change_user`, after which a session begins; pools call them."""
    driver = connection._self_driver

    def on_success(result: Any) -> Any:
        with guarded("tracing a connection", count_untraced):
            subclasses.forget(connection)
            traced(connection, driver)
        return result

    return when_done(method(*args, **kwargs), on_success)


def _trace_info_query(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Make a query of the connector itself, by which it reads a variable of the session, without a report."""
    subclasses.set_active(connection, active=False)

    def on_success(result: Any) -> Any:
        subclasses.set_active(connection, active=True)
        return result

    return traced_call(method, args, kwargs, on_success, on_success)


def _trace_cursor(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `cursor()`, which is awaited in `mysql.connector.aio`."""
    return when_done(method(*args, **kwargs), connection._self_cursor)


DRIVER = Driver(
    store=store,
    autocommits=lambda connection: not connection.in_transaction,
    rows=_rows,
    type_name=type_name,
    lookup=lookup,
    connection_wrappers={
        "cursor": _trace_cursor,
        "info_query": _trace_info_query,
        "start_transaction": calls.trace_begin,
        "cmd_init_db": calls.trace_select_db,
        "cmd_query": partial(calls.trace_query, "mysql."),
        "cmd_query_iter": partial(calls.trace_query, "mysql."),
        "cmd_reset_connection": _trace_reset,
        "cmd_change_user": _trace_reset,
        "set_database": calls.trace_select_db,
        "set_autocommit": calls.trace_autocommit,
        "disconnect": wrappers.trace_close,
        "shutdown": wrappers.trace_close,
    },
    cursor_wrappers={"callproc": calls.trace_callproc, "nextset": calls.trace_nextset},
    reports_transaction=True,
    subclassed=True,
    cursor_classes=("mysql.connector.abstracts.MySQLCursorAbstract",),
)


ASYNC = replace(DRIVER, cursor_classes=("mysql.connector.aio.abstracts.MySQLCursorAbstract",))


def _patch(module: Any) -> None:
    patches.add(module.MySQLConnectionAbstract, "connect", traces_own(lambda: DRIVER))


def _patch_async(module: Any) -> None:
    patches.add(module.MySQLConnection, "connect", traces_own(lambda: ASYNC))


def _patch_connection(name: str, module: Any) -> None:
    cls = getattr(module, name)
    for attribute, statement in (("database", _use), ("autocommit", _set_autocommit)):
        patches.add(cls, attribute, partial(_noting_property, statement))


def _use(value: Any) -> str:
    return "USE `" + str(value).replace("`", "``") + "`"


def _set_autocommit(value: Any) -> str:
    return f"SET autocommit = {bool(value):d}"


def _noting_property(statement: Callable[[Any], str], own: Any, is_on: Callable[[], bool]) -> Any:
    """The patch of a property, whose setter does the same as a statement."""

    def set_(connection: Any, value: Any) -> None:
        known = subclasses.tracing_of(connection) if is_on() else None
        if known is None or not known.active:
            own.fset(connection, value)
            return
        known.active = False  # a setter that calls methods of the connection is noted once
        try:
            wrappers.trace_connection_call_as(connection, statement(value), own.fset, (connection, value), {})
        finally:
            known.active = True

    return property(own.fget, set_, own.fdel, own.__doc__)


_TESTS = ("tests/instrumentation/opened/test_mysql_connector.py",)
LIBRARIES = (
    Library(
        "databases",
        "mysql.connector.abstracts",
        _patch,
        package="mysql-connector-python",
        captured="pure and C connections, pools, all kinds of cursors, prepared ones too; `callproc`, `cmd_query`, "
        "`start_transaction`, the properties `database` and `autocommit`",
        not_captured="`mysqlx`, the X DevAPI",
        tests=_TESTS,
        against="MariaDB",
    ),
    Library(
        "databases",
        "mysql.connector.connection",
        partial(_patch_connection, "MySQLConnection"),
        package="mysql-connector-python",
        captured="`database` and `autocommit` of pure connections",
        tests=_TESTS,
        against="MariaDB",
    ),
    Library(
        "databases",
        "mysql.connector.connection_cext",
        partial(_patch_connection, "CMySQLConnection"),
        package="mysql-connector-python",
        captured="`database` and `autocommit` of C connections",
        tests=_TESTS,
        against="MariaDB by hand with version 9.1, and in tests where the extension can be loaded",
    ),
    Library(
        "databases",
        "mysql.connector.aio.connection",
        _patch_async,
        package="mysql-connector-python",
        captured="connections and cursors of `mysql.connector.aio`",
        tests=_TESTS,
        against="MariaDB",
    ),
)
