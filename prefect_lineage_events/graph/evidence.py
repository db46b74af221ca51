"""Evidence: the links of many runs between two datasets, or of many runs with one dataset, as one answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.encoding import EPOCH
from prefect_lineage_events.graph.graph import ColumnLink, Graph, Link, ShapeRuns, UseLink, Window, how_known
from prefect_lineage_events.graph.values import (
    ColumnEdgeSeen,
    DatasetRef,
    EdgeSeen,
    HowKnown,
    RunRef,
    StatementRef,
    Use,
)
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.snapshots import Snapshot, SnapshotRun
from prefect_lineage_events.stitching.model import StatementSummary

# Statements that an answer shows of one run and dataset.
_SHOWN_STATEMENTS = 10


def run_ref(snapshot: Snapshot) -> RunRef:
    """The run of a snapshot, as people recognise it."""
    return ref_of(snapshot.run)


def ref_of(run: SnapshotRun | FlowRun) -> RunRef:
    """A run, as people recognise it."""
    return RunRef(
        id=run.id,
        name=run.name,
        flow=run.flow_name,
        state=run.state,
        deployment=run.deployment_name,
        started=run.started,
        ended=run.ended,
    )


def dataset_ref(graph: Graph, dataset: Dataset) -> DatasetRef:
    """The dataset with its newest known kind."""
    kind = next((link.use.kind for link in graph.uses(dataset)), "table")
    return DatasetRef(uri=dataset.uri, name=dataset.name, kind=kind)


def edges_seen(links: Iterable[Link], window: Window) -> list[EdgeSeen]:
    """One answer for each pair of datasets, in the order in which the links come."""
    pairs: dict[tuple[Dataset, Dataset], list[Link]] = {}
    for link in links:
        pairs.setdefault((link.source, link.target), []).append(link)
    return [_edge_seen(pair, found, window) for pair, found in pairs.items()]


def _edge_seen(pair: tuple[Dataset, Dataset], links: Sequence[Link], window: Window) -> EdgeSeen:
    source, target = pair
    seen = _Seen(links, window)
    return EdgeSeen(
        source=source.uri,
        target=target.uri,
        how=tuple(dict.fromkeys(link.how for link in links)),
        flows=seen.flows,
        runs=seen.count,
        first=seen.first,
        last=run_ref(seen.last),
        statement=_statement_of_edge(seen.last, source, target),
    )


def column_edges_seen(links: Iterable[ColumnLink], window: Window) -> list[ColumnEdgeSeen]:
    """One answer for each pair of columns, transformation and path, in the order in which the links come."""
    found: dict[tuple[object, ...], list[ColumnLink]] = {}
    for link in links:
        key = (link.source, link.source_column, link.target, link.target_column, link.transformation, link.path)
        found.setdefault(key, []).append(link)
    answers = []
    for same in found.values():
        link, seen = same[0], _Seen(same, window)
        answers.append(
            ColumnEdgeSeen(
                source=link.source.uri,
                source_column=link.source_column,
                target=link.target.uri,
                target_column=link.target_column,
                transformation=link.transformation,
                inferred=all(one.inferred for one in same),
                how=_how_columns(same),
                path=link.path,
                flows=seen.flows,
                runs=seen.count,
                last=run_ref(seen.last),
            )
        )
    return answers


def _how_columns(same: Sequence[ColumnLink]) -> HowKnown:
    """The best evidence of a column edge: a statement, then a statement of another producer, then equal names."""
    if any(not one.inferred and not one.runs.shape.producer for one in same):
        return "statement"
    said = [how_known(one.runs.shape, "") for one in same if one.runs.shape.producer]
    return said[0] if said else "by equal names"


def uses_by_flow(graph: Graph, dataset: Dataset, window: Window, *, writes: bool) -> tuple[Use, ...]:
    """The uses of a dataset by each flow and deployment, that of the newest run first."""
    by_flow: dict[tuple[str, str | None], list[tuple[UseLink, Snapshot]]] = {}
    for link in graph.uses(dataset, window):
        if link.writes is writes:
            for _, run_id in link.runs.within(window):
                snapshot = link.runs.snapshots[run_id]
                by_flow.setdefault((snapshot.run.flow_name, snapshot.run.deployment_name), []).append((link, snapshot))
    names = frozenset(graph.names_of(dataset))
    found = [_use(names, sorted(uses, key=lambda use: _began(use[1]))) for uses in by_flow.values()]
    return tuple(sorted(found, key=lambda use: use.last.started or EPOCH, reverse=True))


def _use(names: frozenset[Dataset], uses: Sequence[tuple[UseLink, Snapshot]]) -> Use:
    """The use of a dataset (by any of its `names`) by runs of one flow, oldest first."""
    link, last = uses[-1]
    good = [snapshot for _, snapshot in uses if snapshot.run.succeeded]
    unknown = last.shape.lineage.unknown
    return Use(
        flow=last.run.flow_name,
        deployment=last.run.deployment_name,
        runs=len({snapshot.run.id for _, snapshot in uses}),
        first=uses[0][1].run.started,
        last=run_ref(last),
        last_success=run_ref(good[-1]) if good else None,
        rows=link.rows_in(last),
        lifecycle=link.use.lifecycle,
        statements=statements_of(last, names, writes=link.writes)[:_SHOWN_STATEMENTS],
        unknown_source=link.writes and any(one.target in names for one in unknown),
    )


def statements_of(snapshot: Snapshot, datasets: frozenset[Dataset], *, writes: bool) -> tuple[StatementRef, ...]:
    """The statements of a run that wrote (or read) one of these datasets."""
    return tuple(
        _statement_ref(snapshot, number)
        for number, one in enumerate(snapshot.shape.lineage.statements)
        if not datasets.isdisjoint(one.outputs if writes else one.inputs)
    )


def all_statements(snapshot: Snapshot) -> tuple[StatementRef, ...]:
    """All statements of a run."""
    return tuple(_statement_ref(snapshot, number) for number in range(len(snapshot.statements)))


def _statement_of_edge(snapshot: Snapshot, source: Dataset, target: Dataset) -> StatementRef | None:
    """The statement of the run that wrote the target from the source; otherwise one that wrote the target."""
    writers = [(number, one) for number, one in enumerate(snapshot.shape.lineage.statements) if target in one.outputs]
    if not writers:
        return None
    number, _ = next((found for found in writers if source in found[1].inputs), writers[0])
    return _statement_ref(snapshot, number)


def _statement_ref(snapshot: Snapshot, number: int) -> StatementRef:
    one: StatementSummary = snapshot.shape.lineage.statements[number]
    numbers = snapshot.statements[number]
    return StatementRef(
        sql=one.sql,
        operation=one.operation,
        dialect=one.dialect,
        query_id=numbers.query_id,
        rows=numbers.rows,
        started=numbers.started,
        duration=numbers.duration,
        confidence=one.confidence,
        reason=one.reason,
    )


def _began(snapshot: Snapshot) -> tuple[dt.datetime, str]:
    return snapshot.run.began, str(snapshot.run.id)


class _Seen:
    """The runs of several links: their flows, number, first and last."""

    def __init__(self, links: Iterable[Link | ColumnLink], window: Window) -> None:
        shapes: Mapping[int, ShapeRuns] = {id(link.runs): link.runs for link in links}
        within = [(runs, runs.within(window)) for runs in shapes.values()]
        self.count = sum(len(found) for _, found in within)
        runs, found = min(within, key=lambda one: one[1][0])
        self.first = runs.snapshots[found[0][1]].run.began
        runs, found = max(within, key=lambda one: one[1][-1])
        self.last = runs.snapshots[found[-1][1]]
        self.flows = tuple(sorted({name for runs, found in within for name in _flow_names(runs, found)}))


def _flow_names(runs: ShapeRuns, found: Sequence[tuple[dt.datetime, object]]) -> set[str]:
    """The flows of a shape's runs. Runs of one shape are nearly always of one flow: only all of them are looked up."""
    return {snapshot.run.flow_name for snapshot in runs.snapshots.values()} if found else set()
