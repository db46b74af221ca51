"""The columns that a CREATE declares: the list in parentheses behind the name."""

from __future__ import annotations

from prefect_lineage_events.naming import fold
from prefect_lineage_events.sql.tables.column_types import declared_type
from prefect_lineage_events.sql.words import Kind, Words

_NO_COLUMN = frozenset(
    {
        "CONSTRAINT", "PRIMARY", "FOREIGN", "UNIQUE", "CHECK", "KEY", "INDEX", "FULLTEXT", "SPATIAL", "EXCLUDE",
        "LIKE", "PERIOD", "PROJECTION", "WATERMARK", "DISTRIBUTE", "PARTITION", "SUPPLEMENTAL",
    }
)  # fmt: skip


def declared_columns(words: Words, opening: int, dialect: str) -> dict[str, str]:
    """Name and type of the columns in the list that opens at `opening`; a type that is not stated is ""."""
    columns: dict[str, str] = {}
    for start, end in words.items(opening):
        if not words.is_name(start) or words.word(start) in _NO_COLUMN:
            continue
        name = fold(words.texts[start], words.kinds[start] == Kind.NAME, dialect)
        columns[name] = declared_type(words, start + 1, end)
    return columns
