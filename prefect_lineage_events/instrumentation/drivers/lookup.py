"""What the drivers' schema look-ups share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from prefect_lineage_events.emission.notes import Described


def by_table(
    rows: Iterable[Sequence[Any]], tables: Sequence[tuple[str, ...]], default_schema: str
) -> dict[tuple[str, ...], Described]:
    """Rows of (schema, table, column, type, kind), columns in order, as what a SchemaLookup answers.

    A name of one part is looked for in the default schema; a table of another database than the connection's is not
    told apart here, so look-ups run where the statement ran.
    """
    found: dict[tuple[str, str], Described] = {}
    for schema, table, column, type_, kind in rows:
        found.setdefault((schema, table), Described(kind=kind))[column] = type_
    wanted = {table: (table[-2] if len(table) > 1 else default_schema, table[-1]) for table in tables}
    return {table: found[key] for table, key in wanted.items() if key in found}
