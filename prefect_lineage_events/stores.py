"""Stores: the place that a connection points to, and the names of the tables in it.

The rules of names (schemes, default ports, case) are in `naming.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.naming import (
    SCHEMES,
    Scheme,
    canonical,
    fold,
    is_embedded,
    join_name,
    kept,
    scheme_of,
    server_namespace,
    snowflake_namespace,
)


@dataclass(frozen=True, slots=True)
class Store:
    """Where a connection points: enough to give each table that is reached through it its one name.

    `depth` is how many parts a full table name has (3: database.schema.table, 2: schema.table, 1: table); `database`
    and `schema` fill in what a statement leaves out. `searched` are the schemas of the search path that the connection
    was opened with.
    """

    dialect: str
    namespace: str
    database: str | None = None
    schema: str | None = None
    depth: int = 3
    searched: tuple[str, ...] = ()

    def table(self, parts: Sequence[str]) -> Dataset:
        """The dataset of a table whose name has these parts, outermost first; what is missing comes from the store.

        An empty part is one that nobody knows: it is left out.
        """
        missing = max(self.depth - len(parts), 0)
        defaults = [self.database, self.schema][max(3 - self.depth, 0) :][:missing]
        head = [kept(name, self.dialect) for name in defaults if name]
        # elsewhere more parts name a table of a linked server
        own = parts[-self.depth :] if dialect_of(self.dialect).embedded else parts
        return Dataset(self.namespace, join_name([part for part in (*head, *own) if part]))


def snowflake(account: str, database: str | None = None, schema: str | None = None) -> Store:
    """A Snowflake account, in any of its forms."""
    schema = schema or (SCHEMES["snowflake"].default_schema if database else None)
    return Store("snowflake", snowflake_namespace(account), database, schema)


def sqlite(path: str, memory_id: str | None = None) -> Store:
    """A SQLite file, by its absolute real path; an in-memory database by an id of its own (it is nobody else's)."""
    return Store("sqlite", _embedded("sqlite", path, memory_id), depth=1)


def is_sqlite(path: str) -> bool:
    """Whether the file is a database of SQLite, which DuckDB opens as well without being told so."""
    try:
        with Path(path).open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False


def duckdb(path: str, memory_id: str | None = None) -> Store:
    """A DuckDB file, by its absolute real path; tables are `schema.table` in it."""
    return Store("duckdb", _embedded("duckdb", path, memory_id), schema="main", depth=2)


def _embedded(scheme: str, path: str, memory_id: str | None) -> str:
    if memory_id:
        return f"{scheme}://memory/{memory_id}"
    return f"{scheme}://{Path(path).resolve().as_posix()}"


def server(
    kind: str,
    host: str,
    port: int | None,
    database: str | None,
    schema: str | None = None,
    *,
    user: str | None = None,
) -> Store:
    """A database server of a kind (`postgres`, `tsql`, `mssql+pyodbc`): `postgres://host:port` and the like.

    Without a schema, it is the one in which a connection begins there: a fixed one, or the `user`'s own.
    """
    scheme = scheme_of(kind)
    known = SCHEMES.get(scheme, Scheme(scheme, scheme))
    # Where a name has two parts only, what the driver calls the database is what SQL calls the schema.
    asked = schema or (database if known.depth == 2 else None)
    owner = fold(user or "", False, known.dialect) if dialect_of(known.dialect).user_schema else known.default_schema
    database = None if known.depth == 2 else database
    return Store(known.dialect, server_namespace(scheme, host, port), database, asked or owner or None, known.depth)


def bigquery(project: str | None, dataset: str | None = None) -> Store:
    """BigQuery: one namespace for all of it, the project is part of a table's name."""
    return Store("bigquery", "bigquery", project, dataset)


def table_at(namespace: str, parts: Sequence[str]) -> Dataset:
    """The table of that name in the store at a namespace, which may be the path of an embedded one (`sqlite://x.db`)."""
    scheme, _, path = namespace.partition("://")
    if is_embedded(scheme):
        return (sqlite if scheme == "sqlite" else duckdb)(path).table(parts)
    return Dataset(*canonical(namespace, join_name(parts)))
