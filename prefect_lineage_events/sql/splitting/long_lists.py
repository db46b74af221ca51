"""Long lists of data, cut before they are read: an INSERT of 100,000 rows names no more than its first ten.

Works on characters, because tokenising such a text alone costs a second and hundreds of megabytes. Comments are
removed, and the middle of literals that are longer than any statement. Parts that may name a table (a SELECT in a row)
are kept. In extremely long texts, select lists are cut as well, which loses columns. When the scanner's steps are used
up, the rest of the text is not read. Both are reported.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prefect_lineage_events.sql.scanner import Scanner

LONG_TEXT = 16_384  # characters; a shorter text is cheap enough to be read whole
VERY_LONG_TEXT = 262_144
LONGEST_LITERAL = 131_072
ROWS_KEPT = 10
ITEMS_KEPT = 20
COLUMNS_KEPT = 4_000
LOST_COLUMNS = f"a select list of more than {COLUMNS_KEPT:,} columns was cut"
LOST_LITERAL = f"a text of more than {LONGEST_LITERAL:,} characters was cut"
UNREAD = "the text is too long: its end was not read"

_SUBQUERY = re.compile(r"\b(?:select|table|with|from)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"\b(?:select|from|into|union|where|join|values|table|with)\b", re.IGNORECASE)
_STEPS = 120_000  # of each scan
_LONGEST_WORD = 16  # of those
_WINDOW = 65_536
HINTS = ("/*+", "/*!")
_LONGEST_HINT = 4_096
_KEPT_OF_LITERAL = 1_024
_LONGEST_GAP = 64  # blanks between a list's head and its bracket, and between rows
_WORD_BACKWARDS = re.compile(r"\s*(\w{1,8})(?!\w)")
_BETWEEN_ROWS = re.compile(r"\s*,\s*(?:row\s*)?", re.IGNORECASE)
_FLAT = r"[^()\[\]'\"`#/$\\{&-]"
# A row of plain values: nothing in it can be read in two ways.
_VALUE = r"""'[^'\\]*'|"[^"\\]*"|-(?!-)"""
_CALL = rf"\({_FLAT}*(?:(?:{_VALUE}){_FLAT}*){{0,8}}\)"
_FLAT_ROW = re.compile(rf"\({_FLAT}*(?:(?:{_VALUE}|{_CALL}){_FLAT}*){{0,64}}\)")
_LONGEST_FLAT_ROW = 4_096
_SPECIAL = re.compile(r"['\"`\\$]")
_BRACKETS = "()[]"
_BRACKETS_AND_COMMAS = "()[],"
MAX_DEPTH = 1_000
_SHORTEST_CLAUSE = 4  # characters


@dataclass(frozen=True, slots=True)
class Shortened:
    """A text without the tails of its long lists, and the losses beside them."""

    text: str
    is_whole: bool = True
    lost_columns: str = ""
    lost_literal: bool = False


def cut_long_lists(text: str, dialect: str) -> Shortened:
    """The text with the tails of long lists left out. VALUES, IN and array lists are data."""
    if len(text) < LONG_TEXT:
        return Shortened(text)
    scanner = Scanner(text, dialect, steps=_STEPS, runs=True)
    text, lost_literal = _without_comments(scanner)
    is_whole, lost_columns = not scanner.exhausted, ""
    for cutter in (_Lists, _Columns):
        if cutter is _Columns and (len(text) < VERY_LONG_TEXT or text.count(",") < COLUMNS_KEPT):
            break
        found: _Cutter = cutter(text, dialect)
        cuts = found.surplus()
        lost_columns = LOST_COLUMNS if cuts and cutter is _Columns else ""
        is_whole = is_whole and not found.scanner.exhausted
        text = _without(text, cuts, found.end)
    return Shortened(text, is_whole, lost_columns, lost_literal)


def _without(text: str, cuts: Sequence[tuple[int, int]], end: int) -> str:
    kept: list[str] = []
    at = 0
    for start, stop in cuts:
        kept.append(text[at:start])
        at = stop
    return "".join([*kept, text[at:end]]) if kept or end < len(text) else text


def _without_comments(scanner: Scanner) -> tuple[str, bool]:
    """The scanned text without comments and the rest of huge literals, and True if there were such literals."""
    text = scanner.text
    kept: list[str] = []
    at = 0
    lost = False
    for span in scanner:
        size = span.end - span.start
        if span.kind == "comment":
            if size <= _LONGEST_HINT and text.startswith(HINTS, span.start):
                continue
            kept += [text[at : span.start], " " if text.startswith("/*", span.start) else ""]
        elif size > LONGEST_LITERAL:
            closing = text[span.end - span.quote : span.end]
            opened = span.start + span.quote
            content = text[opened : opened + _KEPT_OF_LITERAL].partition(closing)[0]
            kept += [text[at:opened], _SPECIAL.split(content, maxsplit=1)[0], closing]
            lost = True
        else:
            continue
        at = span.end
    end = scanner.position if scanner.exhausted else len(text)
    return "".join([*kept, text[at:end]]) if kept or end < len(text) else text, lost


@dataclass(slots=True)
class _Frame:
    """One pair of brackets. `rows` are those of a VALUES whose last row ends at `row_end`."""

    opening: str = ""
    start: int = 0
    is_row: bool = False
    is_list: bool = False
    commas: int = 0
    kept_end: int = 0
    rows: int = 0
    row_end: int = 0


class _Cutter(ABC):
    """Collector of spans to cut, in order; a span includes those within it."""

    def __init__(self, text: str, dialect: str) -> None:
        self.text = text
        self.dialect = dialect
        self.scanner = Scanner(text, dialect, _BRACKETS_AND_COMMAS, steps=_STEPS, runs=isinstance(self, _Lists))
        self._cuts: list[tuple[int, int]] = []
        self._stack = [_Frame()]
        self._deeper = 0

    @property
    def end(self) -> int:
        """The position up to which the text was read."""
        return self.scanner.position if self.scanner.exhausted else len(self.text)

    @abstractmethod
    def surplus(self) -> list[tuple[int, int]]:
        """Spans of the text that name no tables, in order."""

    def cut(self, start: int, end: int) -> None:
        while self._cuts and self._cuts[-1][0] >= start:
            self._cuts.pop()
        if self._cuts and self._cuts[-1][1] == start:
            start = self._cuts.pop()[0]
        self._cuts.append((start, end))

    def open(self, frame: _Frame) -> bool:
        """Enter a pair of brackets; beyond DEEPEST they are only counted."""
        if len(self._stack) > MAX_DEPTH:
            self._deeper += 1
            return False
        self._stack.append(frame)
        return True

    def close(self) -> _Frame | None:
        """Close the innermost open pair of brackets and return it; None if none is known."""
        if self._deeper:
            self._deeper -= 1
            return None
        return self._stack.pop() if len(self._stack) > 1 else None


class _Lists(_Cutter):
    """Rows of VALUES, IN lists, arrays."""

    def surplus(self) -> list[tuple[int, int]]:
        text, scanner = self.text, self.scanner
        scanner.stop_at(_BRACKETS)
        while (span := scanner.next()) is not None:
            if span.kind != "stop":
                continue
            char = text[span.start]
            if char == ",":
                self._comma(span.start)
            elif char in "([":
                self._opens(char, span.start)
            else:
                self._closes(char, span.start)
        return self._cuts

    def _comma(self, at: int) -> None:
        frame = self._stack[-1]
        frame.commas += 1
        if frame.commas == ITEMS_KEPT:
            frame.kept_end = at
            self.scanner.stop_at(_BRACKETS)

    def _opens(self, char: str, at: int) -> None:
        text, outer = self.text, self._stack[-1]
        frame = _Frame(char, at + 1)
        if self._deeper:
            pass
        elif char == "(" and outer.rows and self._goes_on(outer.row_end, at):
            frame.is_row = True
            if outer.rows >= ROWS_KEPT:
                row = _FLAT_ROW.match(text, at, at + _LONGEST_FLAT_ROW)
                if row is not None:
                    self.scanner.position = row.end()
                    self._row(outer, at, row.end())
                    return
        else:
            word = self._head(char, at)
            outer.rows = 0
            frame.is_row = word == "values"
            frame.is_list = word in ("in", "array", "unnest")
        if self.open(frame):
            self.scanner.stop_at(_BRACKETS_AND_COMMAS if frame.is_list else _BRACKETS)

    def _closes(self, char: str, at: int) -> None:
        frame = self.close()
        if frame is None:
            return
        outer = self._stack[-1]
        self.scanner.stop_at(_BRACKETS_AND_COMMAS if outer.is_list and outer.commas < ITEMS_KEPT else _BRACKETS)
        if (frame.opening == "(") != (char == ")"):
            return
        if frame.is_row:
            self._row(outer, frame.start - 1, at + 1)
        elif frame.kept_end and not self._names_a_table(frame.start, at):
            self.cut(frame.kept_end, at)

    def _row(self, outer: _Frame, start: int, end: int) -> None:
        if outer.rows >= ROWS_KEPT and not self._names_a_table(start, end):
            self.cut(outer.row_end, end)
        outer.rows += 1
        outer.row_end = end

    def _goes_on(self, row_end: int, at: int) -> bool:
        """True if there is only a comma between two rows."""
        return at - row_end <= _LONGEST_GAP and _BETWEEN_ROWS.fullmatch(self.text, row_end, at) is not None

    def _head(self, char: str, at: int) -> str:
        """The word before a bracket; for the bracket of an array in a parenthesis, the word before that too."""
        before = self.text[max(at - _LONGEST_GAP, 0) : at].rstrip()
        if char == "[" and before.endswith("("):
            before = before[:-1].rstrip()
            return "unnest" if before[-6:].lower() == "unnest" else ""
        if char == "(" and before[-3:].lower() == "row":  # MySQL's VALUES ROW(1, 2)
            before = before[:-3].rstrip()
            return "values" if before[-6:].lower() == "values" else ""
        word = _WORD_BACKWARDS.match(before[::-1])
        return word[1][::-1].lower() if word and (char == "[") == (word[1].lower() == "yarra") else ""

    def _names_a_table(self, start: int, end: int) -> bool:
        """True if this part may contain a query. Words within texts do not count."""
        if not _finds(_SUBQUERY, self.text, start, end):
            return False
        stretch = self.text[start:end]
        at = 0
        for span in Scanner(stretch, self.dialect):
            if _finds(_SUBQUERY, stretch, at, span.start):
                return True
            at = span.end
        return _finds(_SUBQUERY, stretch, at, len(stretch))


class _Columns(_Cutter):
    """The items of select lists beyond those that are kept."""

    def surplus(self) -> list[tuple[int, int]]:
        text, at = self.text, 0
        for span in self.scanner:
            self._clauses(at, span.start)
            at = span.end
            if span.kind != "stop":
                continue
            char = text[span.start]
            if char in "([":
                self.open(_Frame(char, at))
            elif char != ",":
                self._ends(self.close(), span.start)
            else:
                self._comma(span.start)
        self._clauses(at, self.end)
        for frame in self._stack:
            self._ends(frame, self.end)
        return sorted(self._cuts)

    def _comma(self, at: int) -> None:
        frame = self._stack[-1]
        frame.commas += 1
        if frame.commas == COLUMNS_KEPT:
            frame.kept_end = at

    def _clauses(self, start: int, end: int) -> None:
        """Enter and leave select lists between two brackets or commas."""
        if self._deeper or end - start < _SHORTEST_CLAUSE:
            return
        for word in _words(_CLAUSE, self.text, start, end):
            frame = self._stack[-1]
            self._ends(frame, word.start() - self.text[word.start() - 1].isspace())
            frame.is_list = word[0].lower() == "select"

    def _ends(self, frame: _Frame | None, at: int) -> None:
        if frame is not None and frame.is_list:
            if frame.kept_end:
                self.cut(frame.kept_end, at)
            frame.is_list, frame.commas, frame.kept_end = False, 0, 0


def _finds(pattern: re.Pattern[str], text: str, start: int, end: int) -> bool:
    """True if one of a pattern's words occurs in a part of the text."""
    return next(_words(pattern, text, start, end), None) is not None


def _words(pattern: re.Pattern[str], text: str, start: int, end: int) -> Iterator[re.Match[str]]:
    """The words of a pattern in a part of the text, searched in windows."""
    while start < end:
        stop = min(start + _WINDOW, end)
        word = pattern.search(text, start, stop)
        if word is not None and (word.end() < stop or stop == end):
            start = word.end()
            yield word
        elif stop == end:
            return
        else:
            start = stop - _LONGEST_WORD
