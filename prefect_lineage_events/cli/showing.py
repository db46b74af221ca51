"""Commands that show one thing: `show`, `schema`, `freshness`, `search`, `diff`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from prefect_lineage_events.cli import asking
from prefect_lineage_events.cli.errors import OK
from prefect_lineage_events.cli.output import heading, print_json, say, table
from prefect_lineage_events.cli.windows import Asked
from prefect_lineage_events.cli.words import (
    Names,
    ago,
    datasets_of,
    gaps_table,
    origin,
    run_of,
    run_text,
    span,
    statement_text,
    time,
)
from prefect_lineage_events.sentences import counted, listed

if TYPE_CHECKING:
    from prefect_lineage_events.graph.graph import Graph
    from prefect_lineage_events.graph.values import DatasetSummary, Freshness, RunDetails, Use
    from prefect_lineage_events.snapshots import Snapshot

# Sources that one line names of a column.
_ORIGINS = 6


def show(
    name: Annotated[
        str, Parameter(help="A dataset, or a run by its name, id or page address, or a flow (newest run).")
    ],
    /,
    *,
    asked: Asked | None = None,
) -> int:
    """Show a dataset or a run."""
    from prefect_lineage_events.graph.names import UnknownNameError, find_dataset, find_run
    from prefect_lineage_events.graph.runs import run_details
    from prefect_lineage_events.graph.summaries import dataset_summary

    graph = asking.graph_of(asked)
    try:
        dataset = find_dataset(graph, name)
    except UnknownNameError as no_dataset:
        try:
            snapshot = find_run(graph, name)
        except UnknownNameError as no_run:
            if (absent := asking.absent_run(name, asked)) is None:
                raise UnknownNameError(f"{no_dataset}\n{no_run}") from None
            print_json(absent) if asked and asked.json else _print_run(graph, absent, None)
            return OK
        details = run_details(graph, snapshot)
        print_json(details) if asked and asked.json else _print_run(graph, details, snapshot)
        return OK
    summary = dataset_summary(graph, dataset, asking.time_of(asked))
    print_json(summary) if asked and asked.json else _print_dataset(graph, summary, asking.time_of(asked))
    return OK


def schema(name: Annotated[str, Parameter(help="The dataset.")], /, *, asked: Asked | None = None) -> int:
    """Show the columns of a dataset over time."""
    from prefect_lineage_events.graph.changes import schema_history
    from prefect_lineage_events.graph.evidence import dataset_ref
    from prefect_lineage_events.graph.names import find_dataset

    graph = asking.graph_of(asked)
    dataset = find_dataset(graph, name)
    versions = schema_history(graph, dataset)
    if asked and asked.json:
        print_json({"dataset": dataset_ref(graph, dataset), "versions": versions})
        return OK
    heading(dataset.name, f"{counted(len(versions), 'version')} of its columns in this window")
    table(
        "CHANGES",
        ("since", "run", "added", "dropped", "retyped"),
        [
            (
                time(one.since),
                f"{one.run.flow} / {one.run.name}",
                ", ".join(one.added),
                ", ".join(one.dropped),
                ", ".join(one.retyped),
            )
            for one in versions
        ],
    )
    table("COLUMNS", ("name", "type"), [(c.name, c.type) for one in versions[-1:] for c in one.columns])
    return OK


def freshness(
    names: Annotated[list[str] | None, Parameter(help="Datasets (default: all that were written).")] = None,
    /,
    *,
    late: Annotated[bool, Parameter(help="Only datasets whose next write is late.")] = False,
    asked: Asked | None = None,
) -> int:
    """Show when datasets were last written, and whether the next write is late."""
    from prefect_lineage_events.graph.names import find_dataset
    from prefect_lineage_events.graph.uses import freshness as freshness_of

    graph = asking.graph_of(asked)
    chosen = [find_dataset(graph, name) for name in names] if names else graph.datasets()
    now = asking.time_of(asked)
    found = [freshness_of(graph, dataset, now) for dataset in chosen]
    found = [one for one in found if (one.late or not late) and (names or one.written)]
    if asked and asked.json:
        print_json(found)
        return OK
    shown = Names(graph, (one.dataset.uri for one in found))
    table(
        "",
        ("dataset", "written", "by", "usually every", "late"),
        [
            (
                shown(one.dataset.uri),
                _written(one, now),
                one.by and f"{one.by.flow} / {one.by.name}",
                span(one.usual_seconds),
                "LATE" if one.late else "",
            )
            for one in sorted(found, key=lambda one: (not one.late, -(one.age_seconds or 0)))
        ],
    )
    if not found:
        say("no dataset is late" if late else "no run in this window wrote a dataset")
    return OK


def search(
    word: Annotated[str, Parameter(help="A part of the name of a dataset, a column, or a flow, in any case.")],
    /,
    *,
    asked: Asked | None = None,
) -> int:
    """Find datasets, columns and flows by a part of their names."""
    from prefect_lineage_events.graph.names import search as search_names

    graph = asking.graph_of(asked)
    found = search_names(graph, word)
    if asked and asked.json:
        print_json(found)
        return OK
    shown = Names(graph, (one.dataset.uri for one in found.datasets))
    table(
        "DATASETS",
        ("name", "columns", "URI"),
        [(shown(one.dataset.uri), ", ".join(one.columns), one.dataset.uri) for one in found.datasets],
    )
    table("FLOWS", ("name",), [(flow,) for flow in found.flows])
    if not found.datasets and not found.flows:
        say(f"nothing in this window has {word!r} in its name: a longer window is --since 30d")
    return OK


def diff(
    before: Annotated[str, Parameter(help="The first run: its name, its id, or its page's address.")],
    after: Annotated[str, Parameter(help="The second run.")],
    /,
    *,
    asked: Asked | None = None,
) -> int:
    """Show the differences between the lineage of two runs."""
    from prefect_lineage_events.graph.changes import diff as difference
    from prefect_lineage_events.graph.names import find_run

    graph = asking.graph_of(asked)
    first, second = find_run(graph, before), find_run(graph, after)
    found = difference(first, second)
    if asked and asked.json:
        print_json(found)
        return OK
    heading("from", run_text(found.before))
    heading("to", run_text(found.after))
    changes = [
        (mark, kind.rpartition("_")[0], text)
        for kind in type(found).model_fields
        for ending, mark in (("_added", "+"), ("_removed", "-"))
        if kind.endswith(ending)
        for text in getattr(found, kind)
    ]
    uses = [use for one in (first, second) for use in (*one.shape.lineage.inputs, *one.shape.lineage.outputs)]
    shown = Names(graph, {use.dataset.uri for use in uses})
    table("LINEAGE", ("", "what", "name"), [(m, kind, shown.within(text)) for m, kind, text in changes], 1_000)
    table(
        "ROWS",
        ("dataset", "", "before", "after"),
        [(shown(one.dataset), one.direction, one.before, one.after) for one in found.rows],
    )
    if found.same:
        say("the lineage of both runs is the same" + ("; only numbers of rows differ" if found.rows else ""))
    return OK


def _print_run(graph: Graph, details: RunDetails, snapshot: Snapshot | None) -> None:
    one = details.summary
    took = span((one.run.ended - one.run.started).total_seconds()) if one.run.ended and one.run.started else ""
    heading(
        one.run.name,
        run_of(one.run.flow, one.producer) + (f", deployment {one.run.deployment}" if one.run.deployment else ""),
    )
    is_running = one.in_flight and one.run.started
    state = "in flight: what it has touched so far" if is_running else one.run.state.lower()
    began = f", began {time(one.run.started)}" if one.run.started else ""
    say(f"{state}{began}{', took ' + took if took else ''}  {one.run.id}")
    shown = Names(graph, {*(ref.uri for ref in (*one.inputs, *one.outputs)), *datasets_of(details.gaps)})
    read, written = (snapshot.rows_read, snapshot.rows_written) if snapshot else ((), ())
    for title, refs, uses in (("READ", one.inputs, read), ("WROTE", one.outputs, written)):
        rows = [(shown(ref.uri), number, ref.uri) for ref, number in zip(refs, uses, strict=True)]
        table(title, ("dataset", "rows", "URI"), rows)
    table(
        "STATEMENTS",
        ("operation", "rows", "took", "how known", "statement"),
        [(s.operation, s.rows, span(s.duration), s.confidence, statement_text(s)) for s in details.statements],
    )
    gaps_table(details.gaps, shown)
    if one.complete and not details.gaps and not one.in_flight and not one.producer:
        say("complete: all events of the run are there, and nothing is unknown")


def _print_dataset(graph: Graph, summary: DatasetSummary, now: dt.datetime) -> None:
    heading(summary.dataset.name, f"{summary.dataset.kind}  {summary.dataset.uri}")
    for other in summary.also_known_as:
        say(f"also known as {other}")
    if summary.freshness:
        by = f" by {run_text(summary.freshness.by)}" if summary.freshness.by else ""
        late = f": late, usually every {span(summary.freshness.usual_seconds)}" if summary.freshness.late else ""
        say(f"written {_written(summary.freshness, now)}{by}{late}")
    _print_uses("WRITTEN BY", summary.writers, now)
    _print_uses("READ BY", summary.readers, now)
    shown = Names(graph, {*(edge.source for edge in summary.origins), *datasets_of(summary.gaps)})
    origins: dict[str, dict[str, None]] = {}
    for edge in summary.origins:
        origins.setdefault(edge.target_column, {})[origin(edge, shown)] = None
    columns = [
        (column.name, column.type or "", listed(origins.get(column.name, ()), _ORIGINS)) for column in summary.columns
    ]
    known = {column.name for column in summary.columns}
    columns += [
        (name, "", listed(found, _ORIGINS)) for name, found in origins.items() if name not in known and name != "*"
    ]
    table("COLUMNS", ("name", "type", "from"), columns, limit=1_000)
    table("ROWS DECIDED BY", ("column",), [(one,) for one in origins.get("*", ())])
    gaps_table(summary.gaps, shown)


def _print_uses(title: str, uses: Iterable[Use], now: dt.datetime) -> None:
    table(
        title,
        ("flow", "deployment", "runs", "last run", "when", "state", "rows", ""),
        [
            (
                use.flow,
                use.deployment,
                use.runs,
                use.last.name,
                ago(use.last.ended or use.last.started, now),
                use.last.state.lower(),
                use.rows,
                "some sources unknown" if use.unknown_source else "",
            )
            for use in uses
        ],
    )


def _written(one: Freshness, now: dt.datetime) -> str:
    if one.written is None:
        return "by no completed run of this window"
    return f"{time(one.written)} ({ago(one.written, now)})"
