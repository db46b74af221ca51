"""The tools: each asks the lineage graph one question, by names as people give them. None changes anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Protocol

from pydantic import Field

from prefect_lineage_events.assistants.fitting import Many, ToolAnswer, fitted
from prefect_lineage_events.graph.changes import as_of, diff, schema_history
from prefect_lineage_events.graph.gaps import in_flight
from prefect_lineage_events.graph.graph import Graph, Window
from prefect_lineage_events.graph.impact import impact
from prefect_lineage_events.graph.names import (
    UnknownNameError,
    find_column,
    find_column_of,
    find_dataset,
    find_flow,
    find_run,
    search,
)
from prefect_lineage_events.graph.runs import explained, explained_absent, recent_runs, run_details
from prefect_lineage_events.graph.summaries import dataset_summary
from prefect_lineage_events.graph.uses import conflicts, freshness, unused
from prefect_lineage_events.graph.values import (
    ColumnWalk,
    Conflict,
    DatasetRef,
    DatasetSummary,
    Freshness,
    Gap,
    Impact,
    Path,
    RunDetails,
    RunDiff,
    RunExplanation,
    RunSummary,
    SchemaVersion,
    SearchResult,
    Walk,
)
from prefect_lineage_events.graph.walks import column_walk, downstream, path, upstream


class Loaded(Protocol):
    """A graph with all of its gaps, as `graph.loading` loads it."""

    graph: Graph

    @property
    def gaps(self) -> tuple[Gap, ...]: ...

    def absent_run(self, text: str) -> RunDetails | None: ...


Source = Callable[[], Loaded]

DatasetName = Annotated[
    str,
    Field(
        description="A dataset: its URI, its name, or the last parts of its name (`mart.sales`) if only one has them."
    ),
]
ColumnName = Annotated[str, Field(description="A column with its dataset: `mart.sales.total`.")]
RunName = Annotated[
    str, Field(description="A flow run: its id, its name, its page's address, or a flow's name for its newest run.")
]
Hops = Annotated[int, Field(ge=1, le=50, description="The greatest distance, in edges between datasets.")]
Since = Annotated[
    dt.datetime | None,
    Field(description="Only runs that ended at this time (ISO, with zone) or later, and those in flight."),
]
AsOf = Annotated[
    dt.datetime | None, Field(description="Only runs that had ended at this time: the graph as it was then.")
]


class Tools:
    """The questions about the graph that `source` returns. All public methods are tools; their docstrings are shown."""

    def __init__(self, source: Source, now: Callable[[], dt.datetime]) -> None:
        self._source = source
        self._now = now

    def all(self) -> tuple[Callable[..., object], ...]:
        """The methods that are tools."""
        return (
            self.search_datasets,
            self.describe_dataset,
            self.upstream_of,
            self.downstream_of,
            self.origin_of_column,
            self.impact_of,
            self.path_between,
            self.schema_history_of,
            self.freshness_of,
            self.recent_runs,
            self.describe_run,
            self.explain_run,
            self.compare_runs,
            self.runs_in_flight,
            self.unused_datasets,
            self.conflicting_writers,
            self.known_gaps,
        )

    def search_datasets(
        self, word: Annotated[str, Field(description="A part of a dataset's name or of a column's name, in any case.")]
    ) -> ToolAnswer[SearchResult]:
        """Find datasets (tables, files, topics, APIs), columns and flows by a part of their names, best first."""
        return fitted(search(self._source().graph, word))

    def describe_dataset(
        self, dataset: DatasetName, since: Since = None, as_of: AsOf = None
    ) -> ToolAnswer[DatasetSummary]:
        """Show who writes and reads a dataset, its columns with their sources, its last write, what is not known."""
        graph = self._source().graph
        return fitted(dataset_summary(graph, find_dataset(graph, dataset), self._now(), _window(since, as_of)))

    def upstream_of(
        self, dataset: DatasetName, hops: Hops = 5, since: Since = None, as_of: AsOf = None
    ) -> ToolAnswer[Walk]:
        """List the datasets from which a dataset is made, nearest first, with the evidence for each edge."""
        graph = self._source().graph
        return fitted(upstream(graph, find_dataset(graph, dataset), hops=hops, window=_window(since, as_of)))

    def downstream_of(
        self, dataset: DatasetName, hops: Hops = 5, since: Since = None, as_of: AsOf = None
    ) -> ToolAnswer[Walk]:
        """List the datasets that are made from a dataset, nearest first, with the evidence for each edge."""
        graph = self._source().graph
        return fitted(downstream(graph, find_dataset(graph, dataset), hops=hops, window=_window(since, as_of)))

    def origin_of_column(
        self, column: ColumnName, hops: Hops = 10, since: Since = None, as_of: AsOf = None
    ) -> ToolAnswer[ColumnWalk]:
        """Follow a column to the columns from which its values come, or which decide over its rows."""
        graph = self._source().graph
        dataset, name = find_column(graph, column)
        return fitted(column_walk(graph, dataset, name, "upstream", hops=hops, window=_window(since, as_of)))

    def impact_of(
        self,
        dataset: DatasetName,
        column: Annotated[
            str | None, Field(description="A column of the dataset; without it, any of its columns.")
        ] = None,
        since: Since = None,
        as_of: AsOf = None,
    ) -> ToolAnswer[Impact]:
        """List what breaks or changes when a column (or a whole dataset) is dropped or changed.

        `values` take its values, `decisions` have other rows, `unknown` may be affected: their columns are not known.
        """
        graph = self._source().graph
        found = find_dataset(graph, dataset)
        name = find_column_of(graph, found, column) if column else None
        return fitted(impact(graph, found, name, window=_window(since, as_of)))

    def path_between(
        self, source: DatasetName, target: DatasetName, since: Since = None, as_of: AsOf = None
    ) -> ToolAnswer[Path]:
        """Find a shortest way of data from one dataset to another. No edges: there is none in this window."""
        graph = self._source().graph
        return fitted(
            path(graph, find_dataset(graph, source), find_dataset(graph, target), window=_window(since, as_of))
        )

    def schema_history_of(
        self, dataset: DatasetName, since: Since = None, as_of: AsOf = None
    ) -> ToolAnswer[Many[SchemaVersion]]:
        """List the versions of a dataset's columns, oldest first: columns added, dropped and retyped."""
        graph = self._source().graph
        found = schema_history(graph, find_dataset(graph, dataset), _window(since, as_of))
        return fitted(Many[SchemaVersion](items=found))

    def freshness_of(self, dataset: DatasetName, since: Since = None, as_of: AsOf = None) -> ToolAnswer[Freshness]:
        """Show when a dataset was last written, by which run, and whether its next write is late."""
        graph = self._source().graph
        return fitted(freshness(graph, find_dataset(graph, dataset), self._now(), _window(since, as_of)))

    def recent_runs(
        self,
        flow: Annotated[str | None, Field(description="Only runs of this flow.")] = None,
        dataset: Annotated[str | None, Field(description="Only runs that read or wrote this dataset.")] = None,
        since: Since = None,
        as_of: AsOf = None,
    ) -> ToolAnswer[Many[RunSummary]]:
        """List runs with what they read and wrote, newest first."""
        graph = self._source().graph
        window = _window(since, as_of)
        name = find_flow(graph, flow) if flow else None
        touched = find_dataset(graph, dataset) if dataset else None
        found = recent_runs(graph, window, flow=name, dataset=touched)
        return fitted(Many[RunSummary](items=found))

    def describe_run(self, run: RunName) -> ToolAnswer[RunDetails]:
        """Show one run: what it read and wrote, its statements, and what is missing of it."""
        loaded = self._source()
        graph = loaded.graph
        try:
            return fitted(run_details(graph, find_run(graph, run)))
        except UnknownNameError:
            if (absent := loaded.absent_run(run)) is None:
                raise
            return fitted(absent)

    def explain_run(self, run: RunName) -> ToolAnswer[RunExplanation]:
        """Show how each edge of one run is known, and which of its statements were not understood whole, and why."""
        loaded = self._source()
        graph = loaded.graph
        try:
            return fitted(explained(graph, find_run(graph, run)))
        except UnknownNameError:
            if (absent := loaded.absent_run(run)) is None:
                raise
            return fitted(explained_absent(absent))

    def compare_runs(self, before: RunName, after: RunName) -> ToolAnswer[RunDiff]:
        """List the differences between the lineage of two runs: datasets, edges, columns, numbers of rows."""
        graph = self._source().graph
        return fitted(diff(find_run(graph, before), find_run(graph, after)))

    def runs_in_flight(self) -> ToolAnswer[Many[RunSummary]]:
        """List the runs that have not ended, with what they have read and written so far."""
        return fitted(Many[RunSummary](items=in_flight(self._source().graph)))

    def unused_datasets(self, since: Since = None, as_of: AsOf = None) -> ToolAnswer[Many[DatasetRef]]:
        """List the datasets that were written and that no captured run read. Readers outside Prefect are not seen."""
        return fitted(Many[DatasetRef](items=unused(self._source().graph, _window(since, as_of))))

    def conflicting_writers(self, since: Since = None, as_of: AsOf = None) -> ToolAnswer[Many[Conflict]]:
        """List the datasets that more than one flow writes."""
        return fitted(Many[Conflict](items=conflicts(self._source().graph, _window(since, as_of))))

    def known_gaps(self, since: Since = None, as_of: AsOf = None) -> ToolAnswer[Many[Gap]]:
        """List what the lineage lacks and why: incomplete runs, statements not understood, unknown sources."""
        window = _window(since, as_of)
        found = self._source().gaps
        return fitted(Many[Gap](items=tuple(gap for gap in found if gap.run is None or window.holds(gap.run.ended))))


def _window(since: dt.datetime | None, time: dt.datetime | None) -> Window:
    """The window of these times. Raises ValueError for a time without a zone."""
    for one in (since, time):
        if one is not None and one.tzinfo is None:
            raise ValueError(f"{one.isoformat()} has no time zone: give one, as in 2026-11-30T06:00:00+00:00")
    return as_of(time, since) if time else Window(since)
