"""The tokens of a long text in parallel arrays, which are only a few objects for the garbage collector.

A full collection holds the interpreter's lock and visits every object of the user's program. Python starts one when the
objects that survived younger collections have grown by a quarter. As objects of their own, the tokens of a long text
are that many.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import overload

from sqlglot.tokenizer_core import Token, TokenType

MAX_OBJECTS = 2_000  # tokens that are kept as objects; more are packed
_NO_COMMENTS: list[str] = []  # shared by all tokens without comments: a list for each would be as many objects


class PackedTokens(Sequence[Token]):
    """A sequence of tokens, each of which is created on access: changes of such a token change nothing here.

    Comments beside the tokens are not kept, except those that are a hint.
    """

    __slots__ = ("_columns", "_ends", "_hints", "_kinds", "_lines", "_starts", "_texts")

    def __init__(self, tokens: Sequence[Token] = ()) -> None:
        self._kinds: list[TokenType] = []
        self._texts: list[str] = []
        self._lines, self._columns = array("q"), array("q")
        self._starts, self._ends = array("q"), array("q")
        self._hints: dict[int, list[str]] = {}
        self.extend(tokens)

    def extend(self, tokens: Sequence[Token]) -> None:
        kinds = [token.token_type for token in tokens]
        if TokenType.HINT in kinds:
            self._hints.update((len(self) + i, tokens[i].comments) for i, k in enumerate(kinds) if k is TokenType.HINT)
        self._kinds += kinds
        self._texts += [token.text for token in tokens]
        self._lines.extend([token.line for token in tokens])
        self._columns.extend([token.col for token in tokens])
        self._starts.extend([token.start for token in tokens])
        self._ends.extend([token.end for token in tokens])

    def append(self, token: Token) -> None:
        self.extend((token,))

    def pop(self) -> None:
        """Remove the last token."""
        for values in (self._kinds, self._texts, self._lines, self._columns, self._starts, self._ends):
            values.pop()
        self._hints.pop(len(self), None)

    def part(self, start: int, end: int, offset: int = 0) -> PackedTokens | list[Token]:
        """The tokens from `start` to before `end`, with positions less by `offset`; a list if they are few."""
        part = PackedTokens()
        part._kinds, part._texts = self._kinds[start:end], self._texts[start:end]
        part._lines, part._columns = self._lines[start:end], self._columns[start:end]
        part._starts, part._ends = self._starts[start:end], self._ends[start:end]
        if offset:
            part._starts = array("q", [position - offset for position in part._starts])
            part._ends = array("q", [position - offset for position in part._ends])
        if self._hints:
            part._hints = {at - start: comments for at, comments in self._hints.items() if start <= at < end}
        return part if end - start > MAX_OBJECTS else list(part)

    def __len__(self) -> int:
        return len(self._kinds)

    def __iter__(self) -> Iterator[Token]:
        if self._hints:
            return map(self._token, range(len(self)))
        positions = (self._lines, self._columns, self._starts, self._ends)
        return map(Token, self._kinds, self._texts, *positions, repeat(_NO_COMMENTS))

    @overload
    def __getitem__(self, at: int) -> Token: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Token]: ...
    def __getitem__(self, at: int | slice) -> Token | Sequence[Token]:
        if isinstance(at, slice):
            start, end, _ = at.indices(len(self))
            return self.part(start, max(start, end))
        return self._token(at)

    def __setitem__(self, at: int, token: Token) -> None:
        """Set the kind and the text of the token at a position."""
        self._kinds[at], self._texts[at] = token.token_type, token.text

    def _token(self, at: int) -> Token:
        comments = self._hints.get(at % len(self), _NO_COMMENTS) if self._hints else _NO_COMMENTS
        return Token(
            self._kinds[at],
            self._texts[at],
            self._lines[at],
            self._columns[at],
            self._starts[at],
            self._ends[at],
            comments,
        )


Tokens = list[Token] | PackedTokens


def empty_like(tokens: Sequence[Token]) -> Tokens:
    """An empty sequence of tokens, of the same type as these."""
    return PackedTokens() if isinstance(tokens, PackedTokens) else []


def copy_of(tokens: Sequence[Token]) -> Tokens:
    return tokens.part(0, len(tokens)) if isinstance(tokens, PackedTokens) else list(tokens)
