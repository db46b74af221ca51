"""pyodbc: ODBC drivers of any store. https://github.com/mkleehammer/pyodbc/wiki"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prefect_lineage_events import stores
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.driver import Driver, rowcount
from prefect_lineage_events.instrumentation.drivers.generic import OdbcAddress, odbc_address
from prefect_lineage_events.instrumentation.drivers.sqlite import file_store
from prefect_lineage_events.instrumentation.execution import TracedCursor, answer_or_default, when_done
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import everywhere, is_left_alone, patched, traced
from prefect_lineage_events.naming import scheme_of
from prefect_lineage_events.stores import Store

# learn.microsoft.com/sql/odbc/reference/syntax/sqlgetinfo-function: SQL_DBMS_NAME, SQL_SERVER_NAME, SQL_DATABASE_NAME
_DBMS, _SERVER, _DATABASE = 17, 13, 16
# Beginnings of the names by which drivers call their stores, in lower case.
_STORES = {
    "microsoft sql server": "mssql",
    "sql server": "mssql",
    "azure": "mssql",
    "mariadb": "mysql",
    "mysql": "mysql",
    "postgres": "postgres",
    "redshift": "redshift",
    "amazon redshift": "redshift",
    "sqlite": "sqlite",
    "duckdb": "duckdb",
    "oracle": "oracle",
    "snowflake": "snowflake",
    "db2": "db2",
    "teradata": "teradata",
    "vertica": "vertica",
    "trino": "trino",
    "presto": "presto",
    "clickhouse": "clickhouse",
    "exasol": "exasol",
    "exasolution": "exasol",
    "impala": "impala",
    "apache hive": "hive",
    "hive": "hive",
    "databricks": "databricks",
    "spark": "databricks",
}


def store(connection: Any, address: OdbcAddress | None = None) -> Store:
    """The store, by the names that its driver gives, and by the address in the connection string where it has one.

    Raises LookupError for a store that is not known.
    """
    known = str(connection.getinfo(_DBMS)).lower()
    scheme = next((name for beginning, name in _STORES.items() if known.startswith(beginning)), None)
    if scheme is None:
        raise LookupError("the store of an ODBC driver is not known")
    given = address or odbc_address("")
    database = given.database or str(answer_or_default(connection.getinfo, _DATABASE, default="") or "")
    if scheme_of(scheme) == "sqlite":
        return file_store("" if database == ":memory:" else database)
    if scheme == "duckdb":
        return stores.duckdb(database)
    host = given.host or str(answer_or_default(connection.getinfo, _SERVER, default="") or "") or given.dsn
    if scheme == "snowflake":
        return stores.snowflake(host, database or None)
    return stores.server(scheme, host, given.port, database or None, user=given.user)


def _rows(cursor: Any) -> int | None:
    """The rows written; drivers report anything for a query, whose rows are counted as they are fetched."""
    return rowcount(cursor) if cursor.description is None else None


def _trace_end(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `commit()` and `rollback()` of a cursor, which are those of its connection."""
    tracer = cursor._self_connection._self_tracer
    end = tracer.commit if method.__name__ == "commit" else tracer.rollback

    def on_success(result: Any) -> Any:
        end()
        return result

    return when_done(method(*args, **kwargs), on_success)


def _trace_fetchval(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `fetchval()`, whose None may be a value: one row at most is fetched."""
    value = method(*args, **kwargs)
    if value is not None:
        cursor._self_fetched.add(1)
    return value


def _trace_other_result(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `nextset()` and the functions of the catalogue (`tables`, ...), whose rows are none of the statement."""
    cursor._self_fetched.end()
    return cursor._self_same(method(*args, **kwargs))


_OTHER_RESULTS = (
    "nextset", "tables", "columns", "statistics", "rowIdColumns", "rowVerColumns", "primaryKeys", "foreignKeys",
    "procedures", "procedureColumns", "getTypeInfo",
)  # fmt: skip
DRIVER = Driver(
    store=store,
    autocommits=lambda connection: connection.autocommit,
    commits_on_exit=lambda connection: not connection.autocommit,
    rows=_rows,
    connection_wrappers={"execute": wrappers.trace_connection_execute},
    cursor_wrappers={
        "commit": _trace_end,
        "rollback": _trace_end,
        "fetchval": _trace_fetchval,
        **dict.fromkeys(_OTHER_RESULTS, _trace_other_result),
    },
)

# The names of pyodbc's arguments for keywords of the connection string.
_KEYWORDS = {"host": "SERVER", "user": "UID", "server": "SERVER"}


def _connected(function: Any, _: Any, args: Any, kwargs: Any) -> Any:
    connection = function(*args, **kwargs)
    if is_left_alone():
        return connection
    address = answer_or_default(_address, args, kwargs, default=None)
    found: Store | None = answer_or_default(store, connection, address, default=None)
    return traced(connection, DRIVER if found is None else replace(DRIVER, store=lambda _: found))


def _address(args: Any, kwargs: Mapping[str, Any]) -> OdbcAddress:
    text = str(args[0]) if args else ""
    more = (f"{_KEYWORDS.get(name, name)}={value}" for name, value in kwargs.items() if isinstance(value, str))
    return odbc_address(";".join((text, *more)))


def _patch(module: Any) -> None:
    everywhere(module, "connect", patched(_connected))


LIBRARY = Library(
    "databases",
    "pyodbc",
    _patch,
    package="pyodbc",
    captured="connections by connection string, keywords or DSN, `Connection.execute`, cursors with `executemany` and "
    "`fast_executemany`, commits and rollbacks by connection, cursor or `with`",
    not_captured="types of result columns, which pyodbc shows as Python's; a commit by `connection.autocommit = True`; "
    "stores whose ODBC driver is not known by name",
    tests=("tests/instrumentation/opened/test_pyodbc.py",),
    against="SQLite and MariaDB by their ODBC drivers; SQL Server's connection strings over a stub",
)
