"""Reading of names in a list of words: the table at a position, and the position after it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.names import (
    HIDDEN,
    Part,
    is_substituted,
    is_value,
    location_of,
    named_by,
    stage_of,
    table_of,
    variable_of,
)
from prefect_lineage_events.sql.words import Kind, Words


@dataclass(frozen=True, slots=True)
class Named:
    """Name at a position.

    `table` is None for no name, and for one that is known only at run time (`is_unknown`). `bare` is a name of a single
    part, in lower case: it may be an alias or a CTE. `end` is the position after the name.
    """

    table: TableRef | None
    end: int
    is_unknown: bool = False
    bare: str = ""
    first: str = ""


_DYNAMIC = frozenset({"IDENTIFIER", "TABLE"})


def read_name(words: Words, at: int, context: Context) -> Named:
    """The table, stage or location at `at`; `end == at` if there is no name."""
    kind = words.kind(at)
    if kind is None:
        return Named(None, at)
    if kind == Kind.STRING:
        return _named(location_of(words.texts[at], context), at + 1)
    word = words.word(at)
    if word == "@":
        return _read_stage(words, at, context)
    if (
        word in _DYNAMIC
        and words.word(at + 1) == "("
        and (word == "TABLE" or dialect_of(context.dialect).identifier_clause)
    ):
        return _read_dynamic(words, at, context)
    if word in ("?", ":", "$", "{", "%", "&") or (word.startswith("$") and len(word) > 1):
        return _read_bind(words, at, context)
    parts, end = read_parts(words, at, context.dialect)
    if not parts:
        return Named(None, at)
    if any(text.startswith("$") and not quoted for text, quoted in parts) or is_substituted(parts, context.dialect):
        return Named(None, end, is_unknown=True)
    if is_value(parts, context.dialect):
        return Named(None, end)
    table = table_of(parts, context)
    if table == HIDDEN:
        return Named(None, end, is_unknown=True)
    bare = parts[0][0].lower() if len(parts) == 1 else ""
    return Named(table, end, bare=bare, first=parts[0][0].lower())


def _named(table: TableRef | None, end: int) -> Named:
    return Named(None, end, is_unknown=True) if table == HIDDEN else Named(table, end)


def read_parts(words: Words, at: int, dialect: str) -> tuple[list[Part], int]:
    """The dotted parts of a name, `#` of a temporary one and dashes of a BigQuery project included."""
    parts: list[Part] = []
    while True:
        prefix = ""
        while words.word(at) == "#":
            prefix, at = prefix + "#", at + 1
        if words.word(at) in _FOREIGN and (end := _foreign(words, at)):
            parts.append((words.between(at + 1, end), True))
            at = end + 1
            if words.word(at) != ".":
                return parts, at
            at += 1
            continue
        if not words.is_name(at):
            begins = dialect_of(dialect).is_tsql and words.word(at + 1) == "."  # ..table
            if words.word(at) == "." and (parts or begins):  # db..table
                parts.append(("", False))
                at += 1
                continue
            return (parts, at) if parts and not prefix else ([], at)
        text, quoted = words.texts[at], words.kinds[at] == Kind.NAME
        at += 1
        if not quoted:
            text, at = _dashed(words, text, at, dialect)
        parts.append((prefix + text, quoted))
        if words.word(at) == ".":
            at += 1
        elif not (text[-1:].isdigit() and words.source[words.span(at - 1)[1]] == "."):
            return parts, at  # (`a-1.b`, whose dot is in the token of the number)


# Quotes of other dialects, which the tokens of this one leave as marks
_FOREIGN = {"[": "]", "`": "`"}
_MAX_FOREIGN = 8


def _foreign(words: Words, at: int) -> int:
    """The position at which the foreign quote at `at` closes; 0 if it contains no name."""
    if not words.is_name(at + 1):
        return 0
    closing = _FOREIGN[words.word(at)]
    return next((i for i in range(at + 2, min(at + _MAX_FOREIGN, len(words))) if words.word(i) == closing), 0)


def _dashed(words: Words, text: str, at: int, dialect: str) -> tuple[str, int]:
    """`my-project-1` (BigQuery: Unquoted identifiers with dashes), `table@link` (Oracle: database links)."""
    joint = _JOINTS.get(dialect)
    if joint is None or words.word(at) != joint[0] or not words.touches(at - 1) or not words.touches(at):
        return text, at
    start = words.span(at - 1)[0]
    match = joint[1].match(words.source, start)
    if match is None:
        return text, at
    while at < len(words) and words.span(at)[0] < match.end():
        at += 1
    return match[0], at


_JOINTS = {"bigquery": ("-", re.compile(r"\b[\w$-]+")), "oracle": ("@", re.compile(r"\b[\w$#]+@[\w$#.]+"))}


def _read_stage(words: Words, at: int, context: Context) -> Named:
    """Read `@db.sch.stage/dir/file.csv` up to a blank, comma or parenthesis."""
    if dialect_of(context.dialect).is_tsql and words.is_name(at + 1):
        return Named(variable_of(words.texts[at + 1]), at + 2)
    end = at + 1
    while end < len(words) and words.touches(end - 1) and words.upper[end] not in (",", ")", "(", ";"):
        end += 1
    return Named(stage_of(words.between(at, end), context), end)


def _read_dynamic(words: Words, at: int, context: Context) -> Named:
    """IDENTIFIER(...) and TABLE(...) of a literal, of a variable whose value is known, or of a bare name."""
    end = words.close(at + 1) + 1
    inner = words.close(at + 1) - (at + 2)
    if inner == 1 and words.kind(at + 2) == Kind.STRING:
        return _named(named_by(words.texts[at + 2], context) or HIDDEN, end)
    if inner >= 1 and words.word(at + 2).startswith("$"):
        name = words.between(at + 2, end - 1).lstrip("$").upper()
        if name in context.variables:
            return _named(named_by(context.variables[name], context), end)
        return Named(None, end, is_unknown=True)
    if words.word(at) == "IDENTIFIER":
        parts, stop = read_parts(words, at + 2, context.dialect)
        if parts and stop == end - 1:
            return _named(table_of(parts, context), end)
        return Named(None, end, is_unknown=True)
    return Named(None, at)


def _read_bind(words: Words, at: int, context: Context) -> Named:
    """Read a bind or a variable in the place of a name, which is known only at run time."""
    end = at + 1
    if words.word(at) == "{":
        while end < len(words) and words.word(end) != "}":
            end += 1
        end = min(end + 1, len(words))
    while (
        end < len(words) and words.touches(end - 1) and (words.is_name(end) or words.word(end) in (".", "}", "{", "$"))
    ):
        end += 1
    return Named(None, end, is_unknown=True)
