"""PyMySQL. https://pymysql.readthedocs.io"""

from __future__ import annotations

from functools import partial
from ssl import SSLSocket
from typing import Any

from prefect_lineage_events import patches, stores
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.drivers.mysql import calls
from prefect_lineage_events.instrumentation.drivers.mysql.lookup import TIMEOUT, MySQLLookup
from prefect_lineage_events.instrumentation.drivers.mysql.types import type_name
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import traces_own
from prefect_lineage_events.stores import Store

_IN_TRANSACTION = 1  # SERVER_STATUS_IN_TRANS


def store(connection: Any) -> Store:
    """The server's address, and the database that the connection begins in."""
    return stores.server("mysql", connection.host, connection.port, _text(connection.db))


def autocommits(connection: Any) -> bool:
    """Read the state of the transaction in the server's last response."""
    return not connection.server_status & _IN_TRANSACTION


def lookup(connection: Any) -> MySQLLookup:
    """The look-up with the connection's login, which PyMySQL keeps."""
    encrypted = getattr(connection, "ctx", None) if isinstance(connection._sock, SSLSocket) else None
    known = {
        "host": connection.host,
        "port": connection.port,
        "unix_socket": connection.unix_socket,
        "user": connection.user,
        "password": _text(connection.password),
        "ssl": encrypted,
        "ssl_disabled": encrypted is None,
        "bind_address": connection.bind_address,
        "connect_timeout": TIMEOUT,
        "read_timeout": TIMEOUT,
        "autocommit": True,
    }
    from pymysql.connections import Connection  # not a user's subclass, which may take other arguments

    return MySQLLookup(partial(Connection, **known), _text(connection.db))


def _text(value: Any) -> Any:
    return value.decode("latin1") if isinstance(value, bytes) else value


DRIVER = Driver(
    store=store,
    autocommits=autocommits,
    rows=calls.rows,
    type_name=type_name,
    is_lost=lambda connection: not connection.open,
    lookup=lookup,
    connection_wrappers={
        "begin": calls.trace_begin,
        "autocommit": calls.trace_autocommit,
        "select_db": calls.trace_select_db,
        "query": partial(calls.trace_query, "pymysql."),
    },
    cursor_wrappers={
        "callproc": calls.trace_callproc,
        "nextset": calls.trace_nextset,
    },
    reports_transaction=True,
    subclassed=True,
    cursor_classes=("pymysql.cursors.Cursor",),
)


def _patch(module: Any) -> None:
    patches.add(module.Connection, "connect", traces_own(lambda: DRIVER))


LIBRARY = Library(
    "databases",
    "pymysql.connections",
    _patch,
    package="pymysql",
    captured="all connections and cursors, also by `from pymysql import connect` and in users' subclasses; `callproc`, "
    "`select_db`, `begin`, `autocommit`, `Connection.query`; columns that no result shows are looked up",
    not_captured="a table's columns where its server refuses a second login",
    tests=("tests/instrumentation/opened/test_pymysql.py", "tests/flows/mariadb_opened.py"),
    against="MariaDB",
)
