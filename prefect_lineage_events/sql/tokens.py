"""Text -> pieces: one statement each, its text, its tokens, what may be shown of it, and its fingerprint.

One pass over the tokens serves cutting, parsing, sanitising and fingerprint, because tokenising costs a sixth of
an analysis.
"""

from __future__ import annotations

import re
from functools import cached_property

from sqlglot.tokenizer_core import Token, TokenType

from . import quoted_texts
from .context import Context
from .lexis import known, lexis, tokenize
from .literals import Places
from .longlists import cut_long_lists
from .model import TableRef
from .sanitise import DEFAULT_LIMIT, cut, fingerprint, shown
from .scripts import cut_characters, cut_tokens, delimited, may_have_cuts, without_client_lines
from .shape import Shape, shape
from .templates import Mask, binds, mask, resolve

_BINDS = re.compile(r"[%&]|\?\d")  # what `binds` may have to do with


class Piece:
    """One statement of a script.

    `text` is what the user wrote, from its first word to its last, long lists of data cut. `prepared` is as long, with
    templates masked; `tokens` are sqlglot tokens of it, offsets included, or None when it does not tokenise. What
    stands for a template, a client variable or a bind in them spans its text: `parse(tokens, prepared)` works, while
    tokenising `prepared` again may not. `lost_columns` says that the text was beyond all measure, and that select lists
    in it were cut. `tables` are those that the analysis found in it: the literals that name them are shown. Nothing is
    computed before it is asked for.
    """

    def __init__(self, text: str, dialect: str, prepared: str, masks: tuple[Mask, ...], tokens: list[Token] | None):
        self.text = text
        self.dialect = dialect
        self.prepared = prepared
        self.masks = masks
        self.tokens = tokens
        self.lost_columns = False
        self.tables: tuple[TableRef, ...] = ()

    @property
    def is_templated(self) -> bool:
        """Whether some of it is a template's leftover, so that what runs in the end may be something else."""
        return any(mask.kind != "literal" for mask in self.masks)

    @cached_property
    def shape(self) -> Shape | None:
        """The words that may be shown, see `shape.py`; None when the text does not tokenise."""
        if self.tokens is None:
            return None
        return shape(self.tokens, self.text, self.dialect, Places(self.tables))

    @cached_property
    def sanitised(self) -> str:
        """What may be shown, at most DEFAULT_LIMIT characters; see `sanitise.py`."""
        return self.sanitise(DEFAULT_LIMIT)

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits, equal for statements that differ only in literals, binds, comments, blanks and case."""
        return fingerprint(self.shape, self.text)

    def sanitise(self, limit: int) -> str:
        """What may be shown of the statement, in at most `limit` characters."""
        return shown(self.shape, self.text, limit)

    def __repr__(self) -> str:
        return f"Piece({self.sanitised!r})"


def split(sql: str, dialect: str) -> list[Piece]:
    """The statements of a text, in order; empty ones and comments alone make no piece. Never raises."""
    dialect = known(dialect)
    source, lost = cut_long_lists(sql, dialect)
    source = without_client_lines(source, dialect)
    sections = delimited(source, dialect) if "elimiter" in source or "ELIMITER" in source else None
    pieces = [piece for section in sections or [source] for piece in _pieces(section, dialect)]
    for piece in pieces if lost else ():
        piece.lost_columns = True
    return pieces


def _pieces(source: str, dialect: str) -> list[Piece]:
    source = _trimmed(source, dialect)
    if not source:
        return []
    prepared, masks = mask(source, dialect)
    tokens = tokenize(prepared, dialect)
    if tokens is None:
        return _untokenised(source, dialect)
    if not tokens:
        return []
    spans = list(cut_tokens(tokens, dialect)) if may_have_cuts(source, dialect) else [(0, len(tokens))]
    if len(spans) == 1 and tokens[spans[0][0]].start == 0:
        start, end = spans[0]
        last = tokens[end - 1].end + 1
        return [_piece(source[:last], dialect, prepared[:last], masks, tokens[start:end])]
    return _singles([source[tokens[a].start : tokens[b - 1].end + 1] for a, b in spans], dialect)


def _untokenised(source: str, dialect: str) -> list[Piece]:
    """What tokenises statement by statement; the statement that does not is a piece without tokens."""
    return _singles(cut_characters(source, dialect), dialect)


def _singles(parts: list[str], dialect: str) -> list[Piece]:
    trimmed = [_trimmed(part, dialect) for part in parts]
    pieces = [_single(part, dialect) for part in trimmed if part]
    return [piece for piece in pieces if piece.tokens != []]  # what is a comment when it stands alone


def _single(source: str, dialect: str) -> Piece:
    prepared, masks = mask(source, dialect)
    return _piece(source, dialect, prepared, masks, tokenize(prepared, dialect))


def _piece(source: str, dialect: str, prepared: str, masks: tuple[Mask, ...], tokens: list[Token] | None) -> Piece:
    if tokens:
        if masks:
            tokens = resolve(tokens, masks, source)
        if _BINDS.search(prepared):
            tokens = binds(tokens)
        if dialect in quoted_texts.DIALECTS and '"' in prepared:
            tokens = quoted_texts.quoted_texts(tokens, prepared)
        while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
            tokens = tokens[:-1]
    return Piece(source, dialect, prepared, masks, tokens)


def _trimmed(source: str, dialect: str) -> str:
    leading = lexis(dialect).leading.match(source)
    return source[leading.end() if leading else 0 :].rstrip().rstrip(";")


def sanitise(sql: str, dialect: str, limit: int = DEFAULT_LIMIT) -> str:
    """What may be shown of a whole text, in at most `limit` characters; see `sanitise.py`. Never raises."""
    from .statement import analyze_piece

    pieces = split(sql, dialect)
    for piece in pieces:
        analyze_piece(piece, Context(dialect=known(dialect), columns=False))
    text = "; ".join(piece.sanitise(limit) for piece in pieces)
    return text if len(text) <= limit else cut(text.split("; "), "; ", limit)
