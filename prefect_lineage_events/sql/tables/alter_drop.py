"""ALTER, DROP, TRUNCATE and the like: what becomes of things that are there.

Each reads its words by rules and notes what it finds in the draft.
"""

from __future__ import annotations

from dataclasses import replace

from prefect_lineage_events.sql.lexer import BATCHED
from prefect_lineage_events.sql.model import Effect, TableKind, TableRef
from prefect_lineage_events.sql.tables import containers, defined_functions, renames
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.containers import CONTAINERS
from prefect_lineage_events.sql.tables.create import HOLDERS, Definition, find_query, skip_existence, thing_of
from prefect_lineage_events.sql.tables.recovery import recover
from prefect_lineage_events.sql.tables.recovery_names import read_name
from prefect_lineage_events.sql.tables.required_words import doubt_of_rest, doubt_of_thing
from prefect_lineage_events.sql.words import Words


def drop(words: Words, draft: StatementBuilder) -> None:
    """`DROP TABLE [IF EXISTS] a, b`: each is an output; what holds no data is none."""
    draft.kind, draft.effect = "drop", "drop"
    _, at = thing_of(words)
    draft.if_exists = skip_existence(words, at + 1) > at + 1
    _list(words, draft)


def undrop(words: Words, draft: StatementBuilder) -> None:
    """`UNDROP TABLE t` (docs.snowflake.com/en/sql-reference/sql/undrop)."""
    draft.kind, draft.effect = "create", "create"
    _list(words, draft)


def restore(words: Words, draft: StatementBuilder) -> None:
    """`RESTORE TABLE t TO VERSION AS OF 1` puts old rows in (docs.databricks.com); of a database, no table is named."""
    if words.word(1) == "TABLE":
        draft.kind, draft.effect = "write", "overwrite"
        named = read_name(words, 2, draft.context)  # RESTORE TABLE t AS u FROM ... (clickhouse.com)
        _names(words, named.end + 1 if words.word(named.end) == "AS" else 2, draft)


def refresh(words: Words, draft: StatementBuilder) -> None:
    """`REFRESH MATERIALIZED VIEW v` writes the view anew (postgresql.org); REFRESH TABLE forgets what is cached of
    it."""
    if words.follows(1, "MATERIALIZED", "VIEW"):
        draft.kind, draft.effect = "write", "overwrite"
        _names(words, 3 + (words.word(3) == "CONCURRENTLY"), draft)


def flashback(words: Words, draft: StatementBuilder) -> None:
    """`FLASHBACK TABLE t TO BEFORE DROP` brings a table back, TO a time puts old rows in (docs.oracle.com: FLASHBACK
    TABLE)."""
    back = words.find(frozenset({"BEFORE"}), 1)
    draft.kind, draft.effect = ("create", "create") if back != -1 else ("write", "overwrite")
    _list(words, draft)


def truncate(words: Words, draft: StatementBuilder) -> None:
    """`TRUNCATE [TABLE] [ONLY] a, b`."""
    draft.kind, draft.effect = "write", "truncate"
    at = 1 + (words.word(1) == "ALL")
    if words.follows(1, "AUDIT", "LOGS"):  # docs.exasol.com: TRUNCATE AUDIT LOGS
        draft.kind, draft.effect = "misc", None
        return
    if words.word(at) in ("TABLES", "DATABASE") and words.is_name(at + 1):  # clickhouse.com: TRUNCATE
        draft.doubt("partial", "every table of a database is emptied")
        return
    doubt_of_rest(words, _names(words, skip_existence(words, 1 + (words.word(1) == "TABLE")), draft), draft)


def _list(words: Words, draft: StatementBuilder) -> None:
    thing, at = thing_of(words)
    if thing in HOLDERS:
        _names(words, skip_existence(words, at + 1), draft, HOLDERS[thing])
    else:
        draft.kind, draft.effect = "misc", None
        if not thing:
            doubt_of_thing(words, at, draft)
        elif thing in CONTAINERS:
            containers.dropped(words, draft)
        elif thing in defined_functions.FUNCTIONS:
            defined_functions.dropped(words, at + 1, draft)


def _names(words: Words, at: int, draft: StatementBuilder, kind: TableKind = "table") -> int:
    """Note the names of a list as outputs; where the list ends."""
    while True:
        named = read_name(words, at, draft.context)
        if named.is_unknown:
            draft.doubt("partial", "a name is known only when it runs")
        if named.table is not None:
            draft.write(replace(named.table, kind=kind) if kind in ("stage", "stream") else named.table)
        end = named.end + (words.word(named.end) == "*")  # postgresql.org: and the tables that inherit from it
        if named.end == at or words.word(end) != ",":
            return end
        at = skip_existence(words, end + 1)


def alter(words: Words, draft: StatementBuilder) -> Definition:
    """`ALTER TABLE t ...`; renames, swaps and moves of data name a second table. A view may get a new query."""
    thing, at = thing_of(words)
    if thing == "SCHEMA" and draft.context.dialect in BATCHED:
        renames.transfer(words, at + 1, draft)
    if thing in CONTAINERS:
        containers.altered(words, at + 1, draft)
    elif not thing:
        doubt_of_thing(words, at, draft)
    if thing not in HOLDERS or HOLDERS[thing] == "stage":
        return Definition(thing, None, at)
    at = skip_existence(words, at + 1)
    if words.follows(at, "ALL", "IN", "TABLESPACE"):  # postgresql.org: where files are stored
        return Definition(thing, None, at)
    draft.kind, draft.effect = "alter", "alter"
    named = read_name(words, at, draft.context)
    if named.is_unknown:
        draft.doubt("partial", "the name of what is altered is known only when it runs")
    target = draft.write(named.table)
    at = max(named.end, at)
    at += 3 if words.follows(at, "ON", "CLUSTER") else 0  # clickhouse.com: distributed DDL
    if target is None:
        return Definition(thing, None, at)
    if words.word(at) == ",":
        renames.listed(words, at + 1, draft, [target])
        return Definition(thing, target, at)
    if words.follows(at, "MODIFY", "QUERY"):  # clickhouse.com: ALTER TABLE ... MODIFY QUERY
        return Definition(thing, target, at, at + 2)
    _second_table(words, at, draft, target)
    return Definition(thing, target, at, find_query(words, at) if thing == "VIEW" else -1)


def _second_table(words: Words, at: int, draft: StatementBuilder, target: TableRef) -> None:
    if renames.altered(words, at, draft, target):
        return
    if words.follows(at, "APPEND", "FROM"):  # docs.aws.amazon.com/redshift: ALTER TABLE APPEND
        draft.kind, draft.effect = "write", "append"
        draft.read(read_name(words, at + 2, draft.context).table)
    elif words.word(at) in ("DELETE", "UPDATE") and draft.context.dialect == "clickhouse":  # clickhouse.com: mutations
        draft.kind, draft.effect = "write", "delete" if words.word(at) == "DELETE" else "update"
        recover(words, at + 1, len(words), draft)
    elif words.word(at) in ("EXCHANGE", "SWITCH", "MOVE", "REPLACE", "ATTACH"):
        _partition(words, at, draft, target)


def _partition(words: Words, at: int, draft: StatementBuilder, target: TableRef) -> None:
    """Partitions that move: EXCHANGE ... WITH TABLE s (Hive, Oracle), REPLACE / ATTACH ... FROM s (ClickHouse),
    SWITCH ... TO s and MOVE ... TO TABLE s the other way (T-SQL, ClickHouse)."""
    verb = words.word(at)
    joint = words.find(frozenset({"WITH", "FROM"} if verb in ("EXCHANGE", "REPLACE", "ATTACH") else {"TO"}), at)
    if joint == -1 or (words.word(joint) == "WITH" and words.word(joint + 1) != "TABLE"):
        return  # iceberg.apache.org: REPLACE PARTITION FIELD f WITH days(x)
    other = read_name(words, joint + 1 + (words.word(joint + 1) == "TABLE"), draft.context).table
    if other is None:
        return
    effect: Effect = "overwrite" if verb in ("EXCHANGE", "REPLACE") else "append"
    draft.kind, draft.effect = "write", effect
    if verb in ("SWITCH", "MOVE"):
        draft.outputs.pop(target, None)
        draft.read(target)
        draft.write(other)
    else:
        draft.read(other)
