"""How a dialect writes its words: sqlglot's tokenizer for it, and patterns for what must not be looked into.

Dialect differences of the lexical level live here, as data.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

# Dialects whose procedure bodies run to the end of the batch, and whose scripts are cut by lines of `GO`
# (https://learn.microsoft.com/sql/t-sql/language-elements/sql-server-utilities-statements-go).
BATCHED = frozenset({"tsql", "fabric"})
# Dialects whose declarations stand before BEGIN, each with its own `;`, and whose scripts are cut by lines of `/`.
PL_SQL = frozenset({"oracle"})
# Dialects whose client reads `\commands` and the rows after COPY ... FROM STDIN.
PSQL = frozenset({"", "postgres", "redshift", "materialize", "risingwave"})
# Dialects in which the rows of an INSERT may follow its FORMAT clause as they are.
INLINE_DATA = frozenset({"clickhouse"})
# Dialects in which `@name/path` is a stage (https://docs.snowflake.com/en/user-guide/querying-stage).
STAGED = frozenset({"snowflake"})


@dataclass(frozen=True, slots=True)
class Lexis:
    """One dialect's words. `opaque` matches a quoted text, a quoted identifier, or a comment, whole; `leading` the
    blanks and comments before a statement. `dollar_quotes` are those the tokenizer knows: `$` with any tag,
    `$$` without."""

    tokenizer: type[Tokenizer]
    opaque: str
    dollar_quotes: frozenset[str]
    leading: re.Pattern[str]


# A comment that is neither a hint nor MySQL's conditional code, and has no other inside (some dialects nest them).
_PLAIN_COMMENT = r"/\*(?![+!])(?:(?!/\*).)*?\*/"
_COMMENT = r"/\*.*?(?:\*/|\Z)"
# The opening of a dollar-quoted text, `$$` or `$tag$`, for `spans`.
DOLLAR_TAG = r"(?P<tag>(?<![\w$])\$\w*\$)"
_MOST_UNCLOSED = 100
_local = threading.local()


def tokenize(text: str, dialect: str) -> list[Token] | None:
    """The tokens of a text, or None when it has none that the dialect knows (an open quote).

    A command's tail is tokenised like everything else: sqlglot keeps that of SHOW, EXECUTE and the like as one
    string, which would hide literals from the sanitiser and names from the recovery.
    """
    tokenizers = _local.__dict__
    tokenizer = tokenizers.get(dialect)
    if tokenizer is None:
        # a tokenizer holds the text it is at, so each thread has its own
        tokenizer = tokenizers[dialect] = lexis(dialect).tokenizer(known(dialect))
    try:
        tokens: list[Token] = tokenizer.tokenize(text)
    except SqlglotError:
        return None
    finally:
        tokenizer._core.reset()
    if tokens and tokens[0].token_type is TokenType.HIVE_TOKEN_STREAM:
        del tokens[0]  # sqlglot's mark for Athena's other dialect, which covers the first letter
    return tokens


def spans(pattern: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], int]]:
    """What a pattern finds, one after the other, each with its end; a DOLLAR_TAG ends where its like closes it.

    A tag that nothing closes is none. After many of those tags are no longer looked for, so that no text costs the
    square of its length.
    """
    position = unclosed = 0
    while match := pattern.search(text, position):
        end = position = match.end()
        if match.lastgroup == "tag":
            close = text.find(match["tag"], end) if unclosed < _MOST_UNCLOSED else -1
            if close < 0:
                unclosed += 1
                continue
            end = position = close + len(match["tag"])
        yield match, end


def word_set(words: str) -> frozenset[str]:
    """The words of a text: how this room writes down its longer lists of keywords."""
    return frozenset(words.split())


def known(dialect: str) -> str:
    """The dialect itself, or the generic one for a name that sqlglot does not know."""
    return dialect if Dialect.get(dialect) else ""


@lru_cache(maxsize=64)
def lexis(dialect: str) -> Lexis:
    """The words of a dialect; the generic ones for a name that sqlglot does not know."""
    base: type[Tokenizer] = Dialect.get_or_raise(known(dialect)).tokenizer_class
    plain = type(f"Plain{base.__name__}", (base,), {"COMMANDS": set()})
    dash = r"--(?![^\s\x00-\x1f\x7f])" if base.DASH_COMMENT_REQUIRES_BOUNDARY else "--"
    line_comments = [
        (dash if start == "--" else re.escape(start)) + r"[^\r\n]*"
        for start, end in base._COMMENTS.items()
        if end is None
    ]
    escaped = "\\" in base._STRING_ESCAPES
    quoted = [_quoted(start, end, escaped) for start, end in base._QUOTES.items()]
    identifiers = [_quoted(start, end, False) for start, end in base._IDENTIFIERS.items()]
    dollar = frozenset({"$", "$$"} & base._FORMAT_STRINGS.keys())
    prefixed = [] if escaped else [r"\b[eE]" + _quoted("'", "'", True)]
    longest_first = [pattern for _, pattern in sorted(zip(base._QUOTES, quoted, strict=True), key=lambda x: -len(x[0]))]
    return Lexis(
        tokenizer=plain,
        opaque="|".join([*prefixed, *longest_first, *identifiers, *line_comments, _COMMENT]),
        dollar_quotes=dollar,
        leading=re.compile("|".join([r"(?:\s", *line_comments, _PLAIN_COMMENT + ")+"]), re.DOTALL),
    )


def _quoted(start: str, end: str, backslash: bool) -> str:
    """Unrolled, so that a long or an unclosed text costs one pass and never backtracks."""
    opening, closing = re.escape(start), re.escape(end)
    if len(end) > 1:
        return rf"{opening}(?s:.*?){closing}"
    inner = rf"[^{closing}\\]*(?:\\.[^{closing}\\]*)*" if backslash else rf"[^{closing}]*"
    return (
        rf"{opening}{inner}{closing}(?:{closing}{inner}{closing})*" if start == end else rf"{opening}{inner}{closing}"
    )
