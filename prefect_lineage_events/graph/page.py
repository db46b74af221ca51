"""The graph as one HTML page that needs nothing else: no script, no request, no file beside it. Pure.

All text from events passes `escaping.xml`, and the page's policy forbids scripts and requests, so that a name is shown
and does nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import cast, get_args

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import xml
from prefect_lineage_events.graph.changes import columns_now
from prefect_lineage_events.graph.graph import Graph
from prefect_lineage_events.graph.selection import Selection
from prefect_lineage_events.graph.uses import readers, writers
from prefect_lineage_events.graph.values import HowKnown, Use
from prefect_lineage_events.rendering.svg import data_uri, svg
from prefect_lineage_events.sentences import counted
from prefect_lineage_events.stitching.model import DatasetUse, Edge, Evidence, Lineage

MAX_DRAWN = 120
MAX_ROWS = 5_000
_STYLE = """
:root { color-scheme: light dark }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
img { border: 1px solid #8884; border-radius: 6px; max-width: 100%; padding: .5rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; width: 100% }
th, td { border-bottom: 1px solid #8884; overflow-wrap: anywhere; padding: .25rem .75rem .25rem 0; text-align: left;
  vertical-align: top }
h3 { font: 600 1rem ui-monospace, monospace; margin-bottom: 0; overflow-wrap: anywhere }
code, td { font-family: ui-monospace, monospace; font-size: .9em }
summary { cursor: pointer; font-weight: 600 }
p { opacity: .75; margin: .25rem 0 }
"""


def as_html(graph: Graph, found: Selection, title: str, made: dt.datetime) -> str:
    """The page: a drawing, each dataset with its writers, readers and columns, and all edges."""
    return "\n".join(_parts(graph, found, title, made)) + "\n"


def _parts(graph: Graph, found: Selection, title: str, made: dt.datetime) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield (
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
    )
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{xml(title)}</title><style>{_STYLE}</style></head><body>"
    nouns = (("dataset", found.datasets), ("edge", found.edges), ("column edge", found.columns))
    counts = ", ".join(counted(len(some), noun) for noun, some in nouns)
    yield f"<h1>{xml(title)}</h1><p>{counts}, {made:%Y-%m-%d %H:%M} UTC</p>"
    yield f'<img alt="Datasets and the edges between them" src="{data_uri(svg(_drawn(graph, found), MAX_DRAWN))}">'
    yield "<h2>Datasets</h2>"
    for dataset in found.datasets[:MAX_ROWS]:
        yield from _dataset(graph, dataset)
    yield "<h2>Edges</h2>"
    yield from _table(
        ("from", "into", "how known", "flows", "runs", "last run"),
        (
            (e.source, e.target, ", ".join(e.how), ", ".join(e.flows), e.runs, f"{e.last.name} ({e.last.state})")
            for e in found.edges
        ),
    )
    yield "<details><summary>Edges between columns</summary>"
    yield from _table(
        ("from", "column", "into", "column", "how"),
        (
            (c.source, c.source_part, c.target, c.target_column, c.transformation + (" (inferred)" * c.inferred))
            for c in found.columns
        ),
    )
    yield "</details>"
    left_out = max(len(found.datasets), len(found.edges), len(found.columns)) - MAX_ROWS
    if left_out > 0:
        yield f"<p>Tables end after {MAX_ROWS:,} rows; --format csv has all of them.</p>"
    yield "</body></html>"


def _dataset(graph: Graph, dataset: Dataset) -> Iterator[str]:
    yield f"<h3>{xml(dataset.name)}</h3><p>{xml(dataset.uri, 2_000)}</p>"
    for verb, uses in (("written by", writers(graph, dataset)), ("read by", readers(graph, dataset))):
        if uses:
            yield f"<p>{verb} {xml(_uses(uses), 2_000)}</p>"
    columns = columns_now(graph, dataset)
    if columns:
        yield f"<details><summary>{counted(len(columns), 'column')}</summary>"
        yield from _table(("column", "type"), ((column.name, column.type or "") for column in columns))
        yield "</details>"


def _uses(uses: Sequence[Use]) -> str:
    return ", ".join(
        f"{use.flow} ({counted(use.runs, 'run')}, last {use.last.ended or use.last.started:%Y-%m-%d %H:%M})"
        if use.last.ended or use.last.started
        else use.flow
        for use in uses
    )


def _table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield "<table><thead><tr>" + "".join(f"<th>{xml(one)}</th>" for one in headers) + "</tr></thead><tbody>"
    for number, row in enumerate(rows):
        if number >= MAX_ROWS:
            break
        yield "<tr>" + "".join(f"<td>{xml(str(one), 2_000)}</td>" for one in row) + "</tr>"
    yield "</tbody></table>"


def _drawn(graph: Graph, found: Selection) -> Lineage:
    """The selection in the form in which a run is drawn: what nothing writes is an input, all else an output."""
    by_uri = {dataset.uri: dataset for dataset in found.datasets}
    written = {dataset for dataset in found.datasets if any(use.writes for use in graph.uses(dataset))}
    return Lineage(
        inputs=tuple(DatasetUse(dataset) for dataset in found.datasets if dataset not in written),
        outputs=tuple(DatasetUse(dataset) for dataset in found.datasets if dataset in written),
        edges=tuple(
            Edge(by_uri[edge.source], by_uri[edge.target], _evidence(edge.how[0]))
            for edge in found.edges
            if edge.source in by_uri and edge.target in by_uri
        ),
    )


def _evidence(how: HowKnown) -> Evidence:
    """The evidence as which an edge is drawn: others than those of a run were stated."""
    return cast("Evidence", how) if how in get_args(Evidence) else "recorded"
