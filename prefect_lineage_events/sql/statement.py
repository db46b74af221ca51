"""One piece of a text -> its statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .context import Context
from .model import Statement

if TYPE_CHECKING:
    from .tokens import Piece


def analyze_piece(piece: Piece, context: Context) -> tuple[Statement, ...]:
    """The statements of one piece, in order: nearly always one, several for a block or a multi-table text.

    Pure and thread-safe; never raises, whatever the text.
    """
    return (Statement("misc", fingerprint=piece.fingerprint, sanitised=piece.sanitised),)
