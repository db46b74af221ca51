"""What may be told of an error: the message without the values that databases and drivers put into it."""

from __future__ import annotations

import re

MAX_LENGTH = 2_000

# In this order: the first ones take away what the later ones would have to look into.
_CUTS: tuple[tuple[re.Pattern[str], str], ...] = (
    # SQLAlchemy repeats statement and bind values behind the driver's message
    (re.compile(r"\[parameters: .*?(?:\)|\]|\})\]", re.DOTALL), "[parameters: ?]"),
    (re.compile(r"\[parameters: (?!\?\]).*", re.DOTALL), "[parameters: ?]"),
    (re.compile(r"\[SQL: .*?(?:\]\s*(?=\n|\[|\(|$)|\Z)", re.DOTALL), "[SQL: ?]"),
    # PostgreSQL shows the statement's line, and the row or key that it refused
    (re.compile(r"^LINE \d+: .*\n?(?:\s*\^\s*$\n?)?", re.MULTILINE), ""),
    (re.compile(r"(Failing row contains )\(.*\)", re.DOTALL), r"\1(?)"),
    (re.compile(r"(Key \([^)]*\))=\(.*?\)(?= |\.|$)", re.MULTILINE), r"\1=(?)"),
    (re.compile(r"(: )\"[^\"\n]*\"$", re.MULTILINE), r"\1?"),
    # credentials in URLs and connection strings
    (re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*://)[^\s/@'\"]*@"), r"\1***@"),
    (re.compile(r"(?i)\b((?:[a-z_]*(?:password|passwd|pwd|secret|token|api_?key))\s*[=:]\s*)[^\s,;)\]}]+"), r"\1***"),
    # literals; an apostrophe inside of a word is none
    (re.compile(r"(?<!\w)'(?:[^'\n]|'')*'"), "?"),
)


def sanitised(message: str) -> str:
    """An error message without bind values, literals and credentials, bounded. What remains says what went wrong."""
    for pattern, instead in _CUTS:
        message = pattern.sub(instead, message)
    message = message.replace("\0", "").strip()
    return message if len(message) <= MAX_LENGTH else message[: MAX_LENGTH - 1] + "…"
