"""The impact of a change of a column, or of a whole dataset. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import STAR
from prefect_lineage_events.graph.evidence import dataset_ref
from prefect_lineage_events.graph.graph import ALWAYS, ColumnKey, Graph, Link, Window
from prefect_lineage_events.graph.uses import readers
from prefect_lineage_events.graph.values import ColumnReached, Effect, Impact, Reached
from prefect_lineage_events.graph.walks import MAX_REACHED, column_steps, columns_between, effect_of, lacks_sources

_Distances = dict[Dataset, int]


def impact(graph: Graph, dataset: Dataset, column: str | None = None, *, window: Window = ALWAYS) -> Impact:
    """The reach of a change of the column (None: of any column): values, decisions, and what is not known.

    Where the column decides over the rows of a dataset, all that is made from that dataset has other rows too. What is
    made from a dataset by edges that do not say which columns is `unknown`, with all that is made from it.
    """
    columns = [column] if column is not None else sorted(graph.columns_with_links(dataset) - {STAR})
    reached, decided, cut = _columns(graph, [(dataset, name) for name in columns], window)
    touched: _Distances = {dataset: 0}
    for (name, _), (hops, _) in reached.items():
        touched.setdefault(name, hops)
    unknown = {
        link.target: hops + 1
        for name, hops in touched.items()
        for link in graph.links(name, "downstream", window)
        if _is_open(graph, link, touched, window)
    }
    decisions = _spread(graph, decided, window)
    unsure = {name: hops for name, hops in _spread(graph, unknown, window).items() if name not in decisions}
    return Impact(
        dataset=dataset_ref(graph, dataset),
        column=column,
        values=tuple(_sorted(_of_effect(reached, "value"), "value")),
        decisions=tuple(_sorted([*_of_effect(reached, "decision"), *_rows_of(decisions)], "decision")),
        unknown=tuple(Reached(dataset=dataset_ref(graph, name), hops=hops) for name, hops in _nearest(unsure)),
        flows=readers(graph, dataset, window),
        cut=cut or len(decisions) > MAX_REACHED or len(unsure) > MAX_REACHED,
    )


def _is_open(graph: Graph, link: Link, touched: _Distances, window: Window) -> bool:
    """Return whether the target may take any column of the source, since not all of its sources are known."""
    if link.source == link.target:
        return False
    if lacks_sources(link.runs, link.target):
        return True
    return link.target not in touched and not any(columns_between(graph, link.source, link.target, window))


def _columns(
    graph: Graph, start: Iterable[ColumnKey], window: Window
) -> tuple[dict[ColumnKey, tuple[int, Effect]], _Distances, bool]:
    """The columns that depend on these, the datasets over whose rows they decide, and whether a bound was met.

    A column that depends on them in two ways has the effect of the nearest.
    """
    columns: dict[ColumnKey, tuple[int, Effect]] = dict.fromkeys(start, (0, "value"))
    decided: _Distances = {}
    queue = deque(columns)
    while queue:
        at = queue.popleft()
        hops, effect = columns[at]
        for link, end in column_steps(graph, at, "downstream", window):
            if end[1] == STAR:
                decided.setdefault(link.target, hops + 1)
            elif end not in columns:
                if len(columns) > MAX_REACHED:
                    return columns, decided, True
                # What a decided column passes on is decided too.
                columns[end] = (hops + 1, effect_of(link) if effect == "value" else effect)
                queue.append(end)
    return columns, decided, False


def _spread(graph: Graph, start: Mapping[Dataset, int], window: Window) -> _Distances:
    """The datasets of `start`, and all that is made from them, each at its smallest number of hops."""
    found = dict(start)
    queue = deque(sorted(found, key=found.__getitem__))
    while queue and len(found) <= MAX_REACHED:
        dataset = queue.popleft()
        for link in graph.links(dataset, "downstream", window):
            if link.target not in found:
                found[link.target] = found[dataset] + 1
                queue.append(link.target)
    return found


def _nearest(distances: _Distances) -> list[tuple[Dataset, int]]:
    return sorted(distances.items(), key=lambda one: (one[1], one[0]))


def _of_effect(reached: Mapping[ColumnKey, tuple[int, Effect]], effect: Effect) -> Iterator[tuple[ColumnKey, int]]:
    return ((key, hops) for key, (hops, found) in reached.items() if hops and found == effect)


def _rows_of(decisions: _Distances) -> Iterator[tuple[ColumnKey, int]]:
    return (((name, STAR), hops) for name, hops in decisions.items())


def _sorted(found: Iterable[tuple[ColumnKey, int]], effect: Effect) -> Iterator[ColumnReached]:
    for (dataset, column), hops in sorted(found, key=lambda one: (one[1], one[0])):
        yield ColumnReached(dataset=dataset.uri, column=column, hops=hops, effect=effect)
