"""ALTER, DROP, TRUNCATE, RENAME and their kin: what becomes of things that are there.

Each reads its words by rules and notes what it finds in the draft.
"""

from __future__ import annotations

from dataclasses import replace

from .definitions import HOLDERS, OTHERS, Definition, find_query, skip_existence, thing_of
from .draft import Draft
from .model import Effect, TableKind, TableRef
from .reading import read_name
from .recovery import recover
from .words import Words


def drop(words: Words, draft: Draft) -> None:
    """`DROP TABLE [IF EXISTS] a, b`: each is an output; what holds no data is none."""
    draft.kind, draft.effect = "drop", "drop"
    _, at = thing_of(words)
    draft.if_exists = skip_existence(words, at + 1) > at + 1
    _list(words, draft)


def undrop(words: Words, draft: Draft) -> None:
    """`UNDROP TABLE t` (docs.snowflake.com/en/sql-reference/sql/undrop)."""
    draft.kind, draft.effect = "create", "create"
    _list(words, draft)


def restore(words: Words, draft: Draft) -> None:
    """`RESTORE TABLE t TO VERSION AS OF 1` puts old rows in (docs.databricks.com); of a database, no table is named."""
    if words.word(1) == "TABLE":
        draft.kind, draft.effect = "write", "overwrite"
        _names(words, 2, draft)


def refresh(words: Words, draft: Draft) -> None:
    """`REFRESH MATERIALIZED VIEW v` writes the view anew (postgresql.org); REFRESH TABLE forgets what is cached of
    it."""
    if words.follows(1, "MATERIALIZED", "VIEW"):
        draft.kind, draft.effect = "write", "overwrite"
        _names(words, 3 + (words.word(3) == "CONCURRENTLY"), draft)


def flashback(words: Words, draft: Draft) -> None:
    """`FLASHBACK TABLE t TO BEFORE DROP` brings a table back, TO a time puts old rows in (docs.oracle.com: FLASHBACK
    TABLE)."""
    back = words.find(frozenset({"BEFORE"}), 1)
    draft.kind, draft.effect = ("create", "create") if back != -1 else ("write", "overwrite")
    _list(words, draft)


def truncate(words: Words, draft: Draft) -> None:
    """`TRUNCATE [TABLE] [ONLY] a, b`."""
    draft.kind, draft.effect = "write", "truncate"
    at = 1 + (words.word(1) == "ALL")
    if words.word(at) in ("TABLES", "DATABASE") and words.is_name(at + 1):  # clickhouse.com: TRUNCATE
        draft.doubt("partial", "every table of a database is emptied")
        return
    _names(words, skip_existence(words, 1 + (words.word(1) == "TABLE")), draft)


def _list(words: Words, draft: Draft) -> None:
    thing, at = thing_of(words)
    if thing in HOLDERS:
        _names(words, skip_existence(words, at + 1), draft, HOLDERS[thing])
    else:
        draft.kind, draft.effect = "misc", None


def _names(words: Words, at: int, draft: Draft, kind: TableKind = "table") -> None:
    while True:
        named = read_name(words, at, draft.context)
        if named.is_unknown:
            draft.doubt("partial", "a name is known only when it runs")
        if named.table is not None:
            draft.write(replace(named.table, kind=kind) if kind in ("stage", "stream") else named.table)
        if named.end == at or words.word(named.end) != ",":
            return
        at = named.end + 1


def rename(words: Words, draft: Draft) -> None:
    """`RENAME TABLE a TO b, c TO d` (MySQL, Teradata), `RENAME a TO b` (Oracle)."""
    at = 1 + (words.word(1) in ("TABLE", "VIEW"))
    if words.word(at) in OTHERS and words.word(at + 1) != "TO":
        return
    while True:
        old = read_name(words, at, draft.context)
        if old.table is None or words.word(old.end) not in ("TO", "AS"):
            return
        new = read_name(words, old.end + 1, draft.context)
        _renamed(draft, old.table, new.table)
        if words.word(new.end) != ",":
            return
        at = new.end + 1


def exchange(words: Words, draft: Draft) -> None:
    """`EXCHANGE TABLES a AND b, c AND d` (clickhouse.com: EXCHANGE)."""
    at = 1
    while words.word(at) in ("TABLES", "DICTIONARIES", ","):
        first = read_name(words, at + 1, draft.context)
        second = read_name(words, first.end + 1, draft.context)
        if first.table is None or second.table is None:
            return
        draft.kind = "alter"
        _swapped(draft, first.table, second.table)
        at = second.end


def _swapped(draft: Draft, one: TableRef, other: TableRef) -> None:
    draft.effect = "swap"
    for table in (one, other):
        draft.read(table)
        draft.write(table)
    draft.renames += [(one, other), (other, one)]


def _renamed(draft: Draft, old: TableRef, new: TableRef | None) -> None:
    draft.kind, draft.effect = "alter", "rename"
    draft.outputs.pop(old, None)
    draft.read(old)
    if new is not None:
        draft.write(new)
        draft.renames.append((old, new))


def alter(words: Words, draft: Draft) -> Definition:
    """`ALTER TABLE t ...`; renames, swaps and moves of data name a second table. A view may get a new query."""
    thing, at = thing_of(words)
    if thing not in HOLDERS or HOLDERS[thing] == "stage":
        return Definition(thing, None, at)
    draft.kind, draft.effect = "alter", "alter"
    at = skip_existence(words, at + 1)
    named = read_name(words, at, draft.context)
    if named.is_unknown:
        draft.doubt("partial", "the name of what is altered is known only when it runs")
    target = draft.write(named.table)
    at = max(named.end, at)
    if target is None:
        return Definition(thing, None, at)
    _second_table(words, at, draft, target)
    return Definition(thing, target, at, find_query(words, at) if thing == "VIEW" else -1)


def _second_table(words: Words, at: int, draft: Draft, target: TableRef) -> None:
    if words.follows(at, "RENAME", "TO") or words.follows(at, "RENAME", "AS"):
        _renamed(draft, target, _beside(read_name(words, at + 2, draft.context).table, target))
    elif (
        words.follows(at, "RENAME")
        and words.is_name(at + 1)
        and words.word(at + 1) not in ("COLUMN", "CONSTRAINT", "INDEX", "KEY", "PARTITION")
    ):
        if at + 2 == len(words):  # MySQL: TO may be left out
            _renamed(draft, target, _beside(read_name(words, at + 1, draft.context).table, target))
    elif words.follows(at, "SWAP", "WITH"):
        other = read_name(words, at + 2, draft.context).table
        if other is not None:
            _swapped(draft, target, other)
    elif words.follows(at, "APPEND", "FROM"):  # docs.aws.amazon.com/redshift: ALTER TABLE APPEND
        draft.kind, draft.effect = "write", "append"
        draft.read(read_name(words, at + 2, draft.context).table)
    elif words.word(at) in ("DELETE", "UPDATE") and draft.context.dialect == "clickhouse":  # clickhouse.com: mutations
        draft.kind, draft.effect = "write", "delete" if words.word(at) == "DELETE" else "update"
        recover(words, at + 1, len(words), draft)
    elif words.word(at) in ("EXCHANGE", "SWITCH", "MOVE", "REPLACE", "ATTACH"):
        _partition(words, at, draft, target)


def _partition(words: Words, at: int, draft: Draft, target: TableRef) -> None:
    """Partitions that move: EXCHANGE ... WITH TABLE s (Hive, Oracle), REPLACE / ATTACH ... FROM s (ClickHouse),
    SWITCH ... TO s and MOVE ... TO TABLE s the other way (T-SQL, ClickHouse)."""
    verb = words.word(at)
    joint = words.find(frozenset({"WITH", "FROM"} if verb in ("EXCHANGE", "REPLACE", "ATTACH") else {"TO"}), at)
    if joint == -1:
        return
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


def _beside(new: TableRef | None, old: TableRef) -> TableRef | None:
    """The new name of a rename, where it is given without the old one's database and schema."""
    if new is None or len(new.parts) >= len(old.parts):
        return new
    return replace(new, parts=(*old.parts[: len(old.parts) - len(new.parts)], *new.parts))
