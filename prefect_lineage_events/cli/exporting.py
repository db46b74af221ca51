"""Command that writes the graph for other tools: `export`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from prefect_lineage_events.cli import asking
from prefect_lineage_events.cli.errors import OK, CommandError
from prefect_lineage_events.cli.output import print_json
from prefect_lineage_events.cli.parameters import choice, positive, whole_number
from prefect_lineage_events.cli.progress import working
from prefect_lineage_events.cli.windows import Asked
from prefect_lineage_events.nearness import no_path
from prefect_lineage_events.sentences import counted

if TYPE_CHECKING:
    from prefect_lineage_events.datasets import Dataset
    from prefect_lineage_events.graph.graph import Graph

Format = Literal["openlineage", "mermaid", "dot", "csv", "html"]


def export(
    names: Annotated[
        list[str] | None, Parameter(help="Only these datasets, with all up- and downstream of them.")
    ] = None,
    /,
    *,
    format: Annotated[Format, Parameter(help="The format to write.", converter=choice)] = "csv",
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

    as_json = bool(asked and asked.json)
    if as_json and output in (None, "-"):
        raise ValueError("--json reports what was written: give --output as well, for the export is no JSON")
    if output and not Path(output).absolute().parent.is_dir():
        raise ValueError(f"cannot write {output}: {no_path(Path(output).absolute().parent, 'directory')}")
    graph = asking.graph_of(asked)
    around = [find_dataset(graph, name) for name in names or ()]
    with working(f"writing {format}"):
        if format == "openlineage":
            _write(_openlineage(graph, around), output)
        else:
            _write([_writer(format, graph)(select(graph, around, hops))], output)
    if output not in (None, "-"):
        print(f"written to {output}", file=sys.stderr)
    if as_json:
        print_json({"output": output, "format": format, "bytes": Path(str(output)).stat().st_size})
    return OK


def _writer(format: str, graph: Graph) -> Callable[..., str]:
    from prefect_lineage_events.graph import exports, page

    if format == "html":
        return lambda found: page.as_html(graph, found, "Lineage of Prefect flows", asking.now())
    return {"mermaid": exports.as_mermaid, "dot": exports.as_dot, "csv": exports.as_csv}[format]


def _openlineage(graph: Graph, around: Sequence[Dataset]) -> Iterator[str]:
    from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL

    from prefect_lineage_events.assembler.run_lineage import job_namespace
    from prefect_lineage_events.graph.openlineage import as_openlineage, runs_of_others
    from prefect_lineage_events.settings import settings

    if others := runs_of_others(graph, around):
        runs = counted(others, "run")
        print(f"note: without {runs} of other producers: the files of the archive have their events", file=sys.stderr)
    namespace = job_namespace(PREFECT_API_URL.value() or "")
    return as_openlineage(
        graph,
        around=around,
        namespace=namespace,
        job_template=settings().job_name,
        tag_source=settings().tag_source,
        prefect_url=PREFECT_UI_URL.value() or None,
    )


def _write(texts: Iterable[str], output: str | None) -> None:
    """Write the texts as they are made: the events of many runs would not fit into memory."""
    if output is None or output == "-":
        sys.stdout.writelines(texts)
        return
    try:
        with Path(output).open("w", encoding="utf-8") as file:
            file.writelines(texts)
    except OSError as error:
        raise CommandError(f"cannot write {output}: {error}") from error
