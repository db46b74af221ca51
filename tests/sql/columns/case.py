"""Format of a case of column lineage: a text, and its edges, one a line.

x <- t.a                    the value of t.a arrives as column x of the result, unchanged
n.x <- t.a AGGREGATION      ... as column x of table n, aggregated
* <~ t.b FILTER             t.b decides over the rows (of n: `n.* <~ t.b FILTER`)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.model import ColumnEdge, Statement

# The tables that cases call known. Snowflake and Oracle keep names in upper case, the others here in lower case.
KNOWN: dict[str, list[str]] = {
    "t": ["id", "a", "b"],
    "u": ["id", "c"],
    "w": ["x", "y", "z"],
}


@dataclass(frozen=True)
class Case:
    """`edges` and `decisions` are lines as above; `result` are the names of the returned columns, if given."""

    name: str
    sql: str
    edges: str
    decisions: str | None = None
    dialect: str = ""
    known: bool = False
    result: Sequence[str] | None = None
    declared: Mapping[str, Mapping[str, str]] | None = None
    reason: str = ""

    @property
    def schemas(self) -> dict[str, dict[str, str]]:
        upper = self.dialect in ("snowflake", "oracle")
        tables = KNOWN if self.known else {}
        return {
            (name.upper() if upper else name): {(c.upper() if upper else c): "" for c in columns}
            for name, columns in tables.items()
        }

    def analyse(self, blanks: int = 0) -> list[Statement]:
        """The statements of the text with so many blanks at its end."""
        return list(analyze(self.sql + " " * blanks, dialect=self.dialect, schemas=self.schemas or None, columns=True))


def lines(text: str) -> set[str]:
    return {line.strip() for line in text.strip().splitlines() if line.strip()}


def written(edges: Sequence[ColumnEdge], arrow: str) -> set[str]:
    """Edges in the notation of the cases."""
    return {
        f"{edge.target.name + '.' if edge.target else ''}{edge.target_column} {arrow} "
        f"{edge.source.name}.{edge.source_column}"
        + ("" if edge.transformation == "IDENTITY" else f" {edge.transformation}")
        for edge in edges
    }
