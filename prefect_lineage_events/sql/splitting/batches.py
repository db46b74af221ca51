"""Cuts between statements without a semicolon, and at signs other than that.

T-SQL needs no semicolon (learn.microsoft.com: Transact-SQL syntax); ClickHouse has PARALLEL WITH.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from prefect_lineage_events.sql.words import Words

_STARTERS = frozenset(
    {
        *(
            "SELECT",
            "INSERT",
            "UPDATE",
            "DELETE",
            "MERGE",
            "TRUNCATE",
            "BULK",
            "WITH",
            "DECLARE",
            "SET",
            "EXEC",
            "EXECUTE",
        ),
        *("IF", "ELSE", "WHILE", "BEGIN", "END", "PRINT", "RETURN", "RAISERROR", "THROW", "COMMIT", "ROLLBACK", "SAVE"),
        *("CREATE", "ALTER", "DROP", "GRANT", "REVOKE", "DENY", "USE", "FETCH", "DEALLOCATE", "WAITFOR"),
    }
)
# Words before a starter that make it a part of the statement before
_JOINED_BY = frozenset(
    {
        *(
            "UNION",
            "ALL",
            "EXCEPT",
            "INTERSECT",
            "AS",
            "FOR",
            "ON",
            "THEN",
            "OF",
            "AFTER",
            "INSTEAD",
            ",",
            ".",
            "=",
            "BY",
            "WITH",
        ),
        *("NOT", "AND", "OR", "+", "INTO", "FROM", "JOIN", "WHERE", "IN", "CURSOR", "BULK"),
    }
)
# Statements whose own grammar contains the words that start others
_WHOLE = frozenset({"GRANT", "REVOKE", "DENY", "CREATE", "ALTER", "DROP"})
_SOURCES = frozenset({"SELECT", "VALUES", "EXEC", "EXECUTE", "DEFAULT"})  # WITH (TABLOCK) is not one


def statements_of_batch(words: Words) -> Iterator[Words]:
    """The statements in the words, in order; all words as one if no other statement starts in them."""
    start = at = cases = 0
    open_source = False  # INSERT or WITH still waits for its query, UPDATE for its SET
    verb = words.word(0)
    while at < len(words):
        word = words.word(at)
        if word == "(":
            at = words.close(at) + 1
            continue
        if word == "CASE":
            cases += 1
        elif word == "END" and cases:
            cases -= 1
        elif word in _STARTERS and at > start and not cases and _starts(words, at, verb, word, open_source):
            yield words.part(start, at)
            start, verb, open_source = at, word, False
        if at > start and word == "WITH" and _lists_ctes(words, at):  # CREATE VIEW v AS WITH c AS (...) SELECT ...
            verb, open_source = "WITH", True
        elif at == start:
            open_source = word in ("INSERT", "WITH", "UPDATE")
        elif open_source and word in (_SOURCES if verb == "INSERT" else _CLOSES[verb]):
            open_source, verb = False, word if verb == "WITH" else verb
            open_source = word in ("INSERT", "UPDATE")
        at += 1
    if start < len(words):
        yield words.part(start) if start else words


def two_or_more(parts: Iterator[Words]) -> Iterator[Words] | None:
    """The parts, each created when the one before it has been taken; None if there are fewer than two."""
    first, second = next(parts, None), next(parts, None)
    return chain((first, second), parts) if first is not None and second is not None else None


_CLOSES = {
    "WITH": frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"}),
    "UPDATE": frozenset({"SET"}),
}


def parallel_statements(words: Words) -> list[Words]:
    """The statements that `PARALLEL WITH` joins (clickhouse.com/docs: PARALLEL WITH Clause)."""
    parts: list[Words] = []
    start = at = 0
    while "PARALLEL" in words.upper and (at := words.find(frozenset({"PARALLEL"}), at)) != -1:
        if words.word(at + 1) == "WITH":
            parts.append(words.part(start, at))
            start = at + 2
        at += 1
    return [*parts, words.part(start)] if parts else []


def _starts(words: Words, at: int, verb: str, word: str, open_source: bool) -> bool:
    if words.word(at - 1) in _JOINED_BY:
        return False
    if word == "WITH":
        return not open_source and _lists_ctes(words, at)
    if word == "IF" and words.word(at + 1) in ("EXISTS", "NOT") and words.word(at + 2) != "(":
        return words.word(at + 1) == "NOT" and words.word(at + 3) == "("
    if open_source:
        return False
    if verb in _WHOLE:
        following = words.word(at + 1)
        part = word == "SET" or following in _PARTS or words.word(at - 1) in _WHOLE_WORDS
        return not part and not (word == "DROP" and verb == "ALTER" and following in _DROPPED)
    return not (word == "SET" and verb == "MERGE")


def _lists_ctes(words: Words, at: int) -> bool:
    """True for `WITH c AS (...)`, as opposed to a table hint or an option."""
    after = words.close(at + 2) + 1 if words.word(at + 2) == "(" else at + 2
    return words.is_name(at + 1) and words.word(after) == "AS" and words.word(after + 1) == "("


# Things that ALTER TABLE adds and drops, and words before a starter within GRANT, CREATE, ALTER, DROP
_PARTS = frozenset({"COLUMN", "CONSTRAINT", "INDEX", "PERIOD", "POPULATION"})
# What ALTER drops, and DROP does not: ALTER COLUMN c DROP SPARSE, ALTER ROLE r DROP MEMBER m, ALTER FULLTEXT INDEX ON t
# DROP (c), ALTER SECURITY POLICY p DROP FILTER PREDICATE (learn.microsoft.com)
_DROPPED = frozenset(
    {"(", "BLOCK", "FILTER", "HIDDEN", "MASKED", "MEMBER", "NOT", "PERSISTED", "ROWGUIDCOL", "SPARSE", "PRIVATE"}
    | {"STATISTICAL_SEMANTICS"}
)
_WHOLE_WORDS = frozenset({"GRANT", "REVOKE", "DENY", "OR", "CREATE", "ALTER", "NO", "TABLE", "VIEW", "DATABASE"})
