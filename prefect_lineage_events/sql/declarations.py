"""The columns that a CREATE declares: the list in parentheses behind the name."""

from __future__ import annotations

from prefect_lineage_events.naming import fold

from .words import Kind, Words

_NO_COLUMN = frozenset(
    {
        "CONSTRAINT", "PRIMARY", "FOREIGN", "UNIQUE", "CHECK", "KEY", "INDEX", "FULLTEXT", "SPATIAL", "EXCLUDE",
        "LIKE", "PERIOD", "PROJECTION", "WATERMARK", "DISTRIBUTE", "PARTITION", "SUPPLEMENTAL",
    }
)  # fmt: skip
_BEHIND_TYPE = frozenset(
    {
        "NOT", "NULL", "DEFAULT", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "CONSTRAINT", "COMMENT", "COLLATE",
        "GENERATED", "AS", "IDENTITY", "AUTOINCREMENT", "AUTO_INCREMENT", "ENCODE", "DISTKEY", "SORTKEY", "WITH",
        "MASKING", "PROJECTION", "TAG", "OPTIONS", "ON", "VIRTUAL", "STORED", "CODEC", "TTL", "MATERIALIZED", "ALIAS",
        "FOREIGN", "KEY", "STORAGE", "COMPRESSION", "CHARACTER", "CHARSET", "FORMAT", "TITLE", "INVISIBLE", "SPARSE",
        "ROWGUIDCOL", "MASKED", "ENABLE", "DISABLE", "SORT", "COMPRESS", "EPHEMERAL", "METADATA", "PERSISTED",
        "DEFERRABLE",
    }
)  # fmt: skip


def declared_columns(words: Words, opening: int, dialect: str) -> dict[str, str]:
    """Name and type of the columns in the list that opens at `opening`; a type that is not stated is ""."""
    columns: dict[str, str] = {}
    for start, end in words.items(opening):
        if not words.is_name(start) or words.word(start) in _NO_COLUMN:
            continue
        stop = start + 1
        while stop < end and not (words.word(stop) in _BEHIND_TYPE and _ends_type(words, stop)):
            stop = words.close(stop) + 1 if words.word(stop) == "(" else stop + 1
        name = fold(words.texts[start], words.kinds[start] == Kind.NAME, dialect)
        columns[name] = " ".join(words.between(start + 1, min(stop, end)).split())
    return columns


def _ends_type(words: Words, at: int) -> bool:
    """`timestamp with time zone` and `character varying` are types whose words also open a clause."""
    if words.word(at) == "WITH":
        return words.word(at + 1) not in ("TIME", "LOCAL")
    return not (words.word(at) == "CHARACTER" and words.word(at + 1) in ("VARYING", "(", "LARGE"))
