"""What may be told of an error: the message without the values that databases and drivers put into it.

Values stand in quotes of any kind, in the rows and keys that a database shows, and in the statement that it repeats; so
all of that goes, but for quoted words behind a noun that makes them the name of a thing (`relation "orders"`). What is
cut in doubt is a word of an explanation; what is kept in doubt may be a customer's address.
"""

from __future__ import annotations

import re

MAX_LENGTH = 2_000
# Behind this nothing would be told any more, and patterns would take their time.
_LOOKED_AT = 5 * MAX_LENGTH

_SECRET_WORD = r"(?:password|passwd|pwd|secret|token|api_?key|access_?key|credential|authorization|signature)"

# Credentials, wherever they come from.
_CREDENTIALS: tuple[tuple[re.Pattern[str], str], ...] = (
    # in URLs: a password may hold a slash or an at sign of its own
    (re.compile(r"((?<![A-Za-z0-9+.\-])[A-Za-z][A-Za-z0-9+.\-]{0,40}://)[^\s'\"<>]{0,1000}@"), r"\1***@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w\-.~+/=]{8,}"), r"\1 ***"),
    (
        re.compile(
            rf"(?i)((?<![a-z])[\w\-]{{0,40}}{_SECRET_WORD}[\w\-]{{0,40}}[\"']?\s*[=:]\s*)"
            r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|(?:(?:bearer|basic)\s+)?[^\s,;)\]}&\"']+)"
        ),
        r"\1***",
    ),
    (re.compile(r"(?i)([?&](?:sig|x-amz-[a-z\-]*)=)[^\s&\"']+"), r"\1***"),
)

# In this order: the first ones take away what the later ones would have to look into.
_STATEMENTS_AND_ROWS: tuple[tuple[re.Pattern[str], str], ...] = (
    # SQLAlchemy repeats statement and bind values behind the driver's message; either may hold any bracket
    (re.compile(r"\[(SQL|parameters): .*(?=\n\(Background on this error)", re.DOTALL), r"[\1: ?]"),
    (re.compile(r"\[SQL: (?!\?\]).*", re.DOTALL), "[SQL: ?]"),
    (re.compile(r"\[parameters: (?!\?\]).*", re.DOTALL), "[parameters: ?]"),
    # PostgreSQL's functions tell the statement and the data that they were at
    (
        re.compile(
            r"^(QUERY|CONTEXT|STATEMENT|WHERE):\s.*?(?=^(?:DETAIL|HINT|QUERY|CONTEXT|STATEMENT|LOCATION):|\Z)",
            re.DOTALL | re.MULTILINE,
        ),
        r"\1: ?\n",
    ),
    # a line of the statement or of the data, with a mark below it
    (re.compile(r"^.*\n[ \t]*\^[\^~ \t]*$\n?", re.MULTILINE), ""),
    (re.compile(r"^LINE \d+: .*\n?", re.MULTILINE), ""),
    # rows and keys that were refused: PostgreSQL, Snowflake, SQL Server
    (re.compile(r"(Failing row contains )\(.*\)", re.DOTALL), r"\1(?)"),
    (re.compile(r"(Key \([^)]*\))=\(.*?\)(?= |\.|$)", re.MULTILINE), r"\1=(?)"),
    (re.compile(r"(Row Values?: )\[.*\]", re.DOTALL), r"\1[?]"),
    (re.compile(r"(key values? (?:is|are) )\(.*\)", re.DOTALL), r"\1(?)"),
    # BigQuery, and others that set no quotes
    (re.compile(r"(Bad \w+ value: ).*"), r"\1?"),
    (re.compile(r"(Invalid Input Error: missing .: ).*"), r"\1?"),
)

# What a quoted word behind them names is no value.
_NOUNS = (
    "relation|table|view|column|field|constraint|index|sequence|schema|database|catalog|type|function|procedure|"
    "trigger|role|user|server|extension|encoding|parameter|partition|stage|warehouse|module|package|attribute|task|"
    "flow|deployment|block"
)
_QUOTED = re.compile(rf"(?i:\b(?P<noun>{_NOUNS}) )?(?<![\w\"])\"(?P<text>(?:[^\"\\]|\\.|\"\")*)\"(?!\w)")
_NAME = re.compile(r"[\w.$\-]{1,128}")
_LITERALS: tuple[tuple[re.Pattern[str], str], ...] = (
    # an apostrophe inside of a word opens none; what nobody closes goes up to the end
    (re.compile(r"(?<!\w)'(?:[^'\\]|\\.|'')*'|(?<!\w)'(?:[^']|'')*'", re.DOTALL), "?"),
    (re.compile(r"(?<!\w)'\w[^']*\Z"), "?"),
    (re.compile(r"(?<!\w)\"\w[^\"]*\Z"), "?"),
    (re.compile(r"\$(\w*)\$.*?\$\1\$", re.DOTALL), "?"),
    (re.compile(r"((?:parse|string|value) )`[^`]*`"), r"\1?"),
)


def sanitised(message: str) -> str:
    """An error message without bind values, literals and credentials, bounded. What remains says what went wrong."""
    message = _cut(message[:_LOOKED_AT], _STATEMENTS_AND_ROWS)
    message = _cut(message, _CREDENTIALS)
    message = _QUOTED.sub(_name_or_nothing, message)
    return _bounded(_cut(message, _LITERALS))


def without_credentials(message: str) -> str:
    """What a target or a library says, bounded: it was given no values, and its quotes hold what is wrong."""
    return _bounded(_cut(message[:_LOOKED_AT], _CREDENTIALS))


def _name_or_nothing(found: re.Match[str]) -> str:
    if not found["noun"]:
        return "?"
    return found[0] if _NAME.fullmatch(found["text"]) else f"{found['noun']} ?"


def _cut(message: str, cuts: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, instead in cuts:
        message = pattern.sub(instead, message)
    return message


def _bounded(message: str) -> str:
    message = message.replace("\0", "").strip()
    return message if len(message) <= MAX_LENGTH else message[: MAX_LENGTH - 1] + "…"
