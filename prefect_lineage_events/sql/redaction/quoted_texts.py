"""SQLite takes `"text"` for a text where no column has that name, and a secret is as often quoted so as a name.

Nobody here knows the columns. Where a value is expected (compared with, assigned, listed) it counts as a text: what
would be lost is an edge of a name that needed no quotes, or could have been qualified.
https://www.sqlite.org/quirks.html#double_quoted_string_literals_are_accepted
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from prefect_lineage_events.sql.packed_tokens import Tokens, copy_of

DIALECTS = frozenset({"sqlite"})
_BEFORE_VALUES = frozenset(
    {
        TokenType.EQ,
        TokenType.NEQ,
        TokenType.LT,
        TokenType.GT,
        TokenType.LTE,
        TokenType.GTE,
        TokenType.LIKE,
        TokenType.GLOB,
        TokenType.IS,
        TokenType.BETWEEN,
    }
)
_LISTS = frozenset({TokenType.VALUES, TokenType.IN})


def quoted_texts(tokens: Sequence[Token], text: str) -> Tokens:
    """The tokens, with texts for the names in double quotes that stand where a value is expected."""
    result = copy_of(tokens)
    lists = [False]  # for each open parenthesis: is it a list of values?
    rows = -1  # how deep the VALUES stands whose rows are being read
    before: TokenType | None = None
    for i, token in enumerate(tokens):
        kind = token.token_type
        if kind is TokenType.L_PAREN:
            is_row = before is TokenType.COMMA and rows == len(lists)
            rows = len(lists) if before is TokenType.VALUES else rows
            lists.append(is_row or before in _LISTS)
        elif kind is TokenType.R_PAREN and len(lists) > 1:
            lists.pop()
        elif kind is TokenType.IDENTIFIER and text[token.start] == '"' and not _is_qualified(tokens, i):
            in_list = lists[-1] and before in (TokenType.L_PAREN, TokenType.COMMA)
            if in_list or before in _BEFORE_VALUES:
                result[i] = Token(TokenType.STRING, token.text, token.line, token.col, token.start, token.end)
        elif kind is not TokenType.COMMA and rows == len(lists):
            rows = -1
        before = kind
    return result


def _is_qualified(tokens: Sequence[Token], i: int) -> bool:
    return i + 1 < len(tokens) and tokens[i + 1].token_type is TokenType.DOT
