"""The graph in memory: snapshots of runs, indexed by datasets and columns. Pure.

Most runs of a flow have the same shape (`snapshots.Shape`), so the index holds shapes, and each shape its runs in order
of time. A question about a window of time asks which shapes have runs in it; edges are never copied per run.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar
from uuid import UUID

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.encoding import EPOCH
from prefect_lineage_events.graph.values import HowKnown
from prefect_lineage_events.openlineage.symlinks import also_by_rule
from prefect_lineage_events.snapshots import Shape, Snapshot
from prefect_lineage_events.stitching.model import Bundle, DatasetUse

Direction = Literal["upstream", "downstream"]
ColumnKey = tuple[Dataset, str]
_Run = tuple[dt.datetime, UUID]
FOREVER = dt.datetime.max.replace(tzinfo=dt.timezone.utc)


@dataclass(frozen=True, slots=True)
class Window:
    """Runs that ended in [start, end]; None is open. Runs in flight are in each window without an end.

    Loading, the command line and assistants mean the same by it: what a run wrote counts from its end on.
    """

    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def holds(self, ended: dt.datetime | None) -> bool:
        """Return whether a run that ended then is in the window; None is one in flight."""
        if ended is None:
            return self.end is None
        return (self.start or EPOCH) <= ended <= (self.end or FOREVER)

    @property
    def open(self) -> bool:
        return self.start is None and self.end is None


ALWAYS = Window()


def how_known(shape: Shape, evidence: HowKnown) -> HowKnown:
    """The evidence of an edge; of another producer's only that it said so."""
    return f"as {shape.producer} said" if shape.producer else evidence


@dataclass(eq=False, slots=True)
class ShapeRuns:
    """A shape and the runs that have it: `ended` ones in order of their end, those `in_flight` of their begin."""

    shape: Shape
    ended: list[_Run] = field(default_factory=list)
    in_flight: list[_Run] = field(default_factory=list)
    snapshots: dict[UUID, Snapshot] = field(default_factory=dict)

    def add(self, snapshot: Snapshot) -> None:
        run = snapshot.run
        if run.in_flight:
            insort(self.in_flight, (run.began, run.id))
        else:
            insort(self.ended, (run.ended or run.began, run.id))
        self.snapshots[run.id] = snapshot

    def remove(self, run_id: UUID) -> None:
        del self.snapshots[run_id]
        self.ended = [run for run in self.ended if run[1] != run_id]
        self.in_flight = [run for run in self.in_flight if run[1] != run_id]

    def within(self, window: Window) -> list[_Run]:
        """The runs in the window, oldest first."""
        found = self.ended
        if not window.open:
            first = bisect_left(found, (window.start or EPOCH, UUID(int=0)))
            last = bisect_right(found, (window.end or FOREVER, UUID(int=2**128 - 1)))
            found = found[first:last]
        # A run that is stale for days is not newer than those that ended since.
        return sorted([*found, *self.in_flight]) if self.in_flight and window.end is None else found

    def seen_in(self, window: Window) -> bool:
        return bool(self.within(window))


@dataclass(frozen=True, slots=True)
class Link:
    """An edge of one shape between two datasets."""

    source: Dataset
    target: Dataset
    how: HowKnown
    runs: ShapeRuns


@dataclass(frozen=True, slots=True)
class ColumnLink:
    """A column edge of one shape; `target_column` is `*` if the source decides over rows."""

    source: Dataset
    source_column: str
    target: Dataset
    target_column: str
    transformation: str
    inferred: bool
    runs: ShapeRuns
    path: str = ""


@dataclass(frozen=True, slots=True)
class UseLink:
    """A dataset as an input (or output) of one shape, at this position of its inputs (outputs)."""

    use: DatasetUse
    position: int
    writes: bool
    runs: ShapeRuns

    def rows_in(self, snapshot: Snapshot) -> int | None:
        """The rows that the run of this snapshot read or wrote."""
        return (snapshot.rows_written if self.writes else snapshot.rows_read)[self.position]


_Key = TypeVar("_Key")
_OfRuns = TypeVar("_OfRuns", Link, ColumnLink, UseLink)


class Graph:
    """Datasets, columns, flows and runs of a window of history. Not safe to change from several threads at once.

    `aliases` of a dataset are its other names: what is known of one name is known of all. `refused`: for runs of which
    a target refused events, what it refused and why, in words.
    """

    def __init__(self, snapshots: Iterable[Snapshot] = ()) -> None:
        self.refused: Mapping[UUID, tuple[str, ...]] = {}
        self._snapshots: dict[UUID, ShapeRuns] = {}
        self._shapes: dict[int, ShapeRuns] = {}
        self._equal_shapes: dict[Shape, ShapeRuns] = {}
        self._into: dict[Dataset, list[Link]] = defaultdict(list)
        self._out_of: dict[Dataset, list[Link]] = defaultdict(list)
        self._columns_into: dict[ColumnKey, list[ColumnLink]] = defaultdict(list)
        self._columns_out_of: dict[ColumnKey, list[ColumnLink]] = defaultdict(list)
        self._columns: dict[Dataset, set[str]] = defaultdict(set)
        self._bundles: dict[Direction, dict[Dataset, list[tuple[Bundle, ShapeRuns]]]] = {
            "upstream": defaultdict(list),
            "downstream": defaultdict(list),
        }
        self._uses: dict[Dataset, list[UseLink]] = defaultdict(list)
        self._aliases: dict[Dataset, set[Dataset]] = {}
        for snapshot in snapshots:
            self.add(snapshot)

    def add(self, snapshot: Snapshot) -> None:
        """Take a run's snapshot in place of an earlier one of the same run."""
        self.remove(snapshot.run.id)
        runs = self._runs_of(snapshot.shape)
        runs.add(snapshot)
        self._snapshots[snapshot.run.id] = runs

    def remove(self, run_id: UUID) -> None:
        """Forget a run; nothing happens for an unknown one."""
        runs = self._snapshots.pop(run_id, None)
        if runs is None:
            return
        runs.remove(run_id)
        if not runs.snapshots:
            self._unindex(runs)

    def snapshot(self, run_id: UUID) -> Snapshot | None:
        """The snapshot of a run; None for one that the graph does not hold."""
        runs = self._snapshots.get(run_id)
        return runs.snapshots[run_id] if runs else None

    def snapshots(self, window: Window = ALWAYS) -> Iterator[Snapshot]:
        """All snapshots of runs in the window, in no particular order."""
        for runs in self._equal_shapes.values():
            for _, run_id in runs.within(window):
                yield runs.snapshots[run_id]

    def __len__(self) -> int:
        return len(self._snapshots)

    def datasets(self, window: Window = ALWAYS) -> list[Dataset]:
        """All datasets that runs in the window touched, sorted."""
        return sorted(d for d, links in self._uses.items() if any(link.runs.seen_in(window) for link in links))

    def by_uri(self) -> dict[str, Dataset]:
        """All datasets by their URIs. A URI alone does not show where the name in it begins: names may have slashes."""
        return {dataset.uri: dataset for dataset in self._uses}

    def flows(self) -> list[str]:
        """The names of all flows, sorted."""
        return sorted({snapshot.run.flow_name for snapshot in self.snapshots()})

    def names_of(self, dataset: Dataset) -> tuple[Dataset, ...]:
        """The dataset and its other names, the given one first."""
        others = self._aliases.get(dataset, ())
        return (dataset, *sorted(other for other in others if other != dataset))

    def uses(self, dataset: Dataset, window: Window = ALWAYS) -> Iterator[UseLink]:
        """All uses of the dataset, by any of its names."""
        for name in self.names_of(dataset):
            yield from (link for link in self._uses.get(name, ()) if link.runs.seen_in(window))

    def links(self, dataset: Dataset, direction: Direction, window: Window = ALWAYS) -> Iterator[Link]:
        """The edges into the dataset (`upstream`) or out of it."""
        index = self._into if direction == "upstream" else self._out_of
        for name in self.names_of(dataset):
            yield from (link for link in index.get(name, ()) if link.runs.seen_in(window))
            for bundle, runs in self._bundles[direction].get(name, ()):
                if runs.seen_in(window):
                    yield from _bundled(bundle, name, direction, runs)

    def column_links(
        self, dataset: Dataset, column: str, direction: Direction, window: Window = ALWAYS
    ) -> Iterator[ColumnLink]:
        """The column edges into the column (`upstream`) or out of it."""
        index = self._columns_into if direction == "upstream" else self._columns_out_of
        for name in self.names_of(dataset):
            yield from (link for link in index.get((name, column), ()) if link.runs.seen_in(window))

    def columns_with_links(self, dataset: Dataset) -> set[str]:
        """The names of all columns of the dataset that have an edge."""
        return {column for name in self.names_of(dataset) for column in self._columns.get(name, ())}

    def _runs_of(self, shape: Shape) -> ShapeRuns:
        """The runs of this shape; a shape that is new is indexed."""
        known = self._shapes.get(id(shape))
        if known is not None and known.shape is shape:
            return known
        runs = self._equal_shapes.get(shape)
        if runs is None:
            runs = self._equal_shapes[shape] = ShapeRuns(shape)
            # The entry holds its shape, so that no other object gets its identity.
            self._shapes[id(shape)] = runs
            self._index(runs)
        return runs

    def _index(self, runs: ShapeRuns) -> None:
        lineage = runs.shape.lineage
        for writes, uses in ((False, lineage.inputs), (True, lineage.outputs)):
            for position, use in enumerate(uses):
                self._uses[use.dataset].append(UseLink(use, position, writes, runs))
                if others := (*use.symlinks, *also_by_rule(use.dataset)):
                    self._join_names(use.dataset, others)
        for link in self._edges_of(runs):
            self._link(link)
        for bundle in lineage.bundles:
            for target in bundle.targets:
                self._bundles["upstream"][target].append((bundle, runs))
            for source, _ in bundle.sources:
                self._bundles["downstream"][source].append((bundle, runs))
        for column in lineage.columns:
            column_link = ColumnLink(
                column.source,
                column.source_column,
                column.target,
                column.target_column,
                column.transformation,
                column.inferred,
                runs,
                column.path,
            )
            self._columns[column.source].add(column.source_column)
            self._columns[column.target].add(column.target_column)
            self._columns_into[column.target, column.target_column].append(column_link)
            self._columns_out_of[column.source, column.source_column].append(column_link)

    def _unindex(self, runs: ShapeRuns) -> None:
        """Forget a shape whose last run is gone. Other names of its datasets stay known."""
        del self._equal_shapes[runs.shape]
        del self._shapes[id(runs.shape)]
        lineage = runs.shape.lineage
        for edge in self._edges_of(runs):
            _drop(self._into, edge.target, runs)
            _drop(self._out_of, edge.source, runs)
        for use in (*lineage.inputs, *lineage.outputs):
            _drop(self._uses, use.dataset, runs)
        for column in lineage.columns:
            for dataset, name, index, others in (
                (column.target, column.target_column, self._columns_into, self._columns_out_of),
                (column.source, column.source_column, self._columns_out_of, self._columns_into),
            ):
                _drop(index, (dataset, name), runs)
                if (dataset, name) not in index and (dataset, name) not in others:
                    self._columns[dataset].discard(name)
        for bundles in self._bundles.values():
            for dataset in [dataset for dataset, found in bundles.items() if any(one is runs for _, one in found)]:
                bundles[dataset] = [one for one in bundles[dataset] if one[1] is not runs]

    def _edges_of(self, runs: ShapeRuns) -> Iterator[Link]:
        """The edges of a shape, without those of bundles."""
        lineage = runs.shape.lineage
        for use in (*lineage.inputs, *lineage.outputs):
            if use.renamed_from:
                yield Link(use.renamed_from, use.dataset, "rename", runs)
        for edge in lineage.edges:
            yield Link(edge.source, edge.target, how_known(runs.shape, edge.evidence), runs)

    def _link(self, link: Link) -> None:
        self._into[link.target].append(link)
        self._out_of[link.source].append(link)

    def _join_names(self, dataset: Dataset, others: Iterable[Dataset]) -> None:
        joined = {dataset, *others}
        for name in tuple(joined):
            joined |= self._aliases.get(name, set())
        for name in joined:
            self._aliases[name] = joined


def _drop(index: dict[_Key, list[_OfRuns]], key: _Key, runs: ShapeRuns) -> None:
    """Remove the entries of a shape from one list of an index."""
    if left := [one for one in index.get(key, ()) if one.runs is not runs]:
        index[key] = left
    else:
        index.pop(key, None)


def _bundled(bundle: Bundle, dataset: Dataset, direction: Direction, runs: ShapeRuns) -> Iterator[Link]:
    """The edges of a bundle into (or out of) the dataset. They are made when asked for: a bundle may have 250,000."""
    if direction == "upstream":
        yield from (Link(source, dataset, how_known(runs.shape, how), runs) for source, how in bundle.sources)
    else:
        for source, how in bundle.sources:
            if source == dataset:
                yield from (Link(dataset, target, how_known(runs.shape, how), runs) for target in bundle.targets)
