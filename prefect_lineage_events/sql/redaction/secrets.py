"""Unquoted words that may be a secret: those that are neither keywords nor names by the grammar of the statement.

Works on the words of a statement (literals are `?` already), so that it applies to text that does not parse. A
statement of an unknown kind, such as a client's command, has no grammar here: only its first word is shown. A
definition of something that contains data or code is shown whole. Of the definition of an account, a server or a key,
only the name is shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.lexer import word_set
from prefect_lineage_events.sql.redaction.hidden_words import ENDS, Hidden, after_name, closing, end_of_word
from prefect_lineage_events.sql.redaction.value_words import (
    CASTS,
    hide_call_arguments,
    hide_option_words,
    hide_rest,
    hide_type_parameters,
)
from prefect_lineage_events.sql.words import CHANGES, QUERIES

# Names whose values are secret: MASTER_PASSWORD, AWS_SECRET_KEY, sas_token, private_key, ...
SENSITIVE = re.compile(
    r"pass(?:word|wd|phrase|code)?$|password|passphrase|pwd|secret|credential|identified|api_?key|access_?key|key_?id"
    r"|private_?key|master_?key|account_?key|encryption_?key|^key$|token|(?:^|_)sas(?:$|_)|(?:^|_)auth$|connection_?string"
    r"|^connection$",
    re.IGNORECASE,
)
_PARTS_OF_SENSITIVE = ("PASS", "PWD", "SECRET", "CREDENTIAL", "IDENTIFIED", "KEY", "TOKEN", "SAS", "AUTH", "CONNECTION")
_PARSED = QUERIES | CHANGES
# Statements whose unquoted words are keywords and names.
_KNOWN = _PARSED | word_set(
    """ABORT ALTER ANALYSE ANALYZE APPLY ATTACH BEGIN BULK CACHE CALL CASE CHECKPOINT CLONE CLOSE CLUSTER
    COLLECT COMMENT COMMIT COPY CREATE DATABASE DEALLOCATE DECLARE DENY DESC DESCRIBE DETACH DISCARD DO DROP
    ELSE ELSEIF ELSIF END EXCEPTION EXCHANGE EXEC EXECUTE EXPLAIN EXPORT FETCH FLASHBACK FOR FORALL GET GRANT
    IF IMPORT INVALIDATE KILL LET LIST LISTEN LOAD LOCK LOCKING LOOP LS MOVE MSCK NOTIFY OPEN OPTIMIZE PRAGMA
    PREPARE PURGE PUT RAISE REFRESH REINDEX RELEASE REMOVE RENAME REPAIR REPEAT RESET RESTORE RETURN REVOKE RM
    ROLLBACK SAVE SAVEPOINT SET SHOW START THEN TRUNCATE UNCACHE UNDROP UNLISTEN UNLOAD UNLOCK USE VACUUM WHEN
    WHILE"""
)
# Words that begin statements as well as clients' commands, with the words that must follow in a statement.
_MUST_FOLLOW: dict[str, frozenset[str]] = {
    "START": word_set("TRANSACTION"),
    "SAVE": word_set("TRAN TRANSACTION"),
    "RESTORE": word_set("TABLE"),
    "OPEN": word_set("SCHEMA"),
    "DEFINE": word_set("OR TABLE VIEW DYNAMIC STAGE STREAM TASK PIPE FUNCTION PROCEDURE SCHEMA"),
    "SUBMIT": word_set("TASK JOB"),
    "EXPORT": word_set("DATA TABLE DATABASE TO ("),
    "IMPORT": word_set("INTO TABLE EXTERNAL FOREIGN DATABASE"),
    "LOAD": word_set("DATA XML LABEL FROM"),
}
_STAGED_FILES = word_set("LIST LS REMOVE RM GET PUT")
_OWN_WORD = re.compile(r"[A-Za-z_]{1,40}\Z")

# CREATE and ALTER of these are shown; of anything else only the name.
_SHOWN_THINGS = word_set(
    """TABLE VIEW STAGE STREAM INDEX SEQUENCE FUNCTION PROCEDURE PROC TRIGGER TASK PIPE SCHEMA TYPE DOMAIN POLICY MACRO
    MODEL SOURCE SINK RULE SYNONYM PROJECTION DICTIONARY EVENT PACKAGE FORMAT STATISTICS FLOW AGGREGATE OPERATOR CAST
    COLLATION PUBLICATION EXTENSION SHARE TAG WAREHOUSE"""
)
_GUARDED = word_set(
    """USER LOGIN ROLE GROUP CREDENTIAL SECRET CONNECTION SERVER SUBSCRIPTION LINK INTEGRATION ACCOUNT KEY MAPPING
    WRAPPER DATABASE SYSTEM SESSION INSTANCE CATALOG"""
)
# Guarded words that are also parts of other things than accounts: guarded only at the start of the statement.
_GUARDED_AT_THE_HEAD = word_set("DATABASE SYSTEM SESSION INSTANCE CATALOG GROUP CONNECTION")
_BEFORE_GUARDED = word_set(
    """OR REPLACE ALTER TEMPORARY TEMP PERSISTENT PUBLIC SHARED EXTERNAL FOREIGN DATABASE SCOPED STORAGE API DATA
    NOTIFICATION SECURITY CATALOG MASTER SYMMETRIC ASYMMETRIC COLUMN ENCRYPTION USER SERVER APPLICATION MANAGED
    PLUGGABLE"""
)
_AFTER_GUARDED = word_set("IF NOT EXISTS FOR")
_HEAD = 24  # words before the word for a thing: MySQL's CREATE ALGORITHM = x DEFINER = a@b SQL SECURITY DEFINER VIEW
_BEFORE_STATEMENT = word_set("EXPLAIN ANALYZE PLAN FOR BEGIN THEN ELSE LOOP ; AS DO")

_SETTERS = word_set("SET PRAGMA LET DECLARE BEGIN IF ELSE THEN RESET")
_SETTABLE = word_set("SESSION SYSTEM DATABASE ACCOUNT INSTANCE")
# Settings that name the context of statements: their values are identifiers.
_HARMLESS = word_set(
    """SEARCH_PATH SCHEMA CURRENT_SCHEMA CATALOG DATABASE ROLE WAREHOUSE TIMEZONE TIME_ZONE ISOLATION LEVEL CHARACTER
    NAMES AUTOCOMMIT"""
)
_NO_SETTING = frozenset("/@:\\-+%!#~^&|<>")
# Words that a batch of T-SQL can begin with and that are no procedure's name.
_BATCH_BEGINNINGS = _KNOWN | word_set(
    """ADD BACKUP BREAK CONTINUE DBCC DISABLE ENABLE GO GOTO PRINT RAISERROR READTEXT RECEIVE RECONFIGURE REVERT SEND
    SETUSER SHUTDOWN THROW UPDATETEXT WAITFOR WRITETEXT CONNECT DEFINE"""
)
_VALUE_SIGNS = frozenset({"=", "=>", ":=", "TO", "BY", ":"})
_NO_VALUE = ENDS | word_set(
    """. @ TABLE VIEW FUNCTION PROCEDURE INDEX TYPE FROM INTO FOR AS ON IN IS AND OR NOT IF WITH SELECT WHERE JOIN
    LOCATION TO"""
)
# Options whose value is an identifier by the grammar, and the keywords that are values of others.
_NAMING_OPTIONS = word_set(
    """ENGINE WAREHOUSE FORMAT_NAME FILE_FORMAT FORMAT FILEFORMAT TYPE COMPRESSION TARGET_LAG CATALOG DIALECT CHARSET
    SET COLLATE LANGUAGE DEFINER ALGORITHM"""
)
_OPTION_WORDS = word_set(
    """TRUE FALSE ON OFF NONE NULL AUTO YES NO CONTINUE ABORT_STATEMENT SKIP_FILE CSV JSON PARQUET AVRO ORC XML TEXT
    CASE_INSENSITIVE CASE_SENSITIVE ALWAYS"""
)
_OPTION_LISTS = word_set(
    """WITH OPTIONS OPTION PROPERTIES TBLPROPERTIES SERDEPROPERTIES DBPROPERTIES COPY_OPTIONS SETTINGS FORMAT PARAMETERS
    ="""
)
_CLIENT_FILES = word_set("JAR JARS FILE FILES ARCHIVE ARCHIVES")  # of Hive's DELETE, ADD and LIST
_TABLE_POSITIONS = word_set("FROM JOIN FUNCTION ENGINE =")
_QUERY_STARTS = word_set("SELECT VALUES INSERT UPDATE DELETE MERGE BEGIN")


def hide_secrets(words: list[str], spaced: list[bool], dialect: str) -> tuple[list[str], list[bool]]:
    """The words, with `?` for those in the position of a secret, and without the rest if that may not be shown.

    `spaced[i]` is True if there is a blank before word i.
    """
    first = words[0].upper()
    is_query = first in _PARSED and first != "DELETE" and not dialect_of(dialect).is_tsql
    if is_query and ":" not in words and CASTS.isdisjoint(words) and ("=" not in words or not _may_have_options(words)):
        return words, spaced
    upper = [word.upper() for word in words]
    if is_query:
        hidden = Hidden(list(words), list(spaced))
        _hide_options(upper, hidden)
        _hide_addresses(upper, hidden)
        hide_type_parameters(upper, hidden)
        return hidden.result()
    if not _is_known(upper):
        return _first_word(words, spaced, upper, dialect)
    end = _end_of_account(upper)
    if end is not None:
        words, spaced, upper = words[:end], spaced[:end], upper[:end]
    hidden = Hidden(list(words), list(spaced))
    if upper[0] not in _PARSED:
        _hide_named(upper, hidden)
        upper = [word if word == "?" else known for word, known in zip(hidden.words, upper, strict=True)]
    if "=" in upper:
        _hide_options(upper, hidden)
    if ":" in upper:
        _hide_addresses(upper, hidden)
    if upper[0] in _SETTERS or (upper[0] == "ALTER" and len(upper) > 1 and upper[1] in _SETTABLE):
        _hide_settings(upper, hidden)
    if upper[0] in ("SET", "RESET"):
        hidden.cut(_NO_SETTING, next((i for i in range(1, len(upper)) if upper[i] in _KNOWN - {"SET"}), len(upper)))
    elif upper[0] == "PRAGMA":
        value = after_name(upper, 1)
        if upper[value : value + 1] == ["("]:
            hidden.hide(value + 1, closing(upper, value))
        else:
            hidden.hide(value + (upper[value : value + 1] == ["="]), len(upper))
    elif upper[0] == "ATTACH" and "(" in upper:
        hidden.hide(upper.index("(") + 1, closing(upper, upper.index("(")))
    hide_call_arguments(upper, hidden, anywhere=dialect_of(dialect).is_tsql)
    hide_rest(upper, hidden)
    hide_type_parameters(upper, hidden)
    hide_option_words(upper, hidden)
    return hidden.result()


# --- statements of an unknown kind


def _is_known(upper: Sequence[str]) -> bool:
    """True if the words begin like a statement of SQL."""
    first, second = upper[0], upper[1] if len(upper) > 1 else ""
    if not second:
        return first in _KNOWN or first in _MUST_FOLLOW
    if first in _STAGED_FILES:
        return second[:1] in ("@", "'", "?") or (first == "PUT" and "://" in second)
    if first == "DELETE":
        return second not in _CLIENT_FILES or upper[2:3] == ["WHERE"]
    if first == "ATTACH":
        return second in ("?", "DATABASE", "IF", "OR")
    if first == "COPY":  # SQL*Plus copies between `u/password@db`
        return second not in ("FROM", "TO") or upper[2:3] == ["DATABASE"]
    if first == "EXPORT":
        return second in _MUST_FOLLOW[first] or ("INTO" in upper and upper[2:3] != ["="])
    if first == "OPEN":
        return second not in ("MASTER", "SYMMETRIC")
    if first in _MUST_FOLLOW:
        return second in _MUST_FOLLOW[first]
    if second == ":=":
        return len(upper) > 2 and (upper[2] == "(" or upper[2] in QUERIES)
    return first in _KNOWN


def _first_word(
    words: Sequence[str], spaced: Sequence[bool], upper: Sequence[str], dialect: str
) -> tuple[list[str], list[bool]]:
    """The first word alone, if it is one; for a procedure that T-SQL calls without EXEC, its whole name.

    https://learn.microsoft.com/sql/t-sql/language-elements/execute-transact-sql
    """
    if dialect_of(dialect).is_tsql and _is_procedure(upper):
        end = after_name(upper, 0)
        return [*words[:end], *["?"] * (end < len(words))], [*spaced[:end], *[True] * (end < len(words))]
    if len(words) == 1 or not _OWN_WORD.match(words[0]):
        return ["?"], [False]
    return [words[0], "?"], [False, True]


def _is_procedure(upper: Sequence[str]) -> bool:
    name = upper[0]
    is_name = name[0] in '"[_#' or name[0].isalpha()
    return is_name and name not in _BATCH_BEGINNINGS and (len(upper) == 1 or upper[1] not in ("=", "(", ":"))


# --- accounts


def _end_of_account(upper: Sequence[str]) -> int | None:
    """The end of the shown part of a statement about an account: its name, or IDENTIFIED. None for any other."""
    for i, word in enumerate(upper):
        if word == "IDENTIFIED":
            return i + 1
        if word not in ("CREATE", "ALTER"):
            continue
        is_head = not i or upper[i - 1] in _BEFORE_STATEMENT
        end = _end_of_guarded(upper, i, is_head)
        if end is not None:
            return end
        if is_head and _SHOWN_THINGS.isdisjoint(upper[i + 1 : i + 1 + _HEAD]):
            return min(i + 2, len(upper))
    return None


def _end_of_guarded(upper: Sequence[str], i: int, is_head: bool) -> int | None:
    """The end of the name after CREATE or ALTER at i, if no more of the statement may be shown."""
    j = i + 1
    while j < len(upper) and upper[j] in _BEFORE_GUARDED and not (upper[j] in _GUARDED and j + 1 == len(upper)):
        j += 1
    guarded = _GUARDED if is_head else _GUARDED - _GUARDED_AT_THE_HEAD
    if not ((j < len(upper) and upper[j] in guarded) or (j > i + 1 and upper[j - 1] in guarded)):
        return None
    j += j < len(upper) and upper[j] in guarded
    if upper[j - 1] in _SETTABLE and j < len(upper) and upper[j] == "SET":
        return _end_of_settings(upper, j)
    while j < len(upper) and upper[j] in _AFTER_GUARDED:
        j += 1
    j += j < len(upper) and upper[j] not in ENDS and upper[j] != "("
    while j + 1 < len(upper) and upper[j] in (".", "@"):
        j += 2
    if upper[j : j + 1] == ["CLONE"]:
        j = after_name(upper, j + 1)
    elif upper[j : j + 1] == ["SET"] and upper[i + 1] == "DATABASE":
        return _end_of_settings(upper, j)
    return min(j, len(upper))


def _end_of_settings(upper: Sequence[str], at: int) -> int:
    """The end of the shown part: `ALTER SESSION SET name = ...` is shown like SET, any other SET to its first word."""
    return len(upper) if upper[at + 2 : at + 3] == ["="] else min(at + 2, len(upper))


def _hide_settings(upper: Sequence[str], hidden: Hidden) -> None:
    """Hide each value of `SET name = value` that is no expression in parentheses."""
    i = 1
    while i < len(upper):
        if upper[i] not in ("=", "TO", ":=", "DEFAULT") or upper[i - 1] in _HARMLESS:
            i += 1
            continue
        end = i + 1
        while end < len(upper) and not (upper[end] == "," and _names_a_setting(upper, end + 1)):
            end += 1
        if i + 1 < len(upper) and upper[i + 1] != "(":
            hidden.hide(i + 1, end)
        i = end + 1


def _names_a_setting(upper: Sequence[str], i: int) -> bool:
    return any(word in ("=", "TO", ":=") for word in upper[i + 1 : i + 4])


def _hide_addresses(upper: Sequence[str], hidden: Hidden) -> None:
    """Hide an unquoted `s3a://key:secret@bucket/x` up to the next blank."""
    end = 0
    for i in range(1, len(upper) - 1):
        if i >= end and upper[i] == ":" and upper[i + 1][0] == "/" and not (hidden.spaced[i] or hidden.spaced[i + 1]):
            start = i - 1
            while start > end and not hidden.spaced[start] and upper[start - 1] not in ENDS:
                start -= 1
            end = end_of_word(upper, hidden.spaced, start)
            hidden.hide(start, end)


def _hide_options(upper: Sequence[str], hidden: Hidden) -> None:
    """Hide the word of `name = word` in a list of options or in the call of a table function, unless it is a keyword.

    By the grammar an option's value is no name, except for options that name a format or an engine.
    """
    has_head = upper[0] not in _PARSED and upper[0] not in _SETTERS
    opened: list[bool] = []  # for each open parenthesis: True if it contains options
    for i, word in enumerate(upper):
        if word in _QUERY_STARTS and not any(opened):
            has_head = False
        elif word == "(":
            opened.append(_opens_options(upper, i))
        elif word == ")" and opened:
            opened.pop()
        elif word == "=" and (opened[-1] if opened else has_head) and 0 < i < len(upper) - 1:
            value = upper[i + 1]
            is_word = value[0].isalnum() or value[0] in '"_'
            is_keyword = upper[i - 1] in _NAMING_OPTIONS or value in _OPTION_WORDS
            if is_word and not is_keyword and upper[i + 2 : i + 3] != ["("] and not hidden.is_hidden(i + 1):
                hidden.hide(i + 1, end_of_word(upper, hidden.spaced, i + 1))


def _may_have_options(words: Sequence[str]) -> bool:
    """True if a parenthesis of a query may contain options, by the name before it and the word before that."""
    for end in [i for i, word in enumerate(words) if word == "("]:
        start = end - 1
        while start > 1 and words[start - 1] == ".":
            start -= 2
        before = [word.upper() for word in words[max(start - 1, 0) : end]]
        if _opens_options(before, len(before)):
            return True
    return False


def _opens_options(upper: Sequence[str], at: int) -> bool:
    """True if the parenthesis at `at` contains options: after WITH or OPTIONS, or of a function among the tables."""
    if at and upper[at - 1] in _OPTION_LISTS:
        return True
    start = at - 1
    while start > 1 and upper[start - 1] == ".":
        start -= 2
    return start > 0 and upper[start - 1] in _TABLE_POSITIONS and upper[at - 1] not in ("AS", "IN")


def _hide_named(upper: Sequence[str], hidden: Hidden) -> None:
    """Hide the value after a sensitive name: `PASSWORD = x`, `KEY_ID x`, `CREDENTIALS = (...)`."""
    together = "\n".join(upper)
    if together.isascii() and not any(part in together for part in _PARTS_OF_SENSITIVE):
        return
    defines_columns = bool({"TABLE", "VIEW", "FUNCTION", "PROCEDURE", "INDEX", "TYPE"} & set(upper[:6]))
    for i, word in enumerate(upper):
        if not SENSITIVE.search(word):
            continue
        j = i + 1
        while j < len(upper) and upper[j] in _VALUE_SIGNS:
            j += 1
        if j >= len(upper) or upper[j] in _NO_VALUE or (j == i + 1 and defines_columns) or hidden.is_hidden(i):
            continue
        if upper[j] == "(":
            hidden.hide(j + 1, closing(upper, j))
        else:
            hidden.hide(j - (upper[j - 1] == ":"), end_of_word(upper, hidden.spaced, j))
