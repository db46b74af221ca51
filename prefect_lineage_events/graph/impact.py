"""The impact of a change of a column, or of a whole dataset. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import STAR
from prefect_lineage_events.graph.evidence import dataset_ref
from prefect_lineage_events.graph.graph import ALWAYS, ColumnKey, Graph, Window
from prefect_lineage_events.graph.uses import readers
from prefect_lineage_events.graph.values import ColumnReached, Effect, Impact, Reached
from prefect_lineage_events.graph.walks import MAX_REACHED, column_steps, columns_between, effect_of

_Distances = dict[Dataset, int]


def impact(graph: Graph, dataset: Dataset, column: str | None = None, *, window: Window = ALWAYS) -> Impact:
    """The reach of a change of the column (None: of any column): values, decisions, and what is not known.

    Where the column decides over the rows of a dataset, all that is made from that dataset has other rows too. What is
    made from a dataset by edges that do not say which columns is `unknown`, with all that is made from it.
    """
    columns = [column] if column is not None else sorted(graph.columns_with_links(dataset) - {STAR})
    values, decided, cut = _values(graph, [(dataset, name) for name in columns], window)
    touched: _Distances = {dataset: 0}
    for (name, _), hops in values.items():
        touched.setdefault(name, hops)
    unknown = {
        link.target: hops + 1
        for name, hops in touched.items()
        for link in graph.links(name, "downstream", window)
        if link.target not in touched and not any(columns_between(graph, name, link.target, window))
    }
    decisions = _spread(graph, decided, window)
    unsure = {name: hops for name, hops in _spread(graph, unknown, window).items() if name not in decisions}
    return Impact(
        dataset=dataset_ref(graph, dataset),
        column=column,
        values=tuple(_reached(((key, hops) for key, hops in values.items() if hops), "value")),
        decisions=tuple(_reached((((name, STAR), hops) for name, hops in decisions.items()), "decision")),
        unknown=tuple(Reached(dataset=dataset_ref(graph, name), hops=hops) for name, hops in _nearest(unsure)),
        flows=readers(graph, dataset, window),
        cut=cut or len(decisions) > MAX_REACHED or len(unsure) > MAX_REACHED,
    )


def _values(graph: Graph, start: Iterable[ColumnKey], window: Window) -> tuple[dict[ColumnKey, int], _Distances, bool]:
    """The columns that take values of these, the datasets over whose rows they decide, and whether a bound was met."""
    values = dict.fromkeys(start, 0)
    decided: _Distances = {}
    queue = deque(values)
    while queue:
        at = queue.popleft()
        for link, end in column_steps(graph, at, "downstream", window):
            if effect_of(link) == "decision":
                decided.setdefault(link.target, values[at] + 1)
            elif end not in values:
                if len(values) > MAX_REACHED:
                    return values, decided, True
                values[end] = values[at] + 1
                queue.append(end)
    return values, decided, False


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


def _reached(found: Iterable[tuple[ColumnKey, int]], effect: Effect) -> Iterator[ColumnReached]:
    for (dataset, column), hops in sorted(found, key=lambda one: (one[1], one[0])):
        yield ColumnReached(dataset=dataset.uri, column=column, hops=hops, effect=effect)
