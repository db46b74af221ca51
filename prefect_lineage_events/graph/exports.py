"""The graph as text of other tools: CSV, Mermaid, DOT. Pure.

Names come from users. In each format they are text and nothing else: no formula, no markup, no statement.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from prefect_lineage_events.escaping import line
from prefect_lineage_events.graph.selection import Selection
from prefect_lineage_events.rendering.graph import short_names

_HEADERS = (
    "source", "source_column", "target", "target_column", "transformation", "how_known", "flows", "runs", "last_run",
    "last_time",
)  # fmt: skip
# Spreadsheets read a cell that begins so as a formula. owasp.org: CSV Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Mermaid reads all others in a label as text: letters of any language, digits, and these.
_PLAIN = re.compile(r"[\w ./:-]")


def as_csv(found: Selection) -> str:
    """One row for each edge between datasets (without columns), and one for each edge between columns."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADERS)
    for edge in found.edges:
        last = edge.last.ended or edge.last.started
        facts = (", ".join(edge.how), ", ".join(edge.flows), edge.runs, edge.last.id, last and last.isoformat())
        writer.writerow(map(_cell, (edge.source, "", edge.target, "", "", *facts)))
    for one in found.columns:
        last = one.last.ended or one.last.started
        facts = (one.how, ", ".join(one.flows), one.runs, one.last.id, last and last.isoformat())
        ends = (one.source, one.source_part, one.target, one.target_column, one.transformation)
        writer.writerow(map(_cell, (*ends, *facts)))
    return text.getvalue()


def as_mermaid(found: Selection) -> str:
    """A flowchart of the datasets."""
    return "\n".join(["flowchart LR", *_mermaid(found)]) + "\n"


def as_dot(found: Selection) -> str:
    """A digraph of the datasets, for Graphviz. The label of an edge names its flows."""
    names = short_names(found.datasets)
    rows = [
        "digraph lineage {",
        "  rankdir=LR;",
        '  node [shape=box, fontname="monospace"];',
        *(f"  {_dot(dataset.uri)} [label={_dot(names[dataset])}];" for dataset in found.datasets),
        *(
            f"  {_dot(edge.source)} -> {_dot(edge.target)} [label={_dot(', '.join(edge.flows))}];"
            for edge in found.edges
        ),
        "}",
    ]
    return "\n".join(rows) + "\n"


def _mermaid(found: Selection) -> Iterator[str]:
    names = short_names(found.datasets)
    ids = {dataset.uri: f"d{number}" for number, dataset in enumerate(found.datasets)}
    for dataset in found.datasets:
        yield f'  {ids[dataset.uri]}["{_label(names[dataset])}"]'
    for edge in found.edges:
        yield f'  {ids[edge.source]} -->|"{_label(", ".join(edge.flows))}"| {ids[edge.target]}'


def _label(text: str) -> str:
    """The text in a quoted label: any character with a meaning becomes its number, as in `#34;`."""
    return "".join(c if _PLAIN.fullmatch(c) else f"#{ord(c)};" for c in line(text)) or " "


def _dot(text: str) -> str:
    """A quoted string. Graphviz reads `&lt;` as an entity, and a backslash as the start of an escape."""
    shown = line(text, 2_000).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return f'"{shown}"'


def _cell(value: object) -> object:
    text = "" if value is None else str(value)
    shown = line(text, 4_000)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
