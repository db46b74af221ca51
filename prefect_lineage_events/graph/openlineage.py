"""The runs of a graph as OpenLineage events, one JSON object a line. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from uuid import UUID

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.encoding import json_value
from prefect_lineage_events.graph.graph import Graph
from prefect_lineage_events.history.model import Completeness, ParentRun
from prefect_lineage_events.job_names import BY_FLOW
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.openlineage.facets import RUN_KEY
from prefect_lineage_events.openlineage.run_facets import TAG_SOURCE
from prefect_lineage_events.snapshots import Snapshot, flow_run_of
from prefect_lineage_events.stitching.model import RunLineage

# Levels of subflows, as in a run's own events.
_MAX_LEVELS = 50


def as_openlineage(
    graph: Graph,
    *,
    around: Collection[Dataset] = (),
    namespace: str,
    job_template: str = BY_FLOW,
    tag_source: str = TAG_SOURCE,
    prefect_url: str | None = None,
) -> Iterator[str]:
    """The events of all runs of Prefect (that used one of these datasets), oldest run first, one on each line.

    Runs of other producers are left out: a snapshot does not hold their events. Snapshots hold no lineage of single
    tasks: the events are those of granularity `flow`.
    """
    chosen = set(around)
    for snapshot in sorted(graph.snapshots(), key=lambda one: (one.run.began, str(one.run.id))):
        if snapshot.shape.producer or not _uses_any(snapshot, chosen):
            continue
        for event in run_events(
            _run_lineage(graph, snapshot),
            namespace=namespace,
            job_template=job_template,
            tag_source=tag_source,
            prefect_url=prefect_url,
        ):
            # A snapshot knows in words what a run lacks, and not by the numbers of its events.
            completeness = {"complete": snapshot.complete, "lacks": list(snapshot.missing)}
            event["run"]["facets"][RUN_KEY]["completeness"] = completeness
            yield json.dumps(json_value(event), ensure_ascii=True) + "\n"


def runs_of_others(graph: Graph, around: Collection[Dataset] = ()) -> int:
    """The number of runs (that used one of these datasets) that other producers describe."""
    chosen = set(around)
    return sum(bool(one.shape.producer) and _uses_any(one, chosen) for one in graph.snapshots())


def _uses_any(snapshot: Snapshot, chosen: Collection[Dataset]) -> bool:
    """Return whether the run used one of these datasets; any run did if there are none."""
    lineage = snapshot.shape.lineage
    return not chosen or any(use.dataset in chosen for use in (*lineage.inputs, *lineage.outputs))


def _run_lineage(graph: Graph, snapshot: Snapshot) -> RunLineage:
    """The stitched run of a snapshot. The chain above a subflow is as long as the window holds its runs."""
    parents: list[ParentRun] = []
    above: UUID | None = snapshot.run.parent_id
    while above is not None and len(parents) < _MAX_LEVELS and (parent := graph.snapshot(above)) is not None:
        parents.append(ParentRun(above, parent.run.flow_name, parent.run.deployment_name))
        above = parent.run.parent_id
    return RunLineage(
        flow_run_of(snapshot, tuple(parents)),
        snapshot.lineage,
        completeness=Completeness(not_captured=snapshot.not_captured),
        schema_changes=dict(snapshot.shape.schema_changes),
    )
