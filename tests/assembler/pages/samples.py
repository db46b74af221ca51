"""Snapshots of small runs, for tests of pages."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid5

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.snapshots import Snapshot, snapshot_of
from prefect_lineage_events.stitching.model import Column, ColumnEdge, DatasetUse, Edge, Lineage, RunLineage
from tests.by_hand import NAMESPACE, NOON

_IDS = UUID(int=13)


def table(name: str) -> Dataset:
    return Dataset(NAMESPACE, f"shop.public.{name}")


def run(flow: str, hour: int = 0, state: str = "COMPLETED") -> FlowRun:
    """The run of a flow that began so many hours after noon."""
    began = NOON + dt.timedelta(hours=hour)
    id_ = uuid5(_IDS, f"{flow} {hour}")
    return FlowRun(id_, f"run-{hour}", uuid5(_IDS, flow), flow, state, started=began, ended=began)


def run_lineage(flow: str, *edges: str, hour: int = 0, state: str = "COMPLETED") -> RunLineage:
    """The lineage of a run with edges such as `a.x>b.y`, or `a>` for a dataset that is only read."""
    inputs: dict[Dataset, dict[str, None]] = {}
    outputs: dict[Dataset, dict[str, None]] = {}
    columns = []
    tables = set()
    for edge in edges:
        source, _, target = edge.partition(">")
        (from_, _, column), (to, _, into) = source.partition("."), target.partition(".")
        inputs.setdefault(table(from_), {}).update({column: None} if column else {})
        if to:
            outputs.setdefault(table(to), {}).update({into: None} if into else {})
            tables.add(Edge(table(from_), table(to)))
            columns += [ColumnEdge(table(from_), column, table(to), into)] if column else []
    return RunLineage(
        run(flow, hour, state),
        Lineage(
            inputs=tuple(DatasetUse(d, columns=tuple(map(Column, names))) for d, names in sorted(inputs.items())),
            outputs=tuple(
                DatasetUse(d, columns=tuple(Column(n, "integer") for n in names))
                for d, names in sorted(outputs.items())
            ),
            edges=tuple(sorted(tables)),
            columns=tuple(sorted(columns)),
        ),
    )


def snapshot(flow: str, *edges: str, hour: int = 0, state: str = "COMPLETED") -> Snapshot:
    return snapshot_of(run_lineage(flow, *edges, hour=hour, state=state))
