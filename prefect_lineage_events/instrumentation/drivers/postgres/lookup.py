"""Look-up of PostgreSQL's tables, and of the first schema of a login, on a connection of our own.

Connections with the same parameters share one look-up, so that a pool of many connections sends each query once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any
from weakref import WeakValueDictionary

from prefect_lineage_events.emission.lookups import DescribedColumns


def by_table(
    rows: Iterable[Sequence[Any]], tables: Sequence[tuple[str, ...]], default_schema: str
) -> dict[tuple[str, ...], DescribedColumns]:
    """Rows of (schema, table, column, type, kind), columns in order, as the result of a SchemaLookup.

    A name of one part is looked for in the default schema. Databases are not distinguished, so a look-up runs on the
    database of the statement.
    """
    found: dict[tuple[str, str], DescribedColumns] = {}
    for schema, table, column, type_, kind in rows:
        found.setdefault((schema, table), DescribedColumns(kind=kind))[column] = type_
    wanted = {table: (table[-2] if len(table) > 1 else default_schema, table[-1]) for table in tables}
    return {table: found[key] for table, key in wanted.items() if key in found}


_COLUMNS = """
    SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, NULL),
           CASE WHEN c.relkind IN ('v', 'm') THEN 'view' ELSE 'table' END
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = ANY({names}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum
"""
_SCHEMA = "SELECT current_schema(), current_setting('search_path'), array_to_string(current_schemas(false), ',')"
_SCHEMAS = """
    SELECT nspname, nspname = session_user FROM pg_namespace
    WHERE nspname = ANY({names}) OR nspname = session_user
"""
_SCHEMAS_WITH = """
    SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = ANY({names}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_OPTIONS = "-c statement_timeout=3000 -c default_transaction_read_only=on"
_TIMEOUT = 3  # seconds
Query = Callable[[Mapping[str, Any], str, Sequence[Any]], Any]


class PostgresLookup:
    """Queries over a read-only connection with the parameters of the user's, opened for each query.

    `query(parameters, sql, arguments)` opens it, runs one query with `%s` for each argument, and closes it.
    """

    def __init__(self, query: Query, parameters: Mapping[str, Any]) -> None:
        self._query = query
        self._parameters = parameters
        self._begins_in: str | None = None
        self._search_path: tuple[str, ...] | None = None
        self._searched: tuple[str, ...] | None = None
        self._begin_is_read = False
        self._schemas: dict[str, str] = {}

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], DescribedColumns]:
        rows = self._query(self._parameters, _COLUMNS, [[table[-1] for table in tables]])
        return by_table(rows, tables, "public")

    def default_schema(self) -> str | None:
        """The schema of a new connection: the first existing one of its search path.

        ALTER ROLE and ALTER DATABASE set a search path that drivers do not report before PostgreSQL 18. The query is
        sent once, even if it fails.
        """
        self._read_begin()
        return self._begins_in

    def search_path(self) -> tuple[str, ...] | None:
        """The search path of a new connection, `$user` as written."""
        self._read_begin()
        return self._search_path

    def _read_begin(self) -> None:
        if not self._begin_is_read:
            self._begin_is_read = True
            [[self._begins_in, path, searched]] = self._query(self._parameters, _SCHEMA, [])
            self._search_path = tuple(name.strip().strip('"') for name in path.split(",") if name.strip())
            self._searched = tuple(searched.split(",")) if searched else ()

    def searched_schemas(self) -> tuple[str, ...] | None:
        self._read_begin()
        return self._searched

    def forget(self) -> None:
        """Query the first schema again: a statement has changed it."""
        self._begin_is_read = False

    def existing_schemas(self, names: tuple[str, ...], database: str | None) -> dict[str, str]:
        """Those of the schemas that the database has. One that was found is not queried again."""
        if not self._schemas.keys() >= set(names):
            for name, is_own in self._query(self._parameters, _SCHEMAS, [list(names)]):
                self._schemas |= {name: name, "$user": name} if is_own else {name: name}
        return {name: self._schemas[name] for name in names if name in self._schemas}

    def schemas_with(self, table: str, schemas: tuple[str, ...], database: str | None) -> set[str]:
        return {schema for (schema,) in self._query(self._parameters, _SCHEMAS_WITH, [[table]])}.intersection(schemas)


_shared: WeakValueDictionary[tuple[Any, ...], PostgresLookup] = WeakValueDictionary()


def _shared_lookup(query: Query, parameters: Mapping[str, Any]) -> PostgresLookup:
    key = (query, *sorted((name, repr(value)) for name, value in parameters.items()))
    return _shared.setdefault(key, PostgresLookup(query, parameters))


def libpq_lookup(
    query: Query, parameters: Mapping[str, Any], password: str | None, options: str | None
) -> PostgresLookup:
    """The look-up for psycopg and psycopg2. `options` are the connection's own, which may set its search path."""
    own = {
        "options": f"{options or ''} {_OPTIONS}".strip(),
        "connect_timeout": _TIMEOUT,
        "application_name": "prefect-lineage-events",
    }
    return _shared_lookup(query, {**parameters, **({"password": password} if password else {}), **own})


def query_psycopg2(parameters: Mapping[str, Any], sql: str, arguments: Sequence[Any]) -> Any:
    """Run the query on a connection of psycopg2."""
    import psycopg2

    return _query_libpq(psycopg2.connect, parameters, sql, arguments)


def query_psycopg(parameters: Mapping[str, Any], sql: str, arguments: Sequence[Any]) -> Any:
    """Run the query on a connection of psycopg."""
    import psycopg

    return _query_libpq(psycopg.connect, parameters, sql, arguments)


def _query_libpq(connect: Callable[..., Any], parameters: Mapping[str, Any], sql: str, arguments: Sequence[Any]) -> Any:
    with closing(connect(**parameters)) as connection:
        cursor = connection.cursor()
        cursor.execute(sql.format(names="%s"), arguments)
        return cursor.fetchall()


def asyncpg_lookup(parameters: Mapping[str, Any], server_settings: Mapping[str, str]) -> PostgresLookup:
    """The look-up for asyncpg. `server_settings` are the connection's own, which may set its search path."""
    own = {
        "timeout": _TIMEOUT,
        "command_timeout": _TIMEOUT,
        "server_settings": {**server_settings, "default_transaction_read_only": "on"},
    }
    return _shared_lookup(_query_asyncpg, {**parameters, **own})


def _query_asyncpg(parameters: Mapping[str, Any], sql: str, arguments: Sequence[Any]) -> Any:
    """Run the query in an event loop of its own."""
    return asyncio.run(_asyncpg_fetch(parameters, sql, arguments))


async def _asyncpg_fetch(parameters: Mapping[str, Any], sql: str, arguments: Sequence[Any]) -> Any:
    import asyncpg

    connection = await asyncpg.connect(**parameters)
    try:
        return await connection.fetch(sql.format(names="$1::text[]"), *arguments)
    finally:
        await connection.close(timeout=_TIMEOUT)
