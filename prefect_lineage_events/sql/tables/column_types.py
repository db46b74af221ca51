"""Types of declared columns: what the grammar of a type allows, and nothing after it.

A type is a name, words that continue it (`double precision`, `timestamp with time zone`), numbers in parentheses,
types within types, and brackets. A text within it (the values of an enumeration, a field's comment) is `?`.
"""

from __future__ import annotations

from prefect_lineage_events.naming import fold
from prefect_lineage_events.sql.words import Kind, Words

_NO_TYPE = frozenset(
    {
        "NOT", "NULL", "DEFAULT", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "CONSTRAINT", "COMMENT", "COLLATE",
        "GENERATED", "AS", "IDENTITY", "AUTOINCREMENT", "AUTO_INCREMENT", "ENCODE", "DISTKEY", "SORTKEY", "WITH",
        "MASKING", "PROJECTION", "TAG", "OPTIONS", "ON", "VIRTUAL", "STORED", "CODEC", "TTL", "MATERIALIZED", "ALIAS",
        "FOREIGN", "KEY", "STORAGE", "COMPRESSION", "CHARSET", "FORMAT", "TITLE", "INVISIBLE", "SPARSE", "ENCRYPT",
        "ROWGUIDCOL", "MASKED", "ENABLE", "DISABLE", "SORT", "COMPRESS", "EPHEMERAL", "METADATA", "PERSISTED",
        "DEFERRABLE", "ENCRYPTED", "IDENTIFIED",
    }
)  # fmt: skip
_CONTINUATIONS = frozenset(
    {
        "PRECISION", "VARYING", "LARGE", "OBJECT", "UNSIGNED", "SIGNED", "ZEROFILL", "RAW", "VARCHAR", "VARCHAR2",
        "CHAR", "BYTE", "BIG", "INT", "INTEGER", "YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "ARRAY",
        "MULTISET", "BINARY", "BIT", "TEXT",
    }
)  # fmt: skip
_UNITS = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})
_TIME_ZONE = frozenset({"WITH", "WITHOUT", "LOCAL", "TIME", "ZONE"})
_NATIONAL = frozenset({"NATIONAL", "NATIVE", "VARYING"})
_SIZES = frozenset({"MAX", "CHAR", "BYTE", "CHARACTERS", "OCTETS", "UNSIGNED", ",", "-", "+", "*"})
# Types whose parentheses hold types, fields or texts.
_NESTING = frozenset(
    {
        "ARRAY", "MAP", "STRUCT", "ROW", "OBJECT", "TUPLE", "NESTED", "NULLABLE", "LOWCARDINALITY", "VECTOR", "VARIANT",
        "AGGREGATEFUNCTION", "SIMPLEAGGREGATEFUNCTION", "GEOMETRY", "GEOGRAPHY", "LIST", "UNION", "RECORD", "MULTISET",
        "JSON", "DYNAMIC", "ENUM", "ENUM8", "ENUM16", "SET",
    }
)  # fmt: skip
_MAX_DEPTH = 20


def declared_type(words: Words, start: int, end: int) -> str:
    """The type that is declared in the words `[start, end)`; "" if there is none."""
    reader = _Reader(words, end)
    reader.type(start, 0)
    return "".join(reader.parts)


class _Reader:
    """Copier of the words of one type. `half`: one of the two brackets in `>>` has been read."""

    def __init__(self, words: Words, end: int) -> None:
        self.words = words
        self.end = end
        self.parts: list[str] = []
        self.half = False

    def type(self, at: int, depth: int) -> int:
        """Copy the type at `at`, and return the position after it."""
        words = self.words
        if at >= self.end or not words.is_name(at) or words.word(at) in _NO_TYPE:
            return at
        name, at = words.word(at), self._take(at)
        while words.word(at) == "." and words.is_name(at + 1):
            at = self._take(at + 1, "." + words.texts[at + 1])
        while at < self.end:
            word = words.word(at)
            if word == "(" and name in _NESTING:
                after = self._nested(at, ")", depth)
            elif word == "(":
                after = self._sizes(at)
            elif word == "<":
                after = self._nested(at, ">", depth)
            elif word == "[":
                after = self._brackets(at)
            else:
                after = self._continuation(at, name, word)
                name = word or name
            if after == at:
                break
            at = after
        return at

    def _take(self, at: int, text: str | None = None) -> int:
        is_apart = self.parts and self.words.kind(at) is not None and not self.words.touches(at - 1)
        self.parts.append((" " if is_apart else "") + self._written(at) if text is None else text)
        return at + 1

    def _written(self, at: int) -> str:
        """The word as it is written. (A keyword of two words is one token, in upper case.)"""
        words = self.words
        text, span = words.texts[at], words.span(at)
        if words.kind(at) != Kind.WORD:
            return text
        written = words.source[span[0] : span[1] + 1].split()
        before = sum(words.span(i) == span for i in range(max(at - 3, 0), at))
        return written[before] if before < len(written) and written[before].upper() == text.upper() else text

    def _continuation(self, at: int, before: str, word: str) -> int:
        following = self.words.word(at + 1)
        if word in ("WITH", "WITHOUT"):
            if following not in ("TIME", "LOCAL"):
                return at
            while self.words.word(at) in _TIME_ZONE:
                at = self._take(at)
            return at
        if word == "CHARACTER":
            return self._take(at) if following in ("VARYING", "(", "LARGE") or before in _NATIONAL else at
        if word in _CONTINUATIONS or (word == "TO" and following in _UNITS):
            return self._take(at)
        return at

    def _sizes(self, at: int) -> int:
        close = min(self.words.close(at), self.end)
        self._take(at)
        for i in range(at + 1, close):
            if self.words.kind(i) == Kind.NUMBER or self.words.word(i) in _SIZES:
                self._take(i)
            elif not self.parts[-1].endswith("?"):
                self._take(i, ("" if self.words.touches(i - 1) else " ") + "?")
        return self._closed(close)

    def _brackets(self, at: int) -> int:
        """Copy `[]` or `[3]`."""
        close = at + 1 + (self.words.kind(at + 1) == Kind.NUMBER)
        if self.words.word(close) != "]":
            return at
        for i in range(at, close + 1):
            self._take(i)
        return close + 1

    def _nested(self, at: int, closing: str, depth: int) -> int:
        """Copy the types, or the fields with their types, between brackets."""
        words = self.words
        self._take(at)
        at += 1
        if depth >= _MAX_DEPTH:
            self.parts.append("?" + closing)
            return self.end
        while at < self.end and words.word(at) not in (closing, ">>" if closing == ">" else closing):
            if words.kind(at) == Kind.STRING:
                at = self._take(at, ("" if words.touches(at - 1) else " ") + "?")
            elif words.kind(at) == Kind.NUMBER or words.word(at) in (",", ":", "=", "NOT", "NULL"):
                at = self._take(at)
            elif words.is_name(at) and (words.word(at + 1) == ":" or words.is_name(at + 1)):
                at = self._take(at)  # the name of a field
                at = self._take(at) if words.word(at) == ":" else at
                at = self._rest(self.type(at, depth + 1), closing)
            else:
                at = self._rest(self.type(at, depth + 1), closing)
        return self._closed(at, closing)

    def _rest(self, at: int, closing: str) -> int:
        """The position after what follows a field's type and is no part of it."""
        closings = (",", closing, ">>" if closing == ">" else closing)
        while at < self.end and self.words.word(at) not in (*closings, "NOT", "NULL", "="):
            at = self.words.close(at) + 1 if self.words.word(at) == "(" else at + 1
        return at

    def _closed(self, at: int, closing: str = ")") -> int:
        if at >= self.end:
            return at
        if self.words.word(at) != ">>":
            return self._take(at)
        self.parts.append(closing)
        self.half = not self.half
        return at if self.half else at + 1


_NO_COLUMN = frozenset(
    {
        "CONSTRAINT", "PRIMARY", "FOREIGN", "UNIQUE", "CHECK", "KEY", "INDEX", "FULLTEXT", "SPATIAL", "EXCLUDE",
        "LIKE", "PERIOD", "PROJECTION", "WATERMARK", "DISTRIBUTE", "PARTITION", "SUPPLEMENTAL",
    }
)  # fmt: skip


def declared_columns(words: Words, opening: int, dialect: str) -> dict[str, str]:
    """The columns, and their types, in the list that opens at `opening`; a type that is not stated is ""."""
    columns: dict[str, str] = {}
    for start, end in words.items(opening):
        if not words.is_name(start) or words.word(start) in _NO_COLUMN:
            continue
        name = fold(words.texts[start], words.kinds[start] == Kind.NAME, dialect)
        columns[name] = declared_type(words, start + 1, end)
    return columns
