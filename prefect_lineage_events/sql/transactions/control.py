"""Statements that control a transaction, read from their words in every dialect's spelling."""

from __future__ import annotations

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.naming import fold
from prefect_lineage_events.sql.lexer import word_set
from prefect_lineage_events.sql.model import Control
from prefect_lineage_events.sql.transactions.rules import transaction_rules
from prefect_lineage_events.sql.words import CHANGES, NO_DATA, QUERIES, Kind, Words

_NOISE = frozenset({"WORK", "TRAN", "TRANSACTION"})
# Words that may follow a BEGIN that does not open a block.
_BEGINNINGS = _NOISE | {"ISOLATION", "READ", "NOT", "DEFERRABLE", "DEFERRED", "IMMEDIATE", "EXCLUSIVE", "CONCURRENT"}
_BEGINNINGS |= {"DISTRIBUTED", "NAME"}
CONTROLS = frozenset(
    {
        "ABORT",
        "BEGIN",
        "BT",
        "COMMIT",
        "END",
        "ET",
        "PREPARE",
        "RELEASE",
        "ROLLBACK",
        "SAVE",
        "SAVEPOINT",
        "START",
        "XA",
    }
)
"""The first words of statements that control a transaction."""
_NO_CALLS = NO_DATA | QUERIES | CHANGES | CONTROLS
_NO_CALLS |= word_set(
    """DROP TRUNCATE RENAME USE SET BULK COPY DBCC REVERT SETUSER RECEIVE SEND READTEXT WRITETEXT UPDATETEXT LOAD
    FLASHBACK NOAUDIT ASSOCIATE DISASSOCIATE UNDROP ELSE THEN LOOP NEXT FORALL EXCEPTION CURSOR PROCEDURE FUNCTION EXIT
    RAISE_APPLICATION_ERROR PIPE GO"""
)
_ARGUMENTS = frozenset({Kind.STRING, Kind.NUMBER, Kind.WORD, Kind.NAME})
# docs.oracle.com: PL/SQL packages commit nothing
_OWN_PACKAGES = (
    "DBMS_",
    "UTL_",
    "HTP",
    "OWA_",
    "APEX_",
    "SYS",
)


def control_of(words: Words, dialect: str) -> Control | None:
    """The step of the transaction that the whole statement is; None if it is none (`BEGIN INSERT ..`, `END IF`)."""
    verb, following = words.word(0), words.word(1)
    if verb in ("ROLLBACK", "ABORT"):
        return _rollback(words, dialect)
    if verb in ("COMMIT", "END"):
        return _commit(words, dialect)
    if verb == "BEGIN":
        plain = len(words) == 1 and transaction_rules(dialect).plain_begin
        return Control("begin") if plain or (following in _BEGINNINGS and not dialect_of(dialect).is_plsql) else None
    if verb == "START":
        return Control("begin") if following == "TRANSACTION" else None
    if verb == "SAVEPOINT":
        return _named("savepoint", words, 1, dialect)
    if verb == "SAVE":
        return _named("savepoint", words, 2, dialect) if following in _NOISE else None
    if verb == "RELEASE":
        return _named("release", words, _skip(words, 1, "TO", "SAVEPOINT"), dialect)
    if verb == "PREPARE":
        return Control("prepare", words.texts[2]) if following == "TRANSACTION" and len(words) == 3 else None
    if verb == "XA":
        return _distributed(words)
    if dialect == "teradata" and len(words) == 1:  # docs.teradata.com: Teradata session mode
        return {"BT": Control("begin"), "ET": Control("commit")}.get(verb)
    return None


def _rollback(words: Words, dialect: str) -> Control | None:
    if words.word(1) in ("PREPARED", "FORCE"):
        return _prepared("rollback_prepared", words)
    at = _skip(words, 1, *_NOISE)
    if words.word(at) == "TO":
        return _named("rollback_to", words, _skip(words, at + 1, "SAVEPOINT"), dialect)
    if at == 2 and words.is_name(at) and words.word(at) != "AND":  # T-SQL: of a transaction or of a savepoint
        return _named("rollback", words, at, dialect)
    return Control("rollback", chain=_chains(words, at))


def _commit(words: Words, dialect: str) -> Control | None:
    if words.word(0) == "END" and not (
        transaction_rules(dialect).end_commits and (len(words) == 1 or words.word(1) in _NOISE | {"AND"})
    ):
        return None
    if words.word(1) in ("PREPARED", "FORCE"):
        return _prepared("commit_prepared", words)
    return Control("commit", chain=_chains(words, _skip(words, 1, *_NOISE)))


def _chains(words: Words, at: int) -> bool:
    return words.follows(at, "AND", "CHAIN")


def _prepared(step: str, words: Words) -> Control | None:
    if words.kind(2) is None:
        return None
    return Control("commit_prepared" if step == "commit_prepared" else "rollback_prepared", words.texts[2])


def _distributed(words: Words) -> Control | None:
    """The step of an XA statement (dev.mysql.com/doc/refman/8.4/en/xa-statements.html)."""
    verb = words.word(1)
    name = words.texts[2] if words.kind(2) is not None else ""
    if verb in ("START", "BEGIN"):
        return Control("begin")
    if verb == "PREPARE":
        return Control("prepare", name)
    if verb == "COMMIT":
        return Control("commit") if words.word(len(words) - 1) == "PHASE" else Control("commit_prepared", name)
    return Control("rollback_prepared", name) if verb == "ROLLBACK" else None


def _named(step: str, words: Words, at: int, dialect: str) -> Control | None:
    if words.kind(at) not in (Kind.WORD, Kind.NAME, Kind.STRING):
        return None
    text, quoted = words.texts[at], words.kinds[at] != Kind.WORD
    case = transaction_rules(dialect).savepoint_case
    name = text.lower() if case == "blind" else text if case == "exact" else fold(text, quoted, dialect)
    return Control(step, name)  # type: ignore[arg-type]


def _skip(words: Words, at: int, *noise: str) -> int:
    while words.word(at) in noise:
        at += 1
    return at


def commits(words: Words, dialect: str) -> bool:
    """True if the statement commits the open transaction and itself."""
    rules = transaction_rules(dialect)
    verb, following = words.word(0), words.word(1)
    if verb not in rules.committing or following in ("SESSION", "SYSTEM"):
        return False
    if verb in ("START", "STOP", "CHANGE") and following in ("TRANSACTION",):
        return False
    if rules.except_temporary and verb in ("CREATE", "DROP"):
        return not any(words.word(i) in ("TEMPORARY", "TEMP") for i in (1, 2, 3) if words.word(i - 1) != "GLOBAL")
    return True


def may_end_transaction(words: Words, dialect: str) -> bool:
    """True if the statement calls a procedure that may end the transaction of its caller."""
    if not transaction_rules(dialect).procedures:
        return False
    if words.word(0) == "CALL":
        return True
    if dialect_of(dialect).is_tsql and words.word(0) in ("EXEC", "EXECUTE"):
        at = 1 + 3 * (words.word(1) == "@" and words.word(3) == "=")  # EXEC @result = p
        return words.is_name(at) and words.word(at) not in ("IMMEDIATE", "SP_EXECUTESQL")
    return dialect_of(dialect).calls_by_name and _is_call(words, dialect)


def control_behind(words: Words, dialect: str) -> Control | None:
    """The step of the statement after the head of a block: `BEGIN COMMIT`, `IF c THEN ROLLBACK`."""
    return control_of(words, dialect) if words.word(0) in ("COMMIT", "ROLLBACK") else None


def _is_call(words: Words, dialect: str) -> bool:
    """True for a procedure's name, with or without arguments.

    docs.oracle.com: procedure call; learn.microsoft.com: EXECUTE, which the first statement of a batch may leave out
    """
    if not words.is_name(0) or words.word(0) in _NO_CALLS or words.word(0).startswith(_OWN_PACKAGES):
        return False
    at = 1
    while words.word(at) == "." and words.is_name(at + 1):
        at += 2
    if dialect_of(dialect).is_tsql and words.word(at) != "(":
        return at >= len(words) or words.word(at) == "@" or words.kind(at) in _ARGUMENTS
    return at >= len(words) or (words.word(at) == "(" and words.close(at) + 1 >= len(words))
