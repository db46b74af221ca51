"""Statements that rename, swap, copy or drop a schema or database with all its tables, which no text lists."""

from __future__ import annotations

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.words import Words

CONTAINERS = frozenset({"SCHEMA", "DATABASE", "CATALOG", "NAMESPACE", "KEYSPACE"})
_MOVED = "every table of a schema or a database goes by another name from here on"
_COPIED = "every table of a schema or a database is copied"
_DROPPED = "every table of a schema or a database is dropped"


def altered(words: Words, at: int, builder: StatementBuilder) -> None:
    """Doubt `ALTER SCHEMA a RENAME TO b`, `ALTER DATABASE a SWAP WITH b`, `ALTER DATABASE a MODIFY NAME = b`."""
    end = len(words)
    for i in range(at, end):
        is_rename = words.word(i) == "RENAME" and i + 1 < end
        if is_rename or words.follows(i, "SWAP", "WITH") or words.follows(i, "MODIFY", "NAME"):
            builder.doubt("partial", _MOVED)
            return
        if words.word(i) in ("SET", "OWNER", "UNSET"):
            return


def renamed(builder: StatementBuilder) -> None:
    """Doubt `RENAME SCHEMA a TO b` (docs.exasol.com), `RENAME DATABASE a TO b` (clickhouse.com)."""
    builder.doubt("partial", _MOVED)


def created(words: Words, at: int, builder: StatementBuilder) -> None:
    """Doubt `CREATE SCHEMA b CLONE a` (docs.snowflake.com), `CREATE DATABASE b TEMPLATE a` (postgresql.org)."""
    clone = words.find(frozenset({"CLONE"}), at + 1)
    template = words.find(frozenset({"TEMPLATE"}), at + 1)
    source = words.word(template + 1 + (words.word(template + 1) == "=")) if template != -1 else ""
    if clone != -1 or (template != -1 and source not in ("TEMPLATE0", "TEMPLATE1")):
        builder.doubt("partial", _COPIED)


def dropped(words: Words, builder: StatementBuilder) -> None:
    """Doubt DROP of a schema or a database with its tables."""
    last = words.upper[-3:]
    dialect = dialect_of(builder.context.dialect)
    is_database = "DATABASE" in words.upper[:3] and not dialect.drop_database_restricts
    takes = "CASCADE" in last or is_database or dialect.drop_schema_cascades
    if takes and "RESTRICT" not in last:
        builder.doubt("partial", _DROPPED)
