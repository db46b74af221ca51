"""What must never leave: credentials in locations, and words that stand where a secret is expected without quotes.

Works on the words of a statement (literals are `?` already), so that it holds for text that does not parse.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .lexis import BATCHED, word_set

# A name whose value is nobody's business: MASTER_PASSWORD, AWS_SECRET_KEY, sas_token, private_key, ...
SENSITIVE = re.compile(
    r"pass(?:word|wd|phrase|code)?$|password|passphrase|pwd|secret|credential|identified|api_?key|access_?key|key_?id"
    r"|private_?key|master_?key|account_?key|encryption_?key|^key$|token|(?:^|_)sas(?:$|_)|(?:^|_)auth$|connection_?string"
    r"|^connection$",
    re.IGNORECASE,
)
_SENSITIVE_VALUE = re.compile(r"(?:pass|pwd|secret|token|key|credential|sig|user)\w*\s*[=:]", re.IGNORECASE)
# CREATE or ALTER of these shows no more than their name.
_GUARDED = word_set(
    """USER LOGIN ROLE GROUP CREDENTIAL SECRET CONNECTION SERVER SUBSCRIPTION LINK INTEGRATION ACCOUNT KEY MAPPING"""
)
_BEFORE_GUARDED = word_set(
    """OR REPLACE ALTER TEMPORARY TEMP PERSISTENT PUBLIC SHARED EXTERNAL FOREIGN DATABASE SCOPED STORAGE API
    NOTIFICATION SECURITY CATALOG MASTER SYMMETRIC ASYMMETRIC COLUMN ENCRYPTION USER SERVER APPLICATION MANAGED"""
)
_AFTER_GUARDED = word_set("IF NOT EXISTS FOR")
_SETTERS = word_set("SET PRAGMA LET DECLARE BEGIN IF ELSE THEN RESET")
_ALTERED_BY_SETTING = word_set("SESSION SYSTEM DATABASE ACCOUNT INSTANCE")
# Settings that name where statements work, or how: their values are identifiers.
_HARMLESS = word_set(
    """SEARCH_PATH SCHEMA CURRENT_SCHEMA CATALOG DATABASE ROLE WAREHOUSE TIMEZONE TIME_ZONE ISOLATION LEVEL CHARACTER
    NAMES AUTOCOMMIT"""
)
# Statements that have no place for an unquoted secret.
QUERIES = word_set("""SELECT WITH INSERT UPDATE DELETE MERGE VALUES TABLE TRUNCATE DROP SHOW DESCRIBE (""")
# What a batch of T-SQL can begin with that is no procedure's name.
_BATCH_BEGINNINGS = QUERIES | word_set(
    """ADD ALTER BACKUP BEGIN BREAK BULK CHECKPOINT CLOSE COMMIT CONTINUE COPY CREATE DBCC DEALLOCATE DECLARE DENY
    DISABLE ELSE ENABLE END EXEC EXECUTE FETCH GO GOTO GRANT IF KILL LOCK MOVE OPEN PRINT RAISERROR READTEXT RECEIVE
    RECONFIGURE RENAME RESTORE RETURN REVERT REVOKE ROLLBACK SAVE SEND SET SETUSER SHUTDOWN THROW UPDATETEXT USE WAITFOR
    WHILE WRITETEXT REPLACE COMMENT CALL EXPLAIN GET OPTIMIZE VACUUM START SAVEPOINT RELEASE"""
)
# Words before a literal that is a place: COPY INTO '...', LOCATION '...', URL = '...', ATTACH '...', BULK '...'
PLACES = word_set(
    """FROM JOIN INTO LOCATION URL INPATH INFILE OUTFILE DIRECTORY PATH URI URIS BULK ATTACH DATABASE PUT GET LIST LS
    REMOVE RM JAR TO PARQUET"""
)
_VALUE_SIGNS = frozenset({"=", "=>", ":=", "TO", "BY", ":"})
_ENDS = frozenset({",", ")", ";", "]"})
_NO_VALUE = (
    _ENDS
    | PLACES
    | word_set(". @ TABLE VIEW FUNCTION PROCEDURE INDEX TYPE FROM INTO FOR AS ON IN IS AND OR NOT IF WITH SELECT WHERE")
)
# Part of the naming of Azure's stores, not a credential: abfss://container@account.dfs.core.windows.net/path
_CONTAINER_SCHEMES = frozenset({"abfs", "abfss", "wasb", "wasbs", "adl"})
_WEB = frozenset({"http", "https"})
_PORT_SCHEMES = frozenset(
    {"http", "https", "hdfs", "webhdfs", "ftp", "sftp", "ssh", "jdbc", "postgres", "mysql", "file"}
)
_PORT = re.compile(r":\d+$")
_LOCATION = re.compile(r"[\w./*{}\[\]@:,=+~%$()!&\-]+\Z")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")


def without_credentials(url: str) -> str:
    """A URL without user, password, key, query string and fragment; what is no URL unchanged.

    A secret key may have `/` and `@` in it, so that in a store without ports what follows the last `@` is the place.
    """
    scheme = _SCHEME.match(url)
    if scheme is None:
        return url
    rest = url[scheme.end() :].partition("?")[0]
    if scheme[1].lower() in _WEB:
        rest = re.split(r"[#;]", rest, maxsplit=1)[0]  # elsewhere they may be part of a key
    authority, _, path = rest.partition("/")
    user, at, _ = authority.rpartition("@")
    is_container = scheme[1].lower() in _CONTAINER_SCHEMES and ":" not in user
    if at and not is_container:
        rest = rest[len(user) + 1 :]
    if "@" in path and ":" in authority and not (scheme[1].lower() in _PORT_SCHEMES and _PORT.search(authority)):
        rest = rest.rpartition("@")[2]
    return scheme[0] + rest


def clean_location(text: str) -> str | None:
    """A path, URL or stage as it may be shown: no credentials, query or fragment; None for what is no location."""
    text = re.split(r"[?#;]", without_credentials(text), maxsplit=1)[0]
    if not _LOCATION.match(text) or _SENSITIVE_VALUE.search(text):
        return None
    return text


def hide_secrets(words: Sequence[str], spaced: Sequence[bool], dialect: str) -> tuple[list[str], list[bool]]:
    """The words, with `?` for those that stand where a secret is expected, and cut behind an account's name.

    `spaced[i]` says whether a blank stands before word i.
    """
    upper = [word.upper() for word in words]
    end = 1 if upper[0] == "CONNECT" else _end_of_account(upper)
    if end is not None:
        return list(words[:end]), list(spaced[:end])
    hidden = _Hidden(list(words), list(spaced))
    _hide_named(upper, hidden)
    upper = [word.upper() for word in hidden.words]
    if upper[0] in _SETTERS or (upper[0] == "ALTER" and len(upper) > 1 and upper[1] in _ALTERED_BY_SETTING):
        _hide_settings(upper, hidden)
    if dialect in BATCHED:
        _hide_call_arguments(upper, hidden)
    return hidden.result()


class _Hidden:
    """Words being hidden; a run of hidden words is one `?`."""

    def __init__(self, words: list[str], spaced: list[bool]) -> None:
        self.words = words
        self.spaced = spaced
        self._gone = [False] * len(words)

    def hide(self, start: int, end: int) -> None:
        if start < end and not self._gone[start]:
            self.words[start] = "?"
            self._gone[start + 1 : end] = [True] * (end - start - 1)

    def result(self) -> tuple[list[str], list[bool]]:
        kept = [i for i, gone in enumerate(self._gone) if not gone]
        return [self.words[i] for i in kept], [self.spaced[i] for i in kept]


def _end_of_account(upper: Sequence[str]) -> int | None:
    """Where a statement about an account stops being shown (behind its name, or IDENTIFIED); None for another."""
    for i, word in enumerate(upper):
        if word == "IDENTIFIED":
            return i + 1
        if word not in ("CREATE", "ALTER"):
            continue
        j = i + 1
        while j < len(upper) and upper[j] in _BEFORE_GUARDED and not (upper[j] in _GUARDED and j + 1 == len(upper)):
            j += 1
        is_guarded = (j < len(upper) and upper[j] in _GUARDED) or (j > i + 1 and upper[j - 1] in _GUARDED)
        if not is_guarded:
            continue
        j += j < len(upper) and upper[j] in _GUARDED
        while j < len(upper) and upper[j] in _AFTER_GUARDED:
            j += 1
        j += j < len(upper) and upper[j] not in _ENDS and upper[j] != "("
        while j + 1 < len(upper) and upper[j] in (".", "@"):
            j += 2
        return min(j, len(upper))
    return None


def _hide_settings(upper: Sequence[str], hidden: _Hidden) -> None:
    """`SET name = value`: every value that is no expression in parentheses."""
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


def _hide_call_arguments(upper: Sequence[str], hidden: _Hidden) -> None:
    """T-SQL takes a bare word in EXEC for a text: `EXEC sp_addlogin bob, hunter2`; EXEC itself may be left out.

    https://learn.microsoft.com/sql/t-sql/language-elements/execute-transact-sql
    """
    bare = [-1] if _is_procedure(upper) else []
    for i in [*bare, *(i for i, word in enumerate(upper) if word in ("EXEC", "EXECUTE"))]:
        j = i + 2
        while j + 1 < len(upper) and upper[j] == ".":
            j += 2
        for k in range(j, len(upper)):
            if upper[k] not in _ENDS and upper[k] not in ("=", "(", ".", "@") and upper[k - 1] != "@":
                hidden.hide(k, k + 1)


def _is_procedure(upper: Sequence[str]) -> bool:
    """Does the batch begin with a procedure's name, followed by nothing that only another statement has?"""
    name = upper[0]
    is_name = name[0] in '"[_#@' or name[0].isalpha()
    return is_name and name not in _BATCH_BEGINNINGS and (len(upper) == 1 or upper[1] not in ("=", "(", ":"))


def _hide_named(upper: Sequence[str], hidden: _Hidden) -> None:
    """`PASSWORD = x`, `KEY_ID x`, `CREDENTIALS = (...)`: the value behind a sensitive name."""
    defines_columns = bool({"TABLE", "VIEW", "FUNCTION", "PROCEDURE", "INDEX", "TYPE"} & set(upper[:6]))
    for i, word in enumerate(upper):
        if not SENSITIVE.search(word):
            continue
        j = i + 1
        while j < len(upper) and upper[j] in _VALUE_SIGNS:
            j += 1
        if j >= len(upper) or upper[j] in _NO_VALUE or (j == i + 1 and defines_columns):
            continue
        if upper[j] == "(":
            hidden.hide(j + 1, _closing(upper, j))
        else:
            hidden.hide(j - (upper[j - 1] == ":"), _end_of_word(upper, hidden.spaced, j))


def _closing(upper: Sequence[str], i: int) -> int:
    """The index of the parenthesis that closes the one at i, or the number of words."""
    depth = 0
    for k in range(i, len(upper)):
        depth += (upper[k] == "(") - (upper[k] == ")")
        if not depth:
            return k
    return len(upper)


def _end_of_word(upper: Sequence[str], spaced: Sequence[bool], i: int) -> int:
    """Past the words that stand without a blank behind the one at i (`p@ss/w0rd`)."""
    end = i + 1
    while end < len(upper) and not spaced[end] and upper[end] not in _ENDS:
        end += 1
    return end
