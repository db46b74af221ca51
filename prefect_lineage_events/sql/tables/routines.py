"""Routines: where a procedure, trigger, package, event or DO has its body, and in which language."""

from __future__ import annotations

from prefect_lineage_events.sql.tables.create import Definition
from prefect_lineage_events.sql.tables.defined_functions import speaks_sql
from prefect_lineage_events.sql.words import Kind, Words

# Rows before and after a change, as a trigger sees them (learn.microsoft.com: CREATE TRIGGER); no tables.
TRANSITION_TABLES = frozenset({"inserted", "deleted"})


def body_of(definition: Definition, words: Words) -> Words | str | None:
    """The body of a routine: its words, the text of a literal, or None where it has none that is SQL."""
    if definition.query == -1 or not speaks_sql(words):
        return None
    body = words.part(definition.query)
    return body.texts[0] if body.kind(0) == Kind.STRING else body


def do_body(words: Words) -> str | None:
    """The text of `DO [LANGUAGE x] $$ ... $$` (postgresql.org/docs/current/sql-do.html); None where it is no SQL."""
    if not speaks_sql(words):
        return None
    texts = (i for i in range(1, len(words)) if words.kind(i) == Kind.STRING and words.word(i - 1) != "LANGUAGE")
    return next((words.texts[i] for i in texts), None)
