"""Teradata's phrases behind a value, which the parser does not know: `a (TITLE 'x')`, `b (FORMAT '999', NAMED c)`.

They say how a value is shown, and perhaps what it is called (docs.teradata.com: Data Definition, TITLE, FORMAT, NAMED).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

_SHOWN = frozenset({"TITLE", "FORMAT"})
_VALUES = frozenset({TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.STRING, TokenType.NUMBER})


def without_phrases(tokens: Sequence[Token]) -> Sequence[Token]:
    """The tokens without such phrases; a name among them becomes an alias."""
    kept: list[Token] = []
    at = 0
    while at < len(tokens):
        end = _phrase_end(tokens, at) if tokens[at].token_type == TokenType.L_PAREN else at
        if end == at:
            kept.append(tokens[at])
            at += 1
            continue
        for i in range(at + 1, end - 1):
            if tokens[i].text.upper() == "NAMED":
                opening, name = tokens[at], tokens[i + 1]
                kept += [Token(TokenType.ALIAS, "AS", opening.line, opening.col, opening.start, opening.end), name]
        at = end
    return kept if len(kept) < len(tokens) else tokens


def _phrase_end(tokens: Sequence[Token], at: int) -> int:
    """The position behind the phrases in the brackets that open at `at`; `at` itself where they hold something else."""
    if at == 0 or tokens[at - 1].token_type not in _VALUES:
        return at
    i = at + 1
    while i + 2 < len(tokens):
        word, value = tokens[i].text.upper(), tokens[i + 1].token_type
        known = (word in _SHOWN and value == TokenType.STRING) or (word == "NAMED" and value in _VALUES)
        if not known:
            return at
        if tokens[i + 2].token_type == TokenType.R_PAREN:
            return i + 3
        i += 3 if tokens[i + 2].token_type == TokenType.COMMA else 2
    return at
