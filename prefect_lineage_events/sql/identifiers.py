"""Names by each store's rules: one table has one name.

A name has the case in which the store keeps it (`dialects.DIALECTS`), so that `db.t`, `DB.T` and the catalog's
own listing agree.
"""

from __future__ import annotations

from collections.abc import Sequence

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.naming import fold, kept
from prefect_lineage_events.sql.context import Context

LOCAL_PARTS = 3  # of a name in T-SQL: a fourth is a linked server (learn.microsoft.com: four-part names)


def complete(parts: Sequence[str], context: Context, *, as_spelled: bool = False) -> tuple[str, ...]:
    """The parts of a table name, with the default schema and database before them if they are missing and known.

    If the schema is unknown, `database.table` is all that is known of a name. In `db..table` the schema is the default:
    PUBLIC in Snowflake; in T-SQL the user's own, left out if unknown. In `..table` both are the defaults.
    `as_spelled`: the defaults are not folded.
    """
    while parts and not parts[0]:
        parts = parts[1:]
    schema, database = context.schema, context.database
    dialect = dialect_of(context.dialect)
    if dialect.levels < 3:  # there is one default, for single names
        schema, database = schema or database, (database if schema and dialect.internal_catalog else None)
    if not as_spelled:
        schema, database = schema and kept(schema, context.dialect), database and kept(database, context.dialect)
    if "" in parts:
        if dialect.double_dot_skips_schema:
            schema = dialect.default_schema
        elif dialect.is_tsql:
            schema = dialect.default_schema if len(parts) > LOCAL_PARTS else schema
        elif dialect.levels < 3:
            schema = ""
        return tuple(part for part in (p or schema for p in parts) if part)
    if len(parts) == 1 and schema:
        parts = (schema, *parts)
    if database and len(parts) < 3:
        parts = (database, *parts)
    if dialect.internal_catalog and len(parts) == 3 and parts[0] == dialect.internal_catalog:
        parts = parts[1:]
    return tuple(parts)


def leaves_out_database(parts: Sequence[str], dialect: str) -> bool:
    """True for a table of a linked server in a database that only the server knows, as in `srv...t`."""
    return dialect_of(dialect).is_tsql and len(parts) > LOCAL_PARTS and bool(parts[0]) and not parts[1]


def leaves_out_schema(parts: Sequence[str], dialect: str) -> bool:
    """The same for the schema alone, `srv.db..t`: nearly always `dbo`."""
    return dialect_of(dialect).is_tsql and len(parts) > LOCAL_PARTS and bool(parts[0]) and not parts[2]


def split_identifier(text: str, dialect: str) -> tuple[str, ...]:
    """The folded parts of a name in a text, as in `IDENTIFIER('db.sch."My Table"')`; () if it is no name."""
    parts: list[str] = []
    at, size = 0, len(text)
    while at < size:
        opening = text[at]
        closing = {'"': '"', "`": "`", "[": "]"}.get(opening)
        if closing:
            end = text.find(closing, at + 1)
            while end != -1 and text[end + 1 : end + 2] == closing:
                end = text.find(closing, end + 2)
            if end == -1:
                return ()
            parts.append(fold(text[at + 1 : end].replace(closing * 2, closing), True, dialect))
            at = end + 1
        else:
            end = text.find(".", at)
            end = size if end == -1 else end
            word = text[at:end].strip()
            if word and not all(c.isalnum() or c in "_$-#@%" for c in word):
                return ()
            parts.append(fold(word, False, dialect))
            at = end
        if at < size:
            if text[at] != "." or at + 1 == size:
                return ()
            at += 1
    return tuple(parts) if parts and parts[-1] else ()
