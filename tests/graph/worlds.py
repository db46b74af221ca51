"""Short notation for snapshots of runs: `world.run("load", "raw.orders > mart.sales", columns="id>id amount>total:AGGREGATION")`."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from uuid import UUID, uuid5

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.graph.gaps import gaps
from prefect_lineage_events.graph.graph import Graph
from prefect_lineage_events.graph.values import Gap, RunDetails
from prefect_lineage_events.history.model import Completeness, FlowRun, ParentRun
from prefect_lineage_events.snapshot_wire import decode, encode
from prefect_lineage_events.snapshots import Snapshot, snapshot_of
from prefect_lineage_events.stitching.model import (
    Bundle,
    Column,
    ColumnEdge,
    DatasetUse,
    Edge,
    Lifecycle,
    Lineage,
    RunLineage,
    StatementSummary,
    UnknownSource,
)

ROOT = UUID("5ba7b810-9dad-41d1-80b4-00c04fd430c8")
START = dt.datetime(2026, 11, 1, 6, 0, tzinfo=dt.timezone.utc)
STORE = "postgres://db:5432"
COMPLETE = Completeness()


def table(name: str) -> Dataset:
    """The table of this name; the name of a file keeps its namespace (`s3://lake/a.csv`)."""
    return Dataset.from_uri(name) if "://" in name else Dataset(STORE, f"shop.{name}")


def at(hours: float) -> dt.datetime:
    return START + dt.timedelta(hours=hours)


class World:
    """Runs, one an hour by default, and the graph of them."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    @property
    def graph(self) -> Graph:
        return Graph(self.snapshots)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return gaps(self.graph)

    def absent_run(self, text: str) -> RunDetails | None:
        """No run is outside of the graph."""
        return None

    def run(
        self,
        flow: str,
        edges: str = "",
        *,
        columns: str = "",
        reads: str = "",
        writes: str = "",
        hours: float | None = None,
        state: str = "COMPLETED",
        rows: int | None = None,
        sql: str | None = None,
        schema: str = "",
        lifecycle: Lifecycle | None = None,
        unknown: str = "",
        confidence: str = "exact",
        bundle: str = "",
        same_as: str = "",
        parent: UUID | None = None,
        completeness: Completeness = COMPLETE,
        name: str = "",
    ) -> Snapshot:
        """One run. `edges`: `a > b`, separated by commas; `columns` belong to the first of them."""
        pairs = [tuple(table(one.strip()) for one in edge.split(">")) for edge in edges.split(",") if edge.strip()]
        inputs = dict.fromkeys([pair[0] for pair in pairs] + [table(one) for one in reads.split()])
        outputs = dict.fromkeys([pair[1] for pair in pairs] + [table(one) for one in writes.split()])
        sources = [table(one) for one in bundle.partition(">")[0].split()]
        targets = [table(one) for one in bundle.partition(">")[2].split()]
        number = len(self.snapshots)
        began = at(number if hours is None else hours)
        run = FlowRun(
            uuid5(ROOT, f"run {number}"),
            name or f"run-{number}",
            uuid5(ROOT, flow),
            flow,
            state,
            started=began,
            ended=began + dt.timedelta(minutes=5) if state != "RUNNING" else None,
            parents=(ParentRun(parent, "parent"),) if parent else (),
        )
        known = tuple(Column(n, t or None) for n, _, t in (part.partition(":") for part in schema.split()))
        others = tuple(table(one) for one in same_as.split())
        lineage = Lineage(
            inputs=tuple(DatasetUse(one) for one in [*inputs, *sources]),
            outputs=tuple(
                DatasetUse(one, columns=known, rows=rows, lifecycle=lifecycle, symlinks=others)
                for one in [*outputs, *targets]
            ),
            edges=tuple(Edge(*pair) for pair in pairs),
            columns=tuple(_column_edge(part, *pairs[0]) for part in columns.split()),
            bundles=(Bundle(None, tuple((one, "same task") for one in sources), tuple(targets)),) if sources else (),
            statements=(
                StatementSummary(
                    sql,
                    "postgres",
                    "write",
                    rows=rows,
                    confidence=confidence,
                    reason="unknown syntax" if confidence == "partial" else "",
                    inputs=tuple(inputs),
                    outputs=tuple(outputs),
                ),
            )
            if sql
            else (),
            unknown=tuple(UnknownSource(table(one), "unknown") for one in unknown.split()),
        )
        snapshot = snapshot_of(RunLineage(run, lineage, completeness=completeness))
        self.snapshots.append(decode(encode(snapshot)))
        return self.snapshots[-1]

    def ended(self, snapshot: Snapshot, state: str) -> Snapshot:
        """The snapshot of a run that was running, after its end."""
        run = replace(snapshot.run, state=state, ended=at(100))
        return replace(snapshot, run=run)


def _column_edge(text: str, source: Dataset, target: Dataset) -> ColumnEdge:
    """The edge `a>b`, `a>b:AGGREGATION`, or `a>b~` for one that is inferred."""
    inferred = text.endswith("~")
    names, _, transformation = text.removesuffix("~").partition(":")
    before, _, after = names.partition(">")
    return ColumnEdge(source, before, target, after, transformation or "IDENTITY", inferred)
