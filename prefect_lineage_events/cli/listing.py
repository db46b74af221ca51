"""The command `runs`: what ran in a window, what each run touched, and what is not known of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from prefect_lineage_events.cli import asking
from prefect_lineage_events.cli.errors import OK
from prefect_lineage_events.cli.output import print_json, say, table
from prefect_lineage_events.cli.parameters import positive, whole_number
from prefect_lineage_events.cli.windows import Asked
from prefect_lineage_events.cli.words import Names, time
from prefect_lineage_events.sentences import counted

if TYPE_CHECKING:
    from prefect_lineage_events.datasets import Dataset
    from prefect_lineage_events.graph.graph import Graph
    from prefect_lineage_events.graph.values import DatasetRef, RunSummary

# Datasets of a run that a line names; the JSON has all.
_NAMED = 3


def runs(
    name: Annotated[
        str | None, Parameter(help="Only runs of this flow, or that touched this dataset (default: all).")
    ] = None,
    /,
    *,
    gaps: Annotated[bool, Parameter(help="Only runs of which something is not known.")] = False,
    limit: Annotated[
        int, Parameter(help="The greatest number of runs, newest first.", converter=whole_number, validator=positive)
    ] = 50,
    asked: Asked | None = None,
) -> int:
    """List the runs of the window, newest first."""
    from prefect_lineage_events.graph.runs import recent_runs

    graph = asking.graph_of(asked)
    flow, dataset = _chosen(graph, name) if name else (None, None)
    found = recent_runs(graph, flow=flow, dataset=dataset)
    if gaps:
        found = tuple(run for run in found if _lacks(graph, run))
    shown = found[:limit]
    if asked and asked.json:
        print_json(shown)
        return OK
    lacks = [_lacks(graph, run) for run in shown]
    names = Names(graph, (one.uri for run in shown for one in (*run.inputs, *run.outputs)))
    table(
        "",
        ("began", "flow / run", "state", "read", "wrote", "not known"),
        [
            (
                time(run.run.started or run.run.ended),
                f"{run.run.flow} / {run.run.name}",
                run.run.state.lower(),
                _named(names, run.inputs),
                _named(names, run.outputs),
                lacking,
            )
            for run, lacking in zip(shown, lacks, strict=True)
        ],
    )
    if len(found) > len(shown):
        say(f"and {counted(len(found) - len(shown), 'earlier run')}: see --limit and --since")
    if not found:
        say("no run in this window lacks anything" if gaps else "no run in this window has lineage")
    elif any(lacks):
        say("prefect-lineage explain RUN says what is not known, and why")
    return OK


def _chosen(graph: Graph, name: str) -> tuple[str | None, Dataset | None]:
    """The flow, or else the dataset, of this name."""
    from prefect_lineage_events.graph.names import UnknownNameError, find_dataset, find_flow

    try:
        return find_flow(graph, name), None
    except UnknownNameError as no_flow:
        try:
            return None, find_dataset(graph, name)
        except UnknownNameError as no_dataset:
            raise UnknownNameError(f"{no_flow}\n{no_dataset}") from None


def _lacks(graph: Graph, run: RunSummary) -> str:
    """The kinds of what is not known of a run, with their numbers: `2 partial, 1 unknown source`."""
    from prefect_lineage_events.graph.gaps import gaps_of

    snapshot = graph.snapshot(run.run.id)
    kinds = Counter(gap.kind for gap in gaps_of(graph, snapshot)) if snapshot else {}
    return ", ".join(
        counted(number, kind) if kind.endswith("source") else f"{number} {kind}" for kind, number in kinds.items()
    )


def _named(names: Names, datasets: Iterable[DatasetRef]) -> str:
    """The names of the first datasets, and the number of the others."""
    found = [names(one.uri) for one in datasets]
    more = [f"{len(found) - _NAMED} more"] if len(found) > _NAMED else []
    return ", ".join([*found[:_NAMED], *more])
