"""Statements that change the connection: USE and SET, as changes of the session for the statements after them."""

from __future__ import annotations

from dataclasses import dataclass

from prefect_lineage_events.naming import fold

from .draft import Draft
from .identifiers import TWO_LEVEL, split_identifier
from .reading import read_parts
from .words import Kind, Words


@dataclass(frozen=True, slots=True)
class Use:
    """What the words behind USE set; `resets` is the schema that a new database brings with it, "" for the old one."""

    single: str = "database"
    resets: str = ""


_USE: dict[str, Use] = {
    "snowflake": Use(resets="PUBLIC"),  # docs.snowflake.com/en/sql-reference/sql/use-database
    "databricks": Use("schema", "default"),  # docs.databricks.com: USE SCHEMA, USE CATALOG
    "spark": Use("schema", "default"),
    "spark2": Use("schema", "default"),
    "trino": Use("schema"),  # trino.io/docs/current/sql/use
    "presto": Use("schema"),
    "exasol": Use("schema"),  # OPEN SCHEMA s
    "duckdb": Use(resets="main"),  # duckdb.org/docs/stable/sql/statements/use
    "db2": Use("schema"),
}
_LEVELS = {"DATABASE": "database", "CATALOG": "database", "SCHEMA": "schema", "NAMESPACE": "schema"}
_NO_NAMES = frozenset({"ROLE", "WAREHOUSE", "SECONDARY", "COMPUTE", "ACCOUNT"})


def use(words: Words, draft: Draft) -> None:
    """USE [DATABASE | CATALOG | SCHEMA] name, and Exasol's OPEN SCHEMA."""
    dialect = draft.context.dialect
    if words.word(1) in _NO_NAMES and words.kind(2) is not None:
        return
    rule = _USE.get(dialect, Use())
    level, at = rule.single, 1
    if words.word(1) in _LEVELS and words.kind(2) is not None:
        level, at = _LEVELS[words.word(1)], 2
        if dialect == "databricks" and words.word(1) == "DATABASE":
            level = "schema"  # a synonym of SCHEMA there
    parts = _name(words, at, dialect)
    if not parts:
        return
    if dialect in TWO_LEVEL:
        reset = dialect == "hive" and parts[-1] == "default"  # back to where the session was without a USE
        draft.session.append(("database", "" if reset else parts[-1]))
    elif len(parts) > 1:
        draft.session += [("database", parts[-2]), ("schema", parts[-1])]
    elif level == "schema":
        draft.session.append(("schema", parts[0]))
    else:
        draft.session += [("database", parts[0]), *([("schema", rule.resets)] if rule.resets else [])]


def _name(words: Words, at: int, dialect: str) -> list[str]:
    if words.kind(at) == Kind.STRING:
        return list(split_identifier(words.texts[at], dialect))
    if words.word(at) == "IDENTIFIER" and words.kind(at + 2) == Kind.STRING:
        return list(split_identifier(words.texts[at + 2], dialect))
    parts, _ = read_parts(words, at, dialect)
    return [fold(text, quoted, dialect) for text, quoted in parts]


def set_(words: Words, draft: Draft) -> None:
    """SET of a schema, or of a variable to a literal: `SET t = 'db.s.t'`, `SET (a, b) = ('x', 1)`."""
    at = 1 + (words.word(1) in ("SESSION", "LOCAL", "GLOBAL", "VARIABLE", "VAR"))
    if words.word(at) in ("SCHEMA", "SEARCH_PATH") or words.follows(at, "CURRENT", "SCHEMA"):
        _schema(words, at + 1 + (words.word(at) == "CURRENT"), draft)
        return
    if words.word(at) == "(":
        close = words.close(at)
        if words.word(close + 1) != "=" or words.word(close + 2) != "(":
            return
        for (name, _), (value, end) in zip(words.items(at), words.items(close + 2), strict=False):
            _variable(words, name, value, end, draft)
    elif words.is_name(at) and words.word(at + 1) in ("=", ":="):
        _variable(words, at, at + 2, len(words), draft)


def _schema(words: Words, at: int, draft: Draft) -> None:
    at += words.word(at) in ("TO", "=")
    parts = _name(words, at, draft.context.dialect)
    known = bool(parts) and parts[0].upper() not in ("DEFAULT", "$USER")
    draft.session.append(("schema", parts[-1] if known else ""))


def _variable(words: Words, name: int, value: int, end: int, draft: Draft) -> None:
    literal = end - value == 1 and words.kind(value) in (Kind.STRING, Kind.NUMBER)
    draft.session.append(("$" + words.texts[name].upper(), words.texts[value] if literal else ""))


def created(thing: str, words: Words, at: int, draft: Draft) -> None:
    """Snowflake goes into the database or schema that it creates (docs.snowflake.com: CREATE DATABASE, CREATE
    SCHEMA)."""
    if draft.context.dialect != "snowflake":
        return
    at += 3 if words.follows(at, "IF", "NOT", "EXISTS") else 0
    parts = _name(words, at, "snowflake")
    if parts and thing == "DATABASE":
        draft.session += [("database", parts[0]), ("schema", "PUBLIC")]
    elif parts:
        draft.session += [("database", parts[-2])] if len(parts) > 1 else []
        draft.session.append(("schema", parts[-1]))


def alter_session(words: Words, draft: Draft) -> None:
    """ALTER SESSION SET CURRENT_SCHEMA = s (docs.oracle.com: ALTER SESSION), SET AUTOCOMMIT = FALSE, UNSET AUTOCOMMIT
    (docs.snowflake.com/en/sql-reference/parameters#autocommit; on unless it is switched off)."""
    if words.follows(2, "SET", "CURRENT_SCHEMA"):
        _schema(words, 4, draft)
    elif words.follows(2, "SET", "AUTOCOMMIT", "="):
        off = words.texts[5].lower() in ("false", "off", "0") if words.kind(5) is not None else False
        draft.session.append(("autocommit", "off" if off else "on"))
    elif words.follows(2, "UNSET", "AUTOCOMMIT"):
        draft.session.append(("autocommit", "on"))
