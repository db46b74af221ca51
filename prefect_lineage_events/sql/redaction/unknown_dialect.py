"""Texts of an unknown dialect: a literal or a comment of any dialect counts as one.

`#` and `//` begin comments, `q'[...]'` is a literal, and a text in double quotes is a name only in the position of a
name: in a dotted name, as a table or an alias, in the list of columns of a table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from prefect_lineage_events.sql.lexer import word_set
from prefect_lineage_events.sql.packed_tokens import Tokens, copy_of
from prefect_lineage_events.windowed import search

REASON = "a text in double quotes may be a name: the dialect is not known"
_MARK = re.compile(r"['\"`#]|--|/\*|//")
_ESCAPED_QUOTE = re.compile(r"\\['\"]")
_BEFORE_NAME = re.compile(r"(?:\b(?:from|join|into|table|update|exists|using|on)\s+|\.\s*)\Z", re.IGNORECASE)
_LOOKED_BACK_AT = 40
_AFTER_ALIAS = frozenset({"", ",", ")", "FROM", "INTO", ";"})
_BEFORE_COLUMN = frozenset({TokenType.DOT, TokenType.COMMA, TokenType.SELECT, TokenType.DISTINCT})
_CLOSING = {"[": "]", "(": ")", "{": "}", "<": ">"}

_NAMED_BEHIND = word_set(
    "JOIN INTO TABLE UPDATE VIEW AS EXISTS COPY ONLY TRUNCATE INDEX STAGE STREAM OVERWRITE CLONE COLUMN SCHEMA"
)
_SELECTING = word_set("SELECT DELETE UPDATE MERGE INSERT")
_AFTER_FROM = word_set(
    "WHERE GROUP ORDER HAVING ON SET LIMIT UNION INTERSECT EXCEPT WINDOW QUALIFY SELECT VALUES USING"
)


def without_comments(text: str) -> str:
    """The text, in the same length, without `q'[...]'` and without comments of dialects; those of SQL itself stay."""
    pieces: list[str] = []
    missing: set[str] = set()
    at = position = 0
    while mark := search(_MARK, text, 2, position):
        start, sign = mark.start(), mark[0]
        if sign in ("'", '"', "`"):
            quoted = _oracle_text(text, start, missing) if sign == "'" else 0
            position = quoted or _close(text, mark.end(), sign)
            if quoted:
                pieces += [text[at : start - 1], " '", " " * (quoted - start - 2), "'"]
                at = quoted
            continue
        if sign == "/*":
            close = text.find("*/", mark.end())
            position = len(text) if close < 0 else close + 2
            continue
        end = text.find("\n", mark.end())
        end = len(text) if end < 0 else end
        if sign == "--" or not _is_comment(text, start, sign):
            position = end if sign == "--" else mark.end()
            continue
        pieces += [text[at:start], " " * (end - start)]
        at = position = end
    return "".join([*pieces, text[at:]]) if pieces else text


def is_doubtful(text: str) -> bool:
    """True if the dialects disagree on the end of its texts: `\\'` is a quote in some, and the end in others."""
    return "\\" in text and _ESCAPED_QUOTE.search(text) is not None


def texts_in_double_quotes(tokens: Sequence[Token], text: str) -> tuple[Tokens, bool]:
    """The tokens, with texts for names in double quotes in positions of texts; True if one may be a name after all."""
    result = copy_of(tokens)
    texts: list[tuple[int, bool]] = []
    names: set[str] = set()
    opened = [_Level()]
    before = ""
    for i, token in enumerate(tokens):
        kind = token.token_type
        word = token.text.upper()
        level = opened[-1]
        if kind is TokenType.L_PAREN:
            opened.append(_Level(lists_columns=level.named and before != "IN", is_row=level.values))
        elif kind is TokenType.R_PAREN and len(opened) > 1:
            opened.pop()
        elif kind is TokenType.IDENTIFIER and text[token.start] == '"':
            is_name = _is_part(tokens, i) or level.names(before, tokens[i - 2].text.upper() if i > 1 else "")
            if is_name or (level.projects and _is_alias(tokens, i)):
                names.add(token.text)
            else:
                texts.append((i, level.is_row))
        else:
            level.see(word)
        before = word if kind is not TokenType.IDENTIFIER else ""
    for i, is_row in texts:
        token = tokens[i]
        if is_row or token.text not in names:  # a name that the statement itself defines is a name everywhere
            result[i] = Token(TokenType.STRING, token.text, token.line, token.col, token.start, token.end)
    return result, not all(is_row for _, is_row in texts)


class _Level:
    """State of the words read within one parenthesis.

    `named`: a target was named, whose columns may be listed next. `values`: rows of values follow. `projects`: the list
    after SELECT has not ended.
    """

    __slots__ = ("in_from", "is_row", "lists_columns", "named", "projects", "selects", "values")

    def __init__(self, lists_columns: bool = False, is_row: bool = False) -> None:
        self.lists_columns, self.is_row = lists_columns, is_row
        self.selects = self.in_from = self.named = self.values = self.projects = False

    def see(self, word: str) -> None:
        self.values = word == "VALUES" or (self.values and word == ",")
        if word in _SELECTING:
            self.selects = True
        if word == "FROM" or word in _AFTER_FROM:
            self.projects = word == "SELECT"
        if word in ("INTO", "TABLE"):
            self.named = True
        elif word in _AFTER_FROM:
            self.in_from = self.named = False
        elif word == "FROM":
            self.in_from = self.selects

    def names(self, before: str, earlier: str) -> bool:
        """True if a name follows this word."""
        if before == "FROM":
            return self.in_from and earlier != "DISTINCT"
        if before == ",":
            return self.in_from or self.lists_columns
        if before == "TO":
            return earlier == "RENAME"
        return before in _NAMED_BEHIND or (self.lists_columns and before == "(") or (self.in_from and before == "")


def _is_part(tokens: Sequence[Token], i: int) -> bool:
    is_dot = TokenType.DOT
    return (i > 0 and tokens[i - 1].token_type is is_dot) or (
        i + 1 < len(tokens) and tokens[i + 1].token_type is is_dot
    )


def _is_alias(tokens: Sequence[Token], i: int) -> bool:
    """True if it follows a column or a call, as only an alias can: `t.a "x"`, `f(a) "x"`, `, a "x"`."""
    before, following = tokens[i - 1], tokens[i + 1].text.upper() if i + 1 < len(tokens) else ""
    if following not in _AFTER_ALIAS or before.end + 1 >= tokens[i].start:
        return False
    if before.token_type is TokenType.R_PAREN:
        return True
    if before.token_type is not TokenType.VAR or i < 2 or before.text.startswith("_"):  # _utf8 "x": a character set
        return False
    return tokens[i - 2].token_type in _BEFORE_COLUMN


def _is_comment(text: str, start: int, sign: str) -> bool:
    """True if `#` or `//` begins a comment and is no part of a name (`#t`), an operator (`#>`) or an address."""
    if sign == "//":
        return text[start - 1 : start] != ":"
    following = text[start + 1 : start + 2]
    if following in (">", "#") or (following == "-" and text[start + 2 : start + 3] != "-"):
        return False
    is_name = following.isalpha() or following == "_"
    before = text[max(start - _LOOKED_BACK_AT, 0) : start]
    return not (is_name and _BEFORE_NAME.search(before)) and not before[-1:].isalnum()


def _oracle_text(text: str, start: int, missing: set[str]) -> int:
    """The position after the `q'[...]'` with its quote at `start`; 0 if there is none.

    `missing` are closings that do not occur in the rest of the text, and are not searched again.
    """
    if text[max(start - 1, 0) : start].lower() != "q":
        return 0
    opening = text[start + 1 : start + 2]
    if not opening or opening.isalnum() or opening.isspace() or opening == "'":
        return 0
    closing = _CLOSING.get(opening, opening) + "'"
    close = -1 if closing in missing else text.find(closing, start + 2)
    if close < 0:
        missing.add(closing)
        return 0
    return close + 2


def _close(text: str, start: int, quote: str) -> int:
    """The position after the quote that closes a text, or the end."""
    while (at := text.find(quote, start)) >= 0:
        slashes = at
        while slashes > start and text[slashes - 1] == "\\":
            slashes -= 1
        start = at + 1
        if (at - slashes) % 2 == 0:
            return start
    return len(text)
