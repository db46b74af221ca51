"""The names of datasets in a graph of lineage, and the datasets of a graph that cannot show all. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from heapq import heappop, heappush

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
    """At most `max_nodes` datasets that hang together, sorted.

    From the one with most edges on, the neighbour with most edges comes next: a drawing of the best connected ones
    alone may have no edge.
    """
    if len(uses) <= max_nodes:
        return sorted(uses)
    neighbours: dict[Dataset, list[Dataset]] = {dataset: [] for dataset in uses}
    for edge in edges:
        neighbours.setdefault(edge.source, []).append(edge.target)
        neighbours.setdefault(edge.target, []).append(edge.source)
    rank = {dataset: (-len(neighbours[dataset]), dataset) for dataset in uses}
    seen: set[Dataset] = set()
    chosen: list[Dataset] = []
    for start in sorted(uses, key=rank.__getitem__):
        reached = [] if start in seen else [rank[start]]
        seen.add(start)
        while reached and len(chosen) < max_nodes:
            _, dataset = heappop(reached)
            chosen.append(dataset)
            for other in neighbours[dataset]:
                if other in rank and other not in seen:
                    seen.add(other)
                    heappush(reached, rank[other])
    return sorted(chosen)


def _parts(dataset: Dataset) -> list[str]:
    return dataset.name.split("." if dataset.is_table else "/")


def _joined(dataset: Dataset, parts: list[str]) -> str:
    return ("." if dataset.is_table else "/").join(parts)
