"""A statement as words, to be read by rules where no tree is needed or there is none.

`Words` has three parallel lists with one entry per word: its kind, the word in upper case (for comparisons), and its
text as written. Nothing here raises on any text.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from enum import IntEnum

from sqlglot.tokenizer_core import Token, TokenType

QUERIES = frozenset(
    {"SELECT", "SEL", "WITH", "FROM", "VALUES", "TABLE", "(", "PIVOT", "UNPIVOT", "SUMMARIZE", "PERFORM"}
)
CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "UPSERT", "DEL", "INS", "UPD"})
# Statements about the store, the session or the transaction: no data goes anywhere.
NO_DATA = frozenset(
    {
        "ABORT", "ADD", "ALTER", "ANALYSE", "ANALYZE", "ASSERT", "ATTACH", "AUDIT", "BACKUP", "BEGIN", "BINLOG",
        "BREAK", "CACHE", "CALL", "CHANGE", "CHECK", "CHECKPOINT", "CHECKSUM", "CLEAR", "CLOSE", "CLUSTER", "COLLECT",
        "COMMENT", "COMMIT", "COMPUTE", "CONNECT", "CONTINUE", "CREATE", "DATABASE", "DEALLOCATE", "DECLARE", "DEFINE",
        "DENY", "DESC", "DESCRIBE", "DETACH", "DISABLE", "DISCARD", "DISCONNECT", "DO", "ENABLE", "END", "EXCHANGE",
        "EXEC", "EXECUTE", "EXISTS", "EXIT", "EXPLAIN", "FETCH", "FLUSH", "FOR", "FORCE", "GENERATE", "GET", "GO",
        "GOTO", "GRANT", "HANDLER", "HELP", "HELPSTATS", "IF", "INSTALL", "INVALIDATE", "ITERATE", "KILL", "LEAVE",
        "LET", "LIST", "LISTEN", "LOCK", "LS", "MOVE", "MSCK", "NOTIFY", "NULL", "OPEN", "OPTIMIZE", "PAUSE", "PRAGMA",
        "PRELOAD", "PREPARE", "PRINT", "PROMPT", "PURGE", "RAISE", "RAISERROR", "REASSIGN", "RECOMPRESS", "RECONFIGURE",
        "RECOVER", "REFRESH", "REINDEX", "RELEASE", "REMOVE", "REORG", "REPAIR", "RESET", "RESIGNAL", "RESTORE",
        "RESUME", "RETURN", "REVOKE", "RM", "ROLLBACK", "RUNSTATS", "SAVE", "SAVEPOINT", "SECURITY", "SHOW", "SHUTDOWN",
        "SIGNAL", "START", "STATISTICS", "STOP", "SUBTYPE", "SUSPEND", "SYSTEM", "THROW", "TYPE", "UNCACHE", "UNLISTEN",
        "UNLOCK", "UNSET", "UPDATE", "VACUUM", "VALIDATE", "WAITFOR", "WATCH", "WHILE", "XA",
    }
)  # fmt: skip
PARSED = QUERIES | CHANGES
ALWAYS_MOVES = frozenset({"COPY", "UNLOAD", "BULK", "PUT"})  # LOAD may name an extension, GET be GET DIAGNOSTICS
REMOVING = frozenset({"DROP", "ALTER", "RENAME"})
QUERY_WORDS = frozenset({"SELECT", "WITH"})
# Without one of these, a statement of an unknown kind (a declaration, an assignment) can name no table.
TOUCHING = frozenset({"FROM", "INTO", "TABLE", "JOIN", "USING", "SELECT", "UPDATE"})
NO_CHANGE = frozenset({"STATISTICS", "VIEW", "MACRO", "PROCEDURE"})  # UPDATE STATISTICS; Teradata's REPLACE VIEW


class Kind(IntEnum):
    WORD = 0  # a bare word: a keyword or an unquoted name
    NAME = 1  # a quoted identifier
    STRING = 2
    NUMBER = 3
    MARK = 4  # punctuation, an operator


_STRINGS = frozenset(
    {
        TokenType.STRING,
        TokenType.RAW_STRING,
        TokenType.HEREDOC_STRING,
        TokenType.NATIONAL_STRING,
        TokenType.UNICODE_STRING,
        TokenType.BYTE_STRING,
    }
)
_WORD = re.compile(r"[^\W\d][\w$#]*", re.UNICODE)


class Words:
    """The words of one statement, at positions from 0 to before `len(words)`; beyond either end a word is empty.

    `token_at` gives the token of each word, for its text and offsets. A text without tokens has `spans` instead.
    """

    __slots__ = ("_closing", "_spans", "_token_at", "kinds", "source", "texts", "tokens", "upper")

    def __init__(
        self,
        kinds: list[Kind],
        texts: list[str],
        source: str,
        *,
        tokens: Sequence[Token] | None = None,
        token_at: Sequence[int] = (),
        spans: Sequence[tuple[int, int]] = (),
        upper: list[str] | None = None,
    ):
        self.kinds = kinds
        self.texts = texts
        self.source = source
        self.tokens = tokens
        self._token_at = token_at
        self._spans = spans
        self._closing: dict[int, int] | None = None
        self.upper = _upper(kinds, texts) if upper is None else upper

    def __len__(self) -> int:
        return len(self.kinds)

    def word(self, at: int) -> str:
        """The word at a position in upper case; "" for anything but a bare word or a mark, and beyond the ends."""
        return self.upper[at] if 0 <= at < len(self.upper) else ""

    def is_word(self, at: int, *options: str) -> bool:
        return 0 <= at < len(self.upper) and self.upper[at] in options

    def follows(self, at: int, *words: str) -> bool:
        """True if these words follow each other from `at` on."""
        return tuple(self.upper[at : at + len(words)]) == words

    def kind(self, at: int) -> Kind | None:
        return self.kinds[at] if 0 <= at < len(self.kinds) else None

    def is_name(self, at: int) -> bool:
        """True for a bare word or a quoted identifier, which may be a name or a part of one."""
        return 0 <= at < len(self.kinds) and self.kinds[at] <= Kind.NAME

    def close(self, at: int) -> int:
        """The position of the parenthesis that closes the one at `at`; the end of the text if none does."""
        if self._closing is None:
            self._closing = _parentheses(self.upper)
        return self._closing.get(at, len(self.upper))

    def find(self, options: frozenset[str], start: int, end: int | None = None) -> int:
        """The position of the first of some words from `start` on, outside of parentheses; -1 if there is none."""
        at, end = start, len(self.upper) if end is None else min(end, len(self.upper))
        while at < end:
            word = self.upper[at]
            if word in options:
                return at
            at = self.close(at) + 1 if word == "(" else at + 1
        return -1

    def between(self, start: int, end: int) -> str:
        """The source text of the words from `start` to before `end`."""
        if start >= end or start >= len(self.kinds):
            return ""
        return self.source[self.span(start)[0] : self.span(min(end, len(self.kinds)) - 1)[1] + 1]

    def span(self, at: int) -> tuple[int, int]:
        """The first and the last offset of a word in `source`."""
        if self.tokens is None:
            return self._spans[at]
        token = self.tokens[self._token_at[at]]
        return token.start, token.end

    def touches(self, at: int) -> bool:
        """True if the next word follows without a blank."""
        return at + 1 < len(self.kinds) and self.span(at)[1] + 1 == self.span(at + 1)[0]

    def part(self, start: int, end: int | None = None) -> Words:
        """The words from `start` to before `end`, as words of their own."""
        return Words(
            self.kinds[start:end],
            self.texts[start:end],
            self.source,
            tokens=self.tokens,
            token_at=self._token_at[start:end],
            spans=self._spans[start:end],
            upper=self.upper[start:end],
        )

    def tokens_between(self, start: int, end: int) -> Sequence[Token] | None:
        """The tokens of the words from `start` to before `end`, for the parser; None if the text has none."""
        end = min(end, len(self.kinds))
        if self.tokens is None or start >= end:
            return None
        return self.tokens[self._token_at[start] : self._token_at[end - 1] + 1]

    def split(self, mark: str) -> Iterator[Words]:
        """The parts between marks that are outside of parentheses, without empty parts."""
        start = at = 0
        size = len(self.upper)
        while at < size:
            word = self.upper[at]
            if word == mark:
                if at > start:
                    yield self.part(start, at)
                start = at + 1
            at = self.close(at) + 1 if word == "(" else at + 1
        if start < size:
            yield self if start == 0 else self.part(start)

    def items(self, opening: int) -> Iterator[tuple[int, int]]:
        """Spans of the items between commas in the parenthesis that opens at `opening`."""
        end = self.close(opening)
        start = at = opening + 1
        angles = 0  # the brackets of MAP<STRING, INT>
        while at < end:
            word = self.upper[at]
            if word in _ANGLES:
                angles = max(angles + _ANGLES[word], 0)
            elif word == "," and not angles:
                yield start, at
                start, angles = at + 1, 0
            at = self.close(at) + 1 if word == "(" else at + 1
        if start < end:
            yield start, end


def _upper(kinds: Sequence[Kind], texts: Sequence[str]) -> list[str]:
    known: dict[str, str] = {}  # a long text has few different words: each is kept once
    return [
        (known.get(t) or known.setdefault(t, t.upper())) if k == Kind.WORD else t if k == Kind.MARK else ""
        for k, t in zip(kinds, texts, strict=True)
    ]


_ANGLES = {"<": 1, ">": -1, ">>": -2}


def _parentheses(upper: list[str]) -> dict[int, int]:
    closing: dict[int, int] = {}
    opened: list[int] = []
    for at, word in enumerate(upper):
        if word == "(":
            opened.append(at)
        elif word == ")" and opened:
            closing[opened.pop()] = at
    return closing


_KINDS: dict[TokenType, Kind] = {
    **dict.fromkeys(_STRINGS, Kind.STRING),
    TokenType.IDENTIFIER: Kind.NAME,
    TokenType.NUMBER: Kind.NUMBER,
    **dict.fromkeys((TokenType.PARAMETER, TokenType.PLACEHOLDER, TokenType.COMMA, TokenType.DOT), Kind.MARK),
    **dict.fromkeys((TokenType.L_PAREN, TokenType.R_PAREN, TokenType.EQ, TokenType.STAR, TokenType.PLUS), Kind.MARK),
    TokenType.VAR: Kind.WORD,
}


def from_tokens(tokens: Sequence[Token], source: str) -> Words:
    """The words of tokens; a keyword of several words (`GROUP BY`) becomes several."""
    kinds: list[Kind] = []
    texts: list[str] = []
    token_at = array("l")
    for at, token in enumerate(tokens):
        text = token.text
        kind = _KINDS.get(token.token_type)
        if kind is None:
            kind = Kind.WORD if text and (text[0].isalpha() or text[0] in "_$#") and text != "#" else Kind.MARK
            if kind == Kind.WORD and (" " in text or "\n" in text):
                parts = text.split()
                kinds += [kind] * len(parts)
                texts += parts
                token_at.extend([at] * len(parts))
                continue
        kinds.append(kind)
        texts.append(text)
        token_at.append(at)
    return Words(kinds, texts, source, tokens=tokens, token_at=token_at)


_LOOSE = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<string>'[^'\\]*(?:(?:''|\\.)[^'\\]*)*(?:'|\\?\Z))
    |(?P<name>"[^"]*"|`[^`]*`|\[[^\[\]\n]*\])
    |(?P<word>[^\W\d][\w$#]*)
    |(?P<number>\d[\w.]*)
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)


def from_text(text: str) -> Words:
    """The words of a text that its dialect's tokenizer refuses (an open quote), by a lenient pattern."""
    kinds: list[Kind] = []
    texts: list[str] = []
    spans: list[tuple[int, int]] = []
    by_group = {"string": Kind.STRING, "name": Kind.NAME, "word": Kind.WORD, "number": Kind.NUMBER, "mark": Kind.MARK}
    for match in _LOOSE.finditer(text):
        group = match.lastgroup
        if group is None or group == "space":
            continue
        found = match[0]
        kinds.append(by_group[group])
        texts.append(found[1:-1] if group in ("string", "name") else found)
        spans.append((match.start(), match.end() - 1))
    return Words(kinds, texts, text, spans=spans)
