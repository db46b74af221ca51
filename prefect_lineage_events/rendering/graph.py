"""The names of datasets in a graph of lineage, and the datasets of a graph that cannot show all. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.stitching.model import DatasetUse, Edge, Evidence, Lineage

# Evidence that a statement, a call or an asset stated an edge. Other edges are inferred, and are shown as such.
STATED: frozenset[Evidence] = frozenset({"sql", "warehouse", "recorded", "asset"})


def short_names(datasets: Iterable[Dataset]) -> dict[Dataset, str]:
    """The last part of each name; more parts if two would be equal, the URI if even all parts are equal."""
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
    return {dataset: name if taken[name] == 1 and name.strip() else dataset.uri for dataset, name in names.items()}


def uses(lineage: Lineage) -> dict[Dataset, DatasetUse]:
    return {use.dataset: use for use in (*lineage.inputs, *lineage.outputs)}


def best_connected(uses: dict[Dataset, DatasetUse], edges: Iterable[Edge], max_nodes: int) -> list[Dataset]:
    """The `max_nodes` datasets with most edges, sorted."""
    ends: dict[Dataset, int] = dict.fromkeys(uses, 0)
    for edge in edges:
        for dataset in (edge.source, edge.target):
            ends[dataset] = ends.get(dataset, 0) + 1
    return sorted(sorted(uses, key=lambda d: (-ends[d], d))[:max_nodes])


def _parts(dataset: Dataset) -> list[str]:
    return dataset.name.split("." if dataset.is_table else "/")


def _joined(dataset: Dataset, parts: list[str]) -> str:
    return ("." if dataset.is_table else "/").join(parts)
