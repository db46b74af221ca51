"""Rows of data that follow a statement and are no SQL: COPY ... FROM STDIN, INSERT ... FORMAT, BEGINDATA.

They are searched in every dialect, because a script may be read under a dialect that is not its own. A walk over
quotes, comments and parentheses finds the clause that announces them, and the end of its statement.
https://www.postgresql.org/docs/current/sql-copy.html, https://clickhouse.com/docs/sql-reference/statements/insert-into
"""

from __future__ import annotations

import re

from prefect_lineage_events.sql.scanner import Scanner

_MARK = re.compile(r"\b(?:(stdin|pstdin)|(format)|(begindata))\b", re.IGNORECASE)
_WORD = re.compile(r"\\?\w+")
# The client takes a line that begins so for a statement, whatever precedes it.
_COPY = re.compile(r"^[ \t]*(\\?copy)\b", re.IGNORECASE | re.MULTILINE)
_CLAUSES = re.compile(r"\b(insert|select|values)\b", re.IGNORECASE)
_BEFORE_STDIN = re.compile(r"\bfrom(?:\s+local)?\s*\Z", re.IGNORECASE)
_BEFORE_FORMAT = re.compile(r"(?:\b(?:insert|into|table|function|select|as|row)|[.,(=])\s*\Z", re.IGNORECASE)
_INPUT = re.compile(r"\binput\s*\Z", re.IGNORECASE)
_FORMAT_NAME = re.compile(r"(?!(?:select|with|from|table|as)\b)(?:\w+|`\w+`)(?=\s)", re.IGNORECASE)
_END_OF_ROWS = re.compile(r"^\\\.[ \t\r]*$", re.MULTILINE)
_LINE_END = re.compile(r"\r\n|[\r\n]")
_TAIL = 80  # characters of the code before a word that decide its meaning
_LOADERS = frozenset({"load", "options", "unrecoverable"})


def without_inline_data(text: str, dialect: str) -> str:
    """The text without the rows behind its statements."""
    lowered = text.lower()
    may_have = "format" in lowered or "stdin" in lowered or "begindata" in lowered
    return _Walk(text, dialect).kept() if may_have and _MARK.search(text) else text


class _Walk:
    """Walk over a text, statement by statement.

    `_tail` is the end of the part of a statement that was read, outside of parentheses, with blanks for comments and
    `q` for quoted texts.
    """

    def __init__(self, text: str, dialect: str) -> None:
        self.text = text
        self.scanner = Scanner(text, dialect, stops="();")
        self._start_statement()

    def _start_statement(self) -> None:
        self._first = self._tail = ""
        self._depth = 0
        self._clauses: set[str] = set()
        self._takes_input = self._rows_follow = False

    def kept(self) -> str:
        text, scanner = self.text, self.scanner
        parts: list[str] = []
        at = position = 0
        while True:
            span = scanner.next()
            gap_end = span.start if span else len(text)
            end = self._end_of_code(position, gap_end) if self._depth == 0 else -1
            if end < 0 and span is None:
                return "".join([*parts, text[at:]])
            if end < 0 and span is not None:
                position = span.end
                if span.kind != "stop":
                    self._tail += " " if span.kind == "comment" else "q"
                    continue
                if text[span.start] != ";":
                    self._enter(text[span.start])
                    continue
                if not self._rows_follow:
                    self._start_statement()
                    continue
                line = _LINE_END.search(text, position)
                end = line.end() if line else len(text)
            parts.append(text[at:end])
            at = position = scanner.position = self._end_of_rows(end)
            self._start_statement()

    def _enter(self, bracket: str) -> None:
        self._takes_input = self._takes_input or (bracket == "(" and _INPUT.search(self._tail) is not None)
        self._depth = max(self._depth + (1 if bracket == "(" else -1), 0)
        if not self._depth:
            self._tail += ")"

    def _end_of_rows(self, start: int) -> int:
        last = _END_OF_ROWS.search(self.text, start) if self._rows_follow else None
        return last.end() if last else len(self.text)

    def _end_of_code(self, start: int, end: int) -> int:
        """The start of the rows that a clause between two positions announces; -1 if none does before `;`."""
        text = self.text
        if not self._first and (word := _WORD.search(text, start, end)):
            self._first = word[0].lower()
        for copy in _COPY.finditer(text, start, end):
            self._first = copy[1].lower()
        at = start
        for mark in _MARK.finditer(text, start, end):
            self._read(at, mark.start())
            at = mark.start()
            if mark[1] and self._first in ("copy", "\\copy") and _BEFORE_STDIN.search(self._tail):
                self._rows_follow = True
                if self._first == "\\copy":
                    line = _LINE_END.search(text, mark.end())
                    return line.end() if line else len(text)
            elif mark[2] and (name_end := self._format_end(mark.end())):
                return name_end
            elif mark[3] and self._first in _LOADERS:
                return mark.end()
        self._read(at, end)
        return -1

    def _read(self, start: int, end: int) -> None:
        self._clauses.update(word.lower() for word in _CLAUSES.findall(self.text, start, end))
        self._tail = (self._tail + self.text[max(end - _TAIL, start) : end])[-_TAIL:]

    def _format_end(self, at: int) -> int:
        """The position after an INSERT's `FORMAT name`; 0 if it is none. Rows follow a query only over `input(...)`."""
        if "insert" not in self._clauses or "values" in self._clauses or _BEFORE_FORMAT.search(self._tail):
            return 0
        if "select" in self._clauses and not self._takes_input:
            return 0
        start = self.scanner.skip_blanks(at)
        while (end := self.scanner.comment_end(start)) > start:
            start = self.scanner.skip_blanks(end)
        name = _FORMAT_NAME.match(self.text, start)
        return name.end() if name else 0
