"""Rows that follow a statement as they are: COPY ... FROM STDIN, INSERT ... FORMAT. They are data, not SQL.

Looked for in every dialect, because a script may be read under a dialect that is not its own.
https://www.postgresql.org/docs/current/sql-copy.html, https://clickhouse.com/docs/sql-reference/statements/insert-into
"""

from __future__ import annotations

import re

_HEAD = 4_000  # characters that the head of a statement has at most
_FROM_STDIN = re.compile(r"\bfrom\s{1,20}stdin\b", re.IGNORECASE)
_COPY = re.compile(r"(?:^|\n)[ \t]*\\?copy\b", re.IGNORECASE)
_END_OF_ROWS = re.compile(r"^\\\.[ \t\r]*$", re.MULTILINE)
_INSERT = re.compile(r"(?:\A|;)\s*insert\s+into\s", re.IGNORECASE)
_FORMAT = re.compile(
    r"\bformat\s{1,20}(?!(?:select|with|from|table)\b)\w+(?=\s)|\b(?:select|values|with)\b|[';]", re.IGNORECASE
)


def without_inline_data(text: str) -> str:
    """The text without the rows behind its statements."""
    lowered = text.lower()
    if "stdin" in lowered:
        text = _without_copied_rows(text)
    if "format" in lowered:
        text = _without_formatted_rows(text)
    return text


def _without_copied_rows(text: str) -> str:
    kept: list[str] = []
    at = position = 0
    while found := _FROM_STDIN.search(text, position):
        line_end = text.find("\n", found.end())
        statement_end = text.find(";", found.end(), max(line_end, 0)) + 1
        if line_end < 0:
            break
        if not statement_end or text[statement_end:line_end].strip(" \t\r"):
            position = statement_end or line_end
            continue
        statement = text[max(at, found.start() - _HEAD) : found.start()].rpartition(";")[2]
        end = position = line_end + 1
        kept.append(text[at:end])
        if _COPY.search(statement):
            last = _END_OF_ROWS.search(text, end)
            end = position = last.end() if last else len(text)
        at = end
    return "".join([*kept, text[at:]])


def _without_formatted_rows(text: str) -> str:
    for head in _INSERT.finditer(text):
        found = _FORMAT.search(text, head.end(), head.end() + _HEAD)
        if found and found[0][:6].lower() == "format" and _is_clause(text[head.end() : found.start()]):
            return text[: found.end()]
    return text


def _is_clause(before: str) -> bool:
    """Whether the table is named before FORMAT, so that this is not its name."""
    before = before.strip().lower()
    return bool(before) and before != "table" and before[-1] not in '.,("`['
