"""Look-up of the columns of MySQL's tables, on a connection of our own with the parameters of the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from prefect_lineage_events.emission.lookups import DescribedColumns
from prefect_lineage_events.instrumentation.opening import left_alone

TIMEOUT = 3  # seconds
_COLUMNS = """
    SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, c.DATA_TYPE,
           CASE WHEN t.TABLE_TYPE LIKE '%%VIEW' THEN 'view' ELSE 'table' END
    FROM information_schema.COLUMNS c JOIN information_schema.TABLES t USING (TABLE_SCHEMA, TABLE_NAME)
    WHERE {wanted} ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION
"""


@dataclass(frozen=True, slots=True)
class MySQLLookup:
    """Columns from the information schema. `connect` opens a connection, `database` has tables of one name part."""

    connect: Callable[[], Any] = field(repr=False)
    database: str | None

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], DescribedColumns]:
        wanted = {table: (table[-2] if len(table) > 1 else self.database, table[-1]) for table in tables}
        pairs = [pair for pair in set(wanted.values()) if pair[0]]
        if not pairs:
            return {}
        condition = " OR ".join(["(c.TABLE_SCHEMA = %s AND c.TABLE_NAME = %s)"] * len(pairs))
        with left_alone(), closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(_COLUMNS.format(wanted=condition), [part for pair in pairs for part in pair])
            rows = cursor.fetchall()
        found: dict[tuple[str, str], DescribedColumns] = {}
        for schema, table, column, type_, kind in rows:
            found.setdefault((schema, table), DescribedColumns(kind=kind))[column] = type_
        return {table: found[pair] for table, pair in wanted.items() if pair in found}
