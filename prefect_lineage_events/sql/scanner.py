"""Scanner of the quoted texts, quoted names and comments of a text, whose content is no SQL.

A walk, not a single pattern. A pattern searches the rest of the text again and again if a quote is never closed, or if
a comment may end at two positions. The walk visits each opening once and finds its end by one search. If there is no
end, later openings of the kind are skipped. Each call searches a limited part of the text, so that the interpreter can
run the user's threads in between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from sqlglot.dialects.dialect import Dialect

Kind = Literal["text", "name", "comment", "dollar", "stop"]

MAX_STEPS = 300_000  # openings of quotes, comments and brackets: about half a second
_WINDOW = 65_536  # characters that one search for the next opening looks at
DOLLAR_TAG = re.compile(r"\$\w{0,128}\$")
_BLANK = re.compile(r"\S")
_BRACKETS = {"[": "]", "{": "}", "(": ")", "<": ">"}
_CONTROL = re.compile(r"[\s\x00-\x1f\x7f]")
_MAX_UNCLOSED_TAGS = 100


class Span(NamedTuple):
    """A part of a text. A `stop` is a character that the caller asked for; `quote` is the length of a closing quote."""

    kind: Kind
    start: int
    end: int
    quote: int = 0


@dataclass(frozen=True, slots=True)
class _Quote:
    opening: str
    closing: str
    backslash: bool
    kind: Kind


@dataclass(frozen=True, slots=True)
class _ScannerRules:
    quotes: dict[str, tuple[_Quote, ...]]  # by the first character, the longest opening first
    lines: tuple[str, ...]  # openings of comments that end with their line
    dash_needs_blank: bool
    nested: bool
    has_q_quotes: bool
    comments: frozenset[str]  # one or two characters that begin a comment
    openings: frozenset[str]  # first characters of all of these


class Scanner:
    """Scanner of one text. The next search starts at `position`; a caller may move it forward.

    `steps` is the number of openings that it still visits. Then it is `exhausted`, and `position` is the end of what
    was scanned.

    A quote or a dollar tag that is never closed is none. A comment that is never closed extends to the end.
    `runs`: of consecutive short texts, without a stop between them, only the first is returned.
    """

    def __init__(
        self,
        text: str,
        dialect: str,
        stops: str = "",
        delimiter: str = "",
        steps: int = MAX_STEPS,
        *,
        runs: bool = False,
    ) -> None:
        self.text = text
        self.position = 0
        self.exhausted = False
        self.steps = steps
        self._dialect = dialect
        self._unclosed: set[str] = set()
        self._unclosed_tags = 0
        self._delimiter = delimiter
        self._runs = runs
        self.stop_at(stops)

    def stop_at(self, stops: str) -> None:
        """From here on, stop at these characters outside of quotes and comments.

        A delimiter takes precedence over a quote or a comment that begins with the same characters.
        """
        self._rules, self._starts, self._run = _of_dialect(self._dialect, stops + self._delimiter[:1])
        self._stops = stops

    def __iter__(self) -> Iterator[Span]:
        while (span := self.next()) is not None:
            yield span

    def next(self) -> Span | None:
        """The next span; None at the end of the text or of the steps."""
        text, size = self.text, len(self.text)
        while self.position < size:
            match = self._starts.search(text, self.position, self.position + _WINDOW)
            if match is None:
                self.position += _WINDOW
                continue
            at = match.start()
            char = text[at]
            self.steps -= 1
            if self.steps < 0:
                self.exhausted = True
                return None
            if self._delimiter and text.startswith(self._delimiter, at):
                self.position = at + len(self._delimiter)
                return Span("stop", at, self.position)
            span = self._span(at, char) if char in self._rules.openings else None
            if span is not None:
                self.position = span.end
                if self._runs and span.kind == "text" and self._run is not None:
                    run = self._run.match(text, span.end, span.end + _WINDOW)
                    self.position = run.end() if run else span.end
                return span
            self.position = at + 1
            if char in self._stops:
                return Span("stop", at, at + 1)
        self.position = size
        return None

    def skip_blanks(self, start: int) -> int:
        """The end of the blanks from `start` on."""
        match = _BLANK.search(self.text, start)
        return match.start() if match else len(self.text)

    def comment_end(self, start: int) -> int:
        """The end of the comment that begins at `start`; `start` itself if there is none."""
        text, rules = self.text, self._rules
        if text.startswith("/*", start):
            return self._block_end(start + 2)
        for opening in rules.lines:
            if text.startswith(opening, start):
                after = start + len(opening)
                if opening == "--" and rules.dash_needs_blank and after < len(text) and not _CONTROL.match(text, after):
                    continue
                ends = [end for sign in "\r\n" if (end := text.find(sign, after, self._line_end(after) + 1)) >= 0]
                return min(ends, default=len(text))
        return start

    def _line_end(self, start: int) -> int:
        end = self.text.find("\n", start)
        return end if end >= 0 else len(self.text)

    def _span(self, at: int, char: str) -> Span | None:
        text = self.text
        if char == "$":
            return self._dollar(at)
        for quote in self._rules.quotes.get(char, ()):
            if quote.opening in self._unclosed or not text.startswith(quote.opening, at):
                continue
            end, size = self._quote_end(at, quote)
            if end >= 0:
                return Span(quote.kind, at, end, size)
        if text[at : at + 2] not in self._rules.comments and char not in self._rules.comments:
            return None
        end = self.comment_end(at)
        return Span("comment", at, end) if end > at else None

    def _quote_end(self, at: int, quote: _Quote) -> tuple[int, int]:
        """The end of the quote that opens at `at`, and the length of its closing; -1 if it never ends."""
        text, closing, start = self.text, quote.closing, at + len(quote.opening)
        prefix = text[at - 1 : at] if at and not _is_word(text[at - 2 : at - 1]) else ""
        if prefix in ("q", "Q") and self._rules.has_q_quotes and start < len(text):
            end = self._q_quote_end(_BRACKETS.get(text[start], text[start]) + "'", start + 1)
            if end >= 0:
                return end, 2
        escapes = quote.backslash or (prefix in ("e", "E") and quote.opening == "'")
        mark = "E'" if escapes and not quote.backslash else quote.opening
        if mark in self._unclosed:
            return -1, 0
        end = closed = -1
        inner = _inner(closing, escapes) if len(closing) == 1 and quote.opening == closing else None
        while True:
            while inner is not None and (run := inner.match(text, start, start + _WINDOW)) is not None:
                start = run.end()
                closed = max(closed, run.end(1) - 1)
            end = _escaped_end(text, closing, start) if escapes else text.find(closing, start)
            if end < 0:
                break
            closed = start = end + len(closing)
            if len(closing) > 1 or quote.opening != closing or text[closed : closed + 1] != closing:
                break
            start = closed + 1  # a doubled quote: the text goes on
        if end < 0:
            self._unclosed.add(mark)
        return closed, len(closing)

    def _q_quote_end(self, closing: str, start: int) -> int:
        """The end of Oracle's `q'[...]'`; -1 if it never ends."""
        end = -1 if closing in self._unclosed else self.text.find(closing, start)
        if end < 0:
            self._unclosed.add(closing)
        return end + len(closing) if end >= 0 else -1

    def _block_end(self, start: int) -> int:
        text, depth, end = self.text, 1, self.text.find("*/", start)
        while end >= 0:
            opened = text.find("/*", start, end) if self._rules.nested else -1
            if opened >= 0:
                depth, start = depth + 1, opened + 2
                continue
            depth, start = depth - 1, end + 2
            if not depth:
                return start
            end = text.find("*/", start)
        return len(text)

    def _dollar(self, at: int) -> Span | None:
        text = self.text
        following = text[at + 1 : at + 2]
        if following != "$" and not _is_word(following):
            return None
        if self._unclosed_tags >= _MAX_UNCLOSED_TAGS or (at and (_is_word(text[at - 1]) or text[at - 1] == "$")):
            return None
        tag = DOLLAR_TAG.match(text, at)
        if tag is None:
            return None
        end = text.find(tag[0], tag.end())
        if end < 0:
            self._unclosed_tags += 1
            return None
        return Span("dollar", at, end + len(tag[0]), len(tag[0]))


def _escaped_end(text: str, closing: str, start: int) -> int:
    """The position of the first `closing` without a backslash before it; -1 if there is none."""
    end = text.find(closing, start)
    while end >= 0:
        escape = text.find("\\", start, end)
        if escape < 0:
            return end
        start = escape + 2
        if start > end:
            end = text.find(closing, start)
    return -1


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


@lru_cache(maxsize=16)
def _inner(closing: str, escapes: bool) -> re.Pattern[str]:
    """A pattern for a text up to its last doubled quote (the group) or escape: one step for up to 1,000 of them."""
    quote = re.escape(closing)
    if escapes:
        return re.compile(rf"(?:[^{quote}\\]*(?:\\.|({quote}{quote}))){{1,1000}}", re.DOTALL)
    return re.compile(f"(?:[^{quote}]*({quote}{quote})){{1,1000}}")


@lru_cache(maxsize=128)
def _of_dialect(dialect: str, stops: str) -> tuple[_ScannerRules, re.Pattern[str], re.Pattern[str] | None]:
    base = Dialect.get_or_raise(dialect if Dialect.get(dialect) else "").tokenizer_class
    escapes = "\\" in base._STRING_ESCAPES
    texts = [_Quote(start, end, escapes, "text") for start, end in base._QUOTES.items()]
    names = [_Quote(start, end, False, "name") for start, end in base._IDENTIFIERS.items()]
    quotes: dict[str, tuple[_Quote, ...]] = {}
    for quote in sorted(texts, key=lambda q: -len(q.opening)) + names:
        quotes[quote.opening[0]] = (*quotes.get(quote.opening[0], ()), quote)
    lines = tuple(start for start, end in base._COMMENTS.items() if end is None)
    openings = frozenset({*quotes, *(line[0] for line in lines), "/", "$"})
    words = _ScannerRules(
        quotes=quotes,
        lines=lines,
        dash_needs_blank=base.DASH_COMMENT_REQUIRES_BOUNDARY,
        nested=base.NESTED_COMMENTS,
        has_q_quotes="q'[" in base._FORMAT_STRINGS,
        comments=frozenset({*(line[:2] for line in lines), "/*"}),
        openings=openings,
    )
    signs = "".join(re.escape(c) for c in sorted(openings | set(stops)))
    has_plain = len(quotes.get("'", ())) == 1 and not words.has_q_quotes
    return words, re.compile(f"[{signs}]"), _plain_texts(signs, stops) if has_plain else None


def _plain_texts(signs: str, stops: str) -> re.Pattern[str]:
    """A pattern for short texts without escapes, with none of these signs between them but a minus and a slash."""
    single = "|".join(sign for sign in (r"-(?!-)", r"/(?![*/])") if sign[0] not in stops)
    between = rf"[^{signs}]*(?:(?:{single})[^{signs}]*)*" if single else rf"[^{signs}]*"
    return re.compile(rf"(?:{between}'[^'\\]{{0,200}}(?:''[^'\\]{{0,200}}){{0,20}}'(?!')){{1,100}}")
