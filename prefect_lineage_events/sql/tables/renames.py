"""Readers of renames, swaps and moves between schemas, with each dialect's rule for the new name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.naming import fold
from prefect_lineage_events.sql.identifiers import complete, split_identifier
from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.names import table_of
from prefect_lineage_events.sql.tables import containers
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.containers import CONTAINERS
from prefect_lineage_events.sql.tables.create import OTHERS
from prefect_lineage_events.sql.tables.execute import arguments
from prefect_lineage_events.sql.tables.recovery_names import read_name, read_parts
from prefect_lineage_events.sql.words import Words

_NO_NAMES = frozenset({"COLUMN", "CONSTRAINT", "INDEX", "KEY", "PARTITION", "ROLLUP", "FIELD", "ATTRIBUTE", "TO", "AS"})
# Kinds of sp_rename that may be tables or views (learn.microsoft.com: sp_rename).
_OBJECTS = frozenset({"", "OBJECT"})


def rename(words: Words, builder: StatementBuilder) -> None:
    """`RENAME TABLE a TO b, c TO d` (MySQL, Teradata, ClickHouse), `RENAME a TO b` (Oracle)."""
    at = 1 + (words.word(1) in ("TABLE", "VIEW", "DICTIONARY") and words.word(2) != "TO")
    if words.word(at) in OTHERS and words.word(at + 1) != "TO":
        if words.word(at) in CONTAINERS:
            containers.renamed(builder)
        return
    while True:
        old = read_name(words, at, builder.context)
        if old.table is None or words.word(old.end) not in ("TO", "AS"):
            return
        new = _new_name(words, old.end + 1, builder, old.table)
        _renamed(builder, old.table, new)
        end = max(read_name(words, old.end + 1, builder.context).end, old.end + 1)
        if words.word(end) != ",":
            return
        at = end + 1


def exchange(words: Words, builder: StatementBuilder) -> None:
    """`EXCHANGE TABLES a AND b, c AND d` (clickhouse.com: EXCHANGE)."""
    at = 1
    while words.word(at) in ("TABLES", "DICTIONARIES", ","):
        first = read_name(words, at + 1, builder.context)
        second = read_name(words, first.end + 1, builder.context)
        if first.table is None or second.table is None:
            return
        builder.kind = "alter"
        _swapped(builder, first.table, second.table)
        at = second.end


def altered(words: Words, at: int, builder: StatementBuilder, target: TableRef) -> bool:
    """Read RENAME TO, SWAP WITH or SET SCHEMA after `ALTER TABLE target`; False if it is none of these."""
    if words.word(at) == "ADD" or words.word(at) in ("DROP", "MODIFY", "CHANGE", "ALTER"):  # dev.mysql.com: ALTER TABLE
        later = next((i for i in range(at, len(words)) if words.follows(i, ",", "RENAME")), -2)
        return later > 0 and words.word(later + 2) in ("TO", "AS") and altered(words, later + 1, builder, target)
    if words.word(at) == "RENAME":
        start = at + 1 + (words.word(at + 1) in ("TO", "AS"))
        end = read_name(words, start, builder.context).end
        if start == at + 1 and (words.word(start) in _NO_NAMES or end != len(words)):
            return False
        _renamed(builder, target, _new_name(words, start, builder, target))
        return True
    if words.follows(at, "SWAP", "WITH") or words.follows(
        at, "REPLACE", "WITH", "TABLE"
    ):  # starrocks.io, doris.apache.org
        other = _new_name(words, at + 2 + (words.word(at) == "REPLACE"), builder, target)
        if other is not None:
            _swapped(builder, target, other)
        return True
    if words.follows(at, "SET", "SCHEMA"):  # postgresql.org, docs.vertica.com: ALTER TABLE
        parts, _ = read_parts(words, at + 2, builder.context.dialect)
        schema = [fold(text, quoted, builder.context.dialect) for text, quoted in parts]
        _renamed(builder, target, _moved(target, schema) if schema else None)
        return True
    return False


def listed(words: Words, at: int, builder: StatementBuilder, olds: list[TableRef]) -> None:
    """`ALTER TABLE a, b RENAME TO c, d` (docs.vertica.com: ALTER TABLE)."""
    while True:
        named = read_name(words, at, builder.context)
        if named.table is None:
            return
        olds.append(named.table)
        at = named.end + 1
        if words.word(named.end) != ",":
            break
    if not words.follows(at - 1, "RENAME", "TO"):
        return
    at += 1
    for old in olds:
        _renamed(builder, old, _new_name(words, at, builder, old))
        at = read_name(words, at, builder.context).end + 1


def transfer(words: Words, at: int, builder: StatementBuilder) -> None:
    """`ALTER SCHEMA mart TRANSFER [OBJECT::] stg.t` (learn.microsoft.com: ALTER SCHEMA)."""
    schema, at = read_parts(words, at, builder.context.dialect)
    if not schema or words.word(at) != "TRANSFER":
        return
    kind = words.word(at + 1) if words.word(at + 2) in (":", "::") else ""
    if kind not in ("", "OBJECT"):
        return
    while kind and words.word(at + 2) in (":", "::"):
        at += 1
    old = read_name(words, at + 1 + bool(kind), builder.context).table
    if old is not None:
        _renamed(builder, old, _moved(old, [fold(*schema[-1], builder.context.dialect)]))


def by_procedure(words: Words, builder: StatementBuilder) -> bool:
    """`EXEC sp_rename 'schema.old', 'new' [, 'OBJECT']` (learn.microsoft.com: sp_rename); False for other calls."""
    at = words.word(0) in ("EXEC", "EXECUTE")
    parts, end = read_parts(words, int(at), builder.context.dialect)
    procedure = parts[-1][0].lower() if parts else ""
    if procedure == "sp_renamedb":
        containers.renamed(builder)
    if procedure != "sp_rename":
        return procedure == "sp_renamedb"
    given = dict(zip(("objname", "newname", "objtype"), (text for _, text in arguments(words, end)), strict=False))
    given.update({name: text for name, text in arguments(words, end) if name})
    context = replace(builder.context, database=parts[0][0].lower()) if len(parts) == 3 else builder.context
    named = split_identifier(given.get("objname", ""), context.dialect)
    kind = given.get("objtype", "").upper()
    if kind == "COLUMN" and len(named) > 1:
        builder.kind, builder.effect = "alter", "alter"
        builder.write(TableRef(complete(named[:-1], context)))
    elif kind in _OBJECTS and named and given.get("newname"):
        old = TableRef(complete(named, context))
        new = fold(given["newname"], True, context.dialect)  # taken literally, dots included
        spelling = () if new == given["newname"] else (*old.parts[:-1], given["newname"])
        _renamed(builder, old, replace(old, parts=(*old.parts[:-1], new), spelling=spelling))
    elif kind == "DATABASE":
        containers.renamed(builder)
    elif kind in _OBJECTS:
        builder.doubt("partial", "the name of what is renamed is known only when it runs")
    return True


def _new_name(words: Words, at: int, builder: StatementBuilder, old: TableRef) -> TableRef | None:
    """The table of the new name at `at`, completed with the database and schema of the old one, or the current ones."""
    context = replace(builder.context, is_new=True)
    named = read_name(words, at, context)
    new = named.table
    parts, end = read_parts(words, at, context.dialect)
    is_plain = bool(parts) and end == named.end  # and not IDENTIFIER('x')
    if is_plain and new is not None and not dialect_of(context.dialect).renames_into_current_schema:
        new = table_of(parts, replace(context, database=None, schema=None, search_path=None))
    if new is None or len(new.parts) >= len(old.parts):
        return new
    kept = old.parts[: len(old.parts) - len(new.parts)]
    return replace(new, parts=(*kept, *new.parts), spelling=(*kept, *new.spelling) if new.spelling else ())


def _moved(old: TableRef, schema: Sequence[str]) -> TableRef:
    above = (*old.parts[: max(len(old.parts) - 1 - len(schema), 0)], *schema)
    return replace(old, parts=(*above, old.parts[-1]), spelling=(*above, old.spelling[-1]) if old.spelling else ())


def _swapped(builder: StatementBuilder, one: TableRef, other: TableRef) -> None:
    builder.effect = "swap"
    for table in (one, other):
        builder.read(table)
        builder.write(table)
    builder.renames += [(one, other), (other, one)]


def _renamed(builder: StatementBuilder, old: TableRef, new: TableRef | None) -> None:
    builder.kind, builder.effect = "alter", "rename"
    builder.outputs.pop(old, None)
    builder.read(old)
    if new is not None:
        builder.write(new)
        builder.renames.append((old, new))
    else:
        builder.doubt("partial", "the new name is known only when it runs")
