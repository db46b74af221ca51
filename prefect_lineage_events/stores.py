"""Stores: the database or server of a connection, and the names of the tables in it.

The rules of names (schemes, default ports, case) are in `naming.py`.
"""

from __future__ import annotations

import re
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
    server_aliases,
    server_namespace,
    snowflake_namespace,
)

_IN_MEMORY = "memory/"


@dataclass(frozen=True, slots=True)
class Store:
    """The database or server of a connection; it gives each table its one name.

    `database` and `schema` are those that the connection begins in. `searched` are the schemas of the search path that
    the connection was opened with. `aliases` are other namespaces of it that only the connection's address shows.
    """

    dialect: str
    namespace: str
    database: str | None = None
    schema: str | None = None
    searched: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def depth(self) -> int:
        """The number of parts of a full table name (3: database.schema.table, 2: schema.table, 1: table)."""
        return dialect_of(self.dialect).depth

    def table(self, parts: Sequence[str]) -> Dataset:
        """The dataset of a table, with the store's database and schema for the parts that its name leaves out.

        `parts` begin with the outermost. An empty part is unknown, and left out of the name.
        """
        depth = 3 if self.database and dialect_of(self.dialect).internal_catalog else self.depth
        missing = max(depth - len(parts), 0)
        defaults = [self.database, self.schema][max(3 - depth, 0) :][:missing]
        head = [kept(name, self.dialect) for name in defaults if name]
        return self.completed_table((*head, *parts))

    def completed_table(self, parts: Sequence[str]) -> Dataset:
        """The dataset of a table whose name is complete: nothing is put before it.

        The session completes the names in statements (`sql.identifiers.complete`): it has the current database, and
        leaves out a schema that is unknown, so that `database.table` is no `schema.table` here.
        """
        # in other stores, more parts name a table of a linked server
        own = parts[-self.depth :] if dialect_of(self.dialect).embedded else parts
        return Dataset(self.namespace, join_name([part for part in own if part]))


def snowflake(
    account: str, database: str | None = None, schema: str | None = None, *, also: str | None = None
) -> Store:
    """A Snowflake account, in any of its forms; `also` is another form in which the connection names it."""
    schema = schema or (SCHEMES["snowflake"].default_schema if database else None)
    namespace = snowflake_namespace(account)
    # a locator without its region does not name an account
    other = snowflake_namespace(also) if also and re.search(r"[.-]", also) else namespace
    return Store("snowflake", namespace, database, schema, aliases=() if other == namespace else (other,))


def sqlite(path: str, memory_id: str | None = None) -> Store:
    """A SQLite file, by its absolute real path; an in-memory database, which has no path, by an id of its own."""
    return Store("sqlite", _embedded("sqlite", path, memory_id))


def is_sqlite(path: str) -> bool:
    """Return whether the file is a SQLite database. DuckDB opens it as well, without a TYPE in ATTACH."""
    try:
        with Path(path).open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False


def duckdb(path: str, memory_id: str | None = None) -> Store:
    """A DuckDB file, by its absolute real path; tables are `schema.table` in it."""
    return Store("duckdb", _embedded("duckdb", path, memory_id), schema="main")


def _embedded(scheme: str, path: str, memory_id: str | None) -> str:
    if memory_id:
        return f"{scheme}://{_IN_MEMORY}{memory_id}"
    return f"{scheme}://{Path(path).resolve().as_posix()}"


def is_in_memory(namespace: str) -> bool:
    """Return whether a namespace is that of an embedded database in memory: those of files have absolute paths."""
    scheme, _, path = namespace.partition("://")
    return path.startswith(_IN_MEMORY) and is_embedded(scheme)


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

    Without a schema, a connection begins in the store's default schema, or in the one that is named like `user`. In
    StarRocks and Doris the database may be `catalog.database`.
    """
    scheme = scheme_of(kind)
    known = SCHEMES.get(scheme, Scheme(scheme, scheme))
    namespace, aliases = server_namespace(scheme, host, port), tuple(server_aliases(scheme, host, port))
    # In a name of two parts, the schema of SQL is what the driver calls the database.
    if own_catalog := dialect_of(known.dialect).internal_catalog:
        catalog, _, name = (database or "").rpartition(".")
        external = catalog if catalog != own_catalog else None
        return Store(known.dialect, namespace, external or None, name or None, aliases=aliases)
    asked = schema or (database if known.depth == 2 else None)
    owner = fold(user or "", False, known.dialect) if dialect_of(known.dialect).user_schema else known.default_schema
    database = None if known.depth == 2 else database or known.database
    return Store(known.dialect, namespace, database, asked or owner or None, aliases=aliases)


def bigquery(project: str | None, dataset: str | None = None) -> Store:
    """BigQuery: one namespace for all of it, the project is part of a table's name."""
    return Store("bigquery", "bigquery", project, dataset)


def table_at(namespace: str, parts: Sequence[str]) -> Dataset:
    """The table of that name in the store at a namespace, such as the path of an embedded one (`sqlite://x.db`)."""
    scheme, _, path = namespace.partition("://")
    if is_embedded(scheme):
        return (sqlite if scheme == "sqlite" else duckdb)(path).table(parts)
    return Dataset(*canonical(namespace, join_name(parts)))
