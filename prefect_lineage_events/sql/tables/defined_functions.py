"""Functions and macros that a session defines, for the queries in their bodies that a call runs."""

from __future__ import annotations

from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.recovery_names import read_parts
from prefect_lineage_events.sql.tables.table_functions import DEFINED
from prefect_lineage_events.sql.words import CHANGES, Kind, Words, from_text

_SQL_LANGUAGES = frozenset({"SQL", "PLPGSQL", "PLSQL", "TSQL"})
FUNCTIONS = frozenset({"FUNCTION", "MACRO"})
_BEGINS_BODY = frozenset({"AS", "RETURN"})
_QUERIES = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE"})
_BLOCKS = frozenset({"BEGIN", "DECLARE", "<", "<<"})
_MAX_START = 2_000  # characters of a body, comments included, up to its first words


def defined(words: Words, at: int, builder: StatementBuilder) -> None:
    """Add the query of a function or macro to the session: a later call reads what the query reads.

    (duckdb.org: CREATE MACRO, cloud.google.com/bigquery: CREATE TABLE FUNCTION). The definition touches nothing.
    """
    parts, end = read_parts(words, at + 3 * words.follows(at, "IF", "NOT", "EXISTS"), builder.context.dialect)
    at = words.find(_BEGINS_BODY, end)
    if not parts or at == -1 or not is_sql_body(words):
        return
    at += 1
    if words.word(at) == "RETURN":  # learn.microsoft.com: RETURNS TABLE AS RETURN (query)
        at += 1
    if words.follows(at - 1, "AS", "TABLE"):
        at += 1
    is_text = words.kind(at) == Kind.STRING
    inner = at
    while words.word(inner) == "(":
        inner += 1
    if not is_text and words.word(inner) not in _QUERIES | {"BEGIN"}:
        return
    text = _query_of(words.texts[at]) if is_text else words.between(at, len(words))
    builder.session.append((f"${DEFINED}{parts[-1][0].upper()}", text))


def _query_of(text: str) -> str:
    """The body of a function as a query: a body may be an expression alone (docs.snowflake.com: SQL UDFs)."""
    start = from_text(text[:_MAX_START])
    at = 0
    while start.word(at) == "(":
        at += 1
    word = start.word(at)
    is_call = word in CHANGES and start.word(at + 1) == "("  # INSERT(a, 1, 2, b) and REPLACE(a, b) are functions, too
    is_statement = word in _QUERIES | _BLOCKS or (word in CHANGES and not is_call)
    return text if is_statement or not len(start) else f"SELECT {text}"


def dropped(words: Words, at: int, builder: StatementBuilder) -> None:
    """`DROP FUNCTION [IF EXISTS] f`, `DROP MACRO TABLE f`: what a later call reads is not known."""
    at += 2 * words.follows(at, "IF", "EXISTS") + (words.word(at) == "TABLE")
    parts, _ = read_parts(words, at, builder.context.dialect)
    if parts:
        builder.session.append((f"${DEFINED}{parts[-1][0].upper()}", ""))


def is_sql_body(words: Words) -> bool:
    """Return whether the body of a routine is SQL or a procedural language around it; without LANGUAGE it is."""
    at = words.find(frozenset({"LANGUAGE"}), 1)
    if at == -1 or at + 1 >= len(words):
        return True
    return (words.word(at + 1) or words.texts[at + 1].upper()) in _SQL_LANGUAGES
