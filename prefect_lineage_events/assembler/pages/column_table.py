"""The origins of the columns that a run wrote, in the order that the columns have in their table. Pure."""

from __future__ import annotations

from collections import defaultdict

from prefect_lineage_events.assembler.pages import transformations
from prefect_lineage_events.assembler.pages.markup import more, shortened, table
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import code
from prefect_lineage_events.events import STAR
from prefect_lineage_events.stitching.model import ColumnEdge, Lineage

MAX_EDGES = 300


def section(lineage: Lineage) -> list[str]:
    """The columns with their sources."""
    edges = in_table_order(lineage)
    if not edges:
        return []
    into: dict[tuple[Dataset, str], list[ColumnEdge]] = defaultdict(list)
    for edge in edges[:MAX_EDGES]:
        into[edge.target, edge.target_column].append(edge)
    rows = [
        (_target(target, column), ", ".join(_source(edge) for edge in sources))
        for (target, column), sources in into.items()
    ]
    return ["## Columns", "\n".join([table(("Column", "From"), rows), *more(len(edges), MAX_EDGES, "column edges")])]


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
    return f"{shortened(dataset.name)}.{shortened(column)}"


def _target(dataset: Dataset, column: str) -> str:
    return f"{code(shortened(dataset.name))}, its rows" if column == STAR else code(qualified(dataset, column))


def _source(edge: ColumnEdge) -> str:
    note = transformations.note(edge.transformation, inferred=edge.inferred)
    return code(qualified(edge.source, edge.source_part)) + note
