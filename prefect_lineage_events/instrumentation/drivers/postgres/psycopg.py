"""PostgreSQL by libpq: psycopg, its asynchronous connections, SQLAlchemy's adapter of these, and psycopg2."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from prefect_lineage_events import stores
from prefect_lineage_events.instrumentation import two_phase, wrappers
from prefect_lineage_events.instrumentation.driver import Driver, rowcount
from prefect_lineage_events.instrumentation.drivers.postgres.lookup import (
    PostgresLookup,
    libpq_lookup,
    query_psycopg,
    query_psycopg2,
)
from prefect_lineage_events.instrumentation.execution import TracedCursor, argument
from prefect_lineage_events.naming import quote
from prefect_lineage_events.stores import Store

# `SELECT oid, format_type(oid, NULL) FROM pg_type` of those types; format_type leaves out lengths and precisions.
TYPES = {
    16: "boolean",
    17: "bytea",
    18: "char",
    19: "name",
    20: "bigint",
    21: "smallint",
    23: "integer",
    25: "text",
    26: "oid",
    114: "json",
    142: "xml",
    650: "cidr",
    700: "real",
    701: "double precision",
    790: "money",
    829: "macaddr",
    869: "inet",
    1042: "character",
    1043: "character varying",
    1082: "date",
    1083: "time without time zone",
    1114: "timestamp without time zone",
    1184: "timestamp with time zone",
    1186: "interval",
    1266: "time with time zone",
    1560: "bit",
    1562: "bit varying",
    1700: "numeric",
    2950: "uuid",
    3802: "jsonb",
    1000: "boolean[]",
    1005: "smallint[]",
    1007: "integer[]",
    1009: "text[]",
    1015: "character varying[]",
    1016: "bigint[]",
    1022: "double precision[]",
    1231: "numeric[]",
}

# libpq's PQtransactionStatus: https://www.postgresql.org/docs/current/libpq-status.html
_IDLE, _ACTIVE, _IN_TRANSACTION, _IN_ERROR = range(4)
_SEARCH_PATH = re.compile(r"search[_-]path\s*=\s*((?:\\\s|\S)+)")


def store(connection: Any) -> Store:
    """Host, port and database of libpq's live connection, in which PGPORT, service files and defaults are resolved."""
    info = connection.info
    host = info.host or getattr(info, "hostaddr", "")
    return server_store(host, info.port, info.dbname, _search_path(info))


def server_store(host: str, port: int | None, database: str | None, schemas: tuple[str, ...] = ()) -> Store:
    """The store of a server; a socket directory is localhost. `schemas` are those of the connection's search path."""
    host = "localhost" if host.startswith("/") else host
    found = stores.server("postgres", host, port, database, schemas[0] if schemas else "public")
    return replace(found, searched=schemas)


def _search_path(info: Any) -> tuple[str, ...]:
    """The search path that the connection was opened with, where libpq has it.

    The server reports `search_path` from version 18 on; before that only the connection's own options have it.
    """
    reported = info.parameter_status("search_path")
    options = _SEARCH_PATH.search(info.options or "")
    return schemas_of(reported or (options[1].replace("\\", "") if options else ""))


def schemas_of(search_path: str) -> tuple[str, ...]:
    """The schemas that a search path names, without `$user`."""
    schemas = [part.strip().strip('"') for part in search_path.split(",")]
    return tuple(schema for schema in schemas if schema and not schema.startswith("$"))


def autocommits(connection: Any) -> bool:
    """libpq keeps the server's transaction status of the last response."""
    return connection.info.transaction_status not in (_ACTIVE, _IN_TRANSACTION, _IN_ERROR)


def in_failed_transaction(connection: Any) -> bool:
    """Has an error aborted the transaction? The server then rolls back on COMMIT."""
    return bool(connection.info.transaction_status == _IN_ERROR)


def is_lost(connection: Any) -> bool:
    """Is the connection in none of libpq's states of a working one?"""
    return connection.info.transaction_status not in (_IDLE, _ACTIVE, _IN_TRANSACTION, _IN_ERROR)


def _leaves_transaction_open(connection: Any) -> bool:
    """True in autocommit mode after a textual BEGIN: psycopg2's `commit` and `rollback` do nothing then."""
    return connection.autocommit and not autocommits(connection)


def _psycopg2_lookup(connection: Any) -> PostgresLookup:
    info = connection.info
    return libpq_lookup(query_psycopg2, info.dsn_parameters, info.password, info.options)


def _psycopg_lookup(connection: Any) -> PostgresLookup:
    info = connection.info
    return libpq_lookup(query_psycopg, info.get_parameters(), info.password, info.options)


def _trace_copy(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace psycopg2's `copy_from(file, table, columns=...)` and `copy_to` as the statement that they send."""
    position, direction = (5, "FROM STDIN") if method.__name__ == "copy_from" else (4, "TO STDOUT")
    table = quote(str(argument(args, kwargs, 1, "table")))
    listed = wrappers.column_list(argument(args, kwargs, position, "columns"))
    return wrappers.trace_execute_as(cursor, f"COPY {table}{listed} {direction}", method, args, kwargs)


def _psycopg2_has_result(cursor: Any) -> bool:
    """True for a named (server-side) cursor, which describes its rows only after the first fetch."""
    return cursor.description is not None or cursor.name is not None


def _is_mogrified(operation: Any) -> bool:
    """True for bytes: `mogrify` returns bytes with the values in them; `execute_values` and `execute_batch` send such.

    https://www.psycopg.org/docs/extras.html#fast-execution-helpers
    """
    return isinstance(operation, bytes)


PSYCOPG2 = Driver(
    store=store,
    inlines=_is_mogrified,
    autocommits=autocommits,
    commits_on_exit=lambda _: True,
    in_failed_transaction=in_failed_transaction,
    leaves_transaction_open=_leaves_transaction_open,
    is_lost=is_lost,
    type_name=TYPES.get,
    has_result=_psycopg2_has_result,
    lookup=_psycopg2_lookup,
    connection_wrappers={**two_phase.WRAPPERS, "reset": wrappers.trace_rollback},
    cursor_wrappers={"copy_expert": wrappers.trace_execute, "copy_from": _trace_copy, "copy_to": _trace_copy},
    reports_transaction=True,
    subclassed=True,
    cursor_classes=("psycopg2.extensions.cursor",),
)


def _psycopg_rows(cursor: Any) -> int | None:
    """The rows of all results of `executemany(..., returning=True)`. A script's `rowcount` is its first statement's.

    None for an `executemany` in a pipeline, whose `rowcount` is 0 until the results arrive.
    """
    results = cursor._results
    if not results and cursor._pgconn.pipeline_status:
        return None
    if len(results) < 2:
        return rowcount(cursor)
    same = len({(result.command_status or b"").split(b" ")[0] for result in results}) == 1
    many = getattr(cursor, "_execmany_returning", same)  # before psycopg 3.2
    return sum(result.command_tuples or 0 for result in results) if many else None


def _psycopg_undoes_many(error: BaseException) -> bool:
    """True where libpq has pipelines: `executemany` is one pipeline, which the server undoes as a whole."""
    from psycopg import Error, Pipeline

    return isinstance(error, Error) and error.sqlstate is not None and Pipeline.is_supported()


PSYCOPG = Driver(
    undoes_executemany=_psycopg_undoes_many,
    rows=_psycopg_rows,
    store=store,
    autocommits=autocommits,
    commits_on_exit=lambda _: True,
    in_failed_transaction=in_failed_transaction,
    is_lost=is_lost,
    type_name=TYPES.get,
    lookup=_psycopg_lookup,
    connection_wrappers={
        "transaction": wrappers.trace_transaction,
        "pipeline": wrappers.trace_pipeline,
        **two_phase.WRAPPERS,
    },
    cursor_wrappers={"copy": wrappers.trace_copy, "stream": wrappers.trace_stream},
    reports_transaction=True,
    subclassed=True,
    cursor_classes=("psycopg.Cursor", "psycopg.AsyncCursor"),
)
