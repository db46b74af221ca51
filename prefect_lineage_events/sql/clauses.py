"""Clauses that sqlglot's dialect does not know, written as others that mean the same to tables and columns."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET})
_BEFORE_APPLY = frozenset({TokenType.STAR, TokenType.R_PAREN})


def merge_with_delete(tokens: Sequence[Token]) -> Sequence[Token]:
    """Oracle's `UPDATE SET ... DELETE WHERE c` in a MERGE, as `WHEN MATCHED AND c THEN DELETE` (docs.oracle.com)."""
    if tokens[0].token_type is not TokenType.MERGE:
        return tokens
    written: list[Token] = []
    waiting: list[Token] = []  # what closes the branch that is open
    depth = 0
    for at, token in enumerate(tokens):
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        follows = tokens[at + 1].token_type if at + 1 < len(tokens) else None
        if token.token_type is TokenType.DELETE and follows is TokenType.WHERE and not depth:
            written += [_as(token, TokenType.WHEN, "WHEN"), _as(token, TokenType.VAR, "MATCHED")]
            waiting = [_as(token, TokenType.THEN, "THEN"), token]
        elif token.token_type is TokenType.WHERE and waiting and tokens[at - 1].token_type is TokenType.DELETE:
            written.append(_as(token, TokenType.AND, "AND"))
        else:
            if token.token_type is TokenType.WHEN and not depth:
                written += waiting
                waiting = []
            written.append(token)
    return [*written, *waiting]


def apply_of_a_name(tokens: Sequence[Token]) -> Sequence[Token]:
    """ClickHouse's APPLY with a name in parentheses: without them, of a lambda, of a function with parameters.

    A blank behind the name says that the column is not called after it (clickhouse.com/docs: SELECT, APPLY).
    """
    if not any(token.text.upper() == "APPLY" for token in tokens):
        return tokens
    written: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        written.append(token)
        at += 1
        if token.text.upper() != "APPLY" or at == len(tokens) or len(written) < 2:
            continue
        inner = tokens[at]
        if inner.token_type is TokenType.L_PAREN:
            end = _closing(tokens, at)
            if end > at + 2:
                is_lambda = any(t.token_type is TokenType.ARROW for t in tokens[at:end])
                name = " " if is_lambda else f"{tokens[at + 1].text} "
                written += [inner, _as(tokens[at + 1], TokenType.VAR, name)]
                at = end
        elif written[-2].token_type in _BEFORE_APPLY and inner.token_type is not TokenType.FROM:
            written += [
                _as(inner, TokenType.L_PAREN, "("),
                _as(inner, TokenType.VAR, inner.text),
                _as(inner, TokenType.R_PAREN, ")"),
            ]
            at += 1
    return written


def _closing(tokens: Sequence[Token], opening: int) -> int:
    """The position of the parenthesis that closes the one at `opening`; `opening` itself where none does."""
    depth = 0
    for at in range(opening, len(tokens)):
        depth += (tokens[at].token_type in _OPENING) - (tokens[at].token_type in _CLOSING)
        if not depth:
            return at
    return opening


def _as(token: Token, kind: TokenType, text: str) -> Token:
    return Token(kind, text, token.line, token.col, token.start, token.end)
