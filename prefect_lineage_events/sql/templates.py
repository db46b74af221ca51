"""What stands in a text that is no SQL: template leftovers, client variables, unquoted addresses.

Each is masked by as many filler characters, which every dialect reads as part of a word, so that offsets stay true.
The token that covers a mask then becomes what the masked text stood for. Binds (`%s`, `&name`) are found on the tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from sqlglot.tokenizer_core import Token, TokenType

from .lexis import DOLLAR_TAG, lexis, spans

FILLER = "\ue000"
_TRIGGER = re.compile(r"\{[{%]|\$\{|&\{|<%|\$\w*\$|://")
# None goes beyond the next opening of its kind: a text of openings only would cost the square of its length.
_TEMPLATE = (
    r"(?P<gone>\{%(?:(?!\{%).)*?%\}|\{\{-?\s*config\s*\((?:(?!\{\{).)*?\}\})"
    r"|(?P<name>\{\{(?:(?!\{\{).)*?\}\}|[$&]\{[^{}]*\}|<%(?:(?!<%).)*?%>)"
    # the local side of PUT and GET needs no quotes (https://docs.snowflake.com/en/sql-reference/sql/put)
    r"|(?P<address>\b(?:file|s3|gs|gcs|azure|abfss?|wasbs?|hdfs|https?)://[^\s;'\",)?][^\s;'\",)]*)"
)
_DBT_NAME = re.compile(
    r"""\{\{-?\s*(?:ref|source)\s*\(\s*(['"])([^'"]*)\1\s*(?:,\s*(['"])([^'"]*)\3\s*)?(?:,\s*v(?:ersion)?\s*=[^)]*)?\)\s*-?\}\}"""
)
_PLAIN_VARIABLE = re.compile(r"\w*(?:[$&]\{[A-Za-z_][\w.]*\}\w*)+|&{1,2}\w+")
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_FORMATS = frozenset("sdfbti")  # of PEP 249's format and pyformat styles, and psycopg's binary and text
_QUOTED = frozenset({TokenType.IDENTIFIER, TokenType.STRING})
_OPERANDS = frozenset(
    {
        TokenType.VAR,
        TokenType.IDENTIFIER,
        TokenType.STRING,
        TokenType.NUMBER,
        TokenType.R_PAREN,
        TokenType.R_BRACKET,
        TokenType.PLACEHOLDER,
    }
)


@dataclass(frozen=True, slots=True)
class Mask:
    """What a run of filler stands for: a `name` (dotted parts), a `literal`, or nothing (`gone`)."""

    start: int
    end: int
    kind: Literal["name", "literal", "gone"]
    parts: tuple[str, ...] = ()


def mask(text: str, dialect: str) -> tuple[str, tuple[Mask, ...]]:
    """The text with everything masked that is no SQL, as long as before, and what the masks stand for."""
    if not _TRIGGER.search(text):
        return text, ()
    known_quotes = lexis(dialect).dollar_quotes
    masks: list[Mask] = []
    pieces: list[str] = []
    at = 0
    for match, end in spans(_pattern(dialect), text):
        kind = match.lastgroup
        if kind is None or (kind == "tag" and ("$" in known_quotes or match["tag"] in known_quotes)):
            continue
        masks.append(_mask(match, kind, end))
        pieces += [text[at : match.start()], (" " if kind == "gone" else FILLER) * (end - match.start())]
        at = end
    pieces.append(text[at:])
    return "".join(pieces), tuple(masks)


def resolve(tokens: Sequence[Token], masks: Sequence[Mask], source: str) -> list[Token]:
    """The tokens, with those that cover a mask turned into what the mask stands for."""
    result: list[Token] = []
    first = 0  # of the masks that this token or a later one may cover: both are in order
    for token in tokens:
        if FILLER not in token.text:
            result.append(token)
            continue
        while first < len(masks) and masks[first].end <= token.start:
            first += 1
        last = first
        while last < len(masks) and masks[last].start <= token.end:
            last += 1
        covered = masks[first:last]
        whole = len(covered) == 1 and covered[0].start == token.start and covered[0].end == token.end + 1
        if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER) or not covered:
            result.append(_token(token, token.token_type, source[token.start : token.end + 1].strip("'\"`[]")))
        elif covered[0].kind == "literal":
            result.append(_token(token, TokenType.STRING, source[token.start : token.end + 1]))
        elif whole and covered[0].parts:
            for i, part in enumerate(covered[0].parts):
                result += [_token(token, TokenType.DOT, ".")] if i else []
                result.append(_token(token, TokenType.IDENTIFIER, part))
        else:
            result.append(_token(token, TokenType.IDENTIFIER, source[token.start : token.end + 1]))
    return result


def binds(tokens: Sequence[Token]) -> list[Token]:
    """The tokens, with drivers' binds that sqlglot does not read turned into a placeholder or a name.

    `%s` and `%(name)s` (PEP 249 format, pyformat), `%%`, SQLite's `?1`, and the clients' `&name`, `&&name`, `&1`.
    """
    result: list[Token] = []
    i, count = 0, len(tokens)
    while i < count:
        token = tokens[i]
        width = 0
        if token.token_type is TokenType.MOD and not _is_operator(tokens, i):
            width = _percent_bind(tokens, i)
        elif token.token_type in (TokenType.AMP, TokenType.DAMP) and not _is_operator(tokens, i):
            width = _client_variable(tokens, i)
        elif token.text == "?" and _adjacent(tokens, i, 2) and tokens[i + 1].token_type is TokenType.NUMBER:
            width = 2
        if width:
            last = tokens[i + width - 1]
            is_name = token.token_type in (TokenType.AMP, TokenType.DAMP)
            text = "".join(t.text for t in tokens[i : i + width]) if is_name else "?"
            kind = TokenType.IDENTIFIER if is_name else TokenType.PLACEHOLDER
            result.append(Token(kind, text, token.line, token.col, token.start, last.end))
        elif token.token_type is TokenType.MOD and i + 1 < count and tokens[i + 1].token_type is TokenType.MOD:
            width = 1  # `%%` is how a driver with `%s` binds writes `%`
        else:
            result.append(token)
        i += width or 1
    return result


def shown_template(text: str) -> str:
    """A template's leftover as it may be shown: dbt's ref and source by name, a plain variable as it is, else `?`."""
    dbt = _DBT_NAME.fullmatch(text)
    if dbt:
        name = ".".join(_dbt_parts(dbt))
        return name if _PLAIN_NAME.fullmatch(name) else "?"
    return text if _PLAIN_VARIABLE.fullmatch(text) else "?"


def _is_operator(tokens: Sequence[Token], i: int) -> bool:
    """Whether the sign at i stands between operands: `a % s`, `a%s`; a bind has a blank or an operator before it."""
    if i == 0 or tokens[i - 1].token_type not in _OPERANDS:
        return False
    before_is_blank = tokens[i - 1].end + 1 < tokens[i].start
    after_is_blank = i + 1 < len(tokens) and tokens[i].end + 1 < tokens[i + 1].start
    return not before_is_blank or after_is_blank


def _percent_bind(tokens: Sequence[Token], i: int) -> int:
    """How many tokens the bind at i has: 2 for `%s`, 5 for `%(name)s`, 0 when it is none."""
    if _adjacent(tokens, i, 2) and tokens[i + 1].text.lower() in _FORMATS:
        return 2 if tokens[i + 1].token_type not in _QUOTED else 0
    if _adjacent(tokens, i, 5) and tokens[i + 1].token_type is TokenType.L_PAREN:
        close, kind = tokens[i + 3], tokens[i + 4]
        return 5 if close.token_type is TokenType.R_PAREN and kind.text.lower() in _FORMATS else 0
    return 0


def _client_variable(tokens: Sequence[Token], i: int) -> int:
    """How many tokens `&name` or `&&name` at i has; 0 when it is none."""
    signs = 1
    while i + signs < len(tokens) and tokens[i + signs].token_type is TokenType.AMP:
        signs += 1
    if not _adjacent(tokens, i, signs + 1):
        return 0
    name = tokens[i + signs]
    is_word = name.token_type not in _QUOTED and (name.text.isidentifier() or name.text.isdigit())
    return signs + 1 if is_word else 0


def _adjacent(tokens: Sequence[Token], i: int, width: int) -> bool:
    if i + width > len(tokens):
        return False
    return all(tokens[k].end + 1 == tokens[k + 1].start for k in range(i, i + width - 1))


def _mask(match: re.Match[str], kind: str, end: int) -> Mask:
    start = match.start()
    if kind == "gone":
        return Mask(start, end, "gone")
    if kind != "name":
        return Mask(start, end, "literal")
    dbt = _DBT_NAME.fullmatch(match[0])
    if not dbt:
        return Mask(start, end, "name", (match[0],))
    return Mask(start, end, "name", _dbt_parts(dbt))


def _dbt_parts(match: re.Match[str]) -> tuple[str, ...]:
    is_source = "source" in match[0].partition("(")[0]
    parts = (match[2], match[4]) if is_source else (match[4] or match[2],)  # ref('package', 'model') is the model
    return tuple(part for part in parts if part)


def _token(token: Token, kind: TokenType, text: str) -> Token:
    return Token(kind, text, token.line, token.col, token.start, token.end, token.comments)


@lru_cache(maxsize=64)
def _pattern(dialect: str) -> re.Pattern[str]:
    return re.compile(f"{_TEMPLATE}|{DOLLAR_TAG}|{lexis(dialect).opaque}", re.DOTALL)
