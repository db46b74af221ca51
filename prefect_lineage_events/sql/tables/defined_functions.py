"""Functions and macros that a session defines, for the queries in their bodies that a call runs."""

from __future__ import annotations

from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.recovery_names import read_parts
from prefect_lineage_events.sql.tables.table_functions import DEFINED
from prefect_lineage_events.sql.words import Kind, Words

_SQL_LANGUAGES = frozenset({"SQL", "PLPGSQL", "PLSQL", "TSQL"})
FUNCTIONS = frozenset({"FUNCTION", "MACRO"})
_BEGINS_BODY = frozenset({"AS", "RETURN"})
_QUERIES = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE"})


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
    text = words.texts[at] if is_text else words.between(at, len(words))
    builder.session.append((f"${DEFINED}{parts[-1][0].upper()}", text))


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
