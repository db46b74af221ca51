"""The part of a graph that is exported: datasets, the edges between them, and the edges between their columns. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.graph.evidence import column_edges_seen, edges_seen
from prefect_lineage_events.graph.graph import ALWAYS, Direction, Graph
from prefect_lineage_events.graph.values import ColumnEdgeSeen, EdgeSeen
from prefect_lineage_events.graph.walks import walk


@dataclass(frozen=True, slots=True)
class Selection:
    """Datasets, sorted, with all edges among them."""

    datasets: tuple[Dataset, ...]
    edges: tuple[EdgeSeen, ...]
    columns: tuple[ColumnEdgeSeen, ...]


_DIRECTIONS: tuple[Direction, ...] = ("upstream", "downstream")


def select(graph: Graph, around: Sequence[Dataset] = (), hops: int | None = None) -> Selection:
    """All of the graph; or these datasets with what is upstream and downstream of them, at most `hops` steps away."""
    by_uri = {dataset.uri: dataset for dataset in graph.datasets()}
    chosen: Collection[str] = by_uri
    if around:
        chosen = {dataset.uri for dataset in around}
        for dataset in around:
            for direction in _DIRECTIONS:
                found = walk(graph, dataset, direction, hops=hops, whole=True)
                chosen = {*chosen, *(one.dataset.uri for one in found.datasets)}
    datasets = sorted(by_uri[uri] for uri in chosen if uri in by_uri)
    kept = set(datasets)
    links = [
        link
        for dataset in datasets
        for link in graph.links(dataset, "downstream")
        if link.target in kept and link.source != link.target
    ]
    columns = [
        link
        for dataset in datasets
        for column in sorted(graph.columns_with_links(dataset))
        for link in graph.column_links(dataset, column, "downstream")
        if link.target in kept
    ]
    return Selection(tuple(datasets), tuple(edges_seen(links, ALWAYS)), tuple(column_edges_seen(columns, ALWAYS)))
