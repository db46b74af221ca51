"""T-SQL's OUTPUT clause, in forms that sqlglot does not know (learn.microsoft.com: OUTPUT clause).

sqlglot reads `OUTPUT ... INTO` of a single name only, and no OUTPUT after DELETE FROM.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

_MARKS = frozenset({TokenType.PARAMETER, TokenType.HASH})
_OPENING, _CLOSING = TokenType.L_PAREN, TokenType.R_PAREN
_ENDS_OUTPUT = frozenset(
    {TokenType.FROM, TokenType.WHERE, TokenType.VALUES, TokenType.SELECT, TokenType.WITH, TokenType.OPTION,
     TokenType.DEFAULT, TokenType.EXECUTE}
)  # fmt: skip
_NO_NAMES = frozenset({TokenType.COMMA, TokenType.DOT, _OPENING, _CLOSING, TokenType.STRING, TokenType.NUMBER})


def without_target(tokens: Sequence[Token]) -> tuple[Sequence[Token], Sequence[Token]]:
    """The tokens without the INTO of their OUTPUT clause, and the tokens of the table (and its columns) behind it."""
    start = _outside(tokens, frozenset({TokenType.RETURNING}), 1)
    if start == -1:
        return tokens, ()
    end = _outside(tokens, _ENDS_OUTPUT, start)
    end = len(tokens) if end == -1 else end
    into = _outside(tokens, frozenset({TokenType.INTO}), start, end)
    target: Sequence[Token] = ()
    if into != -1:
        after = _after_target(tokens, into + 1)
        target, tokens = tokens[into + 1 : after], [*tokens[:into], *tokens[after:]]
        end -= after - into
    is_delete = [t.token_type for t in tokens[:2]] == [TokenType.DELETE, TokenType.FROM]
    return (_output_last(tokens, start, end) if is_delete else tokens), target


def _output_last(tokens: Sequence[Token], start: int, end: int) -> Sequence[Token]:
    """`DELETE FROM t OUTPUT x WHERE c` as `DELETE FROM t WHERE c OUTPUT x`.

    With a second FROM, the first one is left out: `DELETE t OUTPUT x FROM t JOIN s`.
    """
    if end < len(tokens) and tokens[end].token_type is TokenType.FROM:
        return [tokens[0], *tokens[2:]]
    return [*tokens[:start], *tokens[end:], *tokens[start:end]]


def _outside(tokens: Sequence[Token], kinds: frozenset[TokenType], start: int, end: int | None = None) -> int:
    """The position of the first token of some kinds outside of parentheses; -1 if there is none."""
    depth = 0
    for at in range(start, len(tokens) if end is None else end):
        kind = tokens[at].token_type
        if not depth and kind in kinds:
            return at
        depth += (kind is _OPENING) - (kind is _CLOSING)
    return -1


def _after_target(tokens: Sequence[Token], at: int) -> int:
    """The position after `@t`, `#t` or `d.s.t`, and a list of columns behind it."""
    size = len(tokens)
    while at < size and tokens[at].token_type in _MARKS:
        at += 1
    at += 1
    while at + 1 < size and tokens[at].token_type is TokenType.DOT:
        at += 1 + (tokens[at + 1].token_type is not TokenType.DOT)
    closing = at
    while closing < size and tokens[closing].token_type is not _CLOSING:
        closing += 1
    listed = tokens[at + 1 : closing]
    is_list = at < closing < size and tokens[at].token_type is _OPENING
    if is_list and all((t.token_type is TokenType.COMMA) == bool(i % 2) for i, t in enumerate(listed)):
        return closing + 1 if not any(t.token_type in _NO_NAMES for t in listed[::2]) else at
    return min(at, size)


def as_insert(target: Sequence[Token]) -> list[Token]:
    """Tokens of an INSERT into the target, for the parser."""
    first = target[0]
    kinds = TokenType.INSERT, TokenType.INTO, TokenType.DEFAULT, TokenType.VALUES
    made = [Token(kind, kind.name, first.line, first.col, first.start, first.end) for kind in kinds]
    return [*made[:2], *target, *made[2:]]
