"""Questions about runs: what one did, how each of its edges is known, and which runs there were. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.graph.evidence import all_statements, run_ref
from prefect_lineage_events.graph.gaps import gaps_of, run_summary
from prefect_lineage_events.graph.graph import ALWAYS, Graph, Window, how_known
from prefect_lineage_events.graph.values import (
    ChangedSchema,
    ColumnPair,
    EdgeExplained,
    HowKnown,
    RunDetails,
    RunExplanation,
    RunSummary,
    StatementOfRun,
    StatementRef,
)
from prefect_lineage_events.snapshots import Snapshot
from prefect_lineage_events.stitching.model import ColumnEdge, StatementSummary

# Edges that one explanation holds; a run may have 250,000.
MAX_EDGES = 1_000
_WHY: dict[HowKnown, str] = {
    "sql": "one statement reads the source and writes the target",
    "warehouse": "the warehouse's access history says that a statement read the source and wrote the target",
    "recorded": "one call or record names the source and the target",
    "task graph": "a task read the source, and passed its result to the task that wrote the target",
    "same task": "one task, or the flow's own body, read the source and then wrote the target: rows passed in Python",
    "same flow": "the flow's body passed rows on: from a task that read the source, or to one that wrote the target",
    "asset": "an asset of Prefect names the source as upstream of the target",
    "rename": "the run gave the source this name",
}
_SAID = "events of another producer name the source and the target"
_THROUGH = "statements read the source and write the target, through tables that were gone at the run's end"


def run_details(graph: Graph, snapshot: Snapshot) -> RunDetails:
    """One run with its statements, and what is missing of it."""
    return RunDetails(
        summary=run_summary(graph, snapshot),
        statements=all_statements(snapshot),
        gaps=tuple(gaps_of(graph, snapshot)),
    )


def recent_runs(
    graph: Graph, window: Window = ALWAYS, *, flow: str | None = None, dataset: Dataset | None = None
) -> tuple[RunSummary, ...]:
    """The runs of the window, newest first: of this flow only, or that used this dataset only."""
    touched = {
        run_id for link in (graph.uses(dataset, window) if dataset else ()) for _, run_id in link.runs.within(window)
    }
    chosen = [
        snapshot
        for snapshot in graph.snapshots(window)
        if flow in (None, snapshot.run.flow_name) and (dataset is None or snapshot.run.id in touched)
    ]
    chosen.sort(key=lambda snapshot: snapshot.run.began, reverse=True)
    return tuple(run_summary(graph, snapshot) for snapshot in chosen)


def explained(graph: Graph, snapshot: Snapshot) -> RunExplanation:
    """The evidence for each edge of a run, its statements with what was not understood of them, and its gaps."""
    lineage = snapshot.shape.lineage
    columns: dict[tuple[Dataset, Dataset], list[ColumnEdge]] = defaultdict(list)
    for column in lineage.columns:
        columns[column.source, column.target].append(column)
    pairs: dict[tuple[Dataset, Dataset], HowKnown] = {
        (use.renamed_from, use.dataset): "rename" for use in lineage.outputs if use.renamed_from
    }
    pairs |= {pair: how_known(snapshot.shape, evidence) for pair, evidence in lineage.pairs().items()}
    edges = tuple(
        _explained_edge(snapshot, source, target, how, columns[source, target])
        for (source, target), how in islice(sorted(pairs.items()), MAX_EDGES)
    )
    return RunExplanation(
        run=run_ref(snapshot),
        producer=snapshot.shape.producer,
        edges=edges,
        more_edges=len(pairs) - len(edges),
        statements=tuple(_statement(snapshot, number, shown) for number, shown in enumerate(all_statements(snapshot))),
        schema_changes=tuple(
            ChangedSchema(dataset=dataset.uri, text=text) for dataset, text in snapshot.shape.schema_changes
        ),
        gaps=tuple(gaps_of(graph, snapshot)),
        complete=snapshot.complete,
    )


def explained_absent(details: RunDetails) -> RunExplanation:
    """The explanation of a run that the graph does not hold: the reasons for it."""
    return RunExplanation(run=details.summary.run, gaps=details.gaps, complete=False)


def _explained_edge(
    snapshot: Snapshot, source: Dataset, target: Dataset, how: HowKnown, columns: Iterable[ColumnEdge]
) -> EdgeExplained:
    numbered = list(enumerate(snapshot.shape.lineage.statements, 1))
    both = [number for number, one in numbered if source in one.inputs and target in one.outputs]
    either = [number for number, one in numbered if source in one.inputs or target in one.outputs]
    return EdgeExplained(
        source=source.uri,
        target=target.uri,
        how=how,
        why=_THROUGH if how == "sql" and either and not both else _WHY.get(how, _SAID),
        statements=tuple(both or either),
        columns=tuple(
            ColumnPair(
                source=one.source_part,
                target=one.target_column,
                transformation=one.transformation,
                inferred=one.inferred,
            )
            for one in columns
        ),
    )


def _statement(snapshot: Snapshot, number: int, shown: StatementRef) -> StatementOfRun:
    one: StatementSummary = snapshot.shape.lineage.statements[number]
    return StatementOfRun(
        **dict(shown),
        number=number + 1,
        executions=snapshot.statements[number].executions,
        inputs=tuple(dataset.uri for dataset in one.inputs),
        outputs=tuple(dataset.uri for dataset in one.outputs),
    )
