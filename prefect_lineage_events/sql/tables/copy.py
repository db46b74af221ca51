"""Statements that move data between tables and files: COPY, UNLOAD, LOAD, EXPORT, IMPORT, PUT, GET, BULK INSERT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.names import is_hidden, location_of
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.column_types import declared_columns
from prefect_lineage_events.sql.tables.copy_options import copy_reader
from prefect_lineage_events.sql.tables.recovery_names import read_name
from prefect_lineage_events.sql.tables.table_functions import UNKNOWN_FILE
from prefect_lineage_events.sql.words import Kind, Words

_WHOLE_DATABASE = "every table of a database is copied"
_QUERY = frozenset({"SELECT", "SEL", "WITH", "VALUES", "INSERT", "UPDATE", "DELETE", "MERGE"})


@dataclass(frozen=True, slots=True)
class Query:
    """A query within the statement: the words `[start, end)`, or the text of a literal.

    `columns` are the listed columns of the target. A `table` may stand in place of a query: its columns, or those that
    are `listed`, go into a file. If it is `by_position`, it is a file whose columns go into those of the target.
    """

    start: int = 0
    end: int = 0
    text: str = ""
    columns: tuple[str, ...] = ()
    table: TableRef | None = None
    listed: tuple[str, ...] = ()
    by_position: bool = False


def whole_table_query(table: TableRef, listed: Sequence[str], builder: StatementBuilder) -> exp.Expr:
    """The query that COPY of a table writes: all of its columns, or those that are listed."""
    node = exp.Table(this=exp.Identifier(this="source", quoted=True))
    builder.refs[id(node)] = table
    columns: list[exp.Expr] = [exp.column(exp.to_identifier(name, quoted=True)) for name in listed]
    return exp.Select(expressions=columns or [exp.Star()], from_=exp.From(this=node))


def copy(words: Words, builder: StatementBuilder) -> Query | None:
    """COPY of Snowflake and Databricks (INTO), and of PostgreSQL, Redshift, DuckDB (t FROM f, t TO f, (query) TO f)."""
    builder.kind, builder.effect = "write", "append"
    if words.word(1) == "INTO":
        return _copy_into(words, builder)
    if words.word(1) == "FILES":  # docs.snowflake.com: COPY FILES, from stage to stage
        source = words.find(frozenset({"FROM"}), 2)
        builder.write(read_name(words, 3, builder.context).table)
        builder.read(read_name(words, source + 1, builder.context).table if source != -1 else None)
        return None
    if words.follows(1, "FROM", "DATABASE"):  # duckdb.org: COPY FROM DATABASE a TO b, but for its (SCHEMA)
        builder.kind, builder.effect = "misc", None
        if not words.follows(len(words) - 3, "(", "SCHEMA", ")"):
            builder.doubt("partial", _WHOLE_DATABASE)
        return None
    query: Query | None = None
    table: TableRef | None = None
    listed: tuple[str, ...] = ()
    at = 1
    if words.word(at) == "(":
        query, at = Query(at + 1, words.close(at)), words.close(at) + 1
    else:
        at += words.word(at) == "BINARY"
        named = read_name(words, at, builder.context)
        table, at = named.table, max(named.end, at)
        if words.word(at) == "(":
            listed = tuple(declared_columns(words, at, builder.context.dialect))
            at = words.close(at) + 1
        query = Query(table=table, listed=listed) if table is not None and words.word(at) == "TO" else None
    if words.word(at) == "FROM":
        builder.write(table)
        query = _loaded(words, at + 1, listed, builder)
    else:
        builder.read(table)
        builder.write(_location(words, at + 1, builder))
        if not builder.outputs:
            builder.kind, builder.effect = "read", None
    return query


def _loaded(words: Words, at: int, listed: tuple[str, ...], builder: StatementBuilder) -> Query | None:
    """Read the file of `COPY t FROM`; its values as a query, where they go by position (duckdb.org: COPY ... FROM)."""
    file = _location(words, at, builder)
    by_position = dialect_of(builder.context.dialect).copies_by_position
    reader = copy_reader(words, at, file.path) if file is not None and by_position else ""
    if file is None or not reader or is_hidden(file):
        builder.read(file)
        return None
    file = replace(file, reader=reader)
    builder.read(file)
    return Query(table=file, columns=listed, by_position=True)


def _location(words: Words, at: int, builder: StatementBuilder) -> TableRef | None:
    """A file or URL; None for STDIN, STDOUT and the pipe of a program."""
    at += words.word(at) == "LOCAL"
    if words.kind(at) == Kind.STRING:
        return location_of(words.texts[at], builder.context)
    if at < len(words) and words.kind(at) == Kind.MARK:  # a bind; DuckDB takes an expression in parentheses
        builder.doubt("partial", UNKNOWN_FILE)
    return None


def _copy_into(words: Words, builder: StatementBuilder) -> Query | None:
    """docs.snowflake.com: COPY INTO <table>, COPY INTO <location>; docs.databricks.com: COPY INTO."""
    target = read_name(words, 2, builder.context)
    if target.is_unknown:
        builder.doubt("partial", "the name of the target is known only when it runs")
    if target.table is not None:
        table = target.table
        if words.kind(2) == Kind.NAME and "://" in words.texts[2]:
            table = location_of(words.texts[2], builder.context) or table
        builder.write(table)
    at = max(target.end, 2)
    columns: tuple[str, ...] = ()
    if words.word(at) == "(" and words.word(words.close(at) + 1) == "FROM":
        columns = tuple(declared_columns(words, at, builder.context.dialect))
        at = words.close(at) + 1
    if words.word(at) != "FROM":
        return None
    at += 1
    if words.word(at) == "(":
        return Query(at + 1, words.close(at), columns=columns)
    if words.kind(at) == Kind.NAME and "://" in words.texts[at]:
        builder.read(location_of(words.texts[at], builder.context))
        return None
    source = read_name(words, at, builder.context)
    if source.is_unknown:
        builder.doubt("partial", "the name of the source is known only when it runs")
    builder.read(source.table)
    is_unloaded = source.table is not None and source.table.kind == "table" and target.table is not None
    return Query(table=source.table) if is_unloaded and _writes_location(builder) else None


def _writes_location(builder: StatementBuilder) -> bool:
    """Return whether the statement writes stages or files only."""
    return all(table.kind in ("stage", "file") for table in builder.outputs)


def unload(words: Words, builder: StatementBuilder) -> Query | None:
    """UNLOAD ('query') TO 's3://...' (Redshift), UNLOAD (query) TO 's3://...' (Athena)."""
    builder.kind, builder.effect = "write", "append"
    if words.word(1) != "(":
        return None
    end = words.close(1)
    if words.word(end + 1) == "TO":
        builder.write(_location(words, end + 2, builder))
    if end == 3 and words.kind(2) == Kind.STRING:
        return Query(text=words.texts[2])
    return Query(2, end)


def load(words: Words, builder: StatementBuilder) -> Query | None:
    """LOAD DATA of Hive (INPATH), MySQL (INFILE), BigQuery (INTO t FROM FILES).

    LOAD of Db2 is FROM f OF DEL INSERT INTO t.
    """
    into = words.find(frozenset({"INTO", "OVERWRITE"}), 1)
    if words.word(1) == "LABEL":
        _load_label(words, builder)
        return None
    if words.word(1) not in ("DATA", "XML") and (into == -1 or words.word(1) != "FROM"):
        return None
    builder.kind, builder.effect = "write", "append"
    if into != -1:
        if words.word(into) == "OVERWRITE":
            builder.effect = "overwrite"
            into += words.word(into + 1) == "INTO"
        at = into + 1
        while words.word(at) in ("TABLE", "TEMP", "TEMPORARY"):
            at += 1
        builder.write(read_name(words, at, builder.context).table)
    source = words.find(frozenset({"INPATH", "INFILE"}), 1)
    if source != -1:
        builder.read(_location(words, source + 1, builder))
    else:
        _uris(words, builder, builder.read)
    return None


def _load_label(words: Words, builder: StatementBuilder) -> None:
    """LOAD LABEL l (DATA INFILE ('f') INTO TABLE t, ...) (docs.starrocks.io, doris.apache.org: BROKER LOAD)."""
    builder.kind, builder.effect = "write", "append"
    for at in range(2, len(words)):
        if words.follows(at, "INFILE", "("):
            for start, _ in words.items(at + 1):
                builder.read(_location(words, start, builder))
        elif words.follows(at, "INTO", "TABLE"):
            builder.write(read_name(words, at + 2, builder.context).table)


def _uris(words: Words, builder: StatementBuilder, note: Callable[[TableRef | None], object]) -> None:
    """Add the literals of `uri = '...'` and `uris = ['...', ...]` (BigQuery's OPTIONS and FILES) by `note`."""
    start = next((i for i in range(len(words)) if words.word(i) in ("URI", "URIS") and words.word(i + 1) == "="), None)
    if start is None:
        return
    at = start + 2
    while words.word(at) in ("[", ",") or words.kind(at) == Kind.STRING:
        if words.kind(at) == Kind.STRING:
            note(location_of(words.texts[at], builder.context))
            if words.word(at + 1) != ",":
                return
        at += 1


def export(words: Words, builder: StatementBuilder) -> Query | None:
    """EXPORT DATA ... AS query (BigQuery), EXPORT TABLE t TO 'path' (Hive), EXPORT (query)|t INTO ... (Exasol)."""
    if words.word(1) == "DATABASE":  # duckdb.org
        builder.doubt("partial", _WHOLE_DATABASE)
        return None
    builder.kind, builder.effect = "write", "append"
    if words.word(1) == "DATA":
        _uris(words, builder, builder.write)
        query = words.find(frozenset({"AS"}), 2)
        return Query(query + 1, len(words)) if query != -1 else None
    if words.word(1) == "TABLE":
        named = read_name(words, 2, builder.context)
        builder.read(named.table)
        to = words.find(frozenset({"TO"}), named.end)
        builder.write(_location(words, to + 1, builder) if to != -1 else None)
        return None
    if words.word(1) == "TO":  # ibm.com/docs/en/db2: EXPORT
        builder.write(_location(words, 2, builder))
        query = words.find(_QUERY, 2)
        return Query(query, len(words)) if query != -1 else None
    into = words.find(frozenset({"INTO"}), 1)
    if into == -1:
        builder.kind, builder.effect = "misc", None
        return None
    if words.kind(into + 2) == Kind.STRING:
        builder.write(_location(words, into + 2, builder))
    if words.word(1) == "(":
        return Query(2, words.close(1))
    builder.read(read_name(words, 1, builder.context).table)
    return None


def import_(words: Words, builder: StatementBuilder) -> Query | None:
    """IMPORT INTO t FROM ... (Exasol), IMPORT TABLE t FROM 'path' (Hive)."""
    into = 1 + (words.word(1) == "EXTERNAL")
    if words.word(1) == "DATABASE":  # duckdb.org
        builder.doubt("partial", _WHOLE_DATABASE)
    if words.word(into) not in ("INTO", "TABLE"):
        return None
    builder.kind, builder.effect = "write", "append"
    named = read_name(words, into + 1, builder.context)
    if words.word(into + 1) not in ("(", "FROM"):
        builder.write(named.table)
    source = words.find(frozenset({"FROM"}), max(named.end, into))
    if source != -1:
        literal = next((i for i in range(source, min(source + 8, len(words))) if words.kind(i) == Kind.STRING), None)
        builder.read(
            location_of(words.texts[literal], builder.context)
            if literal is not None and words.word(into) == "TABLE"
            else None
        )
    return None


def put(words: Words, builder: StatementBuilder) -> Query | None:
    """PUT file:///path @stage and GET @stage file:///path (docs.snowflake.com) copy between a file and a stage."""
    if words.word(0) == "GET" and words.word(1) != "@" and words.kind(1) != Kind.STRING:
        return None  # GET DIAGNOSTICS: nothing is fetched from a stage
    builder.kind, builder.effect = "write", "append"
    if words.word(0) == "PUT":
        stage_at = next((i for i in range(1, len(words)) if words.texts[i].startswith("@")), len(words))
        builder.read(_local(words, 1, stage_at, builder))
        if words.kind(stage_at) == Kind.STRING:
            builder.write(location_of(words.texts[stage_at], builder.context))
        elif stage_at < len(words):
            builder.write(read_name(words, stage_at, builder.context).table)
        return None
    named = read_name(words, 1, builder.context)
    builder.read(named.table)
    end = named.end
    while end < len(words) and words.word(end + 1) != "=":
        end += 1
    builder.write(_local(words, named.end, end, builder))
    return None


def _local(words: Words, start: int, end: int, builder: StatementBuilder) -> TableRef | None:
    text = words.texts[start] if words.kind(start) == Kind.STRING else words.between(start, end)
    return location_of(text, builder.context)


def bulk(words: Words, builder: StatementBuilder) -> Query | None:
    """BULK INSERT t FROM 'file' (learn.microsoft.com: BULK INSERT)."""
    if words.word(1) != "INSERT":
        return None
    builder.kind, builder.effect = "write", "append"
    named = read_name(words, 2, builder.context)
    builder.write(named.table)
    if words.word(named.end) == "FROM":
        builder.read(_location(words, named.end + 1, builder))
    return None


def apply_changes(words: Words, builder: StatementBuilder) -> Query | None:
    """APPLY CHANGES INTO t FROM [STREAM] s, AUTO CDC INTO t FROM s (docs.databricks.com: AUTO CDC INTO)."""
    if not (words.follows(0, "APPLY", "CHANGES", "INTO") or words.follows(0, "AUTO", "CDC", "INTO")):
        return None
    builder.kind, builder.effect = "write", "update"
    builder.write(read_name(words, 3, builder.context).table)
    source = words.find(frozenset({"FROM"}), 4)
    if source != -1:
        at = source + 1 + (words.word(source + 1) == "STREAM")
        if words.word(at) == "(" and words.word(at + 1) in _QUERY:  # AUTO CDC INTO t FROM (SELECT ...)
            return Query(at + 1, words.close(at))
        builder.read(read_name(words, at + (words.word(at) == "("), builder.context).table)
    return None
