"""The origins of the columns that a run wrote, in the order that the columns have in their table. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from prefect_lineage_events.assembler.pages import transformations
from prefect_lineage_events.assembler.pages.dataset_record import Origin
from prefect_lineage_events.assembler.pages.markup import more, shortened, table
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import code
from prefect_lineage_events.events import STAR
from prefect_lineage_events.naming import part_of_column
from prefect_lineage_events.stitching.model import ColumnEdge, Lineage

MAX_EDGES = 300
_MAX_QUALIFIED = 50


def section(lineage: Lineage) -> list[str]:
    """The columns with their sources: a table for each dataset, with a row for each source."""
    edges = in_table_order(lineage)
    if not edges:
        return []
    shown = edges[:MAX_EDGES]
    into: dict[Dataset, list[ColumnEdge]] = defaultdict(list)
    for edge in shown:
        into[edge.target].append(edge)
    parts = ["## Columns", *([transformations.INFERRED] if any(edge.inferred for edge in shown) else [])]
    for target, sources in into.items():
        parts += [f"### {code(target.name)}", table(("Column", "From"), _rows(sources))]
    return parts + [line for line in more(len(edges), MAX_EDGES, "column edges") if line]


def _rows(edges: Sequence[ColumnEdge]) -> list[tuple[str, str]]:
    """A row for each source; the column is named in the first of its rows."""
    rows, last = [], None
    for edge in edges:
        named = "" if edge.target_column == last else _target(edge.target_column)
        rows.append((named, source_of(edge)))
        last = edge.target_column
    return rows


def in_table_order(lineage: Lineage) -> list[ColumnEdge]:
    """Column edges by the order in which their target has its columns; those that decide over rows are last."""
    order = {(use.dataset, column.name): number for use in lineage.outputs for number, column in enumerate(use.columns)}
    beyond = len(order)

    def position(edge: ColumnEdge) -> tuple[Dataset, bool, int]:
        known = order.get((edge.target, edge.target_column), beyond)
        return edge.target, edge.target_column == STAR, known

    return sorted(lineage.columns, key=position)


def qualified(dataset: Dataset, column: str) -> str:
    """The name of a column behind that of its dataset."""
    return shortened(f"{dataset.name}.{column}", _MAX_QUALIFIED)


def _target(column: str) -> str:
    return "all rows" if column == STAR else code(shortened(column))


def source_of(edge: ColumnEdge | Origin) -> str:
    """A source column, with the part that it has in the target."""
    note = transformations.note(edge.transformation, inferred=edge.inferred)
    return code(qualified(edge.source, part_of_column(edge.source_column, edge.path))) + note
