"""The lineage of a run as a tree for a terminal, and the names and the choice of datasets for any graph of it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import line
from prefect_lineage_events.events import STAR
from prefect_lineage_events.naming import holds_tables
from prefect_lineage_events.stitching.model import ColumnEdge, DatasetUse, Edge, Evidence, Lineage, RunLineage

MAX_COLUMNS = 30
# How an edge is known that was stated: the others follow from Python's dataflow, and are shown as such.
STATED: frozenset[Evidence] = frozenset({"sql", "recorded", "asset"})


def tree(run: RunLineage) -> str:
    """Each output with what feeds it, tables first and columns under them, as lines of text; at last what is only read.

    `(task graph)` and the like say how an edge is known, when no statement said so; `~` marks columns joined by equal
    names only.
    """
    lineage = run.lineage
    names = {dataset: line(name) for dataset, name in short_names(dict.fromkeys(uses(run))).items()}
    lines = [line(run.run.flow_name)]
    sources: dict[Dataset, list[Edge]] = defaultdict(list)
    for edge in lineage.edges:
        sources[edge.target].append(edge)
    columns: dict[Dataset, list[ColumnEdge]] = defaultdict(list)
    for column in in_table_order(lineage):
        columns[column.target].append(column)
    branches = [
        (_headline(use, names, sources[use.dataset]), list(_column_lines(columns[use.dataset], names)))
        for use in lineage.outputs
    ]
    fed = {edge.source for edge in lineage.edges}
    branches += [(f"{names[use.dataset]} (read)", []) for use in lineage.inputs if use.dataset not in fed]
    for number, (headline, below) in enumerate(branches, 1):
        last = number == len(branches)
        lines.append(f"{'└─' if last else '├─'} {headline}")
        lines += [f"{'   ' if last else '│  '}{text}" for text in below]
    return "\n".join(lines) + "\n"


def in_table_order(lineage: Lineage) -> list[ColumnEdge]:
    """Column edges by the order in which their target has its columns; what decides over rows comes last."""
    order = {(use.dataset, column.name): number for use in lineage.outputs for number, column in enumerate(use.columns)}
    beyond = len(order)

    def position(edge: ColumnEdge) -> tuple[Dataset, bool, int]:
        known = order.get((edge.target, edge.target_column), beyond)
        return edge.target, edge.target_column == STAR, known

    return sorted(lineage.columns, key=position)


def short_names(datasets: Iterable[Dataset]) -> dict[Dataset, str]:
    """The last part of each name; more parts where two would read the same, the URI where even that does not help."""
    parts = {dataset: _parts(dataset) for dataset in datasets}
    depth = dict.fromkeys(parts, 1)
    names: dict[Dataset, str] = {}
    for _ in range(max(map(len, parts.values()), default=0)):
        names = {d: _joined(d, parts[d][-depth[d] :]) for d in parts}
        same: dict[str, list[Dataset]] = defaultdict(list)
        for dataset, name in names.items():
            same[name].append(dataset)
        for group in same.values():
            if len(group) > 1:
                for dataset in group:
                    depth[dataset] += 1
    taken = Counter(names.values())
    return {dataset: name if taken[name] == 1 else dataset.uri for dataset, name in names.items()}


def uses(run: RunLineage) -> dict[Dataset, DatasetUse]:
    return {use.dataset: use for use in (*run.lineage.inputs, *run.lineage.outputs)}


def best_connected(uses: dict[Dataset, DatasetUse], edges: Iterable[Edge], max_nodes: int) -> list[Dataset]:
    ends: dict[Dataset, int] = dict.fromkeys(uses, 0)
    for edge in edges:
        for dataset in (edge.source, edge.target):
            ends[dataset] = ends.get(dataset, 0) + 1
    return sorted(sorted(uses, key=lambda d: (-ends[d], d))[:max_nodes])


def _headline(use: DatasetUse, names: dict[Dataset, str], sources: list[Edge]) -> str:
    notes = f" [{use.lifecycle.lower()}]" if use.lifecycle else ""
    if not sources:
        return f"{names[use.dataset]}{notes}"
    return f"{names[use.dataset]}{notes} ← " + ", ".join(
        names[edge.source] + ("" if edge.evidence in STATED else f" ({edge.evidence})") for edge in sources
    )


def _column_lines(columns: list[ColumnEdge], names: dict[Dataset, str]) -> Iterator[str]:
    into: dict[str, list[str]] = defaultdict(list)
    for edge in columns:
        if edge.target_column != STAR:
            source = f"{names[edge.source]}.{line(edge.source_column)}"
            into[line(edge.target_column)].append(f"{'~' if edge.inferred else ''}{source}")
    for column, sources in list(into.items())[:MAX_COLUMNS]:
        yield f"{column} ← {', '.join(dict.fromkeys(sources))}"
    if len(into) > MAX_COLUMNS:
        yield f"… {len(into) - MAX_COLUMNS} more columns"


def _parts(dataset: Dataset) -> list[str]:
    return dataset.name.split("." if holds_tables(dataset.namespace) else "/")


def _joined(dataset: Dataset, parts: list[str]) -> str:
    return ("." if holds_tables(dataset.namespace) else "/").join(parts)
