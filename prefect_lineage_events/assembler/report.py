"""The texts of lineage artifacts, which Prefect shows on the pages of runs and flows. Pure.

The image of the graph in them is `rendering/svg.py`'s.
Bounded in every direction, since an artifact of megabytes is unreadable: beyond the bounds, the rest is counted.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote

from prefect_lineage_events.assembler.ledger import DeliveryState
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import cell, code, prose, word
from prefect_lineage_events.events import STAR
from prefect_lineage_events.openlineage.errors import without_credentials
from prefect_lineage_events.rendering.svg import data_uri, svg
from prefect_lineage_events.settings import settings
from prefect_lineage_events.stitching.model import ColumnEdge, DatasetUse, Lineage, RunLineage, UnknownSource

MAX_DATASETS = 100
MAX_COLUMNS = 300
MAX_NAMED = 20
MAX_REASONS = 20
MAX_LINK = 500
_ROWS_KNOWN = {"unknown": "source unknown", "partly": "perhaps more sources than shown", "known": ""}
# OpenLineage's kinds of transformation.
_HOW = {
    "TRANSFORMATION": "computed from it",
    "AGGREGATION": "aggregated",
    "MASKED": "masked",
    "CONDITIONAL": "decides the value",
    "FILTER": "decides the rows",
    "JOIN": "decides the joined rows",
    "GROUP_BY": "decides the groups of rows",
    "WINDOW": "decides the window of rows",
    "SORT": "decides the order of rows",
}


def markdown(run: RunLineage, sent: Mapping[str, DeliveryState] = MappingProxyType({})) -> str:
    """The graph, tables and columns, missing events, and the events that each target (by name) has or refused."""
    lineage = run.lineage
    parts = [
        f"# Lineage of {word(run.run.flow_name)}",
        _summary(run),
        *_completeness(run),
        *_not_captured(run.completeness.not_captured),
        *_facet_faults(run.facet_faults),
        *_rejected(sent),
    ]
    if not lineage.empty:
        parts += [
            f"![Graph of the datasets of this run]({data_uri(svg(run))})",
            *_bundled(lineage),
            *_uses("Inputs", lineage.inputs),
            *_uses("Outputs", lineage.outputs),
            *_unknown(lineage.unknown),
            *_columns(lineage),
            *_partial(lineage),
        ]
    if run.schema_changes:
        parts += ["## Schema changes", *_changes(run.schema_changes)]
    parts += _sent_to(sent)
    return "\n\n".join(parts) + "\n"


def broken(flow_name: str, reason: str) -> str:
    """The text for a run whose lineage could not be assembled."""
    reason = prose(without_credentials(reason))
    return f"# Lineage of {word(flow_name)}\n\nThe lineage of this run could not be assembled: {reason}\n"


def before_end(flow_name: str) -> str:
    """The text for a run of which only the START was sent, since a run below it was assembled before its end."""
    return (
        f"# Lineage of {word(flow_name)}\n\n"
        "A run below this one was assembled before it; its own lineage follows when it has ended.\n"
    )


def _summary(run: RunLineage) -> str:
    lineage, this = run.lineage, f"Run {code(run.run.name)} ({word(run.run.state.lower())})"
    if run.from_cache:
        return f"{this} touched no dataset: all of its tasks were cached."
    if lineage.empty and not run.descendants_have_lineage:
        return f"{this} touched no dataset, by the events that can be read."
    if lineage.empty:
        return f"{this} touched no dataset itself; runs below it did."
    statements = sum(s.executions for s in lineage.statements)
    return (
        f"{this}: {_counted(len(lineage.inputs), 'input')}, {_counted(len(lineage.outputs), 'output')}, "
        f"{_counted(len(lineage.columns), 'column edge')}, {_counted(statements, 'statement')}."
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _bundled(lineage: Lineage) -> list[str]:
    """A sentence with the number of edges that the graph does not draw."""
    edges = sum(len(bundle.sources) * len(bundle.targets) for bundle in lineage.bundles)
    if not edges:
        return []
    tasks = "one task" if len(lineage.bundles) == 1 else f"{len(lineage.bundles)} tasks"
    return [f"{edges:,} edges are not drawn: in {tasks}, each of many inputs is a source of each of many outputs."]


def _looked_for(run: RunLineage) -> str:
    """A clause on the time until which the sweep looks for missing events. After that, the run stays incomplete."""
    if run.run.ended is None:
        return "the sweep looks for them"
    until = run.run.ended + dt.timedelta(hours=settings().incomplete_hours)
    return f"the sweep looks for them until {until:%F %R} UTC"


def _completeness(run: RunLineage) -> list[str]:
    lines, completeness = [], run.completeness
    if completeness.missing:
        lines.append(f"- {completeness.missing_events:,} lineage events have not arrived; {_looked_for(run)}.")
    if completeness.rejected:
        lines.append(f"- {len(completeness.rejected):,} events cannot be read, and are left out.")
    if completeness.unclosed and completeness.running:
        lines.append("- The run has not ended: this is its lineage so far.")
    elif completeness.unclosed:
        lines.append(
            f"- {len(completeness.unclosed)} processes of the run did not report their end (killed?): "
            "they may have done more than is shown."
        )
    if completeness.dropped:
        lines.append(
            f"- {completeness.dropped:,} statements were dropped in the flow's process: its queue was full, they could "
            "not be analysed, or their events were not accepted."
        )
    if lacks := completeness.lacks():
        lines += ["", "It lacks:", *(f"- {prose(lack)}" for lack in lacks[:MAX_REASONS])]
        lines += _more(len(lacks), MAX_REASONS, "emitters")
    return ["## Incomplete\n\n" + "\n".join(lines)] if lines else []


def _facet_faults(faults: Sequence[str]) -> list[str]:
    """The facets of the user's own functions that could not be added."""
    listed = "\n".join(f"- {prose(fault)}" for fault in faults)
    return [f"Facets of your own were left out:\n\n{listed}"] if faults else []


def _not_captured(libraries: Sequence[str]) -> list[str]:
    if not libraries:
        return []
    named = "\n".join(f"- {word(name)}" for name in libraries)
    return [f"## Not captured\n\nThe run also used these libraries. What they read and wrote is not shown:\n\n{named}"]


def _rejected(sent: Mapping[str, DeliveryState]) -> list[str]:
    parts = []
    for target, line in sent.items():
        if line.reasons:
            shown = [f"- {prose(reason)}" for reason in line.reasons[:MAX_REASONS]]
            more = _more(line.rejected, len(shown), "events")
            parts.append(f"## Refused by {word(target)}\n\n" + "\n".join(shown + more))
    return parts


def _sent_to(sent: Mapping[str, DeliveryState]) -> list[str]:
    """The table of targets; `Waiting` are the events that the sweep will send."""
    rows = [
        (code(target), str(line.done - line.rejected), str(line.rejected), str(line.total - line.done))
        for target, line in sent.items()
    ]
    return ["## Sent to\n\n" + _table(("Target", "Taken", "Refused", "Waiting"), rows)] if rows else []


def _uses(title: str, uses: Sequence[DatasetUse]) -> list[str]:
    if not uses:
        return []
    sizes = [_size(use) for use in uses[:MAX_DATASETS]]
    with_sizes = any(sizes)
    rows = [
        (
            code(use.dataset.name),
            word(use.dataset.namespace),
            word(use.kind),
            "" if use.rows is None else f"{use.rows:,}",
            *((size,) if with_sizes else ()),
            _change(use),
            _feed(use.dataset),
        )
        for use, size in zip(uses, sizes, strict=False)
    ]
    table = _table(("Dataset", "Where", "Kind", "Rows", *(("Size",) if with_sizes else ()), "Change", "Events"), rows)
    return [f"## {title}\n\n" + "\n".join([table, *_more(len(uses), MAX_DATASETS, "datasets")])]


def _size(use: DatasetUse) -> str:
    """Files and bytes, as far as they are known: `12 files, 3.4 MB`."""
    known = [] if use.files is None else [_counted(use.files, "file")]
    return ", ".join([*known, *([] if use.size is None else [_bytes(use.size)])])


def _bytes(number: int) -> str:
    if number < 1000:
        return f"{number} B"
    amount, unit = number / 1000, "kB"
    for larger in ("MB", "GB", "TB"):
        if amount >= 999.95:
            amount, unit = amount / 1000, larger
    return f"{amount:,.1f} {unit}"


def _feed(dataset: Dataset) -> str:
    """A link to the event feed of the dataset: its events over all runs.

    Relative, so that it leads to the UI that shows the page, at any address. It has the resource twice: of
    Prefect's two UIs one takes a single value as it is, the other only as JSON, and both take a repeated one as a list.
    """
    resource = quote(dataset.uri, safe="")
    return f"[events](../../events?resource={resource}&resource={resource})" if len(resource) <= MAX_LINK else ""


def _change(use: DatasetUse) -> str:
    origin = f" from {code(use.renamed_from.name)}" if use.renamed_from else ""
    return f"{use.lifecycle or ''}{origin}".strip()


def _columns(lineage: Lineage) -> list[str]:
    edges = _in_table_order(lineage)
    if not edges:
        return []
    into: dict[tuple[Dataset, str], list[ColumnEdge]] = defaultdict(list)
    for edge in edges[:MAX_COLUMNS]:
        into[edge.target, edge.target_column].append(edge)
    rows = [
        (code(f"{target.name}.{column}"), ", ".join(_source(e) for e in sources))
        for (target, column), sources in into.items()
    ]
    table = _table(("Column", "From"), rows)
    return ["## Columns\n\n" + "\n".join([table, *_more(len(edges), MAX_COLUMNS, "column edges")])]


def _in_table_order(lineage: Lineage) -> list[ColumnEdge]:
    """Column edges by the order in which their target has its columns; what decides over rows comes last."""
    order = {(use.dataset, column.name): number for use in lineage.outputs for number, column in enumerate(use.columns)}
    beyond = len(order)

    def position(edge: ColumnEdge) -> tuple[Dataset, bool, int]:
        known = order.get((edge.target, edge.target_column), beyond)
        return edge.target, edge.target_column == STAR, known

    return sorted(lineage.columns, key=position)


def _unknown(unknown: Sequence[UnknownSource]) -> list[str]:
    """Outputs whose rows came out of Python, and the part of their sources that is unknown."""
    if not unknown:
        return []
    rows = [
        (
            code(source.target.name),
            _ROWS_KNOWN[source.rows],
            ", ".join(code(column) for column in source.columns[:MAX_NAMED]),
            ", ".join(code(dataset.name) for dataset in source.candidates[:MAX_NAMED]),
        )
        for source in unknown[:MAX_DATASETS]
    ]
    table = _table(("Output", "Rows", "Columns without a source", "Perhaps from"), rows)
    return ["## Source unknown\n\n" + "\n".join([table, *_more(len(unknown), MAX_DATASETS, "outputs")])]


def _source(edge: ColumnEdge) -> str:
    """The source column of an edge and its transformation, in words for readers who are not used to OpenLineage's."""
    kind = edge.transformation
    if edge.inferred:
        notes = [_HOW.get(kind, word(kind.lower()))] if kind not in ("IDENTITY", "TRANSFORMATION") else []
        notes.append("inferred from the same column name: Python may have changed the values")
    else:
        notes = [_HOW.get(kind, word(kind.lower()))] if kind != "IDENTITY" else []
    return code(f"{edge.source.name}.{edge.source_column}") + (f" ({'; '.join(notes)})" if notes else "")


def _partial(lineage: Lineage) -> list[str]:
    reasons = list(dict.fromkeys(s.reason for s in lineage.statements if s.confidence == "partial" and s.reason))
    if not reasons:
        return []
    shown = [f"- {prose(reason)}" for reason in reasons[:MAX_REASONS]]
    return ["## Not fully understood\n\n" + "\n".join(shown + _more(len(reasons), MAX_REASONS, "reasons"))]


def _changes(changes: Mapping[Dataset, str]) -> list[str]:
    return ["\n".join(f"- {code(dataset.name)}: {prose(change)}" for dataset, change in changes.items())]


def _more(there: int, shown: int, what: str) -> list[str]:
    return ["", f"... and {there - shown} more {what}."] if there > shown else []


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell(text) for text in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
