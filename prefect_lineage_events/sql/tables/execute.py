"""EXECUTE, EXEC and PREPARE: the text of the executed statement, if it is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.recovery_names import read_parts
from prefect_lineage_events.sql.words import Kind, Words

VERB = frozenset({"EXECUTE"})
UNKNOWN = "the text that it executes is not known"
_MADE = "the text that it executes is made when it runs"
_PREPARED = "PREPARED "  # before the name of a prepared statement among the variables; no variable has a blank


@dataclass(frozen=True, slots=True)
class Executed:
    """Work of an EXECUTE: a text, a procedure's, or an unknown text, with the reason."""

    text: str = ""
    reason: str = ""
    is_procedure: bool = False


def executed(words: Words, context: Context, at: int = 1) -> Executed:
    """The work of the EXECUTE, EXEC or EXECUTE IMMEDIATE before `at`."""
    is_immediate = words.word(at) == "IMMEDIATE"
    at += is_immediate
    while words.word(at) == "(":
        at += 1
    if dialect_of(context.dialect).is_tsql and words.kind(at) != Kind.STRING:
        return _procedure(words, at)
    if words.word(at) == "FORMAT" and words.word(at + 1) == "(":  # postgresql.org: format()
        is_plain = words.kind(at + 2) == Kind.STRING and words.word(at + 3) == ")" and "%" not in words.texts[at + 2]
        return Executed(words.texts[at + 2]) if is_plain else Executed(reason=_MADE)
    if words.word(at + 1) == ")" and words.word(at + 2) == "AT":  # learn.microsoft.com: EXECUTE, on a linked server
        return Executed(reason="it runs on another server")
    if words.kind(at) == Kind.STRING:
        return Executed(reason=_MADE) if words.word(at + 1) in ("||", "+") else Executed(words.texts[at])
    name = words.between(at, at + 2 if words.word(at) in (":", "$", "@") else at + 1).lstrip("$:@").upper()
    text = context.variables.get(_PREPARED + name) or context.variables.get(name)
    if text:
        return Executed(text)
    dynamic = is_immediate or context.in_routine or dialect_of(context.dialect).prepares
    return Executed(reason=UNKNOWN) if dynamic else Executed()


def _procedure(words: Words, at: int) -> Executed:
    """`EXEC [@status =] procedure ...`: sp_executesql runs its first argument (learn.microsoft.com: sp_executesql)."""
    if words.word(at) == "@" and words.word(at + 2) == "=":
        at += 3
    if words.word(at) == "@":
        return Executed(reason=UNKNOWN)
    parts, at = read_parts(words, at, "tsql")
    if not parts or parts[-1][0].lower() != "sp_executesql":
        return Executed(is_procedure=bool(parts))
    if words.word(at) == "@" and words.word(at + 2) == "=":
        at += 3
    return Executed(words.texts[at]) if words.kind(at) == Kind.STRING else Executed(reason=UNKNOWN)


def arguments(words: Words, at: int) -> Iterator[tuple[str, str]]:
    """The literal arguments of a procedure from `at` on, with their names if given: `@newname = N'x'`."""
    for item in words.part(at).split(","):
        start = 3 if item.word(0) == "@" and item.word(2) == "=" else 0
        name = item.texts[1].lower() if start else ""
        yield name, item.texts[start] if item.kind(start) in (Kind.STRING, Kind.NAME, Kind.WORD) else ""


def prepare(words: Words, builder: StatementBuilder) -> None:
    """`PREPARE p [(types)] AS statement`, `PREPARE p FROM 'text'`: add the text to the session; nothing runs."""
    if not words.is_name(1) or words.word(1) == "TRANSACTION":
        return
    at = words.close(2) + 1 if words.word(2) == "(" else 2
    if words.word(at) not in ("AS", "FROM"):
        return
    text = words.between(at + 1, len(words))
    if words.kind(at + 1) == Kind.STRING and at + 2 == len(words):
        text = words.texts[at + 1]
    elif words.word(at + 1) in ("@", ":"):
        text = builder.context.variables.get(words.between(at + 1, at + 3).lstrip("@:").upper(), "")
    builder.session.append((f"${_PREPARED}{words.texts[1].upper()}", text))


def deallocate(words: Words, builder: StatementBuilder) -> None:
    """`DEALLOCATE [PREPARE] p`, `DEALLOCATE ALL`, `DISCARD ALL`: remove the statements from the session."""
    at = 1 + (words.word(1) == "PREPARE")
    names = [_PREPARED + words.texts[at].upper()] if words.is_name(at) else []
    if words.word(at) == "ALL":
        names = [name for name in builder.context.variables if name.startswith(_PREPARED)]
    builder.session += [("$" + name, "") for name in names]
