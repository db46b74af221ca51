"""Reader of the pieces of one text: repeated statements are analysed once, and a text costs a bounded effort."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace

from prefect_lineage_events.sql.context import Context, Effort, Section
from prefect_lineage_events.sql.model import Statement
from prefect_lineage_events.sql.parameterised import parameterised_text
from prefect_lineage_events.sql.splitting.long_lists import LOST_LITERAL, UNREAD
from prefect_lineage_events.sql.splitting.statements import Piece
from prefect_lineage_events.sql.tables.scripting_blocks import MAX_HEAD, section_after
from prefect_lineage_events.sql.tables.statements import analyze_piece
from prefect_lineage_events.sql.transactions.control import CONTROLS

_SHORT = 8  # tokens: COMMIT and the like cost next to nothing
_SMALL = 200  # tokens

MakeContext = Callable[[frozenset[str], Section], Context]
"""Names of variables, and the section of a block -> the context of the next statement."""


class ScriptReader:
    """Reader of the pieces of one text, one after the other, until they have cost more than a text may.

    Many scripts repeat a statement with other values. Such a statement is analysed once, as long as nothing happens to
    the session. A single partial statement stands for all that is not analysed, control of transactions excepted.
    """

    def __init__(self, dialect: str, *, has_several: bool) -> None:
        self._dialect = dialect
        self._has_several = has_several
        self._effort = Effort()
        self._has_reported_limit = False
        self._known: dict[str, tuple[Statement, ...]] = {}
        self._locals: frozenset[str] = frozenset()
        self._block: Section = ""
        self._met: tuple[object, ...] = ()

    def read(self, piece: Piece, session: Callable[[], Hashable], context: MakeContext) -> tuple[Statement, ...]:
        """The statements of a piece. `session` returns a value that is equal while the session is unchanged."""
        block = self._block
        if self._has_several:
            first = [token.text.upper() for token in (piece.tokens or ())[:MAX_HEAD]]
            self._block = section_after(first, block, self._dialect)
        size = piece.size
        text = self._key(piece, (session(), block)) if self._has_several else ""
        found = self._known.get(text)
        if found is not None and not piece.lost:
            return found
        if not (self._effort.take(size) or (_is_control(piece) and self._effort.take_short())):
            has_reported, self._has_reported_limit = self._has_reported_limit, True
            return () if has_reported else (Statement("misc", confidence="partial", reason=UNREAD),)
        found = analyze_piece(piece, context(self._locals, block), self._effort)
        self._locals |= {value for statement in found for name, value in statement.session if name == "variable"}
        lost = piece.lost or (LOST_LITERAL if piece.lost_literal and piece.may_execute_texts else "")
        if lost:
            return tuple(replace(s, confidence="partial", reason=lost) for s in found)
        may_be_shared = self._has_several and size <= _SMALL and not uses_last_query(piece.text)
        if may_be_shared and all(s.confidence == "exact" and not s.session for s in found):
            self._known[text] = found
        return found

    def _key(self, piece: Piece, session: Hashable) -> str:
        """The key of a piece's answer. All answers are dropped when the session changes."""
        met = (session, self._locals)
        if met != self._met:
            self._met, self._known = met, {}
        return parameterised_text(piece.text, self._dialect) or piece.text


def _is_control(piece: Piece) -> bool:
    """True if the piece may begin or end a transaction, which counts for all statements around it."""
    tokens = piece.tokens
    return tokens is not None and 0 < len(tokens) <= _SHORT and tokens[0].text.upper() in CONTROLS


def uses_last_query(text: str) -> bool:
    """True if the text may read the result of the session's last query."""
    return "->>" in text or "last_query_id" in text.lower()
