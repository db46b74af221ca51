"""Stitches the events of a run to its lineage. Pure: the same history gives the same result, in the same order.

Datasets that outlast the run are its inputs and outputs; one that it wrote and read is both. A transient dataset, which
exists only inside the run, is neither: its sources become the sources of what was written from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from prefect_lineage_events.definitions import Definition
from prefect_lineage_events.history.model import RunHistory
from prefect_lineage_events.stitching.column_resolution import resolve_columns
from prefect_lineage_events.stitching.columns import Schemas
from prefect_lineage_events.stitching.dataflow import Dataflow, WriteSources
from prefect_lineage_events.stitching.lifetimes import ResolvedStep, resolve
from prefect_lineage_events.stitching.lineage import build_lineage, created_in, only_defined, with_symlinks
from prefect_lineage_events.stitching.model import Lineage, Reanalysis, RunLineage, StatementSummary
from prefect_lineage_events.stitching.reanalysis import MayShow, reanalyse_steps
from prefect_lineage_events.stitching.related_runs import inherited_columns, with_related_rows
from prefect_lineage_events.stitching.spelling import in_one_spelling
from prefect_lineage_events.stitching.steps import Step, steps
from prefect_lineage_events.stitching.task_lineage import lineage_by_task, lineage_of_body
from prefect_lineage_events.stitching.witnessed import confirmed

_SCAN = re.compile(r"\b(?:pandas|arrow)_scan\((?:[?0]\) AS (\w+)|([A-Za-z_]\w*|\"\w+\")\)(?: AS \2\b)?)")
_READ = re.compile(
    r"\bread_csv\((?:\?|'temporary://[^']{1,500}'), frame_(\w+) = (?:\?|\d{1,20})\)(?: AS \1\b)?", re.IGNORECASE
)


def stitch(history: RunHistory, *, infer_columns: bool = True, reanalyse: MayShow | None = None) -> RunLineage:
    """The run lineage of a history. `infer_columns`: DataFrames' columns get edges by equal names, marked inferred.

    `reanalyse`: statements are reanalysed by the current analyser; it returns whether a dataset's URI may be shown.
    """
    history = in_one_spelling(history)
    own_steps, reanalysis = (
        (steps(history), Reanalysis()) if reanalyse is None else reanalyse_steps(steps(history), reanalyse)
    )
    own_steps = confirmed(own_steps, history.witnessed)
    resolved_steps, lifetimes = resolve(with_related_rows(own_steps, history))
    schemas = Schemas(resolved_steps, lifetimes, history.schemas, inherited_columns(history))
    resolved_steps = resolve_columns(resolved_steps, schemas)
    writes = Dataflow(resolved_steps, history.tasks, schemas, infer_columns=infer_columns).write_sources()
    part = partial(_lineage, schemas=schemas, everything=resolved_steps)
    lineage = part(resolved_steps, writes)
    return RunLineage(
        run=history.run,
        lineage=lineage,
        tasks=lineage_by_task(history, resolved_steps, writes, part),
        body=lineage_of_body(resolved_steps, writes, part, whole=lineage),
        completeness=history.completeness,
        definition=_definition(history),
        engine_version=history.engine_version,
        schema_changes=schemas.changes(),
        descendants_have_lineage=history.descendants_have_lineage or history.completeness.children,
        defined=only_defined(resolved_steps),
        assets=frozenset(step.output.dataset for step in own_steps if step.evidence == "asset" and step.output),
        reanalysis=reanalysis,
        last=max((step.last for step in own_steps), default=None),
    )


def _definition(history: RunHistory) -> Definition | None:
    """The definition of the run's flow, or of the task that ran outside any."""
    tasks = history.definitions.tasks if history.run.kind == "task-run" else ()
    return next((one for one in tasks if one.ran), history.definitions.flow)


def _lineage(
    resolved_steps: Sequence[ResolvedStep],
    writes: Sequence[WriteSources],
    *,
    schemas: Schemas,
    everything: Sequence[ResolvedStep],
) -> Lineage:
    found = with_symlinks(build_lineage(resolved_steps, writes, schemas, created_in(everything)), everything)
    own = (one.step for one in resolved_steps if not one.step.from_related_run)
    return replace(found, statements=tuple(_summaries(own)))


def _as_written(sql: str | None) -> str | None:
    """A statement with the names of the DataFrames that its user wrote.

    Events have the scan that DuckDB makes of them (`df` is `pandas_scan(?) AS df`, `df f` is `pandas_scan(df) f`), or a
    reader of their rows: without it a later analysis would take the name for that of a table.
    """
    return _READ.sub(r"\1", _SCAN.sub(lambda found: found[1] or found[2], sql)) if sql else sql


def _summaries(steps: Iterable[Step]) -> Iterator[StatementSummary]:
    """The statements in order, each once, even with several outputs. Assets are materialised by no statement."""
    by_statement: dict[UUID, list[Step]] = {}
    for step in steps:
        if step.evidence != "asset":
            by_statement.setdefault(step.info.id, []).append(step)
    for found in by_statement.values():
        yield _summary(found)


def _summary(steps: Sequence[Step]) -> StatementSummary:
    """The summary of one statement, which has a step for each of its outputs."""
    step, info = steps[0], steps[0].info
    inputs = tuple(dict.fromkeys(read.dataset for one in steps for read in one.inputs))
    outputs = tuple(dict.fromkeys(one.output.dataset for one in steps if one.output))
    somewhere = (step.output and step.output.dataset) or next(iter(inputs), None)
    return StatementSummary(
        sql=_as_written(info.sql),
        dialect=info.dialect,
        operation=step.operation,
        query_id=info.query_id,
        source=somewhere.namespace if somewhere else None,
        executions=info.executions,
        confidence=info.confidence,
        reason=info.reason,
        rows=info.rows,
        started=info.started,
        duration=info.duration,
        inputs=inputs,
        outputs=outputs,
    )
