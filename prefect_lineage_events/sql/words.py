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
    BIND = 5  # what stands for a value that the text does not tell


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

    __slots__ = ("_closing", "kinds", "source", "spans", "texts", "tokens", "upper")

    def __init__(
        self,
        kinds: list[Kind],
        texts: list[str],
        spans: list[tuple[int, int]],
        source: str,
        tokens: Sequence[Token] | None,
    ):
        self.kinds = kinds
        self.texts = texts
        self.spans = spans
        self.source = source
        self.tokens = tokens
        self.upper = [t.upper() if k in (Kind.WORD, Kind.MARK) else "" for k, t in zip(kinds, texts, strict=True)]
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


def from_tokens(tokens: Sequence[Token], source: str) -> Words:
    """The words of tokens; a keyword of several words (`GROUP BY`) becomes as many."""
    kinds: list[Kind] = []
    texts: list[str] = []
    spans: list[tuple[int, int]] = []
    for token in tokens:
        text, kind = token.text, token.token_type
        if kind == TokenType.IDENTIFIER:
            found = Kind.NAME
        elif kind in _STRINGS:
            found = Kind.STRING
        elif kind == TokenType.NUMBER:
            found = Kind.NUMBER
        elif kind in (TokenType.PARAMETER, TokenType.PLACEHOLDER):
            found = Kind.MARK
        else:
            found = Kind.WORD if text and (text[0].isalpha() or text[0] in "_$#@") and text != "@" else Kind.MARK
        if found == Kind.WORD and " " in (flat := " ".join(text.split())):
            for part in flat.split(" "):
                kinds.append(found)
                texts.append(part)
                spans.append((token.start, token.end))
            continue
        kinds.append(found)
        texts.append(text)
        spans.append((token.start, token.end))
    return Words(kinds, texts, spans, source, tokens)


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
    return Words(kinds, texts, spans, text, None)
