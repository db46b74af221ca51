"""Sanitised text of a statement, and the fingerprint of its shape.

As database monitoring does it: literals and binds are `?`, comments are removed, lists of data shrink to one item,
identifiers stay. Only literals that name a dataset stay (`COPY INTO 's3://...'`), without credentials. Works on tokens,
so that it applies to text that does not parse. Of a text that does not even tokenise, only the first keyword is shown.
Sanitising a sanitised text changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from prefect_lineage_events.sql.lexer import word_set
from prefect_lineage_events.sql.packed_tokens import Tokens, copy_of
from prefect_lineage_events.sql.redaction.shape import Shape

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
    """The tokens, with texts for names in double quotes where a value is expected."""
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


DEFAULT_LIMIT = 4_000
CUT = "..."

_KEYWORDS = word_set(
    """ALTER ANALYZE ATTACH BEGIN CALL CLONE COMMENT COMMIT COPY CREATE DECLARE DELETE DESC DESCRIBE DETACH DROP EXEC
    EXECUTE EXPLAIN EXPORT FETCH FROM GET GRANT IMPORT INSERT LIST LOAD LOCK MERGE OPTIMIZE PRAGMA PUT REFRESH
    REMOVE RENAME REPLACE RESET REVOKE ROLLBACK SAVEPOINT SELECT SET SHOW START TRUNCATE UNDROP UNLOAD UPDATE USE
    VACUUM VALUES WITH"""
)
_SAFE_BEFORE = frozenset("([,.=<>+-*/%:;")
_SAFE_AFTER = frozenset(")],.=<>+-*/%:;")
_FIRST_WORD = re.compile(r"[\s(]{0,200}([A-Za-z]{1,20})(?![\w$@.:/])")
# Signs of a comment, a quoted text or a client's command: the tokenizer and the store or client that runs this text
# disagree on it, so that nothing in it is certain.
_DOUBTFUL = re.compile(r"--|/\*|\*/|\A\\|(?<![\w$])\$\w*\$|\$(?=\s|\Z)|\{[{%#]|[$&]\{(?![A-Za-z_][\w.]*\})")
# A doubtful text contains one of these as a word of its own.
_DOUBTFUL_WORDS = frozenset({"-", "--", "/", "/*", "*/", "*", "\\", "$", "{", "&", "%", "#"})
_NO_LIMIT = 1 << 30
_QUOTED_LOCATION = re.compile(r"""'[^'\\\n]*'|"[^"`'\\\s]*"|`[^"`'\\\s]*`""")


def sanitised_and_fingerprint(words: Shape | None, text: str) -> tuple[str, str]:
    """The sanitised text of a statement, at most DEFAULT_LIMIT characters, and its fingerprint."""
    line = _joined(*words, DEFAULT_LIMIT) if words is not None else None
    is_doubtful = words is None or line is None or _is_doubtful(line, words)
    if line is None or is_doubtful:
        return first_keyword(text)[:DEFAULT_LIMIT], _fingerprint(words, line, is_doubtful, text)
    return line, _fingerprint(words, line, is_doubtful, text)


def _fingerprint(words: Shape | None, line: str | None, is_doubtful: bool, text: str) -> str:
    """16 hex digits, equal for statements that differ only in literals, binds, comments, blanks and case.

    Computed only from what may be shown: for a text that does not tokenise, from its first keyword. `line` is the text
    of the words; they are joined again only if it was cut.
    """
    if words is not None and line is not None and line.endswith(CUT) and not _DOUBTFUL_WORDS.isdisjoint(words[0]):
        is_doubtful = _is_doubtful(_joined(*words, _NO_LIMIT), words, _NO_LIMIT)
    if words is None or (is_doubtful and not _DOUBTFUL_WORDS.isdisjoint(words[0])):
        identity = first_keyword(text)
    else:
        identity = " ".join(words[0]).upper()
    return hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _is_doubtful(line: str, words: Shape, limit: int = DEFAULT_LIMIT) -> bool:
    """True if the line of these words may be read in another way than it is meant.

    A sign in the name of a file does not count: for each tokenizer it is one text (`'data/*.parquet'`).
    """
    has_sign = "$" in line or "--" in line or "{" in line or "/*" in line or "*/" in line or line[:1] == "\\"
    if not has_sign or _DOUBTFUL.search(line) is None:
        return False
    without = ["?" if _QUOTED_LOCATION.fullmatch(word) else word for word in words[0]]
    return _DOUBTFUL.search(_joined(without, words[1], limit)) is not None


def first_keyword(text: str) -> str:
    """The keyword at the start of a text if it certainly is one; else `?`."""
    match = _FIRST_WORD.match(text)
    return match[1].upper() if match and match[1].upper() in _KEYWORDS else "?"


def _joined(words: Sequence[str], spaced: Sequence[bool], limit: int) -> str:
    parts: list[str] = []
    before = ""
    for word, blank in zip(words[: limit + 1], spaced, strict=False):
        if before == "?" and word[0] == "'":
            word = "?"  # noqa: PLW2901  (the word that made it the name of a dataset is hidden, so that it is none)
        if parts and (blank or ((word == "?" or before == "?") and _would_merge(before, word))):
            parts.append(" ")
        parts.append(word)
        before = word
    text = "".join(parts)
    if len(text) <= limit:
        return text
    return cut(parts, "", limit)


def _would_merge(before: str, word: str) -> bool:
    """True if `?` and its neighbour would be another word: `?|`, `?&`, `@?`, `??`."""
    if word == "?":
        return before[-1] not in _SAFE_BEFORE
    return word[0] not in _SAFE_AFTER


def cut(parts: Sequence[str], separator: str, limit: int) -> str:
    """As many whole parts as fit into `limit` characters, and a mark that there are more."""
    mark = (separator or " ") + CUT
    room = limit - len(mark)
    size = count = 0
    for part in parts:
        size += len(part) + (len(separator) if count else 0)
        if size > room:
            break
        count += 1
    kept = separator.join(parts[:count]).rstrip()
    return kept + mark if kept else CUT[: max(limit, 0)]
