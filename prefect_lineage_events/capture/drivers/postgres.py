"""PostgreSQL: psycopg, psycopg2, and SQLAlchemy's adapters of psycopg's async connections and asyncpg."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from prefect_lineage_events import datasets
from prefect_lineage_events.capture import weaves
from prefect_lineage_events.capture.drivers import psycopg2_doors
from prefect_lineage_events.capture.drivers.driver import Driver
from prefect_lineage_events.capture.drivers.lookup import by_table
from prefect_lineage_events.capture.proxies import CursorProxy
from prefect_lineage_events.datasets import Store

# libpq's PQtransactionStatus: https://www.postgresql.org/docs/current/libpq-status.html
_IDLE, _ACTIVE, _IN_TRANSACTION, _IN_ERROR = range(4)
_SEARCH_PATH = re.compile(r"search_path\s*=\s*(\S+)")

# `SELECT oid, format_type(oid, NULL) FROM pg_type` of the built-in types that tables have.
_TYPES = {
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


def store(connection: Any) -> Store:
    """Host, port and database of libpq's live connection: PGPORT, service files and defaults are resolved there."""
    info = connection.info
    host = info.host or getattr(info, "hostaddr", "")
    return server_store(host, info.port, info.dbname, _search_path(info))


def server_store(host: str, port: int | None, database: str | None, schema: str | None = None) -> Store:
    """A socket directory is this machine."""
    return datasets.server(
        "postgres", "localhost" if host.startswith("/") else host, port, database, schema or "public"
    )


def _search_path(info: Any) -> str | None:
    """The first schema of the search path that the connection was opened with, where libpq knows it.

    The server reports `search_path` from version 18 on; before that only the connection's own options tell.
    """
    reported = info.parameter_status("search_path")
    options = _SEARCH_PATH.search(info.options or "")
    path = reported or (options[1] if options else "")
    schemas = [part.strip().strip('"') for part in path.split(",")]
    return next((schema for schema in schemas if schema and not schema.startswith("$")), None)


def commits_itself(connection: Any) -> bool:
    return connection.info.transaction_status not in (_ACTIVE, _IN_TRANSACTION, _IN_ERROR)


def doomed(connection: Any) -> bool:
    """After an error inside a transaction the server answers COMMIT with ROLLBACK."""
    return bool(connection.info.transaction_status == _IN_ERROR)


_COLUMNS = """
    SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, NULL)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = ANY({names}) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum
"""
_LOOKUP_OPTIONS = "-c statement_timeout=3000 -c default_transaction_read_only=on"
_LOOKUP_TIMEOUT = 3


@dataclass(frozen=True, slots=True)
class LibpqLookup:
    """Columns of tables over a read-only connection with the parameters of the user's, opened for each batch."""

    connect: Callable[..., Any]
    parameters: Mapping[str, Any] = field(repr=False)

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], Mapping[str, str | None]]:
        with closing(self.connect(**self.parameters)) as connection:
            cursor = connection.cursor()
            cursor.execute(_COLUMNS.format(names="%s"), ([table[-1] for table in tables],))
            return by_table(cursor.fetchall(), tables, "public")


def libpq_lookup(connect: Callable[..., Any], parameters: Mapping[str, Any], password: str | None) -> LibpqLookup:
    own = {"options": _LOOKUP_OPTIONS, "connect_timeout": _LOOKUP_TIMEOUT, "application_name": "prefect-lineage-events"}
    return LibpqLookup(connect, {**parameters, **({"password": password} if password else {}), **own})


@dataclass(frozen=True, slots=True)
class AsyncpgLookup:
    """The same over asyncpg, in an event loop that lives as long as the batch."""

    parameters: Mapping[str, Any] = field(repr=False)

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], Mapping[str, str | None]]:
        return asyncio.run(self._look_up(tables))

    async def _look_up(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], Mapping[str, str | None]]:
        import asyncpg

        connection = await asyncpg.connect(**self.parameters)
        try:
            rows = await connection.fetch(_COLUMNS.format(names="$1::text[]"), [table[-1] for table in tables])
        finally:
            await connection.close(timeout=_LOOKUP_TIMEOUT)
        return by_table(rows, tables, "public")


def _psycopg2_lookup(connection: Any) -> LibpqLookup:
    import psycopg2

    return libpq_lookup(psycopg2.connect, connection.info.dsn_parameters, connection.info.password)


def _psycopg_lookup(connection: Any) -> LibpqLookup:
    import psycopg

    return libpq_lookup(psycopg.connect, connection.info.get_parameters(), connection.info.password)


def _copies(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """psycopg2's `copy_from(file, table, columns=...)` and `copy_to`, as the statement they send."""
    table = args[1] if len(args) > 1 else kwargs["table"]
    columns = kwargs.get("columns") or (args[5] if len(args) > 5 else None)
    listed = " (" + ", ".join(f'"{column}"' for column in columns) + ")" if columns else ""
    direction = "FROM STDIN" if method.__name__ == "copy_from" else "TO STDOUT"
    return weaves.runs_as(cursor, f'COPY "{table}"{listed} {direction}', method, args, kwargs)


def _psycopg2_has_result(cursor: Any) -> bool:
    """A named cursor of the server has rows, and describes them only when some have been fetched."""
    return cursor.description is not None or cursor.name is not None


PSYCOPG2 = Driver(
    prepare=psycopg2_doors.open_to_proxies,
    store=store,
    commits_itself=commits_itself,
    exit_commits=lambda _: True,
    doomed=doomed,
    type_name=_TYPES.get,
    has_result=_psycopg2_has_result,
    lookup=_psycopg2_lookup,
    connection_calls={"tpc_commit": weaves.ends_transaction, "tpc_rollback": weaves.rolls_back},
    cursor_calls={"copy_expert": weaves.runs_statement, "copy_from": _copies, "copy_to": _copies},
)

PSYCOPG = Driver(
    store=store,
    commits_itself=commits_itself,
    exit_commits=lambda _: True,
    doomed=doomed,
    type_name=_TYPES.get,
    lookup=_psycopg_lookup,
    connection_calls={
        "execute": weaves.opens_cursor,
        "transaction": weaves.transaction_block,
        "tpc_commit": weaves.ends_transaction,
        "tpc_rollback": weaves.rolls_back,
    },
    cursor_calls={"copy": weaves.statement_block, "stream": weaves.streams_rows},
)


def _asyncpg_store(adapter: Any) -> Store:
    connection = adapter.driver_connection
    address = connection._addr
    host, port = address if isinstance(address, tuple) else ("localhost", _socket_port(address))
    return server_store(host, port, connection._params.database)


def _socket_port(path: str) -> int | None:
    """The port in the name of a PostgreSQL socket, `/run/postgresql/.s.PGSQL.5432`."""
    tail = path.rpartition(".")[2]
    return int(tail) if tail.isdigit() else None


def _asyncpg_lookup(adapter: Any) -> AsyncpgLookup:
    connection = adapter.driver_connection
    parameters, address = connection._params, connection._addr
    host, port = address if isinstance(address, tuple) else (address.rpartition("/")[0], _socket_port(address))
    return AsyncpgLookup(
        {
            "host": host,
            "port": port,
            "user": parameters.user,
            "password": parameters.password,
            "database": parameters.database,
            # The context stands even where the server declined encryption, and would insist on it here.
            "ssl": parameters.ssl if connection._transport.get_extra_info("ssl_object") else False,
            "timeout": _LOOKUP_TIMEOUT,
            "command_timeout": _LOOKUP_TIMEOUT,
            "server_settings": {"default_transaction_read_only": "on"},
        }
    )


ASYNCPG = Driver(
    store=_asyncpg_store,
    commits_itself=lambda adapter: not adapter.driver_connection.is_in_transaction(),
    type_name=_TYPES.get,
    lookup=_asyncpg_lookup,
)
"""SQLAlchemy's adapter, which looks like a DB-API connection. asyncpg tells its address nowhere in public."""


def _adapted(question: Any) -> Any:
    """The same question to the psycopg connection inside SQLAlchemy's adapter."""
    return lambda adapter: question(adapter.driver_connection)


ASYNC_PSYCOPG = Driver(
    store=_adapted(store),
    commits_itself=_adapted(commits_itself),
    doomed=_adapted(doomed),
    type_name=_TYPES.get,
    lookup=_adapted(_psycopg_lookup),
)
