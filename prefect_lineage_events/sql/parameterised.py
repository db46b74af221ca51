"""Texts that differ only in values are one text to the cache: programs that write values into their SQL never say the
same thing twice.

Works on characters, because reading a short statement's tokens costs as much as all the rest of this. Which literals
are mere values is known at few places only: in flat rows of VALUES, in IN lists, and compared with something where a
condition or an assignment stands. A text in which anything else could be meant is left alone, which costs time only.
"""

from __future__ import annotations

import re

from prefect_lineage_events.dialects import dialect_of

# What stands in the place of a value: no text of SQL has it, so no pattern is taken for a text.
TEXT, NUMBER = "\0t", "\0n"
_LONGEST = 10_000  # characters
_READ = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|REPLACE)\b", re.IGNORECASE)
_INSERTS = re.compile(r"\s*(?:INSERT|REPLACE)\b", re.IGNORECASE)
_VALUES = re.compile(r"\bVALUES\b", re.IGNORECASE)
_CONDITIONS = re.compile(r"\b(?:WHERE|HAVING|ON|SET)\b", re.IGNORECASE)

_LITERAL = r"(?:'(?:[^'\\]|'')*'|\d+(?:\.\d+)?)"
# One that could be a place is left alone: it may be shown (see `literals`).
_PLAIN = r"(?:'(?:[^'\\/@.]|'')*'|\d+(?:\.\d+)?)"
_QUOTED = r'"[^"]*"|`[^`]*`'
_CELL = re.compile(rf"(?P<quoted>{_QUOTED})|(?P<before>[(,]\s*-?){_LITERAL}(?=\s*[,)])")
_OPERATOR = r"(?<![-=<>!@:|&~?*+/%^#])(?:=|<>|!=|<=?|>=?)(?![=<>!])"
_COMPARED = re.compile(
    rf"(?P<quoted>{_QUOTED}|{_LITERAL})"
    rf"|(?P<before>{_OPERATOR}\s*-?|\bLIKE\s+){_PLAIN}(?=[\s,);]|\Z)"
    rf"|(?P<list>\bIN\s*\((?:\s*{_PLAIN}\s*,)*\s*{_PLAIN}\s*\)|\bBETWEEN\s+{_PLAIN}\s+AND\s+{_PLAIN}(?=[\s);]|\Z))",
    re.IGNORECASE,
)
_SIGN = re.compile(r"['\d]")  # in each of these literals
_LISTED = re.compile(_PLAIN)
_ROWS = re.compile(r"\s*\([^()]*\)(?:\s*,\s*\([^()]*\))*\s*(?:;\s*)?\Z")
# Comments, variables, templates, escapes, lists and dollar quotes; a second statement; words after which a literal, or
# an `=`, may be more than a value.
_DOUBTFUL = re.compile(
    r"--|/\*|[#$@\\{\[]|;\s*\S"
    r"|\b(?:PIVOT|UNPIVOT|EXEC|EXECUTE|CALL|COPY|IDENTIFIER|OPENROWSET|OPENQUERY|OPENDATASOURCE|FORMAT|LOCATION|OPTIONS?"
    r"|DIRECTORY|OUTFILE|DUMPFILE|MATCH_RECOGNIZE|SETTINGS)\b",
    re.IGNORECASE,
)
_QUOTES = ("'", '"', "`")  # an odd one is within another kind of quotes, or the text is broken


def parameterised_text(text: str, dialect: str) -> str | None:
    """The text with its mere values replaced; equal for texts that say the same of tables and columns.

    None where there is nothing to replace, or where it is not sure what a literal means.
    """
    if len(text) > _LONGEST or "\0" in text or dialect_of(dialect).calls_name_places or not _READ.match(text):
        return None
    pattern = _without_rows(text) if _INSERTS.match(text) else None
    if pattern is None:
        pattern = _without_compared(text)
    if pattern == text or _DOUBTFUL.search(pattern) or any(pattern.count(quote) % 2 for quote in _QUOTES):
        return None
    return pattern


def _without_rows(text: str) -> str | None:
    """An INSERT of nothing but flat rows; None for any other."""
    values = _VALUES.search(text)
    if values is None:
        return None
    rows = _CELL.sub(_emptied, text[values.end() :])
    return text[: values.end()] + rows if _ROWS.match(rows) else None


def _without_compared(text: str) -> str:
    conditions = _CONDITIONS.search(text)
    if conditions is None or _SIGN.search(text, conditions.end()) is None:
        return text
    return text[: conditions.end()] + _COMPARED.sub(_emptied, text[conditions.end() :])


def _emptied(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if groups["quoted"] is not None:
        return match[0]
    if (listed := groups.get("list")) is not None:
        return _LISTED.sub(_value, listed)
    return groups["before"] + _value(match)


def _value(match: re.Match[str]) -> str:
    """In the place of the literal at the end of what matched."""
    return TEXT if match[0].endswith("'") else NUMBER
