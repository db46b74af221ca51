"""What a DuckDB database says of its tables, asked on a duplicate of the user's connection."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from prefect_lineage_events.emission.notes import Described
from prefect_lineage_events.instrumentation.execution import answer_or_default
from prefect_lineage_events.settings import settings

# Bounded, because at a close it runs in the user's thread: a few milliseconds at most. Own tables come before those of
# attached databases; names are compared in lower case, as DuckDB does.
_COLUMNS = """
    SELECT
        CASE WHEN c.database_name = current_database() THEN '' ELSE lower(c.database_name) END AS database,
        lower(c.schema_name), lower(c.table_name), c.column_name, c.data_type,
        CASE WHEN v.view_name IS NULL THEN 'table' ELSE 'view' END
    FROM duckdb_columns() c LEFT JOIN duckdb_views() v
        ON v.database_name = c.database_name AND v.schema_name = c.schema_name AND v.view_name = c.table_name
    WHERE NOT c.internal ORDER BY database, c.schema_name, c.table_name, c.column_index LIMIT 2000
"""
_OWN = "lower(database_name) = lower(coalesce($1, current_database()))"
_SCHEMAS = f"SELECT lower(schema_name) FROM duckdb_schemas() WHERE {_OWN} LIMIT 2000"
_HOLDING = f"""
    SELECT lower(schema_name) FROM duckdb_tables() WHERE {_OWN} AND lower(table_name) = $2
    UNION SELECT lower(schema_name) FROM duckdb_views() WHERE {_OWN} AND lower(view_name) = $2
"""
_DEFAULT_SCHEMA = "main"
# How long a close waits for a look-up that is under way; longer only in a fork of a process that was in one.
_CLOSE_WAITS = 1.0
Row = tuple[str, str, str, str, str, str]


class InstanceLookup:
    """Columns over a duplicate of the user's connection: a file open here cannot be opened a second time elsewhere.

    The duplicate lives for the milliseconds of the query, and the connection is held weakly, so that a closed file is
    never kept locked. After the close nothing can be asked any more; so just before it, what is there is remembered.

    DuckDB refuses to close a connection while another thread duplicates it (`ResourceInUseException`): the close waits
    for the look-up that is under way, and none begins after it. Reentrant, for a look-up may set off a finaliser that
    closes.
    """

    def __init__(self, connection: Any) -> None:
        self._connection: Callable[[], Any] = weakref.ref(connection)
        self._remembered: list[Row] = []
        self._in_use = threading.RLock()

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], Described]:
        with self._in_use:
            connection = self._connection()
            rows = (
                answer_or_default(_all_columns, connection, default=self._remembered)
                if connection
                else self._remembered
            )
            del connection
        known = _by_place(rows)
        found = {table: next((known[place] for place in _places(table) if place in known), None) for table in tables}
        return {table: described for table, described in found.items() if described is not None}

    def default_schema(self) -> None:
        """Every connection begins in `main`, which the store says."""

    def search_path(self) -> None:
        """None: what is searched beside `main` is set by statements."""

    def searched_schemas(self) -> None:
        """As `search_path`."""

    def forget(self) -> None:
        """No statement changes where connections begin."""

    def existing_schemas(self, names: tuple[str, ...], database: str | None) -> dict[str, str] | None:
        found = self._ask(_SCHEMAS, database)
        return None if found is None else {name: name for name in names if name.lower() in found}

    def schemas_with(self, table: str, schemas: tuple[str, ...], database: str | None) -> set[str] | None:
        found = self._ask(_HOLDING, database, table.lower())
        return None if found is None else {schema for schema in schemas if schema.lower() in found}

    def _ask(self, query: str, database: str | None, *arguments: str) -> set[str] | None:
        """The names that a query gives, asked on a duplicate; None where there is no connection any more.

        Programs close their connection right after a statement, or let it go: that is no failure.
        """
        with self._in_use:
            connection = self._connection()
            if connection is None:
                return None
            with closing(duplicate_of(connection)) as duplicate:
                rows = duplicate.execute(query, [database, *arguments]).fetchall()
            del connection
        return {name for (name,) in rows}

    def remember(self) -> None:
        """Before the close: the last look at the connection."""
        if not self._in_use.acquire(timeout=_CLOSE_WAITS):
            return
        try:
            connection, self._connection = self._connection(), _closed
            if settings().schema_lookup and connection:
                self._remembered = _all_columns(connection)
        finally:
            self._in_use.release()


def _closed() -> None:
    """What a connection's weak reference says when it is gone."""


def duplicate_of(connection: Any) -> Any:
    """Another connection to the same database instance: DuckDB's `cursor()`, also behind duckdb-engine's wrapper."""
    own = getattr(connection, "_ConnectionWrapper__c", connection)
    return own.cursor()


def _all_columns(connection: Any) -> list[Row]:
    with closing(duplicate_of(connection)) as duplicate:
        rows: list[Row] = duplicate.execute(_COLUMNS).fetchall()
    return rows


def _by_place(rows: Iterable[Row]) -> dict[tuple[str, str, str], Described]:
    """What is described, by database (none for the connection's own), schema and table."""
    known: dict[tuple[str, str, str], Described] = {}
    for database, schema, table, column, type_, kind in rows:
        known.setdefault((database, schema, table), Described(kind=kind))[column] = type_
    return known


def _places(table: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Where a name may lead: the first part of two is a schema or a database."""
    *qualifiers, name = (part.lower() for part in table[-3:])
    if not qualifiers:
        return [("", _DEFAULT_SCHEMA, name)]
    if len(qualifiers) == 1:
        return [("", qualifiers[0], name), (qualifiers[0], _DEFAULT_SCHEMA, name)]
    return [(qualifiers[0], qualifiers[1], name), ("", qualifiers[1], name)]
