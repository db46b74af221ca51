"""The questions of the command line and of assistants, each about the middle of a graph."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from prefect_lineage_events.graph import changes, gaps, impact, names, runs, selection, summaries, uses, walks
from prefect_lineage_events.graph.graph import Graph, Window


def questions(graph: Graph) -> list[tuple[str, Callable[[], object]]]:
    """Each question with its name."""
    datasets = graph.datasets()
    dataset = next(d for d in datasets[len(datasets) // 2 :] if any(use.writes for use in graph.uses(d)))
    source = next(link.source for link in graph.links(dataset, "upstream"))
    column = names.columns_of(graph, source)[0]
    found = sorted(graph.snapshots(), key=lambda snapshot: snapshot.run.began)
    last, now = found[-1], dt.datetime.now(dt.timezone.utc)
    window = Window(found[len(found) // 2].run.ended)
    return [
        ("name of a dataset", lambda: names.find_dataset(graph, dataset.name.rpartition(".")[2])),
        ("wrong name", lambda: _error(lambda: names.find_dataset(graph, "T250_99"))),
        ("name of a run", lambda: names.find_run(graph, last.run.name)),
        ("search", lambda: names.search(graph, "column_30")),
        ("show a dataset", lambda: summaries.dataset_summary(graph, dataset, now)),
        ("the same, half", lambda: summaries.dataset_summary(graph, dataset, now, window)),
        ("show a run", lambda: runs.run_details(graph, last)),
        ("explain a run", lambda: runs.explained(graph, last)),
        ("recent runs", lambda: runs.recent_runs(graph, dataset=dataset)),
        ("upstream", lambda: walks.upstream(graph, dataset)),
        ("downstream", lambda: walks.downstream(graph, source)),
        ("column upstream", lambda: walks.column_walk(graph, dataset, column, "upstream")),
        ("path", lambda: walks.path(graph, source, dataset)),
        ("impact", lambda: impact.impact(graph, source, column)),
        ("schema history", lambda: changes.schema_history(graph, dataset)),
        ("diff", lambda: changes.diff(found[-501], last)),
        ("freshness of one", lambda: uses.freshness(graph, dataset, now)),
        ("unused", lambda: uses.unused(graph)),
        ("conflicts", lambda: uses.conflicts(graph)),
        ("runs in flight", lambda: gaps.in_flight(graph)),
        ("gaps", lambda: gaps.gaps(graph)),
        ("all, to export", lambda: selection.select(graph, [], None)),
    ]


def _error(ask: Callable[[], object]) -> str:
    try:
        return str(ask())
    except ValueError as error:
        return str(error)
