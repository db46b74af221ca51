"""Readers of CREATE: the head is read by rules, a query after it is left to the parser.

The options in the heads of definitions differ by vendor and change often, so that no parser keeps up with them. Their
tables are easy to find: the name follows the word for its kind, and a query follows `AS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.model import TableKind, TableRef
from prefect_lineage_events.sql.names import location_of
from prefect_lineage_events.sql.tables import clickhouse_engines, containers, defined_functions
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.column_types import declared_columns
from prefect_lineage_events.sql.tables.recovery import recover
from prefect_lineage_events.sql.tables.recovery_names import read_name
from prefect_lineage_events.sql.tables.required_words import doubt_of_thing
from prefect_lineage_events.sql.temporary_names import as_lasting
from prefect_lineage_events.sql.words import CHANGES, Kind, Words

# Things that hold data or pass it on, by the word for each.
DATA_OBJECTS: Mapping[str, TableKind] = {
    "TABLE": "table",
    "VIEW": "view",
    "STREAM": "stream",
    "STAGE": "stage",
    "DICTIONARY": "table",  # clickhouse.com/docs/sql-reference/statements/create/dictionary
    "SOURCE": "table",  # materialize.com/docs/sql/create-source
    "SINK": "other",
    "MODEL": "other",  # cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-create
}
# Things that run later: the definition touches nothing, the body shows what it will touch.
ROUTINES = frozenset({"PROCEDURE", "PROC", "TASK", "PIPE", "FLOW", "TRIGGER", "PACKAGE", "EVENT", "BODY"})
# Kinds of things that hold no data; the word stands before the name, and ends the search for one that does.
OTHERS = frozenset(
    {
        "DATABASE", "SCHEMA", "USER", "ROLE", "FUNCTION", "SEQUENCE", "FORMAT", "INTEGRATION", "WAREHOUSE", "POLICY",
        "INDEX", "TRIGGER", "TYPE", "DOMAIN", "EXTENSION", "LANGUAGE", "OPERATOR", "CAST", "COLLATION", "CONVERSION",
        "GROUP", "SERVER", "SUBSCRIPTION", "PUBLICATION", "TABLESPACE", "RULE", "STATISTICS", "TRANSFORM", "ACCESS",
        "CATALOG", "CONNECTION", "SHARE", "SECRET", "VOLUME", "TAG", "ALERT", "NETWORK", "RESOURCE", "LOGIN",
        "CREDENTIAL", "CERTIFICATE", "SYNONYM", "PACKAGE", "MACRO", "CONSTRAINT", "MONITOR", "NOTEBOOK", "STREAMLIT",
        "SERVICE", "IMAGE", "APPLICATION", "ACCOUNT", "KEYSPACE", "CLUSTER", "LISTENER", "SESSION", "SYSTEM",
        "PROFILE", "DIRECTORY", "LIBRARY", "OUTLINE", "CONTEXT", "EDITION", "JAVA", "CONTROLFILE", "DISKGROUP",
        "BODY", "ASSEMBLY", "AUTHORIZATION", "QUOTA", "METASTORE", "PRIVILEGES", "DEFAULT", "FULLTEXT", "ENDPOINT",
        "EXTERNAL_FUNCTION", "RECIPIENT", "PROVIDER", "DATASHARE", "LOCATION", "CONSUMER", "VIRTUAL_SCHEMA", "SCRIPT",
        "SERVERLESS", "RESERVATION", "CAPACITY", "ASSIGNMENT", "BINDING", "MAPPING", "LISTING",
    }
)  # fmt: skip
# Things of a database that hold no data: DATABASE ROLE (docs.snowflake.com), DATABASE LINK (docs.oracle.com), DATABASE
# SCOPED CREDENTIAL, DATABASE AUDIT SPECIFICATION, DATABASE ENCRYPTION KEY (learn.microsoft.com)
_WITHIN = frozenset({"ROLE", "LINK", "SCOPED", "AUDIT", "ENCRYPTION"})
_MAY_EXIST = "the table may have been there before, and then nothing was done"
_ENDS_HEAD = frozenset({"(", "AS", "SELECT"})
_MAX_HEAD = 24  # words before the name: MySQL's CREATE ALGORITHM = x DEFINER = `a`@`b` SQL SECURITY DEFINER VIEW
_TEMPORARY = frozenset({"TEMP", "TEMPORARY", "VOLATILE"})
_PIVOTS = frozenset({"PIVOT", "UNPIVOT", "SUMMARIZE"})
_QUERY = frozenset({"SELECT", "SEL", "WITH", "VALUES", "FROM", "TABLE", "EXECUTE"})


@dataclass(frozen=True, slots=True)
class Definition:
    """Head of a definition: the kind of thing, its name, and the start of its query or body (-1: it has none)."""

    thing: str
    target: TableRef | None
    name_end: int
    query: int = -1
    is_recursive: bool = False


def thing_of(words: Words, at: int = 1) -> tuple[str, int]:
    """The word for the kind of thing that CREATE, ALTER, DROP ... changes, and its position; "" if it is unknown."""
    end = min(len(words), at + _MAX_HEAD)
    while at < end:
        word = words.word(at)
        if word == "DEFINER" and words.word(at + 1) == "=":
            at = _after_definer(words, at + 2)
            continue
        if word in OTHERS:
            is_within = word in ("DATABASE", "SCHEMA") and words.word(at + 1) in _WITHIN and words.is_name(at + 2)
            return words.word(at + is_within), at + is_within
        if word == "EVENT" and words.word(at + 1) != "TABLE":
            return word, at
        if word == "SOURCE" and words.word(at - 1) == "DATA":  # learn.microsoft.com: CREATE EXTERNAL DATA SOURCE
            return "DATA", at
        if word in ROUTINES or (word in DATA_OBJECTS and words.kinds[at] == Kind.WORD):
            following = words.word(at + 1)
            if _is_of_another_kind(words, at, word, following):
                return following, at + 1
            if word not in ("STREAM", "SOURCE", "MODEL", "STAGE") or following not in (
                "TABLE",
                "VIEW",
                "LIVE",
                "=",
            ):
                return word, at
        if word in _ENDS_HEAD or words.kinds[at] == Kind.STRING:
            return "", at
        at += 1
    return "", at


def _after_definer(words: Words, at: int) -> int:
    """The position after the account of a DEFINER clause: `'u'@'%'`, CURRENT_USER() (dev.mysql.com, mariadb.com)."""
    at += 1
    if words.word(at) == "@":
        return at + 2
    return words.close(at) + 1 if words.word(at) == "(" else at


def _is_of_another_kind(words: Words, at: int, word: str, following: str) -> bool:
    """Return whether the word that follows changes the kind; otherwise it is a name.

    MATERIALIZED VIEW LOG ON t (docs.oracle.com), TABLE FUNCTION f() and TABLE MACRO m() (cloud.google.com/bigquery,
    duckdb.org).
    """
    if word == "VIEW":
        return following == "LOG" and words.word(at + 2) == "ON"
    is_named = words.is_name(at + 2) and words.word(at + 2) != "AS"
    return word == "TABLE" and following in ("FUNCTION", "MACRO") and is_named and words.word(0) != "ALTER"


def is_routine(words: Words) -> bool:
    """Return whether the statement defines something that runs later; the statements in it are then part of it."""
    if words.word(0) not in ("CREATE", "ALTER"):
        return False
    return thing_of(words)[0] in ROUTINES | {"FUNCTION", "TRIGGER", "PACKAGE", "EVENT", "TYPE", "BODY"}


def create(words: Words, builder: StatementBuilder) -> Definition:
    """Add the table that `CREATE ...` or Snowflake's `DEFINE ...` makes, and find the query that fills it."""
    thing, at = thing_of(words)
    if thing == "TYPE" and words.word(at + 1) == "BODY":  # docs.oracle.com: CREATE TYPE BODY
        thing = "BODY"
    if thing in ROUTINES:
        body = _trigger_body if thing == "TRIGGER" else _body
        return Definition(thing, None, at + 1, body(words, at + 1))
    if thing not in DATA_OBJECTS:
        builder.kind = "misc"
        if not thing:
            doubt_of_thing(words, at, builder)
        elif thing in defined_functions.FUNCTIONS:
            defined_functions.defined(words, at + 1, builder)
        elif thing in containers.CONTAINERS:
            containers.created(words, at, builder)
        return Definition(thing, None, at)
    temporary = any(words.word(i) in _TEMPORARY for i in range(1, at))
    builder.if_not_exists = words.follows(at + 1, "IF", "NOT", "EXISTS")
    builder.or_replace = words.follows(1, "OR", "REPLACE") and DATA_OBJECTS[thing] == "table"
    at = skip_existence(words, at + 1)
    named = read_name(words, at, builder.context.for_new_tables)
    at = max(named.end, at)
    if words.follows(at, "ON", "CLUSTER"):
        at += 3
    builder.kind, builder.effect = "create", "create"
    if named.is_unknown:
        builder.doubt("partial", "the name of what is created is known only when it runs")
    target = named.table
    if target is not None and not temporary and not named.first.startswith("pg_temp"):
        target = as_lasting(target, builder.context)
    if target is not None and target.kind == "table":
        target = replace(target, kind=DATA_OBJECTS[thing] if DATA_OBJECTS[thing] in ("stage", "stream") else "table")
    if builder.if_not_exists and target is not None and builder.context.has(target):
        builder.kind, builder.effect = "misc", None  # it exists in this session: nothing is done
        return Definition(thing, None, at)
    if target is not None:
        target = builder.write(target, temporary)
    query = find_query(words, at)
    if builder.if_not_exists and thing == "TABLE" and query != -1:
        builder.doubt("partial", _MAY_EXIST)
    builder.drops_on_commit = temporary and _drops_on_commit(words, at, len(words) if query == -1 else query, builder)
    if words.word(at) == ",":  # docs.teradata.com: options behind commas, before the columns
        at = max(words.find(frozenset({"("}), at), at)
    if thing == "SINK" and words.word(at) == "FROM":
        builder.read(read_name(words, at + 1, builder.context).table)
    if thing == "STREAM":
        _stream(words, at, builder)
    elif thing == "STAGE":
        _stage(words, at, builder)
    elif target is not None:
        if dialect_of(builder.context.dialect).storage_engines:
            read_source = clickhouse_engines.source if thing == "DICTIONARY" else clickhouse_engines.engine
            read_source(words, at, len(words) if query == -1 else query, builder)
        _read_copied_tables(words, at, len(words) if query == -1 else query, builder, target)
        _refreshed(words, at, builder)
    if thing == "VIEW" and dialect_of(builder.context.dialect).storage_engines:
        to = words.find(frozenset({"TO", "AS", "("}), at)  # after REFRESH EVERY 1 HOUR [APPEND]
        if words.word(to) == "TO":
            clickhouse_engines.materialised_to(words, to, builder, target)
    has_columns = words.word(at) == "(" and (query == -1 or query > at)
    if has_columns and target and (columns := declared_columns(words, at, builder.context.dialect)):
        builder.declared[target.name] = columns
    return Definition(thing, target, at, query, is_recursive=words.find(frozenset({"RECURSIVE"}), 1, at) != -1)


def _drops_on_commit(words: Words, start: int, end: int, builder: StatementBuilder) -> bool:
    """Return whether ON COMMIT drops it (postgresql.org); Oracle's private tables do without PRESERVE DEFINITION."""
    at = words.find(frozenset({"COMMIT"}), start, end)
    if dialect_of(builder.context.dialect).is_plsql:
        return "PRIVATE" in words.upper[1:4] and words.word(at + 1) != "PRESERVE"
    return at != -1 and words.word(at + 1) == "DROP"


def skip_existence(words: Words, at: int) -> int:
    """The position after `IF NOT EXISTS`, `IF EXISTS`, or PostgreSQL's ONLY."""
    if words.follows(at, "IF", "NOT", "EXISTS") or (
        words.word(at) == "IF" and words.word(at + 1) in ("EXISTS", "EMPTY")
    ):
        at += 2 + (words.word(at + 1) == "NOT")
    return at + (words.word(at) == "ONLY" and words.is_name(at + 1) and words.word(at + 1) not in ("AS", "ADD"))


def find_query(words: Words, at: int) -> int:
    """The start of the query of CREATE ... AS: after AS outside parentheses, or without AS (Spark, MySQL)."""
    end = len(words)
    while at < end:
        word = words.word(at)
        if word == "AS" and (_starts_query(words, at + 1) or _starts_pivot(words, at + 1)):
            return at + 1
        if word in ("SELECT", "WITH") and _is_bare_query(words, at, word):
            return at
        if word == "(":
            if _starts_query(words, at) and words.word(at - 1) not in _BEFORE_NO_QUERY and not _is_range(words, at):
                return at
            at = words.close(at)
        at += 1
    return -1


# What may follow the query of a definition: WITH [NO] DATA, WITH CHECK OPTION, WITH READ ONLY, WITH NO SCHEMA BINDING
_TAILS = frozenset({"NO", "DATA", "CHECK", "READ", "CASCADED", "LOCAL", "SCHEMA"})
_GOES_ON = frozenset({"UNION", "INTERSECT", "EXCEPT", "MINUS", "ORDER", "LIMIT", "OFFSET", "FETCH"})


def query_start(words: Words, at: int) -> int:
    """The start of the query itself after AS (docs.teradata.com: LOCKING ROW FOR ACCESS SELECT ...)."""
    if words.word(at) not in ("LOCKING", "LOCK"):
        return at
    return max(words.find(_QUERY, at + 1), at)


def query_end(words: Words, start: int) -> int:
    """The end of the query of a definition; options of the definition may follow."""
    if words.word(start) == "(":
        end = words.close(start) + 1
        if words.word(end) not in _GOES_ON:
            return end
    at = start
    while (at := words.find(frozenset({"WITH"}), at + 1)) != -1:
        if words.word(at + 1) in _TAILS and words.word(at + 2) != "AS":
            return at
    return len(words)


_BEFORE_NO_QUERY = frozenset({"USING", "CHECK", "DEFAULT"})


def _is_range(words: Words, at: int) -> bool:
    """Return whether this is `(FROM ('2020-01-01') TO ...)` of a partition (doris.apache.org, postgresql.org)."""
    return words.follows(at, "(", "FROM", "(") and words.word(words.close(at + 2) + 1) == "TO"


def _starts_query(words: Words, at: int) -> bool:
    while words.word(at) == "(":
        at += 1
    if words.word(at) in ("LOCKING", "LOCK"):  # docs.teradata.com: LOCKING request modifier
        return True
    return words.word(at) in _QUERY


def _starts_pivot(words: Words, at: int) -> bool:
    """Return whether a query of DuckDB's own starts here; its word is a name except after AS (duckdb.org: PIVOT)."""
    while words.word(at) == "(":
        at += 1
    return words.word(at) in _PIVOTS


def _is_bare_query(words: Words, at: int, word: str) -> bool:
    """Return whether a query starts without AS; WITH only if it defines a CTE, as options use the word too."""
    if word == "SELECT":
        return True
    if not words.is_name(at + 1) or words.word(at + 1) in ("TAG", "DATA"):
        return False
    after = words.close(at + 2) + 1 if words.word(at + 2) == "(" else at + 2
    return words.word(after) == "AS" and words.word(after + 1) in ("(", "NOT", "MATERIALIZED")


def _body(words: Words, at: int) -> int:
    """The start of a routine's body: a text after AS, BEGIN, or the statement after AS or DO."""
    start, end = at, len(words)
    while at < end:
        word = words.word(at)
        if word == "BEGIN":
            return at
        if word in ("AS", "IS", "DO") and at + 1 < end and not words.follows(at - 1, "EXECUTE", "AS"):
            return at + 1
        at = words.close(at) + 1 if word == "(" else at + 1
    return words.find(_PLAIN_BODIES, start)  # dev.mysql.com: CREATE PROCEDURE p() INSERT ...


_PLAIN_BODIES = CHANGES | {"SELECT"}
_STATEMENTS = CHANGES | {"SELECT", "WITH", "SET", "IF", "EXEC", "EXECUTE", "PRINT", "RAISERROR", "THROW", "RETURN"}


def _trigger_body(words: Words, at: int) -> int:
    """The start of a trigger's block, or of its one statement after FOR EACH ROW or AS; -1 if it calls a function.

    The verbs before that are the changes that fire it.
    """
    block = words.find(frozenset({"BEGIN", "DECLARE"}), at)
    if block != -1:
        return block
    row = words.find(frozenset({"ROW", "STATEMENT"}), at)
    if row == -1:
        while (at := words.find(frozenset({"AS"}), at) + 1) > 0:  # learn.microsoft.com: CREATE TRIGGER
            if words.word(at) in _STATEMENTS:
                return at
        return -1
    if words.word(row + 1) == "(" and words.close(row + 1) == len(words) - 1:  # docs.teradata.com: CREATE TRIGGER
        return row + 2
    return words.find(CHANGES, row)


def _refreshed(words: Words, at: int, builder: StatementBuilder) -> None:
    """Read `REFRESH USING (INSERT INTO SELF SELECT ...)` of a dynamic table (docs.snowflake.com)."""
    refresh = words.find(frozenset({"REFRESH"}), at)
    if refresh != -1 and words.follows(refresh, "REFRESH", "USING", "("):
        own = StatementBuilder(builder.context)
        recover(words, refresh + 3, words.close(refresh + 2), own)
        builder.inputs.update(own.inputs)
        builder.doubt("recovered", "read from its words: the query that refreshes it")


def _read_copied_tables(words: Words, at: int, end: int, builder: StatementBuilder, target: TableRef) -> None:
    """Read the tables that a definition copies from, up to its query: LIKE t, CLONE t, COPY t, (LIKE t)."""
    words_from = at
    if (union := words.find(frozenset({"UNION"}), at, end)) != -1 and words.follows(union + 1, "=", "("):
        for start, _ in words.items(union + 2):  # dev.mysql.com: the MERGE storage engine
            builder.read(read_name(words, start, builder.context).table)
    for start, _ in words.items(at) if words.word(at) == "(" else ():
        if words.word(start) == "LIKE" and words.is_name(
            start + 1
        ):  # among the columns, too (postgresql.org, trino.io)
            builder.read(read_name(words, start + 1, builder.context).table)
    while at < end:
        word = words.word(at)
        if (
            word in ("LIKE", "CLONE", "COPY")
            and at - words_from < _MAX_HEAD
            and (words.is_name(at + 1) or words.word(at + 1) == "(")
        ):
            if word == "COPY" and words.word(at + 1) in ("GRANTS", "TAGS"):
                at += 2
                continue
            at = _like(words, at, builder, target, word)
            continue
        if (
            word == "AS"
            and dialect_of(builder.context.dialect).creates_as_table
            and end == len(words)
            and words.word(at + 2) != "("
        ):
            at = _like(words, at, builder, target, word)
            continue
        at = words.close(at) + 1 if word == "(" else at + 1


def _like(words: Words, at: int, builder: StatementBuilder, target: TableRef, word: str) -> int:
    at += word == "CLONE" and words.word(at + 1) == "AS"  # clickhouse.com: CREATE TABLE ... CLONE AS
    named = read_name(words, at + 1, builder.context)
    if named.table is not None:
        builder.read(named.table)
        if word == "CLONE":
            builder.effect = "clone"
            builder.renames.append((named.table, target))
    return max(named.end, at + 1)


def _stream(words: Words, at: int, builder: StatementBuilder) -> None:
    """Read the source of `CREATE STREAM s ON [EXTERNAL|DYNAMIC|...] TABLE|VIEW|STAGE t` (docs.snowflake.com)."""
    on = words.find(frozenset({"ON"}), at)
    if on == -1:
        if words.word(at) == "CLONE":
            builder.read(read_name(words, at + 1, builder.context).table)
        return
    thing, where = thing_of(words, on + 1)
    named = read_name(words, where + 1, builder.context)
    if thing in DATA_OBJECTS and named.table is not None:
        builder.read(replace(named.table, kind="stage") if thing == "STAGE" else named.table)


def _stage(words: Words, at: int, builder: StatementBuilder) -> None:
    """Read the location of `CREATE STAGE s URL = 's3://...'`."""
    url = words.find(frozenset({"URL"}), at)
    if url != -1 and words.word(url + 1) == "=" and words.kind(url + 2) == Kind.STRING:
        builder.read(location_of(words.texts[url + 2], builder.context))
