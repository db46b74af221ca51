"""Temporary tables: which names are temporary, and their parts.

Some stores keep them in a schema of their own, beside lasting ones of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.identifiers import complete
from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.transactions.rules import transaction_rules

# SQL Server's temporary tables are temporary by name (`#t`, `##t`).
_PREFIX = "#"


def is_temporary(parts: tuple[str, ...], context: Context) -> bool:
    """True if a completed name is that of a temporary table: by its prefix, or because the session has made it."""
    return parts in context.temporary or parts[-1].startswith(_PREFIX)


def temporary_parts(folded: Sequence[str], context: Context) -> tuple[str, ...] | None:
    """The parts of the temporary table that a name refers to; None if it refers to a lasting one.

    `public.t` is never temporary. DuckDB's `main.t` may be: its temporary tables are in `main` of the catalog `temp`.
    """
    own = transaction_rules(context.dialect).temporary_schema
    if not own:
        return None
    if _names_temporary_schema(folded, context, own):
        return complete((own, folded[-1]), context)
    if not context.temporary:
        return None
    parts = complete((own, folded[-1]), context)
    may = len(folded) == 1 or (
        dialect_of(context.dialect).temporary_catalog and len(folded) == 2 and folded[0] == "main"
    )
    return parts if may and parts in context.temporary else None


def _names_temporary_schema(folded: Sequence[str], context: Context, own: str) -> bool:
    """True if a name's schema, or the current one that completes it, is that of temporary tables (`pg_temp_3.t`)."""
    if dialect_of(context.dialect).temporary_catalog:
        return len(folded) > 1 and folded[0] == own
    is_searched = context.search_path is not None and len(context.search_path.schemas) > 1
    above = folded[-2] if len(folded) > 1 else "" if is_searched else context.schema or ""
    return above == own or (own == "pg_temp" and above.startswith("pg_temp_"))


def as_temporary(table: TableRef, context: Context) -> TableRef:
    """The table that CREATE TEMPORARY makes under this name."""
    own = transaction_rules(context.dialect).temporary_schema
    parts = complete((own, table.parts[-1]), context) if own and table.parts else table.parts
    return replace(table, parts=parts, temporary=True)


def as_lasting(table: TableRef, context: Context) -> TableRef:
    """The table that CREATE makes under this name, even if there is a temporary one of the name."""
    own = transaction_rules(context.dialect).temporary_schema
    if not own or not table.temporary or context.schema == own:
        return table
    return replace(table, parts=complete(table.parts[-1:], context), temporary=False)


def has_temporary_views(context: Context) -> bool:
    """True if a view of a temporary table is temporary even without the word (postgresql.org: CREATE VIEW)."""
    return transaction_rules(context.dialect).temporary_schema == "pg_temp"
