"""Texts that differ only in values are one text for the cache, because many programs write values into their SQL.

Works on characters, because the tokens of a short statement cost as much as all the rest. Literals are certainly mere
values in few positions only: in flat rows of VALUES, in IN lists, and in comparisons of a condition or assignments. A
text in which a literal may mean more is left unchanged, which only costs time.
"""

from __future__ import annotations

import re

from prefect_lineage_events.dialects import dialect_of

# Marks for a value: no text of SQL contains them, so no parameterised text is taken for a text.
TEXT, NUMBER = "\0t", "\0n"
_LONGEST = 10_000  # characters
_READ = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|REPLACE)\b", re.IGNORECASE)
_INSERTS = re.compile(r"\s*(?:INSERT|REPLACE)\b", re.IGNORECASE)
_VALUES = re.compile(r"\bVALUES\b", re.IGNORECASE)
_CONDITIONS = re.compile(r"\b(?:WHERE|HAVING|ON|SET)\b", re.IGNORECASE)

_LITERAL = r"(?:'(?:[^'\\]|'')*'|\d+(?:\.\d+)?)"
# A literal that may be a location is left unchanged: it may be shown (see `literals`).
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
_QUOTES = ("'", '"', "`")  # an odd number: one is within quotes of another kind, or the text is broken


def parameterised_text(text: str, dialect: str) -> str | None:
    """The text with its mere values replaced; equal for texts with the same tables and columns.

    None if there is nothing to replace, or if the meaning of a literal is not certain.
    """
    if len(text) > _LONGEST or "\0" in text or dialect_of(dialect).calls_name_locations or not _READ.match(text):
        return None
    pattern = _without_rows(text) if _INSERTS.match(text) else None
    if pattern is None:
        pattern = _without_compared(text)
    if pattern == text or _DOUBTFUL.search(pattern) or any(pattern.count(quote) % 2 for quote in _QUOTES):
        return None
    return pattern


def _without_rows(text: str) -> str | None:
    """An INSERT of flat rows only, without its values; None for any other."""
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
    """The mark for the literal at the end of the match."""
    return TEXT if match[0].endswith("'") else NUMBER
