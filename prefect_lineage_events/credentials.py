"""Removal of credentials from texts that people, libraries and services have written."""

from __future__ import annotations

import re
from functools import lru_cache

MAX_LENGTH = 2_000
# Text beyond this is not shown, and is not searched. More than is shown: what stands at the end of that must be
# recognised as a credential before it is cut off.
LOOKED_AT = 5 * MAX_LENGTH
# The end of a text of which more was cut off.
_CUT = " …"

# Words in a name or header whose value is a secret: AWS_SECRET_ACCESS_KEY, sslpassword, AccountKey.
_SECRET_WORD = (
    r"(?:passw(?:or)?[dt]|passphrase|passcode|pwd|secret|token|credential|authorization|signature|api[_ \-]?key|cookie"
    r"|jwt|(?:account|access|private|secret|shared|master|encryption|signing|storage|license|ssh|ssl|client)[_ \-]?key)"
)
# A value in quotes or before a semicolon may hold blanks, and end with the mark of a text that was cut off.
_VALUE = (
    r"(?:\"(?:[^\"\\]|\\.)*(?:\"|…\Z)|'(?:[^'\\]|\\.)*(?:'|…\Z)|(?:(?:bearer|basic|digest|apikey)\s+)?[^\s,;)\]}&\"']+)"
)
# Between a name and its value: settings, headers, named arguments of SQL and of programs.
_IS = r"(?:=>|:=|==?|:)"
# Words that follow "password" in a sentence; any other text after it counts as a password.
_IN_A_SENTENCE = (
    r"(?:authentication|auth|is|are|was|were|has|have|had|for|failed|failure|expired|must|cannot|can|could|of|or|and|in|on|to"
    r"|does|did|do|do(?:es)?n't|required|policy|mismatch|incorrect|too|file|hash|hashing|not|may|with|from|provided|given|missing"
    r"|supplied|change|reset|field|needs|should|contains|length|verification|attempts?|by|at|as|the|that|which|will|would)\b"
)

# Credentials, wherever they come from.
_CREDENTIALS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]{1,40}-----[\w\s+/=\\,:\-]{0,8000}"), "***"),
    # in URLs: a password may hold a slash or an at sign of its own
    (re.compile(r"((?<![A-Za-z0-9+.\-])[A-Za-z][A-Za-z0-9+.\-]{0,40}://)[^\s'\"<>]{0,1000}@"), r"\1***@"),
    # user/password@database, user:password@host
    (re.compile(r"(?<![\w@.$\-])[\w.$\-]{1,64}[/:][^\s'\"<>@,*]{1,200}@(?=[\w\[/])"), "***@"),
    # the query of a URL, with and without names
    (re.compile(r"(://[^\s'\"<>?]{1,1000}\?)(?![\w.%\-]{1,80}=)[^\s'\"<>)]{1,1000}"), r"\1***"),
    (re.compile(r"([?&][\w.%\-]{1,80}=)[^\s&\"'<>);]{1,1000}"), r"\1***"),
    (re.compile(r"(?i)(\bauthorization[\"']?\s{0,5}[=:]\s{0,5})[^\n\"'}]{1,1000}"), r"\1***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w\-.~+/=]{4,}"), r"\1 ***"),
    # settings between semicolons, whose values may hold blanks
    (re.compile(rf"(?i)({_SECRET_WORD}\s{{0,3}}=\s{{0,3}})[^;\n]{{1,300}}(?=;|…\Z)"), r"\1***"),
    (re.compile(rf"(?i)((?<![a-z])[\w\-]{{0,40}}{_SECRET_WORD}[\w\-]{{0,40}}[\"']?\s*{_IS}\s*){_VALUE}"), r"\1***"),
    (re.compile(rf"(?i)((?<![a-z])[\w\-]{{0,40}}(?:key|pass|sas|sig|auth)[\"']?\s?=>?\s?){_VALUE}"), r"\1***"),
    (re.compile(rf"(?i)((?<![a-z])(?:pw|pin|otp)[\"']?\s?{_IS}\s?){_VALUE}"), r"\1***"),
    # a prompt: "Password for user bob: ..."
    (
        re.compile(
            r"(?i)(\b(?:password|passphrase|token|secret) (?:for|of|to)\b[^\n:=]{0,80}[:=]\s{0,5})[^\s:]{1,300}"
        ),
        r"\1***",
    ),
    # in SQL, without quotes
    (re.compile(rf"(?i)\b(identified\s{{1,5}}by|(?:en|de)crypt\w{{0,4}}\s{{1,5}}using)\s{{1,5}}{_VALUE}"), r"\1 ***"),
    (
        re.compile(
            rf"(?i)\b(\w{{0,40}}(?:passwor[dt]|passwd|passphrase|secret_access_key|session_token|private_key|secret|jwt)"
            rf"(?:\s{{1,5}}is)?)\s{{1,5}}(?!{_IN_A_SENTENCE}|\*|\?){_VALUE}"
        ),
        r"\1 ***",
    ),
    # on a command line: -u user:password, -ppassword, --password password; SQL*Plus, Teradata's .LOGON
    (
        re.compile(r"(?<!\S)(-u\s{0,3}[^\s:]{1,64}:|-p\s?(?=\S)|--?(?:password|pw)\s{1,3})(?!\*)[^\s]{1,200}"),
        r"\1***",
    ),
    (re.compile(r"(?i)\b(sqlplus\s{1,3}(?:-\w\s{1,3})?[\w.]{1,64}/)[^\s@]{1,200}"), r"\1***"),
    (re.compile(r"(?i)(\.logon\s{1,3}[^\s,]{1,200},)\s{0,3}[^\s;]{1,200}"), r"\1***"),
    # tokens by the beginnings that their issuers give them
    (re.compile(r"\b(?:eyJ|xox[a-z]-|gh[pousr]_|glpat-|AKIA|ASIA|dapi|sk-)[\w.\-]{6,}"), "***"),
    # text like a key: long, with capitals, small letters and digits
    (
        re.compile(
            r"(?<![\w+=/.\-])(?=[A-Za-z_+=]{0,64}\d)(?=[a-z\d_+=]{0,64}[A-Z])(?=[A-Z\d_+=]{0,64}[a-z])[\w+=]{32,}"
        ),
        "***",
    ),
)
# Settings that name a connection's server and user; the values of all others are removed.
_SHOWN_SETTINGS = frozenset(
    {
        "host", "hostaddr", "port", "dbname", "database", "db", "server", "data source", "initial catalog", "driver",
        "sslmode", "user", "uid", "user id", "username", "schema", "application_name", "connect_timeout", "timeout",
        "address", "service", "encrypt", "role", "warehouse", "charset", "options",
    }
)  # fmt: skip
_SETTING = re.compile(
    r"(?<![\w.\-])([A-Za-z][\w.\-]{0,40}(?: (?:id|source|catalog|key|name|info))?)="
    r"(\{[^{}\n]*\}|'[^'\n]*'|\"[^\"\n]*\"|[^\s;'\"]{0,500}[^\s;,'\"])",
    re.IGNORECASE,
)

# Words of names of parameters whose values are secrets, even where these are numbers.
_SECRET_NAME = re.compile(rf"(?i){_SECRET_WORD}|(?:\b|_)(?:pw|pin|otp|pass|auth)(?:\b|_)")


def names_secret(name: str) -> bool:
    """Return whether a parameter or setting of this name has a secret as its value."""
    return _SECRET_NAME.search(name) is not None


def beginning(text: str) -> str:
    """The part of a text that is searched for credentials: of a longer one, whole words and a mark.

    A secret that is cut in half is not recognised, so the last word is left out.
    """
    if len(text) <= LOOKED_AT:
        return text
    words, *last = text[: LOOKED_AT - len(_CUT)].rsplit(maxsplit=1) or [""]
    return f"{words}{_CUT}" if last else _CUT.strip()


def without_credentials(text: str, longest: int = MAX_LENGTH) -> str:
    """A text without credentials, bounded. Its quoted words remain: they name things, and show a fault."""
    return _redacted(beginning(text.strip()), longest)


@lru_cache(maxsize=500)  # descriptions of tasks and calls come many times
def _redacted(text: str, longest: int) -> str:
    text = _without_settings(text)
    for pattern, instead in _CREDENTIALS:
        text = pattern.sub(instead, text)
    text = text.replace("\0", "").strip()
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _without_settings(message: str) -> str:
    """The message without values of settings that stand in a row, as in the connection strings of libpq and ODBC."""
    found = list(_SETTING.finditer(message))
    kept: list[str] = []
    at = 0
    for i, setting in enumerate(found):
        is_next = i > 0 and _follows(message, found[i - 1].end(), setting.start())
        has_next = i + 1 < len(found) and _follows(message, setting.end(), found[i + 1].start())
        if (is_next or has_next) and setting[1].lower() not in _SHOWN_SETTINGS:
            kept += [message[at : setting.start(2)], "***"]
            at = setting.end()
    return "".join([*kept, message[at:]])


def _follows(message: str, end: int, start: int) -> bool:
    between = message[end:start]
    return len(between) < 4 and not between.strip(" ;")
