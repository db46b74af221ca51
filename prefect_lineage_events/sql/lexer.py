"""sqlglot's tokenizer of each dialect. Quotes and comments are scanned in `scanner.py`.

Lexical differences between dialects are data in this file.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from functools import lru_cache

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.chunks import CHUNK, chunks
from prefect_lineage_events.sql.packed_tokens import MAX_OBJECTS, PackedTokens, Tokens


@dataclass(frozen=True, slots=True)
class LexicalRules:
    """A dialect's tokenizer and its `dollar_quotes`: `$` with any tag, `$$` without a tag."""

    tokenizer: type[Tokenizer]
    dollar_quotes: frozenset[str]


MAX_TOKENS = 50_000  # of one text
# Athena's tokenizer decides by the first words in which of two languages the whole statement is.
_ATHENA = ("athena", "hive", "trino")
FIRST_WORDS_COUNT = frozenset({_ATHENA[0]})
_local = threading.local()


def tokenize(text: str, dialect: str, most: int = MAX_TOKENS) -> tuple[Tokens | None, int]:
    """The tokens of a text, and the position up to which it was read; None if the text does not tokenise (an open
    quote).

    The rest of a command is tokenised like any other text. sqlglot keeps that of SHOW, EXECUTE and others as one
    string, which would hide literals from the sanitiser and names from the recovery. A long text is read in chunks, up
    to the chunk with which it has `most` tokens.
    """
    if len(text) <= 2 * CHUNK:
        return _without_mark(_tokens(text, dialect)), len(text)
    tokens: Tokens = []
    line = read = 0
    for start, end in chunks(text, dialect):
        found = _tokens(text[start:end], dialect)
        if found is None:
            return None, len(text)
        if start:
            for token in found:
                token.start += start
                token.end += start
                token.line += line
        elif dialect == _ATHENA[0]:
            is_hive = bool(found) and found[0].token_type is TokenType.HIVE_TOKEN_STREAM
            dialect = _ATHENA[1] if is_hive else _ATHENA[2]
            found = _without_mark(found) or []
        if isinstance(tokens, list) and len(tokens) + len(found) > MAX_OBJECTS:
            tokens = PackedTokens(tokens)
        tokens.extend(found)
        del found  # the tokens of two chunks would be twice as many objects
        line += text.count("\n", start, end)
        read = end
        if len(tokens) >= most:
            break
    return tokens, read


def _tokens(text: str, dialect: str) -> list[Token] | None:
    tokenizers = _local.__dict__
    tokenizer = tokenizers.get(dialect)
    if tokenizer is None:
        # a tokenizer contains the text that it reads, so each thread has its own
        tokenizer = tokenizers[dialect] = lexical_rules(dialect).tokenizer(known(dialect))
    try:
        tokens: list[Token] = tokenizer.tokenize(text)
    except SqlglotError:
        return None
    finally:
        tokenizer._core.reset()
    return _with_temporary_names(tokens, text) if dialect_of(dialect).is_tsql and "#" in text else tokens


def _with_temporary_names(tokens: list[Token], text: str) -> list[Token]:
    """The tokens, with one token for each name after `#`, whatever it begins with: `#3`, `##4x`, `#@t`.

    learn.microsoft.com: Database identifiers
    """
    kept: list[Token] = []
    end = -1
    for token in tokens:
        if token.start <= end:
            continue
        before = kept[-1] if kept else None
        is_named = before is not None and before.token_type is TokenType.HASH and before.end + 1 == token.start
        if is_named and token.token_type in _ODD_BEGINNINGS and (name := _NAME_REST.match(text, token.start)):
            end = name.end() - 1
            kept.append(Token(TokenType.VAR, name[0], token.line, token.col, token.start, end, token.comments))
            if token.end > end and text[token.end] == ".":  # `5.` of #5.a is a number
                kept.append(Token(TokenType.DOT, ".", token.line, token.col, token.end, token.end))
            continue
        kept.append(token)
    return kept


_ODD_BEGINNINGS = frozenset({TokenType.NUMBER, TokenType.PARAMETER})
_NAME_REST = re.compile(r"[\w@$#]+")


def _without_mark(tokens: list[Token] | None) -> list[Token] | None:
    """The tokens without sqlglot's mark for Athena's other dialect, which covers the first letter."""
    return tokens[1:] if tokens and tokens[0].token_type is TokenType.HIVE_TOKEN_STREAM else tokens


def word_set(words: str) -> frozenset[str]:
    """The words of a text as a set, for long lists of keywords."""
    return frozenset(words.split())


def known(dialect: str) -> str:
    """The dialect itself, or the generic one for a name that sqlglot does not know."""
    return dialect if Dialect.get(dialect) else ""


@lru_cache(maxsize=64)
def lexical_rules(dialect: str) -> LexicalRules:
    """The lexical rules of a dialect; the generic ones for a name that sqlglot does not know."""
    base: type[Tokenizer] = Dialect.get_or_raise(known(dialect)).tokenizer_class
    plain = type(f"Plain{base.__name__}", (base,), {"COMMANDS": set()})
    return LexicalRules(tokenizer=plain, dollar_quotes=frozenset({"$", "$$"} & base._FORMAT_STRINGS.keys()))
