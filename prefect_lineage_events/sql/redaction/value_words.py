"""Unquoted words in the position of a value: arguments of a call, parameters of a type, the channel of NOTIFY."""

from __future__ import annotations

from collections.abc import Sequence

from prefect_lineage_events.sql.lexer import word_set
from prefect_lineage_events.sql.redaction.hidden_words import ENDS, Hidden, after_name, closing

_CALLS = word_set("CALL EXEC EXECUTE")
# Words before an EXECUTE that is a privilege or a part of a name.
_NO_CALL_BEHIND = word_set("GRANT REVOKE DENY , ON OPTION WITH ALL . = ALTER DROP CREATE")
_CALLED = word_set("TASK PROCEDURE FUNCTION ALERT STATEMENT SCRIPT BLOCK IMMEDIATE")
_SHOWN_ARGUMENTS = word_set(
    "NULL TRUE FALSE DEFAULT INTO USING OUT OUTPUT IN INOUT WITH RESULT SETS RECOMPILE AT ON AS"
)
_SIGNS = frozenset({"=", "=>", ":=", "(", ".", "@", "$", ":", "?"})

# Statements of which only the first words are shown.
_SHORT = {"LISTEN": 1, "UNLISTEN": 1, "NOTIFY": 1, "KILL": 1}
_SET_HEADS = word_set(
    """SESSION LOCAL GLOBAL VAR VARIABLE PERSIST PERSIST_ONLY ROLE SCHEMA AUTHORIZATION TRANSACTION CONSTRAINTS
    CONSTRAINT NAMES CHARACTER CHARSET TIME CATALOG CURRENT DATABASE WAREHOUSE SECONDARY PATH SEARCH_PATH STATISTICS
    IDENTITY_INSERT
    SHOWPLAN_ALL SQLID PACKAGESET INTEGRITY DEFAULT CLUSTER COLLATION ( @ @@ $ ?"""
)
_SWITCHES = word_set("ON OFF TRUE FALSE DEFAULT NULL")

_BEFORE_OPTION = word_set("SET ADD DROP")
_TYPES = word_set(
    """VARCHAR CHAR NVARCHAR NCHAR CHARACTER VARYING VARCHAR2 NVARCHAR2 STRING TEXT BINARY VARBINARY RAW NUMBER NUMERIC
    DECIMAL DEC FLOAT DOUBLE REAL INT INTEGER BIGINT SMALLINT TINYINT BIT TIME TIMESTAMP TIMESTAMPTZ TIMESTAMP_NTZ
    DATETIME DATETIME2 DATETIME64 DATETIMEOFFSET FIXEDSTRING ENUM ENUM8 ENUM16 BPCHAR CLOB BLOB CODEC"""
)
_PARAMETERS = word_set(
    """MAX BYTE BYTES CHAR CHARACTERS OCTETS K M G UTF8 NONE LZ4 LZ4HC ZSTD DELTA DOUBLEDELTA GORILLA T64 FPC
    AES_128_GCM_SIV DEFAULT LINK INLINE LENGTH"""
)
CASTS = frozenset(
    {"::", "cast", "CAST", "Cast", "try_cast", "TRY_CAST", "safe_cast", "SAFE_CAST", "convert", "CONVERT"}
)
_DEFINING = word_set("CREATE ALTER DECLARE")
_BEFORE_COLUMN = frozenset({"(", ",", "COLUMN", "ADD", "MODIFY", "CHANGE"})


def hide_call_arguments(upper: Sequence[str], hidden: Hidden, *, anywhere: bool) -> None:
    """Hide bare words among the arguments of a call.

    T-SQL takes them for texts: `EXEC sp_addlogin bob, hunter2`; in other dialects they can only be variables.
    `anywhere`: a call may follow a statement without a `;`.
    """
    if upper[0] == "BEGIN" and (opening := after_name(upper, 1)) < len(upper) and upper[opening] == "(":
        _hide_words(upper, opening, closing(upper, opening), hidden)  # a call in a block needs no verb
    if _CALLS.isdisjoint(upper):
        return
    done = 0  # the position up to which words were visited, each of them once
    for i, word in enumerate(upper):
        if (
            i < done
            or word not in _CALLS
            or (i and (upper[i - 1] in _NO_CALL_BEHIND or not (anywhere or _begins(upper, i))))
        ):
            continue
        start = i + 1
        while start < len(upper) and upper[start] in _CALLED:
            start += 1
        if upper[start - 1] not in ("IMMEDIATE", "STATEMENT", "BLOCK") and upper[start : start + 1] != ["("]:
            start = after_name(upper, start)
        end = closing(upper, start) if upper[start : start + 1] == ["("] and not anywhere else len(upper)
        _hide_words(upper, start, end, hidden, takes_texts=anywhere)
        done = end
        if not anywhere and upper[end : end + 1] == [")"]:
            _hide_bare(upper, end + 1, hidden)


def _hide_words(upper: Sequence[str], start: int, end: int, hidden: Hidden, *, takes_texts: bool = False) -> None:
    for k in range(start, end):
        is_name = upper[k + 1 : k + 2] in (["=>"], [":="]) or (upper[k + 1 : k + 2] == ["("] and not takes_texts)
        if not (upper[k] in ENDS or upper[k] in _SIGNS or upper[k] in _SHOWN_ARGUMENTS or is_name):
            hidden.hide(k, k + 1)


def _begins(upper: Sequence[str], i: int) -> bool:
    return upper[i - 1] in (
        "BEGIN",
        "THEN",
        "ELSE",
        "LOOP",
        ";",
        "AS",
        "DO",
        "{",
        "ROW",
        "STATEMENT",
        "?",
        ")",
        "EXPLAIN",
    )


def _hide_bare(upper: Sequence[str], start: int, hidden: Hidden) -> None:
    """Hide the word after USING behind the arguments."""
    if upper[start : start + 1] == ["USING"]:
        hidden.hide(start + 1, len(upper))


def hide_rest(upper: Sequence[str], hidden: Hidden) -> None:
    """Hide the rest of `NOTIFY channel` and `SET name value`, and the variables of LOAD DATA."""
    first = upper[0]
    if first in _SHORT:
        hidden.hide(_SHORT[first], len(upper))
    elif first == "LOAD":
        for i, word in enumerate(upper):
            if word[0] == "@":
                hidden.hide(i, i + 1 + (word == "@"))
    elif first == "SET" and len(upper) > 2 and upper[1] not in _SET_HEADS and "=" not in upper and "TO" not in upper:
        for k in range(2, len(upper)):
            if upper[k] not in _SWITCHES and upper[k] not in ENDS:
                hidden.hide(k, k + 1)


def hide_option_words(upper: Sequence[str], hidden: Hidden) -> None:
    """Hide a value that follows its name without a sign: `OPTIONS (password x)`."""
    if "OPTIONS" not in upper:
        return
    done = 0
    for i, word in enumerate(upper[:-1]):
        if i < done or word != "OPTIONS" or upper[i + 1] != "(":
            continue
        done = closing(upper, i + 1)
        for k in range(i + 3, done):
            before, after = upper[k - 1], upper[k + 1 : k + 2]
            is_value = before[0].isalpha() and before not in _BEFORE_OPTION and after not in (["="], ["("], ["."])
            if is_value and (upper[k][0].isalnum() or upper[k][0] in '"_') and upper[k] not in _SWITCHES:
                hidden.hide(k, k + 1)


def hide_type_parameters(upper: Sequence[str], hidden: Hidden) -> None:
    """Hide the parameters of a type, as in `varchar(x)`: after `::`, after AS, after the name of a defined column."""
    if _TYPES.isdisjoint(upper):
        return
    defines = upper[0] in _DEFINING
    done = 0
    for i in range(1, len(upper) - 2):
        if i < done or upper[i + 1] != "(" or upper[i] not in _TYPES:
            continue
        is_type = upper[i - 1] in ("::", "AS") or (defines and upper[i - 2 if i > 1 else 0] in _BEFORE_COLUMN)
        if not is_type and upper[i] != "CODEC":
            continue
        done = closing(upper, i + 1)
        for k in range(i + 2, done):
            word = upper[k]
            if (word[0].isalpha() or word[0] in '"_`') and word not in _PARAMETERS and upper[k + 1 : k + 2] != ["("]:
                hidden.hide(k, k + 1)
