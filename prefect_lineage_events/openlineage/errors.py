"""Sanitising of error messages: removal of the values that databases and drivers put into them.

Values stand in quotes of any kind, in the rows and keys that a database shows, and in the statement that it repeats.
All of these are removed, except quoted words after a noun that makes them a name (`relation "orders"`). In doubt,
text is removed: a removed word may be an explanation, but a kept one may be a customer's address.
"""

from __future__ import annotations

import re

from prefect_lineage_events.credentials import LOOKED_AT, MAX_LENGTH, beginning, without_credentials

# In this order: the first ones remove text that the later ones would have to search.
_STATEMENTS_AND_ROWS: tuple[tuple[re.Pattern[str], str], ...] = (
    # SQLAlchemy repeats statement and bind values behind the driver's message; either may hold any bracket
    (re.compile(r"\[(SQL|parameters): .*(?=\n\(Background on this error)", re.DOTALL), r"[\1: ?]"),
    (re.compile(r"\[SQL: (?!\?\]).*", re.DOTALL), "[SQL: ?]"),
    (re.compile(r"\[parameters: (?!\?\]).*", re.DOTALL), "[parameters: ?]"),
    # PostgreSQL's functions show the statement and data they were processing
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

# A quoted word after one of these nouns is a name, not a value.
_NOUNS = (
    "relation|table|view|column|field|constraint|index|sequence|schema|database|catalog|type|function|procedure|"
    "trigger|role|user|server|extension|encoding|parameter|partition|stage|warehouse|module|package|attribute|task|"
    "flow|deployment|block"
)
_QUOTED = re.compile(rf"(?i:\b(?P<noun>{_NOUNS}) )?(?<![\w\"])\"(?P<text>(?:[^\"\\]|\\.|\"\")*)\"(?!\w)")
_NAME = re.compile(r"[\w.$\-]{1,128}")
_LITERALS: tuple[tuple[re.Pattern[str], str], ...] = (
    # an apostrophe inside of a word opens none; an unclosed one extends to the end
    (re.compile(r"(?<!\w)'(?:[^'\\]|\\.|'')*'|(?<!\w)'(?:[^']|'')*'", re.DOTALL), "?"),
    (re.compile(r"(?<!\w)'\w[^']*\Z"), "?"),
    (re.compile(r"(?<!\w)\"\w[^\"]*\Z"), "?"),
    (re.compile(r"\$(\w*)\$.*?\$\1\$", re.DOTALL), "?"),
    (re.compile(r"((?:parse|string|value) )`[^`]*`"), r"\1?"),
)


def sanitised(message: str) -> str:
    """An error message without bind values, literals and credentials, bounded. The reason of the error remains."""
    message = _cut(beginning(message), _STATEMENTS_AND_ROWS)
    message = _QUOTED.sub(_name_or_nothing, without_credentials(message, LOOKED_AT))
    message = _cut(message, _LITERALS).strip()
    return message if len(message) <= MAX_LENGTH else message[: MAX_LENGTH - 1] + "…"


def _name_or_nothing(found: re.Match[str]) -> str:
    if not found["noun"]:
        return "?"
    return found[0] if _NAME.fullmatch(found["text"]) else f"{found['noun']} ?"


def _cut(message: str, cuts: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, instead in cuts:
        message = pattern.sub(instead, message)
    return message
