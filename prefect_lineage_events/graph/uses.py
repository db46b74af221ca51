"""Questions about who uses a dataset: writers, readers, freshness, unused datasets, conflicting writers. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import pairwise
from statistics import median

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.graph.evidence import dataset_ref, run_ref, uses_by_flow
from prefect_lineage_events.graph.graph import ALWAYS, Graph, Window
from prefect_lineage_events.graph.values import Conflict, DatasetRef, Freshness, Use

# A write is late when it is missing for this many times the usual time between writes.
LATE = 2.0
# The usual time needs this many times between writes. Writes within a minute count as one: several runs by hand, or the
# runs of one batch.
_FEWEST_TIMES = 2
_APART = dt.timedelta(minutes=1)


def writers(graph: Graph, dataset: Dataset, window: Window = ALWAYS) -> tuple[Use, ...]:
    """The flows that write the dataset, that of the newest write first."""
    return uses_by_flow(graph, dataset, window, writes=True)


def readers(graph: Graph, dataset: Dataset, window: Window = ALWAYS) -> tuple[Use, ...]:
    """The flows that read the dataset, that of the newest read first."""
    return uses_by_flow(graph, dataset, window, writes=False)


def freshness(graph: Graph, dataset: Dataset, now: dt.datetime, window: Window = ALWAYS) -> Freshness:
    """The last write of the dataset by a run that completed, and whether the next one is late.

    A run without an end counts from its start. A window that ends before `now` is asked as of its end.
    """
    now = min(now, window.end or now)
    writes = sorted(
        (
            (snapshot.run.ended or snapshot.run.started, str(snapshot.run.id), snapshot)
            for link in graph.uses(dataset, window)
            if link.writes
            for snapshot in (link.runs.snapshots[run_id] for _, run_id in link.runs.within(window))
            if snapshot.run.succeeded and (snapshot.run.ended or snapshot.run.started)
        ),
        key=lambda write: write[:2],
    )
    times = [time for time, _, _ in writes if time]
    if not times:
        return Freshness(dataset=dataset_ref(graph, dataset), written=None, by=None, age_seconds=None)
    times_between = ((later - earlier) for earlier, later in pairwise(times))
    between = [time.total_seconds() for time in times_between if time >= _APART]
    usual = median(between) if len(between) >= _FEWEST_TIMES else None
    age = max(0.0, (now - times[-1]).total_seconds())
    return Freshness(
        dataset=dataset_ref(graph, dataset),
        written=times[-1],
        by=run_ref(writes[-1][2]),
        age_seconds=age,
        usual_seconds=usual,
        late=bool(usual) and age > LATE * (usual or 0),
    )


def unused(graph: Graph, window: Window = ALWAYS) -> tuple[DatasetRef, ...]:
    """The datasets that runs in the window wrote and none read: neither from outside nor as a source inside a run."""
    return tuple(
        dataset_ref(graph, dataset)
        for dataset in graph.datasets(window)
        if _is_written(graph, dataset, window) and not _is_read(graph, dataset, window)
    )


def conflicts(graph: Graph, window: Window = ALWAYS) -> tuple[Conflict, ...]:
    """The datasets that runs of more than one flow wrote in the window."""
    found = []
    for dataset in graph.datasets(window):
        writing = writers(graph, dataset, window) if _flows_writing(graph, dataset, window) > 1 else ()
        if len({use.flow for use in writing}) > 1:
            found.append(Conflict(dataset=dataset_ref(graph, dataset), writers=writing))
    return tuple(found)


def _flows_writing(graph: Graph, dataset: Dataset, window: Window) -> int:
    return len(set(_flow_names(graph, dataset, window)))


def _flow_names(graph: Graph, dataset: Dataset, window: Window) -> Iterable[str]:
    for link in graph.uses(dataset, window):
        if link.writes:
            yield from (link.runs.snapshots[run_id].run.flow_name for _, run_id in link.runs.within(window))


def _is_written(graph: Graph, dataset: Dataset, window: Window) -> bool:
    return any(link.writes for link in graph.uses(dataset, window))


def _is_read(graph: Graph, dataset: Dataset, window: Window) -> bool:
    """Return whether some run read it, or made another dataset from it."""
    return any(not link.writes for link in graph.uses(dataset, window)) or any(
        link.target != dataset for link in graph.links(dataset, "downstream", window)
    )
