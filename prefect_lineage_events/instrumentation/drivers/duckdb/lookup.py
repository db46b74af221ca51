"""Look-up of tables in a DuckDB database, on a duplicate of the user's connection."""

from __future__ import annotations

import datetime as dt
import re
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from time import perf_counter
from typing import Any

from prefect_lineage_events.emission.lookups import DescribedColumns
from prefect_lineage_events.instrumentation.drivers.duckdb.copies import copied_tables
from prefect_lineage_events.instrumentation.drivers.duckdb.file_headers import file_columns
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
_SCHEMAS_WITH = f"""
    SELECT lower(schema_name) FROM duckdb_tables() WHERE {_OWN} AND lower(table_name) = $2
    UNION SELECT lower(schema_name) FROM duckdb_views() WHERE {_OWN} AND lower(view_name) = $2
"""
_DEFAULT_SCHEMA = "main"
# The seconds that a close waits for a look-up in progress; more is needed only in a fork during a look-up.
_CLOSE_WAITS = 1.0
# Statements after which columns may be others.
_DEFINES = re.compile(r"\b(?:CREATE|ALTER|ATTACH|DETACH|DROP|IMPORT|EXPORT|COPY\s{1,99}FROM|USE)\b", re.IGNORECASE)
_REDEFINES = re.compile(r"\b(?:ALTER|DROP|REPLACE|DETACH|IMPORT)\b", re.IGNORECASE)
_SHARE = 20  # a look of one millisecond is followed by none for 20
Row = tuple[str, str, str, str, str, str]
_Name = tuple[str, str, str]


class InstanceLookup:
    """Columns over a duplicate of the user's connection: a file open here cannot be opened a second time elsewhere.

    The duplicate exists for the milliseconds of the query, and the reference to the connection is weak, so that a
    closed file is never kept locked. After the close no query is possible, so all columns are read just before it.

    DuckDB refuses to close a connection while another thread duplicates it (`ResourceInUseException`): the close waits
    for the look-up in progress, and none begins after it. The lock is reentrant, because a finaliser that closes may
    run during a look-up.
    """

    def __init__(self, connection: Any) -> None:
        self._connection: Callable[[], Any] = weakref.ref(connection)
        self._seen: dict[_Name, DescribedColumns] = {}
        self._observed_until = 0.0
        self._read_at_close = False
        self._in_use = threading.RLock()

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], DescribedColumns]:
        self._look()
        known = self._seen
        found = {table: next((known[name] for name in _full_names(table) if name in known), None) for table in tables}
        return {table: described for table, described in found.items() if described is not None}

    def _look(self) -> bool:
        """Read all columns, and keep them. False if the connection is closed or collected, or does not answer."""
        with self._in_use:
            connection = self._connection()
            rows = answer_or_default(_all_columns, connection, default=None) if connection else None
            del connection
        self._seen.update(_by_name(rows or ()))
        return rows is not None

    def observe(self, sql: str) -> str | None:
        """Read all columns after the first statement, and after those that define tables.

        Programs drop their connection right after a statement. What it has changed is then not known. What was read at
        the connection's close is later than all of its statements, and stays.
        """
        defines = _DEFINES.search(sql)
        if self._observed_until and not defines:
            return None
        now = perf_counter()
        if now >= self._observed_until and self._look():
            done = perf_counter()
            self._observed_until = done + _SHARE * (done - now)
        elif defines and not self._read_at_close and _REDEFINES.search(sql):
            text = sql.lower()
            self._seen = {name: columns for name, columns in self._seen.items() if name[-1] not in text}
        return copied_tables(sql, self._seen)

    def file_columns(self, path: str, reader: str, read_before: dt.datetime) -> DescribedColumns | None:
        return file_columns(path, reader, read_before)

    def default_schema(self) -> None:
        """None: every connection begins in `main`, which the store has."""

    def search_path(self) -> None:
        """None: statements set the schemas that are searched beside `main`."""

    def searched_schemas(self) -> None:
        """None, as for `search_path`."""

    def forget(self) -> None:
        """Do nothing: no statement changes the first schema of a connection."""

    def existing_schemas(self, names: tuple[str, ...], database: str | None) -> dict[str, str] | None:
        found = self._query(_SCHEMAS, database)
        return None if found is None else {name: name for name in names if name.lower() in found}

    def schemas_with(self, table: str, schemas: tuple[str, ...], database: str | None) -> set[str] | None:
        found = self._query(_SCHEMAS_WITH, database, table.lower())
        return None if found is None else {schema for schema in schemas if schema.lower() in found}

    def _query(self, query: str, database: str | None, *arguments: str) -> set[str] | None:
        """The names that a query returns, on a duplicate; None where the connection is closed or collected.

        Programs close or drop their connection right after a statement: that is no failure.
        """
        with self._in_use:
            connection = self._connection()
            if connection is None:
                return None
            with closing(duplicate_of(connection)) as duplicate:
                rows = duplicate.execute(query, [database, *arguments]).fetchall()
            del connection
        return {name for (name,) in rows}

    def read_before_close(self) -> None:
        """Read all columns, before the connection is closed."""
        if not self._in_use.acquire(timeout=_CLOSE_WAITS):
            return
        try:
            connection, self._connection = self._connection(), _closed
            if settings().schema_lookup and connection:
                self._seen.update(_by_name(_all_columns(connection)))
                self._read_at_close = True
        finally:
            self._in_use.release()


def _closed() -> None:
    """The value of a weak reference to a collected connection: None."""


def duplicate_of(connection: Any) -> Any:
    """Another connection to the same database instance: DuckDB's `cursor()`, also behind duckdb-engine's wrapper."""
    own = getattr(connection, "_ConnectionWrapper__c", connection)
    return own.cursor()


def _all_columns(connection: Any) -> list[Row]:
    with closing(duplicate_of(connection)) as duplicate:
        rows: list[Row] = duplicate.execute(_COLUMNS).fetchall()
    return rows


def _by_name(rows: Iterable[Row]) -> dict[_Name, DescribedColumns]:
    """Descriptions by database (empty for the connection's own), schema and table."""
    known: dict[_Name, DescribedColumns] = {}
    for database, schema, table, column, type_, kind in rows:
        known.setdefault((database, schema, table), DescribedColumns(kind=kind))[column] = type_
    return known


def _full_names(table: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """The full names that a name may mean: the first part of two is a schema or a database."""
    *qualifiers, name = (part.lower() for part in table[-3:])
    if not qualifiers:
        return [("", _DEFAULT_SCHEMA, name)]
    if len(qualifiers) == 1:
        return [("", qualifiers[0], name), (qualifiers[0], _DEFAULT_SCHEMA, name)]
    return [(qualifiers[0], qualifiers[1], name), ("", qualifiers[1], name)]
