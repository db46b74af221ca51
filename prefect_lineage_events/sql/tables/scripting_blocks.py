"""Scripting blocks: the words before a statement that control when it runs.

`pieces_of` cuts blocks at their semicolons, so a statement may follow the head of its block: `BEGIN`, `IF c THEN`,
`FOR r IN q DO`. Tables that such a head reads count too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.context import Context, Section
from prefect_lineage_events.sql.tables.create import Definition
from prefect_lineage_events.sql.tables.defined_functions import is_sql_body
from prefect_lineage_events.sql.words import CHANGES, TOUCHING, Kind, Words

# Rows before and after a change, in a trigger (learn.microsoft.com: CREATE TRIGGER); no tables.
TRANSITION_TABLES = frozenset({"inserted", "deleted"})


def body_of(definition: Definition, words: Words) -> Words | str | None:
    """The body of a routine: its words, the text of a literal, or None if it has no body in SQL."""
    if definition.query == -1 or not is_sql_body(words):
        return None
    body = words.part(definition.query)
    return body.texts[0] if body.kind(0) == Kind.STRING else body


def do_body(words: Words) -> str | None:
    """The text of `DO [LANGUAGE x] $$ ... $$` (postgresql.org/docs/current/sql-do.html); None if it is not SQL."""
    if not is_sql_body(words):
        return None
    texts = (i for i in range(1, len(words)) if words.kind(i) == Kind.STRING and words.word(i - 1) != "LANGUAGE")
    return next((words.texts[i] for i in texts), None)


_TRANSACTION = frozenset(
    {
        "TRANSACTION",
        "TRAN",
        "WORK",
        "ISOLATION",
        "READ",
        "DEFERRED",
        "IMMEDIATE",
        "EXCLUSIVE",
        "CONCURRENT",
        "DISTRIBUTED",
        "NAME",
    }
)
_CONDITIONAL = frozenset({"IF", "ELSEIF", "ELSIF", "WHILE", "WHEN", "FOR", "UNTIL", "EXCEPTION", "CASE", "FOREACH"})
_OPENERS = frozenset({"THEN", "DO", "LOOP"})
_PLAIN = frozenset({"ELSE", "LOOP", "REPEAT", "TRY", "CATCH", "ATOMIC", "THEN"})
_CHANGED = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "EXECUTE"})
_QUERIES = frozenset({"SELECT", "WITH", "INSERT"})
_ROUTINES = frozenset({"PROCEDURE", "FUNCTION"})
_ENDED = frozenset({"IF", "LOOP", "WHILE", "FOR", "CASE", "TRY", "CATCH", "REPEAT", "TRANSACTION", "WORK"})
_BLOCK_HEADS = _CONDITIONAL | _PLAIN | frozenset({"BEGIN", "<", "<<"})
_HEADS = _BLOCK_HEADS | _ROUTINES | frozenset({"USING", "NOT", "LOCKING", "LOCK", "END", "FORALL"})
MAX_HEAD = 8  # words up to DECLARE: `BEGIN << label >> DECLARE`
_STATEMENTS = frozenset(
    {
        "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "BEGIN", "EXEC", "EXECUTE", "DROP", "CREATE",
        "ALTER", "TRUNCATE", "PRINT", "SET", "RETURN", "RAISERROR", "THROW", "DECLARE", "BREAK", "CONTINUE", "COMMIT",
        "ROLLBACK", "GOTO", "WAITFOR", "USE",
    }
)  # fmt: skip


def section_after(first: Sequence[str], section: Section, dialect: str) -> Section:
    """The section of a block in which the next statement stands, after a piece with these first words in upper case."""
    if not dialect_of(dialect).has_blocks:
        return section
    verb, *following = first or ("",)
    if verb == "BEGIN" and (not following or following[0] in _TRANSACTION):
        return section
    if "DECLARE" in first or verb in _ROUTINES:
        return "declarations"
    opens = verb in _BLOCK_HEADS or (len(following) > 1 and following[0] == ":" and following[1] in _BLOCK_HEADS)
    return "statements" if opens else section


def is_of_a_block(words: Words, context: Context) -> bool:
    """Return whether this is a part of a block that touches no data: an assignment, a call, a declaration."""
    if not (context.in_routine or dialect_of(context.dialect).has_blocks) or not TOUCHING.isdisjoint(words.upper):
        return False
    if words.word(2) == "SET":  # a misspelled UPDATE
        return False
    at = int(words.word(0) in (":", "@", "$"))
    if not words.is_name(at):
        return words.kind(at) == Kind.MARK
    if not at and not (context.in_routine or context.block):
        return words.word(1) == ":"  # a label of T-SQL
    if words.find(frozenset({":="}), at) != -1:
        return words.word(at) not in CHANGES
    at += 1
    while words.word(at) == "." and words.is_name(at + 1):
        at += 2
    if words.word(at) in ("", "=", "+=", "-=", "(", "@", ":", "%"):
        return True
    may_declare = context.block != "statements"
    return may_declare and (words.is_name(at) or words.kind(at) in (Kind.STRING, Kind.NUMBER))


def heads(words: Words, at: int = 0) -> Iterator[tuple[int, int]]:
    """Spans of the heads before the statement. The last one ends where the statement starts, if there is one."""
    while (end := _head(words, at)) > at:
        yield at, end
        at = end


def _head(words: Words, at: int) -> int:
    """The position after the block's head at `at`; `at` itself if there is none."""
    word, following = words.word(at), words.word(at + 1)
    if word not in _HEADS and following != ":":
        return at
    if word == "BEGIN":
        return at if following in _TRANSACTION or at + 1 >= len(words) else at + 1
    if word == "USING" and following == "EXTERNAL":  # docs.aws.amazon.com/athena: USING EXTERNAL FUNCTION
        return max(words.find(_QUERIES, at), at)
    if word == "NOT" and following == "ATOMIC":
        return at + 2
    if word in _PLAIN:
        return at + 1
    if word == "LOCKING" or (word == "LOCK" and following == "ROW"):  # docs.teradata.com: LOCKING request modifier
        statement = words.find(_STATEMENTS | {"SEL"}, at + 1)
        return statement if statement != -1 else at
    if word == "END":
        end = at + 1 + (following in _ENDED)
        return end + (end + 1 == len(words) and words.is_name(end))  # a label
    if word == "FORALL":  # docs.oracle.com: FORALL i IN ... [SAVE EXCEPTIONS] statement
        return words.find(_CHANGED, at + 1) if words.find(_CHANGED, at + 1) != -1 else at
    if word in _ROUTINES and words.is_name(at + 1):  # a procedure within a package or a block (docs.oracle.com)
        body = words.find(frozenset({"IS", "AS"}), at + 1)
        return body + 1 if body != -1 else len(words)
    if word == "<" and following == "<":
        end = words.find(frozenset({">"}), at + 2)
        return end + 2 if end != -1 else at
    if word == "<<":
        end = words.find(frozenset({">>"}), at + 1)
        return end + 1 if end != -1 else at
    if words.is_name(at) and following == ":" and words.word(at + 2) in ("LOOP", "WHILE", "FOR", "REPEAT", "BEGIN"):
        return at + 2
    if word == "ELSE" and following == "IF":
        return at + 1
    if word not in _CONDITIONAL or (word == "IF" and following in ("EXISTS",) and words.word(at + 2) != "("):
        return at
    opener = words.find(_OPENERS, at + 1)
    if opener != -1:
        return opener + 1
    if word in ("IF", "WHILE"):  # T-SQL: the statement follows the condition
        statement = words.find(_STATEMENTS, at + 1)
        return statement if statement != -1 else len(words)
    return len(words)
