"""Parts of a text that are no SQL: template leftovers, client variables, unquoted addresses.

Each is masked by the same number of filler characters, which every dialect reads as a part of a word, so that offsets
remain valid. The token that covers a mask then gets the meaning of the masked text. Binds (`%s`, `&name`) are found
among the tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlglot.tokenizer_core import Token, TokenType

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.lexer import lexical_rules
from prefect_lineage_events.sql.packed_tokens import Tokens, empty_like
from prefect_lineage_events.sql.scanner import DOLLAR_TAG, Scanner
from prefect_lineage_events.windowed import search

FILLER = "\ue000"
_TRIGGERS = ("{{", "{%", "${", "&{", "<%", "://")
# Of `$1,$2` sqlglot takes `$1,$` for a dollar quote's tag, in the dialects that have tags.
_NUMBERED = re.compile(r"\$\w{1,128}(?![\w$])")
_LONGEST_TAG = 140  # characters of either
_CONFIG = re.compile(r"\{\{-?\s*config\s*\(")
_CLOSING = {"{{": "}}", "{%": "%}", "<%": "%>", "${": "}", "&{": "}"}
_BRACES = re.compile(r"[{}]")
# The local side of PUT and GET needs no quotes (https://docs.snowflake.com/en/sql-reference/sql/put).
_SCHEMES = ("file", "s3", "gs", "gcs", "azure", "abfs", "abfss", "wasb", "wasbs", "hdfs", "http", "https")
_LONGEST_SCHEME = 6
_SCHEME_BACKWARDS = re.compile(r"(\w{1,6})(?!\w)")
_ADDRESS = re.compile(r"://[^\s;'\",)?][^\s;'\",)]*")
_DBT_NAME = re.compile(
    r"""\{\{-?\s*(?:ref|source)\s*\(\s*(['"])([^'"]*)\1\s*(?:,\s*(['"])([^'"]*)\3\s*)?(?:,\s*v(?:ersion)?\s*=[^)]*)?\)\s*-?\}\}"""
)
_PLAIN_VARIABLE = re.compile(r"\w*(?:[$&]\{[A-Za-z_][\w.]*\}\w*)+|&{1,2}\w+")
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_FORMATS = frozenset("sdfbti")  # of PEP 249's format and pyformat styles, and psycopg's binary and text
_LONGEST_BIND = 40  # tokens of `%(name:STRUCT<a INT64>)s`
_NEAR = 40
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
    """The meaning of a run of filler: a `name` (dotted parts), a `literal`, the sign of a `bind`, nothing (`gone`)."""

    start: int
    end: int
    kind: Literal["name", "literal", "bind", "gone"]
    parts: tuple[str, ...] = ()


def mask(text: str, dialect: str, most: int) -> tuple[str, tuple[Mask, ...]]:
    """The text with all parts masked that are no SQL, in the same length, and the meanings of the masks.

    Only the beginning of a text with so many signs and quotes that it may have more than `most` tokens.
    """
    if "{" not in text and "$" not in text and "<%" not in text and "://" not in text:
        return text, ()
    known_quotes = lexical_rules(dialect).dollar_quotes
    has_binds = "$" in known_quotes and "$" in text and search(_NUMBERED, text, _LONGEST_TAG) is not None
    has_tags = "$" in text and search(DOLLAR_TAG, text, _LONGEST_TAG) is not None
    if not has_binds and not has_tags and not any(trigger in text for trigger in _TRIGGERS):
        return text, ()
    masks: list[Mask] = []
    pieces: list[str] = []
    at = 0
    scanner = Scanner(text, dialect, "{$&<:", steps=most // 2, runs=True)
    for span in scanner:
        found: Mask | None = None
        if span.kind == "dollar" and not known_quotes & {"$", text[span.start : span.start + span.quote]}:
            found = Mask(span.start, span.end, "literal")
        elif span.kind == "stop":
            found = _address(text, span.start) if text[span.start] == ":" else _template(text, span.start)
            if found is None and has_binds and _NUMBERED.match(text, span.start):
                found = Mask(span.start, span.start + 1, "bind")
        if found is None or found.start < at:
            continue
        masks.append(found)
        pieces += [text[at : found.start], (" " if found.kind == "gone" else FILLER) * (found.end - found.start)]
        at = scanner.position = found.end
    pieces.append(text[at : scanner.position] if scanner.exhausted else text[at:])
    return "".join(pieces), tuple(masks)


def _template(text: str, start: int) -> Mask | None:
    """The template that opens at `start`; None if it does not close before the next opening of its kind."""
    opening = text[start : start + 2]
    closing = _CLOSING.get(opening)
    if closing is None:
        return None
    if closing == "}":
        brace = _BRACES.search(text, start + 2)
        end = brace.end() if brace and brace[0] == "}" else 0
    else:
        following = text.find(opening, start + 2)
        end = text.find(closing, start + 2, following + 1 if following >= 0 else len(text))
        end = end + 2 if end >= 0 else 0
    if not end:
        return None
    if opening == "{%" or _CONFIG.match(text, start):
        return Mask(start, end, "gone")
    dbt = _DBT_NAME.fullmatch(text, start, end)
    return Mask(start, end, "name", _dbt_parts(dbt) if dbt else (text[start:end],))


def _address(text: str, colon: int) -> Mask | None:
    """The unquoted address with its `://` at `colon`."""
    address = _ADDRESS.match(text, colon)
    if address is None:
        return None
    scheme = _SCHEME_BACKWARDS.match(text[max(colon - _LONGEST_SCHEME - 1, 0) : colon][::-1])
    if scheme is None or scheme[1][::-1] not in _SCHEMES:
        return None
    return Mask(colon - len(scheme[1]), address.end(), "literal")


def resolve(tokens: Sequence[Token], masks: Sequence[Mask], source: str) -> Tokens:
    """The tokens, with the meaning of the mask for each token that covers one."""
    result = empty_like(tokens)
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
        elif covered[0].kind == "bind" and covered[0].start == token.start:
            result.append(_token(token, TokenType.PLACEHOLDER, "?"))
        elif covered[0].kind == "literal":
            result.append(_token(token, TokenType.STRING, source[token.start : token.end + 1]))
        elif whole and covered[0].parts:
            for i, part in enumerate(covered[0].parts):
                if i:
                    result.append(_token(token, TokenType.DOT, "."))
                result.append(_token(token, TokenType.IDENTIFIER, part))
        else:
            result.append(_token(token, TokenType.IDENTIFIER, source[token.start : token.end + 1]))
    return result


def binds(tokens: Sequence[Token], dialect: str) -> Tokens:
    """The tokens, with a placeholder or a name for each driver's bind that sqlglot does not read.

    `%s` and `%(name)s` (PEP 249 format, pyformat), BigQuery's `%(name:TYPE)s`, `%%`, SQLite's `?1`, PEP 249's numeric
    `:1`, `$1` and `$name` in dialects whose names do not begin so, and the clients' `&name`, `&&name`, `&1`.
    """
    signs = "%" if dialect_of(dialect).dollar_names else "%$"
    result = empty_like(tokens)
    i, count = 0, len(tokens)
    while i < count:
        token = tokens[i]
        width = 0
        if token.token_type is TokenType.MOD and not _is_operator(tokens, i):
            width = _percent_bind(tokens, i)
        elif token.token_type in (TokenType.AMP, TokenType.DAMP) and not _is_operator(tokens, i):
            width = _client_variable(tokens, i)
        elif (
            (token.text == "?" or token.token_type is TokenType.COLON)
            and _adjacent(tokens, i, 2)
            and tokens[i + 1].token_type is TokenType.NUMBER
            and (token.text == "?" or not _is_slice(tokens, i))
        ):
            width = 2
        elif token.token_type is TokenType.VAR and token.text[0] in signs and len(token.text) > 1:
            width = 1
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
    """A template's leftover as it may be shown: dbt's ref and source by name, a plain variable unchanged, else `?`."""
    dbt = _DBT_NAME.fullmatch(text)
    if dbt:
        name = ".".join(_dbt_parts(dbt))
        return name if _PLAIN_NAME.fullmatch(name) else "?"
    return text if _PLAIN_VARIABLE.fullmatch(text) else "?"


def _is_operator(tokens: Sequence[Token], i: int) -> bool:
    """True if the sign at i is between operands: `a % s`, `a%s`; before a bind is a blank or an operator."""
    if i == 0 or tokens[i - 1].token_type not in _OPERANDS:
        return False
    before_is_blank = tokens[i - 1].end + 1 < tokens[i].start
    after_is_blank = i + 1 < len(tokens) and tokens[i].end + 1 < tokens[i + 1].start
    return not before_is_blank or after_is_blank


def _percent_bind(tokens: Sequence[Token], i: int) -> int:
    """The number of tokens of the bind at i: 2 for `%s`, 5 for `%(name)s`, more with a type, 0 if there is none."""
    if _adjacent(tokens, i, 2) and tokens[i + 1].text.lower() in _FORMATS:
        return 2 if tokens[i + 1].token_type not in _QUOTED else 0
    if _adjacent(tokens, i, 5) and tokens[i + 1].token_type is TokenType.L_PAREN:
        close = next((k for k in range(i + 3, i + _LONGEST_BIND) if _closes_bind(tokens, i, k)), 0)
        return close + 2 - i if close else 0
    return 0


def _closes_bind(tokens: Sequence[Token], start: int, close: int) -> bool:
    """True if the `%(` at `start` ends with the parenthesis at `close`: `)s`."""
    if close + 1 >= len(tokens) or tokens[close].token_type is not TokenType.R_PAREN:
        return False
    kind = tokens[close + 1]
    is_format = kind.text.lower() in _FORMATS and kind.token_type not in _QUOTED
    return (
        is_format and tokens[close].end + 1 == kind.start and not any(t.text == "%" for t in tokens[start + 1 : close])
    )


def _is_slice(tokens: Sequence[Token], i: int) -> bool:
    """True if the colon at i is that of `a[1:2]`, `{'key':1}` or `payload:1`."""
    before = tokens[i - 1] if i else None
    touches = before is not None and before.end + 1 == tokens[i].start
    if before is None or not touches:
        return before is not None and before.token_type in _OPERANDS and _in_brackets(tokens, i)
    return before.token_type in _OPERANDS or before.token_type is TokenType.COLON or before.text == "["


def _in_brackets(tokens: Sequence[Token], i: int) -> bool:
    """True if a bracket or brace opens among the few tokens before i."""
    return any(t.token_type in (TokenType.L_BRACKET, TokenType.L_BRACE) for t in tokens[max(i - _NEAR, 0) : i])


def _client_variable(tokens: Sequence[Token], i: int) -> int:
    """The number of tokens of `&name` or `&&name` at i; 0 if there is none."""
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


def _dbt_parts(match: re.Match[str]) -> tuple[str, ...]:
    is_source = "source" in match[0].partition("(")[0]
    parts = (match[2], match[4]) if is_source else (match[4] or match[2],)  # ref('package', 'model') is the model
    return tuple(part for part in parts if part)


def _token(token: Token, kind: TokenType, text: str) -> Token:
    return Token(kind, text, token.line, token.col, token.start, token.end, token.comments)
