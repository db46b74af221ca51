"""Readers of ALTER, DROP, TRUNCATE and other statements that change or remove what exists.

Each reads the statement's words by rules and adds its findings to the builder.
"""

from __future__ import annotations

from dataclasses import replace

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.model import Effect, TableKind, TableRef
from prefect_lineage_events.sql.tables import containers, defined_functions, renames
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.containers import CONTAINERS
from prefect_lineage_events.sql.tables.create import DATA_OBJECTS, Definition, find_query, skip_existence, thing_of
from prefect_lineage_events.sql.tables.recovery import recover
from prefect_lineage_events.sql.tables.recovery_names import read_name
from prefect_lineage_events.sql.tables.required_words import doubt_of_rest, doubt_of_thing
from prefect_lineage_events.sql.words import Words


def drop(words: Words, builder: StatementBuilder) -> None:
    """`DROP TABLE [IF EXISTS] a, b`: each table is an output; things that hold no data are none."""
    builder.kind, builder.effect = "drop", "drop"
    _, at = thing_of(words)
    builder.if_exists = skip_existence(words, at + 1) > at + 1
    _list(words, builder)


def undrop(words: Words, builder: StatementBuilder) -> None:
    """`UNDROP TABLE t` (docs.snowflake.com/en/sql-reference/sql/undrop)."""
    builder.kind, builder.effect = "create", "create"
    _list(words, builder)


def restore(words: Words, builder: StatementBuilder) -> None:
    """`RESTORE TABLE t TO VERSION AS OF 1` puts old rows in (docs.databricks.com); RESTORE of a database names none."""
    if words.word(1) == "TABLE":
        builder.kind, builder.effect = "write", "overwrite"
        named = read_name(words, 2, builder.context)  # RESTORE TABLE t AS u FROM ... (clickhouse.com)
        _names(words, named.end + 1 if words.word(named.end) == "AS" else 2, builder)


def refresh(words: Words, builder: StatementBuilder) -> None:
    """`REFRESH MATERIALIZED VIEW v` overwrites the view (postgresql.org); REFRESH TABLE only drops a cache."""
    if words.follows(1, "MATERIALIZED", "VIEW"):
        builder.kind, builder.effect = "write", "overwrite"
        _names(words, 3 + (words.word(3) == "CONCURRENTLY"), builder)


def flashback(words: Words, builder: StatementBuilder) -> None:
    """`FLASHBACK TABLE t TO BEFORE DROP` restores a table, TO a time puts old rows in (docs.oracle.com)."""
    back = words.find(frozenset({"BEFORE"}), 1)
    builder.kind, builder.effect = ("create", "create") if back != -1 else ("write", "overwrite")
    _list(words, builder)


def truncate(words: Words, builder: StatementBuilder) -> None:
    """`TRUNCATE [TABLE] [ONLY] a, b`, `TRUNCATE MATERIALIZED VIEW v` (docs.snowflake.com)."""
    builder.kind, builder.effect = "write", "truncate"
    at = 1 + (words.word(1) == "ALL")
    if words.follows(1, "AUDIT", "LOGS"):  # docs.exasol.com: TRUNCATE AUDIT LOGS
        builder.kind, builder.effect = "misc", None
        return
    if words.word(at) in ("TABLES", "DATABASE") and words.is_name(at + 1):  # clickhouse.com: TRUNCATE
        builder.doubt("partial", "every table of a database is emptied")
        return
    start = 3 if words.follows(1, "MATERIALIZED", "VIEW") else 1 + (words.word(1) == "TABLE")
    doubt_of_rest(words, _names(words, skip_existence(words, start), builder), builder)


def _list(words: Words, builder: StatementBuilder) -> None:
    thing, at = thing_of(words)
    if thing in DATA_OBJECTS:
        _names(words, skip_existence(words, at + 1), builder, DATA_OBJECTS[thing])
    else:
        builder.kind, builder.effect = "misc", None
        if not thing:
            doubt_of_thing(words, at, builder)
        elif thing in CONTAINERS:
            containers.dropped(words, builder)
        elif thing in defined_functions.FUNCTIONS:
            defined_functions.dropped(words, at + 1, builder)


def _names(words: Words, at: int, builder: StatementBuilder, kind: TableKind = "table") -> int:
    """Add the names of a list as outputs, and return the position after it."""
    while True:
        named = read_name(words, at, builder.context)
        if named.is_unknown:
            builder.doubt("partial", "a name is known only when it runs")
        if named.table is not None:
            builder.write(replace(named.table, kind=kind) if kind in ("stage", "stream") else named.table)
        end = named.end + (words.word(named.end) == "*")  # postgresql.org: and the tables that inherit from it
        if named.end == at or words.word(end) != ",":
            return end
        at = skip_existence(words, end + 1)


def alter(words: Words, builder: StatementBuilder) -> Definition:
    """`ALTER TABLE t ...`. Renames, swaps and moves of data name a second table; a view may get a new query."""
    thing, at = thing_of(words)
    if thing == "SCHEMA" and dialect_of(builder.context.dialect).is_tsql:
        renames.transfer(words, at + 1, builder)
    if thing in CONTAINERS:
        containers.altered(words, at + 1, builder)
    elif not thing:
        doubt_of_thing(words, at, builder)
    if thing not in DATA_OBJECTS or DATA_OBJECTS[thing] == "stage":
        return Definition(thing, None, at)
    at = skip_existence(words, at + 1)
    if words.follows(at, "ALL", "IN", "TABLESPACE"):  # postgresql.org: where files are stored
        return Definition(thing, None, at)
    builder.kind, builder.effect = "alter", "alter"
    named = read_name(words, at, builder.context)
    if named.is_unknown:
        builder.doubt("partial", "the name of what is altered is known only when it runs")
    target = builder.write(named.table)
    at = max(named.end, at)
    at += 3 if words.follows(at, "ON", "CLUSTER") else 0  # clickhouse.com: distributed DDL
    if target is None:
        return Definition(thing, None, at)
    if words.word(at) == ",":
        renames.listed(words, at + 1, builder, [target])
        return Definition(thing, target, at)
    if words.follows(at, "MODIFY", "QUERY"):  # clickhouse.com: ALTER TABLE ... MODIFY QUERY
        return Definition(thing, target, at, at + 2)
    _second_table(words, at, builder, target)
    return Definition(thing, target, at, find_query(words, at) if thing == "VIEW" else -1)


def _second_table(words: Words, at: int, builder: StatementBuilder, target: TableRef) -> None:
    if renames.altered(words, at, builder, target):
        return
    if words.follows(at, "APPEND", "FROM"):  # docs.aws.amazon.com/redshift: ALTER TABLE APPEND
        builder.kind, builder.effect = "write", "append"
        builder.read(read_name(words, at + 2, builder.context).table)
    elif words.word(at) in ("DELETE", "UPDATE") and dialect_of(builder.context.dialect).alter_changes_rows:
        builder.kind, builder.effect = "write", "delete" if words.word(at) == "DELETE" else "update"
        recover(words, at + 1, len(words), builder)
    elif words.word(at) in ("EXCHANGE", "SWITCH", "MOVE", "REPLACE", "ATTACH"):
        _partition(words, at, builder, target)


def _partition(words: Words, at: int, builder: StatementBuilder, target: TableRef) -> None:
    """Moves of partitions: EXCHANGE ... WITH TABLE s (Hive, Oracle), REPLACE / ATTACH ... FROM s (ClickHouse).

    SWITCH ... TO s (T-SQL) and MOVE ... TO TABLE s (ClickHouse) go the other way.
    """
    verb = words.word(at)
    joint = words.find(frozenset({"WITH", "FROM"} if verb in ("EXCHANGE", "REPLACE", "ATTACH") else {"TO"}), at)
    if joint == -1 or (words.word(joint) == "WITH" and words.word(joint + 1) != "TABLE"):
        return  # iceberg.apache.org: REPLACE PARTITION FIELD f WITH days(x)
    other = read_name(words, joint + 1 + (words.word(joint + 1) == "TABLE"), builder.context).table
    if other is None:
        return
    effect: Effect = "overwrite" if verb in ("EXCHANGE", "REPLACE") else "append"
    builder.kind, builder.effect = "write", effect
    if verb in ("SWITCH", "MOVE"):
        builder.outputs.pop(target, None)
        builder.read(target)
        builder.write(other)
    else:
        builder.read(other)
