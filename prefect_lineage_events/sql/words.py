"""A statement as words, to read by rules where no tree is needed or none is to be had.

`Words` is three lists side by side, one entry a token: what kind it is, its word in upper case (for comparing), its
text as written. Nothing here raises on any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import IntEnum

from sqlglot.tokenizer_core import Token, TokenType


class Kind(IntEnum):
    WORD = 0  # a bare word: a keyword or an unquoted name
    NAME = 1  # a quoted identifier
    STRING = 2
    NUMBER = 3
    MARK = 4  # punctuation, an operator


_STRINGS = frozenset(
    {
        TokenType.STRING,
        TokenType.RAW_STRING,
        TokenType.HEREDOC_STRING,
        TokenType.NATIONAL_STRING,
        TokenType.UNICODE_STRING,
        TokenType.BYTE_STRING,
    }
)
_WORD = re.compile(r"[^\W\d][\w$#]*", re.UNICODE)


class Words:
    """The words of one statement, positions 0 to `len(words)`; reading beyond either end gives an empty word."""

    __slots__ = ("_closing", "_token_at", "kinds", "source", "spans", "texts", "tokens", "upper")

    def __init__(
        self,
        kinds: list[Kind],
        texts: list[str],
        spans: list[tuple[int, int]],
        source: str,
        tokens: Sequence[Token] | None = None,
        token_at: list[int] | None = None,
    ):
        self.kinds = kinds
        self.texts = texts
        self.spans = spans
        self.source = source
        self.tokens = tokens
        self.upper = [t.upper() if k in (Kind.WORD, Kind.MARK) else "" for k, t in zip(kinds, texts, strict=True)]
        self._token_at = token_at or []
        self._closing: dict[int, int] | None = None

    def __len__(self) -> int:
        return len(self.kinds)

    def word(self, at: int) -> str:
        """The word at a position in upper case; "" for what is no bare word or mark, and beyond the ends."""
        return self.upper[at] if 0 <= at < len(self.upper) else ""

    def is_word(self, at: int, *options: str) -> bool:
        return 0 <= at < len(self.upper) and self.upper[at] in options

    def follows(self, at: int, *words: str) -> bool:
        """Do these words stand at `at`, one after the other?"""
        return tuple(self.upper[at : at + len(words)]) == words

    def kind(self, at: int) -> Kind | None:
        return self.kinds[at] if 0 <= at < len(self.kinds) else None

    def is_name(self, at: int) -> bool:
        """A bare word or a quoted identifier: what may be (part of) a name."""
        return 0 <= at < len(self.kinds) and self.kinds[at] <= Kind.NAME

    def close(self, at: int) -> int:
        """Where the parenthesis that opens at `at` closes; the end of the text if it never does."""
        if self._closing is None:
            self._closing = _parentheses(self.upper)
        return self._closing.get(at, len(self.upper))

    def find(self, options: frozenset[str], start: int, end: int | None = None) -> int:
        """The first of some words from `start` on, outside parentheses; -1 where there is none."""
        at, end = start, len(self.upper) if end is None else end
        while at < end:
            word = self.upper[at]
            if word in options:
                return at
            at = self.close(at) + 1 if word == "(" else at + 1
        return -1

    def between(self, start: int, end: int) -> str:
        """The source text of the words from `start` to before `end`."""
        if start >= end or start >= len(self.spans):
            return ""
        return self.source[self.spans[start][0] : self.spans[min(end, len(self.spans)) - 1][1] + 1]

    def part(self, start: int, end: int | None = None) -> Words:
        """The words from `start` to before `end`, as words of their own."""
        return Words(
            self.kinds[start:end],
            self.texts[start:end],
            self.spans[start:end],
            self.source,
            self.tokens,
            self._token_at[start:end],
        )

    def tokens_between(self, start: int, end: int) -> Sequence[Token] | None:
        """The tokens of the words from `start` to before `end`, for the parser; None where the text has none."""
        end = min(end, len(self.kinds))
        if self.tokens is None or start >= end:
            return None
        return self.tokens[self._token_at[start] : self._token_at[end - 1] + 1]

    def split(self, mark: str) -> Iterator[Words]:
        """What stands between the marks outside parentheses; empty parts left out."""
        start = at = 0
        size = len(self.upper)
        while at < size:
            word = self.upper[at]
            if word == mark:
                if at > start:
                    yield self.part(start, at)
                start = at + 1
            at = self.close(at) + 1 if word == "(" else at + 1
        if start < size:
            yield self if start == 0 else self.part(start)

    def items(self, opening: int) -> Iterator[tuple[int, int]]:
        """Spans of what the commas separate within the parenthesis that opens at `opening`."""
        end = self.close(opening)
        start = at = opening + 1
        while at < end:
            word = self.upper[at]
            if word == ",":
                yield start, at
                start = at + 1
            at = self.close(at) + 1 if word == "(" else at + 1
        if start < end:
            yield start, end


def _parentheses(upper: list[str]) -> dict[int, int]:
    closing: dict[int, int] = {}
    opened: list[int] = []
    for at, word in enumerate(upper):
        if word == "(":
            opened.append(at)
        elif word == ")" and opened:
            closing[opened.pop()] = at
    return closing


_MARKS = frozenset({TokenType.PARAMETER, TokenType.PLACEHOLDER})


def from_tokens(tokens: Sequence[Token], source: str) -> Words:
    """The words of tokens; a keyword of several words (`GROUP BY`) becomes as many."""
    kinds: list[Kind] = []
    texts: list[str] = []
    spans: list[tuple[int, int]] = []
    token_at: list[int] = []
    for at, token in enumerate(tokens):
        text, found = token.text, _kind(token)
        for part in text.split() if found == Kind.WORD and (" " in text or "\n" in text) else (text,):
            kinds.append(found)
            texts.append(part)
            spans.append((token.start, token.end))
            token_at.append(at)
    return Words(kinds, texts, spans, source, tokens, token_at)


def _kind(token: Token) -> Kind:
    kind, text = token.token_type, token.text
    if kind == TokenType.IDENTIFIER:
        return Kind.NAME
    if kind in _STRINGS:
        return Kind.STRING
    if kind == TokenType.NUMBER:
        return Kind.NUMBER
    if kind in _MARKS or not text:
        return Kind.MARK
    return Kind.WORD if text[0].isalpha() or text[0] in "_$" else Kind.MARK


_LOOSE = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<string>'(?:[^'\\]|''|\\.)*(?:'|\Z))
    |(?P<name>"[^"]*"|`[^`]*`|\[[^\]\n]*\])
    |(?P<word>[^\W\d][\w$#]*)
    |(?P<number>\d[\w.]*)
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)


def from_text(text: str) -> Words:
    """The words of a text that its dialect's tokenizer refuses (an open quote), read loosely."""
    kinds: list[Kind] = []
    texts: list[str] = []
    spans: list[tuple[int, int]] = []
    by_group = {"string": Kind.STRING, "name": Kind.NAME, "word": Kind.WORD, "number": Kind.NUMBER, "mark": Kind.MARK}
    for match in _LOOSE.finditer(text):
        group = match.lastgroup
        if group is None or group == "space":
            continue
        found = match[0]
        kinds.append(by_group[group])
        texts.append(found[1:-1] if group in ("string", "name") else found)
        spans.append((match.start(), match.end() - 1))
    return Words(kinds, texts, spans, text)
