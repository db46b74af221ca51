"""The flows and columns that a change of columns reaches, for the event `lineage.schema-changed`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prefect_lineage_events.assembler.schema_changes import Affected
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.graph.graph import Graph, Window
from prefect_lineage_events.graph.impact import impact
from prefect_lineage_events.graph.loading import load
from prefect_lineage_events.graph.uses import readers
from prefect_lineage_events.history import api

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# The runs that count as readers, and the seconds for those of them that have no stored lineage.
SPAN = dt.timedelta(days=7)
_READ_SECONDS = 5.0
_MAX_COLUMNS = 100


def affected(client: SyncPrefectClient, dataset: Dataset, columns: Sequence[str]) -> Affected:
    """The flows that read the dataset lately, and what is made from these columns of it."""
    loaded = load(client, Window(start=api.now(client) - SPAN), read_seconds=_READ_SECONDS)
    return reached(loaded.graph, dataset, columns)


def reached(graph: Graph, dataset: Dataset, columns: Sequence[str]) -> Affected:
    """The readers of the dataset, and all that its columns reach: by value, or by a decision over rows."""
    flows = tuple(dict.fromkeys(use.flow for use in readers(graph, dataset)))
    found: list[dict[str, Any]] = []
    for column in columns:
        reach = impact(graph, dataset, column)
        for one in (*reach.values, *reach.decisions):
            found.append({"from": column, "dataset": one.dataset, "column": one.column, "by": one.effect})
    return Affected(flows, tuple(found[:_MAX_COLUMNS]))
