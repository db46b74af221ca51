"""Text -> pieces: one statement each, with its text, its tokens, the text that may be shown, and its fingerprint.

The same tokens serve cutting, parsing, sanitising and the fingerprint, because tokenising costs a sixth of an analysis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from sqlglot.tokenizer_core import TokenType

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.lexer import FIRST_WORDS_COUNT, MAX_TOKENS, known, tokenize
from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.packed_tokens import PackedTokens, Tokens
from prefect_lineage_events.sql.redaction import unknown_dialect
from prefect_lineage_events.sql.redaction.literals import NamedDatasets
from prefect_lineage_events.sql.redaction.sanitise import quoted_texts, sanitised_and_fingerprint
from prefect_lineage_events.sql.redaction.shape import Shape, shape
from prefect_lineage_events.sql.scanner import Scanner
from prefect_lineage_events.sql.splitting.executable_comments import with_executed_comments
from prefect_lineage_events.sql.splitting.inline_data import without_inline_data
from prefect_lineage_events.sql.splitting.long_lists import HINTS, UNREAD, cut_long_lists
from prefect_lineage_events.sql.splitting.scripts import (
    cut_characters,
    cut_tokens,
    delimited,
    may_have_cuts,
    without_client_lines,
)
from prefect_lineage_events.sql.templates import Mask, binds, mask, resolve
from prefect_lineage_events.sql.words import PARSED
from prefect_lineage_events.windowed import search

# The end of a transaction at the end of a text applies to all statements before it, even if they were not read.
_CONTROL_AT_END = re.compile(r";\s*((?:commit|rollback|end)\b[ \w]{0,40})[\s;]*\Z", re.IGNORECASE)
_END = 200  # characters
_BINDS = re.compile(r"[%&$]|[?:]\d")  # signs of which `binds` may find a bind


class Piece:
    """One statement of a script.

    `text` is as the user wrote it, from the first word to the last, with long lists of data cut. `prepared` has the
    same length, with templates masked; `tokens` are its sqlglot tokens, offsets included, or None if it does not
    tokenise. The token of a template, a client variable or a bind spans its text: `parse(tokens, prepared)` works,
    while tokenising `prepared` again may not. `lost` is the reason why parts of an extremely long text were not read,
    `lost_literal`: a literal in it was cut, `doubt`: the reason why its tokens may have another meaning. `tables` are
    those that the analysis found: the literals that name them are shown. Everything is computed on first use.
    """

    def __init__(self, text: str, dialect: str, prepared: str, masks: tuple[Mask, ...], tokens: Tokens | None):
        self.text = text
        self.dialect = dialect
        self.prepared = prepared
        self.masks = masks
        self.tokens = tokens
        self.lost = ""
        self.lost_literal = False
        self.doubt = ""
        self.tables: tuple[TableRef, ...] = ()

    @property
    def size(self) -> int:
        """The cost of reading it, in tokens."""
        return len(self.tokens if self.tokens is not None else self.text)

    @property
    def is_templated(self) -> bool:
        """True if it contains the leftover of a template, so that another text may run in the end."""
        return bool(self.masks) and any(mask.kind in ("name", "gone") for mask in self.masks)

    @property
    def may_execute_texts(self) -> bool:
        """True if a literal in it may be SQL that it runs: if it is neither a query nor a change of data."""
        return not self.tokens or self.tokens[0].text.upper() not in PARSED

    @cached_property
    def shape(self) -> Shape | None:
        """The words that may be shown, see `shape.py`; None if the text does not tokenise."""
        if self.tokens is None:
            return None
        return shape(self.tokens, self.text, self.dialect, NamedDatasets(self.tables))

    @property
    def sanitised(self) -> str:
        """The text that may be shown, at most 4,000 characters; see `sanitise.py`."""
        return self._sanitised_and_fingerprint[0]

    @property
    def fingerprint(self) -> str:
        """16 hex digits, equal for statements that differ only in literals, binds, comments, blanks and case."""
        return self._sanitised_and_fingerprint[1]

    @cached_property
    def _sanitised_and_fingerprint(self) -> tuple[str, str]:
        return sanitised_and_fingerprint(self.shape, self.text)

    def __repr__(self) -> str:
        return f"Piece({self.sanitised!r})"


def split(sql: str, dialect: str) -> list[Piece]:
    """The statements of a text, in order, without empty ones and comments alone. Never raises."""
    return list(pieces_of(sql, dialect))


def pieces_of(sql: str, dialect: str) -> Iterator[Piece]:
    """The statements of `split`, each created when the one before it has been taken."""
    dialect = known(dialect)
    text = without_client_lines(without_inline_data(with_executed_comments(sql, dialect), dialect), dialect)
    short = cut_long_lists(text, dialect)
    text = short.text if dialect else unknown_dialect.without_comments(short.text)
    sections = delimited(text, dialect) if "elimiter" in text or "ELIMITER" in text else None
    reader = _Reader(dialect)
    last: Piece | None = None
    for section in sections or [text]:
        for piece in reader.pieces(section):
            piece.lost, piece.lost_literal = short.lost_columns, short.lost_literal
            if last is not None:
                yield last
            last = piece
    if last is None:
        return
    if short.is_whole and reader.is_whole:
        yield last
        return
    last.lost = UNREAD
    yield last
    if (control := _CONTROL_AT_END.search(sql, max(len(sql) - _END, 0))) is not None:
        yield reader.single(control[1])


class _Reader:
    """Reader of the pieces of one text, which together have at most MAX_TOKENS tokens."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.is_whole = True
        self._left = MAX_TOKENS

    def pieces(self, source: str) -> Iterator[Piece]:
        dialect = self.dialect
        source = _trimmed(source, dialect)
        if not source or not self._left:
            self.is_whole = self.is_whole and not source
            return
        prepared, masks = mask(source, dialect, self._left)
        tokens, read = self._tokens(prepared)
        if tokens is None:
            # statement by statement; one that does not tokenise is a piece without tokens
            yield from self._singles(cut_characters(source, dialect))
            return
        if read < len(source):
            source, prepared, self.is_whole = source[:read], prepared[:read], False
        if not tokens:
            return
        spans = list(cut_tokens(tokens, dialect)) if may_have_cuts(source, dialect) else [(0, len(tokens))]
        if len(spans) == 1 and tokens[spans[0][0]].start == 0:
            start, end = spans[0]
            last = tokens[end - 1].end + 1
            self._left = max(self._left - len(tokens), 0)
            yield _piece(source[:last], dialect, prepared[:last], masks, _part(tokens, start, end))
        elif dialect in FIRST_WORDS_COUNT:
            yield from self._singles([source[tokens[a].start : tokens[b - 1].end + 1] for a, b in spans])
        else:
            self._left = max(self._left - len(tokens), 0)
            yield from self._statements(source, prepared, masks, tokens, spans)

    def _statements(
        self, source: str, prepared: str, masks: Sequence[Mask], tokens: Tokens, spans: Sequence[tuple[int, int]]
    ) -> Iterator[Piece]:
        """The pieces of a script, with its tokens and masks at their new offsets."""
        first = 0  # of the masks that this statement or a later one may hold
        for a, b in spans:
            start, end = tokens[a].start, tokens[b - 1].end + 1
            text = source[start:end].rstrip().rstrip(";")
            own = _part(tokens, a, b, start)
            while own and own[-1].start >= len(text):
                own.pop()
            last = first
            while last < len(masks) and masks[last].start < end:
                last += 1
            moved = tuple(
                replace(m, start=m.start - start, end=m.end - start) for m in masks[first:last] if m.end > start
            )
            first = last
            piece = _piece(text, self.dialect, prepared[start : start + len(text)], moved, own)
            if piece.tokens:
                yield piece

    def _singles(self, parts: Sequence[str]) -> Iterator[Piece]:
        for part in parts:
            source = _trimmed(part, self.dialect)
            if not source:
                continue
            if not self._left:
                self.is_whole = False
                break
            piece = self.single(source)
            if piece.tokens is None or piece.tokens:  # otherwise it is a comment alone
                yield piece

    def single(self, source: str) -> Piece:
        prepared, masks = mask(source, self.dialect, self._left)
        tokens, read = self._tokens(prepared)
        self.is_whole = self.is_whole and read == len(source)
        self._left = max(self._left - len(tokens if tokens is not None else source), 0)
        return _piece(source[:read], self.dialect, prepared[:read], masks, tokens)

    def _tokens(self, prepared: str) -> tuple[Tokens | None, int]:
        if not self.dialect and unknown_dialect.is_doubtful(prepared):
            return None, len(prepared)
        return tokenize(prepared, self.dialect, self._left)


def _part(tokens: Tokens, start: int, end: int, offset: int = 0) -> Tokens:
    """The tokens from `start` to before `end`, with positions in the text less by `offset`."""
    if isinstance(tokens, PackedTokens):
        return tokens.part(start, end, offset)
    part = tokens[start:end]
    for token in part if offset else ():
        token.start -= offset
        token.end -= offset
    return part


def _piece(source: str, dialect: str, prepared: str, masks: tuple[Mask, ...], tokens: Tokens | None) -> Piece:
    doubtful = False
    if tokens:
        if masks:
            tokens = resolve(tokens, masks, source)
        if search(_BINDS, prepared, 2):
            tokens = binds(tokens, dialect)
        if dialect_of(dialect).names_may_be_texts and '"' in prepared:
            tokens = quoted_texts(tokens, prepared)
        if not dialect and '"' in prepared:
            tokens, doubtful = unknown_dialect.texts_in_double_quotes(tokens, prepared)
        while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
            tokens.pop()
    piece = Piece(source, dialect, prepared, masks, tokens)
    piece.doubt = unknown_dialect.REASON if doubtful else ""
    return piece


def _trimmed(source: str, dialect: str) -> str:
    """The text without leading blanks and comments, hints excepted, and without blanks and `;` at its end."""
    if source[:1].isalpha():
        return source.rstrip().rstrip(";")
    scanner = Scanner(source, dialect)
    start = scanner.skip_blanks(0)
    while not source.startswith(HINTS, start) and (end := scanner.comment_end(start)) > start:
        start = scanner.skip_blanks(end)
    return source[start:].rstrip().rstrip(";")
