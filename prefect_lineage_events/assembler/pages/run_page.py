"""The page of a run: its graph, datasets, columns and statements, and all that is missing, each with the reason. Pure.

Bounded in every direction, since an artifact of megabytes is unreadable: beyond the bounds, the rest is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from prefect_lineage_events.assembler.ledger import DeliveryState
from prefect_lineage_events.assembler.pages import column_table, deliveries, gaps, links, statement_table, use_tables
from prefect_lineage_events.assembler.pages.dataset_record import DatasetRecord
from prefect_lineage_events.assembler.pages.markup import duration, moment
from prefect_lineage_events.credentials import without_credentials
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import code, prose, word
from prefect_lineage_events.rendering.svg import data_uri, svg
from prefect_lineage_events.sentences import counted
from prefect_lineage_events.stitching.model import Lineage, RunLineage

_NO_STATES: Mapping[str, DeliveryState] = MappingProxyType({})
_NO_RECORDS: Mapping[Dataset, DatasetRecord] = MappingProxyType({})


def markdown(
    run: RunLineage,
    sent: Mapping[str, DeliveryState] = _NO_STATES,
    records: Mapping[Dataset, DatasetRecord] = _NO_RECORDS,
) -> str:
    """The page. `sent`: the state of each target, by its name. `records`: those of the datasets that have a page."""
    lineage = run.lineage
    parts = [
        f"# Lineage of {word(run.run.flow_name)}",
        _summary(run),
        *gaps.incomplete(run),
        *gaps.not_captured(run.completeness.not_captured),
        *gaps.awaits_warehouse(run.warehouse),
        *gaps.facet_faults(run.facet_faults),
        *deliveries.refused(sent),
    ]
    if not lineage.empty:
        parts += [
            f"![Graph of the datasets of this run]({data_uri(svg(lineage))})",
            *_bundled(lineage),
            *use_tables.inputs(lineage.inputs, records, run.run.id),
            *use_tables.outputs(lineage.outputs, records, run.run.id),
            *_without_page(run, records),
            *gaps.unknown_sources(lineage.unknown),
            *column_table.section(lineage),
        ]
    parts += [*statement_table.section(lineage.statements), *statement_table.reasons(lineage.statements)]
    parts += [*_changes(run.schema_changes), *deliveries.sent_to(sent)]
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
    """The run with its time, its counts, and the runs above it."""
    parents = ", ".join(links.run(parent.flow_name, parent.flow_run_id, "flow-run") for parent in run.run.parents)
    called_by = f" It was called by {parents}." if parents else ""
    return f"{_subject(run)}{_counts(run)}{called_by}"


def _subject(run: RunLineage) -> str:
    """`Run busy-bee (completed, 2026-11-30 03:12 UTC, 12 s)`."""
    of = run.run
    facts = [word(of.state.lower())]
    if of.started:
        facts.append(f"{moment(of.started)} UTC")
        facts += [duration((of.ended - of.started).total_seconds())] if of.ended and of.ended >= of.started else []
    kind = "Task run" if of.kind == "task-run" else "Run"
    return f"{kind} {links.run(of.name, of.id, of.kind)} ({', '.join(facts)})"


def _counts(run: RunLineage) -> str:
    lineage = run.lineage
    if run.from_cache:
        return " touched no dataset: all of its tasks were cached."
    if lineage.empty and not run.descendants_have_lineage:
        return " touched no dataset, by the events that can be read."
    if lineage.empty:
        return " touched no dataset itself; runs below it did."
    statements = sum(s.executions for s in lineage.statements)
    return (
        f": {counted(len(lineage.inputs), 'input')}, {counted(len(lineage.outputs), 'output')}, "
        f"{counted(len(lineage.columns), 'column edge')}, {counted(statements, 'statement')}."
    )


def _bundled(lineage: Lineage) -> list[str]:
    """A sentence with the number of edges that the graph does not draw."""
    edges = sum(len(bundle.sources) * len(bundle.targets) for bundle in lineage.bundles)
    if not edges:
        return []
    tasks = "one task" if len(lineage.bundles) == 1 else f"{len(lineage.bundles)} tasks"
    return [f"{edges:,} edges are not drawn: in {tasks}, each of many inputs is a source of each of many outputs."]


def _without_page(run: RunLineage, records: Mapping[Dataset, DatasetRecord]) -> list[str]:
    """A sentence with the number of datasets that have no page, where the others have one."""
    lineage = run.lineage
    without = {use.dataset for use in (*lineage.inputs, *lineage.outputs)} - set(records)
    if not records or not without:
        return []
    return [f"The pages of {counted(len(without), 'dataset')} were not updated: this run has more than the limit."]


def _changes(changes: Mapping[Dataset, str]) -> list[str]:
    listed = "\n".join(f"- {code(dataset.name)}: {prose(change)}" for dataset, change in changes.items())
    return ["## Schema changes", listed] if changes else []
