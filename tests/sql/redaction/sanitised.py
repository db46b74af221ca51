"""The text of whole scripts as lineage events show it."""

from __future__ import annotations

from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.lexer import known
from prefect_lineage_events.sql.redaction.sanitise import DEFAULT_LIMIT, cut
from prefect_lineage_events.sql.splitting.statements import split
from prefect_lineage_events.sql.tables.statements import analyze_piece


def sanitise(sql: str, dialect: str, limit: int = DEFAULT_LIMIT) -> str:
    """The part of a text that may be shown, in at most `limit` characters. Never raises."""
    pieces = split(sql, dialect)
    for piece in pieces:
        analyze_piece(piece, Context(dialect=known(dialect), columns=False))
    text = "; ".join(piece.sanitised for piece in pieces)
    return text if len(text) <= limit else cut(text.split("; "), "; ", limit)
