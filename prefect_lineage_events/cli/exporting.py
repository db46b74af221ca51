"""Command that writes the graph for other tools: `export`."""

from __future__ import annotations

import json as encoder
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from cyclopts import Parameter

from prefect_lineage_events.cli import asking
from prefect_lineage_events.cli.errors import OK, CommandError
from prefect_lineage_events.cli.parameters import positive, whole_number
from prefect_lineage_events.cli.progress import working
from prefect_lineage_events.cli.windows import Asked

if TYPE_CHECKING:
    from prefect_lineage_events.graph.graph import Graph
    from prefect_lineage_events.snapshots import Snapshot
    from prefect_lineage_events.stitching.model import RunLineage

Format = Literal["openlineage", "mermaid", "dot", "csv", "html"]


def export(
    names: Annotated[
        list[str] | None, Parameter(help="Only these datasets, with all up- and downstream of them.")
    ] = None,
    /,
    *,
    format: Annotated[Format, Parameter(help="The format to write.")] = "csv",
    output: Annotated[str | None, Parameter(help="The file to write (default: standard output).")] = None,
    hops: Annotated[
        int | None,
        Parameter(help="With datasets: the greatest distance.", converter=whole_number, validator=positive),
    ] = None,
    asked: Asked | None = None,
) -> int:
    """Write the graph for other tools."""
    from prefect_lineage_events.graph.names import find_dataset
    from prefect_lineage_events.graph.selection import select

    if output and not Path(output).absolute().parent.is_dir():
        raise CommandError(f"cannot write {output}: there is no directory {Path(output).absolute().parent}")
    graph = asking.graph_of(asked)
    around = [find_dataset(graph, name) for name in names or ()]
    with working(f"writing {format}"):
        if format == "openlineage":
            text = "".join(_openlineage(graph, {dataset.uri for dataset in around}))
        else:
            text = _writer(format, graph)(select(graph, around, hops))
    _write(text, output)
    return OK


def _writer(format: str, graph: Graph) -> Callable[..., str]:
    from prefect_lineage_events.graph import exports, page

    if format == "html":
        return lambda found: page.as_html(graph, found, "Lineage of Prefect flows", asking.now())
    return {"mermaid": exports.as_mermaid, "dot": exports.as_dot, "csv": exports.as_csv}[format]


def _openlineage(graph: Graph, uris: set[str]) -> Iterator[str]:
    """The events of all runs (that touched one of these datasets), oldest run first, one on each line."""
    from prefect.settings import PREFECT_API_URL

    from prefect_lineage_events.assembler.run_lineage import job_namespace
    from prefect_lineage_events.encoding import EPOCH, json_value
    from prefect_lineage_events.openlineage.events import run_events
    from prefect_lineage_events.openlineage.facets import RUN_KEY
    from prefect_lineage_events.settings import settings

    namespace = job_namespace(PREFECT_API_URL.value() or "")
    for snapshot in sorted(graph.snapshots(), key=lambda one: (one.run.started or EPOCH, str(one.run.id))):
        lineage = snapshot.shape.lineage
        if not uris or any(use.dataset.uri in uris for use in (*lineage.inputs, *lineage.outputs)):
            run = _run_lineage(graph, snapshot)
            for event in run_events(
                run, namespace=namespace, job_template=settings().job_name, tag_source=settings().tag_source
            ):
                facet = event["run"]["facets"][RUN_KEY]
                facet["completeness"] = {"complete": snapshot.complete, "lacks": list(snapshot.missing)}
                if snapshot.not_captured:
                    facet["notCaptured"] = list(snapshot.not_captured)
                yield encoder.dumps(json_value(event), ensure_ascii=True) + "\n"


def _run_lineage(graph: Graph, snapshot: Snapshot) -> RunLineage:
    """The stitched run of a snapshot. The chain above a subflow is as long as the window holds its runs."""
    from prefect_lineage_events.history.model import ParentRun
    from prefect_lineage_events.snapshots import flow_run_of
    from prefect_lineage_events.stitching import model

    parents = list[ParentRun]()
    above: UUID | None = snapshot.run.parent_id
    while above is not None and len(parents) < 50 and (parent := graph.snapshot(above)) is not None:
        parents.append(ParentRun(above, parent.run.flow_name, parent.run.deployment_name))
        above = parent.run.parent_id
    return model.RunLineage(flow_run_of(snapshot, tuple(parents)), snapshot.lineage)


def _write(text: str, output: str | None) -> None:
    if output is None or output == "-":
        sys.stdout.write(text)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {output}: {error}") from error
    print(f"written to {output}", file=sys.stderr)
