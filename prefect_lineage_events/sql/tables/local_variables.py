"""Variables and parameters of a block or routine: in its statements their names are no columns.

A name that is a known column of a table still means the column, as in most stores. Snowflake and T-SQL mark
variables (`:v`, `@v`), so that a bare name in them is a column.
https://www.postgresql.org/docs/current/plpgsql-declarations.html, https://docs.oracle.com (PL/SQL: Declarations),
https://cloud.google.com/bigquery/docs/reference/standard-sql/procedural-language#declare
"""

from __future__ import annotations

from collections.abc import Iterator

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.tables.create import skip_existence
from prefect_lineage_events.sql.tables.recovery_names import read_parts
from prefect_lineage_events.sql.tables.scripting_blocks import heads
from prefect_lineage_events.sql.words import NO_DATA, PARSED, Words

_LOOPS = frozenset({"FOR", "FORALL", "FOREACH"})
_NO_VARIABLE = frozenset({"CURSOR", "TYPE", "SUBTYPE", "FUNCTION", "PROCEDURE", "PRAGMA", "GLOBAL", "LOCAL"})
_MODES = frozenset({"IN", "OUT", "INOUT", "VARIADIC"})


def declared_in(words: Words, context: Context) -> frozenset[str]:
    """The variables that a part of a block declares or loops over, in lower case."""
    if dialect_of(context.dialect).marked_variables:
        return frozenset()
    names: set[str] = set()
    at = 0
    for begin, at in heads(words):  # noqa: B007  (the end of the last head is used below)
        if words.word(begin) in _LOOPS and words.is_name(begin + 1):
            names.add(words.texts[begin + 1].lower())
    if words.word(at) == "DECLARE":
        names.update(_listed(words, at + 1))
    elif (context.in_routine or dialect_of(context.dialect).is_plsql) and _is_declaration(words, at):
        names.add(words.texts[at].lower())
    return frozenset(names)


def parameters(words: Words, at: int, dialect: str) -> frozenset[str]:
    """The parameters of the routine whose name stands at `at`, in lower case."""
    opening = read_parts(words, skip_existence(words, at), dialect)[1]
    if dialect_of(dialect).marked_variables or words.word(opening) != "(":
        return frozenset()
    names: set[str] = set()
    for start, end in words.items(opening):
        at = start + (words.word(start) in _MODES and start + 1 < end)
        if words.is_name(at) and at + 1 < end:
            names.add(words.texts[at].lower())
    return frozenset(names)


def _listed(words: Words, at: int) -> Iterator[str]:
    """The names of `DECLARE a, b INT64`; none for a cursor, a handler or a table."""
    at += 2 * words.follows(at, "OR", "REPLACE")
    at += words.word(at) == "VARIABLE"
    if words.word(at) in _NO_VARIABLE or words.word(at + 1) in ("HANDLER", "CURSOR"):
        return
    while words.is_name(at):
        yield words.texts[at].lower()
        if words.word(at + 1) != ",":
            return
        at += 2


def _is_declaration(words: Words, at: int) -> bool:
    """Return whether this is `v NUMBER := 1` or `v := 1`."""
    if not words.is_name(at) or words.word(at) in NO_DATA | PARSED | _NO_VARIABLE:
        return False
    return words.is_name(at + 1) or words.word(at + 1) == ":="
