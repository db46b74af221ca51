"""asyncpg: its own connections and those of its pools, and SQLAlchemy's adapter of them.

It is no DB-API driver: statements are run by coroutines of the connection, of prepared statements and of cursors.
Its address is in private attributes only. https://magicstack.github.io/asyncpg/current/api/index.html
"""

from __future__ import annotations

from typing import Any

from prefect_lineage_events.instrumentation import unwrapping, wrappers
from prefect_lineage_events.instrumentation.driver import Driver, MethodWrapper
from prefect_lineage_events.instrumentation.drivers.postgres.asyncpg_calls import (
    RUNNING,
    CoroutineExecution,
    autocommits,
    count_of,
    reached_the_server,
    status_rows,
)
from prefect_lineage_events.instrumentation.drivers.postgres.asyncpg_cursors import trace_cursor_factory, trace_prepare
from prefect_lineage_events.instrumentation.drivers.postgres.asyncpg_transactions import trace_reset, trace_transaction
from prefect_lineage_events.instrumentation.drivers.postgres.lookup import PostgresLookup, asyncpg_lookup
from prefect_lineage_events.instrumentation.drivers.postgres.psycopg import TYPES, schemas_of, server_store
from prefect_lineage_events.instrumentation.execution import argument, operation_of
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy
from prefect_lineage_events.naming import quote
from prefect_lineage_events.stores import Store


def store(connection: Any) -> Store:
    """The store of the connection's address. A socket is on this machine."""
    address, parameters = connection._addr, connection._params
    host, port = address if isinstance(address, tuple) else ("localhost", _socket_port(address))
    path = (parameters.server_settings or {}).get("search_path", "")
    return server_store(host, port, parameters.database, schemas_of(path))


def _socket_port(path: str) -> int | None:
    """The port in the name of a PostgreSQL socket, `/run/postgresql/.s.PGSQL.5432`."""
    tail = path.rpartition(".")[2]
    return int(tail) if tail.isdigit() else None


def lookup(connection: Any) -> PostgresLookup:
    """A look-up with the login that the connection was opened with."""
    parameters, address = connection._params, connection._addr
    host, port = address if isinstance(address, tuple) else (address.rpartition("/")[0], _socket_port(address))
    login = {
        "host": host,
        "port": port,
        "user": parameters.user,
        "password": parameters.password,
        "database": parameters.database,
        # The context stands even where the server declined encryption, and would insist on it here.
        "ssl": parameters.ssl if connection._transport.get_extra_info("ssl_object") else False,
    }
    return asyncpg_lookup(login, parameters.server_settings or {})


def _trace_execute(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    sql, sets = str(operation_of(args, kwargs)), args[1] if len(args) > 1 else kwargs.get("args")
    parameters = () if method.__name__ == "executemany" else args[1:]
    return CoroutineExecution(connection, sql, parameters).run(
        method(*args, **kwargs), count_of(method.__name__, sql, sets)
    )


def _trace_copy(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`copy_to_table` and its like, as the COPY that they send."""
    what = str(argument(args, kwargs, 0, "table_name", "query", default=""))
    schema, columns = kwargs.get("schema_name"), kwargs.get("columns")
    table = ".".join(quote(str(part)) for part in (schema, what) if part)
    listed = wrappers.column_list(columns)
    sql = {
        "copy_from_query": f"COPY ({what}) TO STDOUT",
        "copy_from_table": f"COPY {table}{listed} TO STDOUT",
    }.get(method.__name__, f"COPY {table}{listed} FROM STDIN")
    return CoroutineExecution(connection, sql).run(
        method(*args, **kwargs), lambda status: (status_rows(status), "affected")
    )


_CONNECTION_WRAPPERS: dict[str, MethodWrapper] = {
    "cursor": trace_cursor_factory,
    "prepare": trace_prepare,
    "transaction": trace_transaction,
    "terminate": wrappers.trace_close,
    "reset": trace_reset,
    **dict.fromkeys(RUNNING, _trace_execute),
    **dict.fromkeys(("copy_from_query", "copy_from_table", "copy_to_table", "copy_records_to_table"), _trace_copy),
}

# `isinstance(x, asyncpg.Connection)`, and returning a connection to its pool.
_TAKE_CONNECTIONS = {"asyncpg.connection": ("ConnectionMeta.__instancecheck__",), "asyncpg.pool": ("Pool.release",)}

DRIVER = Driver(
    on_trace=unwrapping.unwrap_arguments_of(_TAKE_CONNECTIONS),
    store=store,
    autocommits=autocommits,
    reports_transaction=True,
    lookup=lookup,
    connection_wrappers=_CONNECTION_WRAPPERS,
)

ADAPTED = Driver(
    store=lambda adapter: store(adapter.driver_connection),
    autocommits=lambda adapter: autocommits(adapter.driver_connection),
    type_name=TYPES.get,
    refuses=lambda error: error.__cause__ is not None and not reached_the_server(error.__cause__),
    lookup=lambda adapter: lookup(adapter.driver_connection),
)
"""SQLAlchemy's adapter, which has the DB-API's methods."""
