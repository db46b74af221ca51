"""One dataset, all that the graph knows of it. Pure."""

from __future__ import annotations

import datetime as dt

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.graph.changes import columns_now
from prefect_lineage_events.graph.evidence import column_edges_seen, dataset_ref
from prefect_lineage_events.graph.gaps import gaps_of
from prefect_lineage_events.graph.graph import ALWAYS, Graph, Window
from prefect_lineage_events.graph.uses import freshness, readers, writers
from prefect_lineage_events.graph.values import DatasetSummary

# Gaps that one summary shows.
_SHOWN_GAPS = 20


def dataset_summary(graph: Graph, dataset: Dataset, now: dt.datetime, window: Window = ALWAYS) -> DatasetSummary:
    """The writers and readers of the dataset, its newest known columns with their sources, and its gaps."""
    columns = columns_now(graph, dataset, window)
    names = [*(column.name for column in columns), "*"]
    links = [link for name in names for link in graph.column_links(dataset, name, "upstream", window)]
    known_as = graph.names_of(dataset)
    uris = {name.uri for name in known_as}
    written = {run_id: link for link in graph.uses(dataset, window) for _, run_id in link.runs.within(window)[-1:]}
    gaps = [gap for run_id, link in written.items() for gap in gaps_of(graph, link.runs.snapshots[run_id])]
    return DatasetSummary(
        dataset=dataset_ref(graph, dataset),
        also_known_as=tuple(name.uri for name in known_as[1:]),
        columns=columns,
        origins=tuple(column_edges_seen(links, window)),
        writers=writers(graph, dataset, window),
        readers=readers(graph, dataset, window),
        freshness=freshness(graph, dataset, now, window),
        gaps=tuple(gap for gap in gaps if gap.dataset in (None, *uris))[:_SHOWN_GAPS],
    )
