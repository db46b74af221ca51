"""Commands that follow edges: `upstream`, `downstream`, `path`, `impact`; and lists: `unused`, `conflicts`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from prefect_lineage_events.cli import asking
from prefect_lineage_events.cli.errors import OK
from prefect_lineage_events.cli.output import heading, print_json, say, table
from prefect_lineage_events.cli.parameters import positive, whole_number
from prefect_lineage_events.cli.windows import Asked
from prefect_lineage_events.cli.words import Names, ago, run_text, transformation
from prefect_lineage_events.sentences import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefect_lineage_events.graph.graph import Direction, Graph
    from prefect_lineage_events.graph.values import ColumnEdgeSeen, ColumnReached, ColumnWalk, EdgeSeen, Impact, Walk

Hops = Annotated[
    int | None,
    Parameter(help="The greatest distance, in steps (default: all).", converter=whole_number, validator=positive),
]
Start = Annotated[str, Parameter(help="A dataset, or a column as TABLE.column.")]


def upstream(name: Start, /, *, hops: Hops = None, asked: Asked | None = None) -> int:
    """Show from what a dataset or column is made."""
    return _walk(name, "upstream", hops, asked)


def downstream(name: Start, /, *, hops: Hops = None, asked: Asked | None = None) -> int:
    """Show what is made from a dataset or column."""
    return _walk(name, "downstream", hops, asked)


def path(
    source: Annotated[str, Parameter(help="The dataset where the data comes from.")],
    target: Annotated[str, Parameter(help="The dataset where it goes.")],
    /,
    *,
    asked: Asked | None = None,
) -> int:
    """Show how data gets from one dataset to another."""
    from prefect_lineage_events.graph.names import find_dataset
    from prefect_lineage_events.graph.walks import path as find_path

    graph = asking.graph_of(asked)
    start, end = find_dataset(graph, source), find_dataset(graph, target)
    found = find_path(graph, start, end)
    if asked and asked.json:
        print_json(found)
        return OK
    shown = Names(graph, [start.uri, end.uri])
    first, last = shown(start.uri), shown(end.uri)
    if found.edges:
        heading(f"{first} -> {last}", counted(len({edge.target for edge in found.edges}), "step"))
        _print_edges(graph, found.edges)
        _print_columns(graph, found.columns)
    elif start == end:
        say("both are the same dataset")
    elif find_path(graph, end, start).edges:
        say(
            f"no data goes from {first} to {last} in this window, but the other way:"
            f" prefect-lineage path {last} {first}"
        )
    else:
        say(f"no data goes from {first} to {last} in this window, nor back")
    return OK


def impact(name: Start, /, *, asked: Asked | None = None) -> int:
    """Show what breaks or changes if a column (or a whole dataset) is dropped or changed."""
    from prefect_lineage_events.graph.impact import impact as impact_of
    from prefect_lineage_events.graph.names import find_dataset_or_column

    graph = asking.graph_of(asked)
    dataset, column = find_dataset_or_column(graph, name)
    found = impact_of(graph, dataset, column)
    print_json(found) if asked and asked.json else _print_impact(graph, found, asking.time_of(asked))
    return OK


def unused(*, asked: Asked | None = None) -> int:
    """List the datasets that are written and that no captured run reads."""
    from prefect_lineage_events.graph.uses import unused as unused_datasets
    from prefect_lineage_events.graph.uses import writers

    graph = asking.graph_of(asked)
    found = unused_datasets(graph)
    if asked and asked.json:
        print_json(found)
        return OK
    shown, now = Names(graph, (one.uri for one in found)), asking.time_of(asked)
    datasets = {dataset.uri: dataset for dataset in graph.datasets()}
    rows = [(one, use) for one in found for use in writers(graph, datasets[one.uri])[:1]]
    table(
        "",
        ("dataset", "written by", "runs", "last"),
        [(shown(one.uri), use.flow, use.runs, ago(use.last.ended or use.last.started, now)) for one, use in rows],
    )
    say(
        "readers outside Prefect, and outside this window, are not seen"
        if found
        else "each dataset that was written in this window was read in it"
    )
    return OK


def conflicts(*, asked: Asked | None = None) -> int:
    """List the datasets that more than one flow writes."""
    from prefect_lineage_events.graph.uses import conflicts as conflicts_of

    graph = asking.graph_of(asked)
    found = conflicts_of(graph)
    if asked and asked.json:
        print_json(found)
        return OK
    shown, now = Names(graph, (one.dataset.uri for one in found)), asking.time_of(asked)
    table(
        "",
        ("dataset", "flow", "deployment", "runs", "last"),
        [
            (shown(one.dataset.uri), use.flow, use.deployment, use.runs, ago(use.last.ended or use.last.started, now))
            for one in found
            for use in one.writers
        ],
    )
    if not found:
        say("no dataset was written by more than one flow in this window")
    return OK


def _walk(name: str, direction: Direction, hops: int | None, asked: Asked | None) -> int:
    from prefect_lineage_events.graph.names import find_dataset_or_column
    from prefect_lineage_events.graph.walks import column_walk, walk

    graph = asking.graph_of(asked)
    dataset, column = find_dataset_or_column(graph, name)
    if column is None:
        found = walk(graph, dataset, direction, hops=hops)
        print_json(found) if asked and asked.json else _print_walk(graph, found)
    else:
        columns = column_walk(graph, dataset, column, direction, hops=hops)
        print_json(columns) if asked and asked.json else _print_column_walk(graph, columns)
    return OK


def _print_walk(graph: Graph, found: Walk) -> None:
    side = "from" if found.direction == "upstream" else "into"
    heading(found.start.name, f"{counted(len(found.datasets), 'dataset')} {found.direction}")
    shown = Names(graph, [found.start.uri, *(one.dataset.uri for one in found.datasets)])
    steps: dict[str, list[EdgeSeen]] = {}
    for edge in found.edges:
        steps.setdefault(edge.source if found.direction == "upstream" else edge.target, []).append(edge)
    table(
        "",
        ("steps", "dataset", "goes into" if side == "from" else "made from", "by flow", "how known"),
        [
            (
                str(one.hops),
                shown(one.dataset.uri),
                ", ".join(
                    dict.fromkeys(
                        shown(e.target if side == "from" else e.source) for e in steps.get(one.dataset.uri, ())
                    )
                ),
                ", ".join(dict.fromkeys(flow for e in steps.get(one.dataset.uri, ()) for flow in e.flows)),
                ", ".join(dict.fromkeys(how for e in steps.get(one.dataset.uri, ()) for how in e.how)),
            )
            for one in found.datasets
        ],
    )
    if not found.datasets:
        say("no captured run in this window shows any")
    _say_cut(found.cut)


def _print_column_walk(graph: Graph, found: ColumnWalk) -> None:
    heading(f"{found.start.name}.{found.column}", f"{counted(len(found.columns), 'column')} {found.direction}")
    shown = Names(graph, [found.start.uri, *(one.dataset for one in found.columns), *found.open_ends])
    table(
        "",
        ("steps", "column", "effect"),
        [
            (
                str(one.hops),
                f"{shown(one.dataset)}.{one.column}",
                "value" if one.effect == "value" else "decides over rows",
            )
            for one in found.columns
        ],
    )
    _print_columns(graph, found.edges)
    table("MAY GO ON", ("dataset",), [(shown(uri),) for uri in found.open_ends])
    if not found.columns:
        say("no captured run in this window shows any")
    _say_cut(found.cut)


def _print_impact(graph: Graph, found: Impact, now: dt.datetime) -> None:
    name = found.dataset.name if found.column is None else f"{found.dataset.name}.{found.column}"
    broken = len(found.values) + len(found.decisions) + len(found.unknown) + len(found.flows)
    heading(name, "a change of it reaches:" if broken else "nothing captured in this window uses it")
    shown = Names(
        graph,
        [
            found.dataset.uri,
            *(one.dataset for one in (*found.values, *found.decisions)),
            *(one.dataset.uri for one in found.unknown),
        ],
    )
    table(
        "VALUES", ("column", "steps"), [(f"{shown(one.dataset)}.{one.column}", str(one.hops)) for one in found.values]
    )
    table(
        "DECISIONS (over rows, or over the values of a column)",
        ("dataset", "steps"),
        [(_decided(shown, one), str(one.hops)) for one in found.decisions],
    )
    table(
        "PERHAPS (which columns is not known)",
        ("dataset", "steps"),
        [(shown(one.dataset.uri), str(one.hops)) for one in found.unknown],
    )
    table(
        "FLOWS THAT READ THE DATASET",
        ("flow", "deployment", "runs", "last run", "when"),
        [
            (use.flow, use.deployment, use.runs, use.last.name, ago(use.last.ended or use.last.started, now))
            for use in found.flows
        ],
    )
    _say_cut(found.cut)


def _decided(shown: Names, one: ColumnReached) -> str:
    """A dataset whose rows are decided, or a column whose values are (CASE, a window)."""
    return shown(one.dataset) if one.column == "*" else f"{shown(one.dataset)}.{one.column}"


def _print_edges(graph: Graph, edges: Iterable[EdgeSeen]) -> None:
    found = list(edges)
    shown = Names(graph, (uri for edge in found for uri in (edge.source, edge.target)))
    table(
        "",
        ("from", "into", "how known", "runs", "last"),
        [
            (shown(edge.source), shown(edge.target), ", ".join(edge.how), edge.runs, run_text(edge.last))
            for edge in found
        ],
    )


def _print_columns(graph: Graph, edges: Iterable[ColumnEdgeSeen]) -> None:
    found = list(edges)
    shown = Names(graph, (uri for edge in found for uri in (edge.source, edge.target)))
    table(
        "COLUMNS",
        ("from", "into", "how"),
        [
            (
                f"{shown(edge.source)}.{edge.source_part}",
                shown(edge.target) if edge.target_column == "*" else f"{shown(edge.target)}.{edge.target_column}",
                transformation(edge.transformation, edge.inferred),
            )
            for edge in found
        ],
    )


def _say_cut(cut: bool) -> None:
    if cut:
        say("there is more: this answer was cut at a bound of steps or of size")
