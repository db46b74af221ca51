"""Questions along edges: upstream, downstream, the path between two datasets. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import STAR
from prefect_lineage_events.graph.evidence import column_edges_seen, dataset_ref, edges_seen
from prefect_lineage_events.graph.graph import ALWAYS, ColumnKey, ColumnLink, Direction, Graph, Link, ShapeRuns, Window
from prefect_lineage_events.graph.values import ColumnReached, ColumnWalk, Effect, Path, Reached, Walk
from prefect_lineage_events.stitching.provenance import DIRECT

# Datasets or columns that one answer holds at most.
MAX_REACHED = 1_000


def walk(
    graph: Graph,
    start: Dataset,
    direction: Direction,
    *,
    hops: int | None = None,
    window: Window = ALWAYS,
    whole: bool = False,
) -> Walk:
    """The datasets upstream or downstream, nearest first, at most `hops` edges away (None: all).

    More than `MAX_REACHED` datasets are reported only if the `whole` is wanted.
    """
    reached: dict[Dataset, int] = {start: 0}
    links: list[Link] = []
    queue, cut = deque([start]), False
    while queue:
        dataset = queue.popleft()
        if hops is not None and reached[dataset] >= hops:
            cut = cut or any(
                True for link in graph.links(dataset, direction, window) if _end(link, direction) not in reached
            )
            continue
        for link in graph.links(dataset, direction, window):
            other = _end(link, direction)
            if other == dataset:
                continue
            if other not in reached:
                if len(reached) > MAX_REACHED and not whole:
                    cut = True
                    continue
                reached[other] = reached[dataset] + 1
                queue.append(other)
            links.append(link)
    return Walk(
        start=dataset_ref(graph, start),
        direction=direction,
        datasets=tuple(
            Reached(dataset=dataset_ref(graph, dataset), hops=number) for dataset, number in reached.items() if number
        ),
        edges=tuple(edges_seen(links, window)),
        cut=cut,
    )


def upstream(graph: Graph, dataset: Dataset, *, hops: int | None = None, window: Window = ALWAYS) -> Walk:
    """The datasets from which this one is made, nearest first."""
    return walk(graph, dataset, "upstream", hops=hops, window=window)


def downstream(graph: Graph, dataset: Dataset, *, hops: int | None = None, window: Window = ALWAYS) -> Walk:
    """The datasets that are made from this one, nearest first."""
    return walk(graph, dataset, "downstream", hops=hops, window=window)


def column_walk(
    graph: Graph,
    dataset: Dataset,
    column: str,
    direction: Direction,
    *,
    hops: int | None = None,
    window: Window = ALWAYS,
) -> ColumnWalk:
    """The columns from which this one takes its values (or that take its values), nearest first.

    Columns that decide over a dataset's rows are reported where they are met, as a `decision`, and not followed.
    """
    start = (dataset, column)
    reached: dict[ColumnKey, tuple[int, Effect]] = {start: (0, "value")}
    links: list[ColumnLink] = []
    queue, cut = deque([start]), False
    while queue:
        at = queue.popleft()
        distance = reached[at][0]
        if hops is not None and distance >= hops:
            cut = cut or any(end not in reached for _, end in column_steps(graph, at, direction, window))
            continue
        for link, end in column_steps(graph, at, direction, window):
            effect = effect_of(link)
            links.append(link)
            if end in reached:
                continue
            if len(reached) > MAX_REACHED:
                cut = True
                break
            reached[end] = (distance + 1, effect)
            if effect == "value":
                queue.append(end)
    found = [(key, number, effect) for key, (number, effect) in reached.items() if number]
    passed = [start, *(key for key, _, effect in found if effect == "value")]
    return ColumnWalk(
        start=dataset_ref(graph, dataset),
        column=column,
        direction=direction,
        columns=tuple(
            ColumnReached(dataset=key[0].uri, column=key[1], hops=number, effect=effect)
            for key, number, effect in found
        ),
        edges=tuple(column_edges_seen(links, window)),
        open_ends=tuple(dict.fromkeys(end.uri for end in _open_ends(graph, passed, direction, window))),
        cut=cut,
    )


def path(graph: Graph, source: Dataset, target: Dataset, *, window: Window = ALWAYS) -> Path:
    """A shortest way from `source` to `target` along edges, with the column edges between each two datasets of it."""
    before: dict[Dataset, Dataset] = {}
    queue, seen = deque([source]), {source}
    ends = set(graph.names_of(target))
    found: Dataset | None = source if source in ends else None
    while queue and found is None:
        dataset = queue.popleft()
        for link in graph.links(dataset, "downstream", window):
            if link.target in seen:
                continue
            seen.add(link.target)
            before[link.target] = dataset
            if link.target in ends:
                found = link.target
                break
            queue.append(link.target)
    steps: list[tuple[Dataset, Dataset]] = []
    while found is not None and found in before:
        steps.append((before[found], found))
        found = before[found]
    steps.reverse()
    edges = [link for start, end in steps for link in graph.links(start, "downstream", window) if link.target == end]
    columns = [link for start, end in steps for link in columns_between(graph, start, end, window)]
    return Path(
        source=dataset_ref(graph, source),
        target=dataset_ref(graph, target),
        edges=tuple(edges_seen(edges, window)),
        columns=tuple(column_edges_seen(columns, window)),
    )


def column_steps(
    graph: Graph, key: ColumnKey, direction: Direction, window: Window
) -> Iterator[tuple[ColumnLink, ColumnKey]]:
    """The column edges at a column, each with its other end. An edge of all columns (`*`) is one of this column."""
    dataset, column = key
    for link in graph.column_links(dataset, column, direction, window):
        yield link, _column_end(link, direction)
    if column == STAR:
        return
    for link in graph.column_links(dataset, STAR, direction, window):
        other, name = _column_end(link, direction)
        if effect_of(link) == "value" and name == STAR:
            yield link, (other, column)
        elif effect_of(link) == "decision" and direction == "upstream":
            yield link, (other, name)


def effect_of(link: ColumnLink) -> Effect:
    """Return whether the edge passes values, or decides over rows."""
    return "value" if link.transformation in DIRECT else "decision"


def columns_between(graph: Graph, source: Dataset, target: Dataset, window: Window) -> Iterator[ColumnLink]:
    """The column edges from one dataset to another."""
    for column in sorted(graph.columns_with_links(source)):
        yield from (link for link in graph.column_links(source, column, "downstream", window) if link.target == target)


def lacks_sources(runs: ShapeRuns, dataset: Dataset, column: str | None = None) -> bool:
    """Return whether runs of this shape wrote rows, or values of the column, of unknown source to the dataset."""
    found = [one for one in runs.shape.lineage.unknown if one.target == dataset]
    return any(one.rows != "known" or (column in one.columns if column else bool(one.columns)) for one in found)


def _open_ends(graph: Graph, columns: Iterable[ColumnKey], direction: Direction, window: Window) -> Iterator[Dataset]:
    """The datasets at which the walk may be incomplete: columns of unknown source, and edges without columns."""
    found = list(columns)
    if direction == "upstream":
        for dataset, column in found:
            if any(
                use.writes and lacks_sources(use.runs, use.use.dataset, column) for use in graph.uses(dataset, window)
            ):
                yield dataset
    for dataset in dict.fromkeys(dataset for dataset, _ in found):
        for link in graph.links(dataset, direction, window):
            if link.source != link.target and not any(columns_between(graph, link.source, link.target, window)):
                yield _end(link, direction)


def _end(link: Link, direction: Direction) -> Dataset:
    return link.source if direction == "upstream" else link.target


def _column_end(link: ColumnLink, direction: Direction) -> ColumnKey:
    if direction == "upstream":
        return link.source, link.source_column
    return link.target, link.target_column
