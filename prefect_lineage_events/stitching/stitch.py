"""The events of a run, put together to one picture. Pure: the same history gives the same answer, in the same order.

Datasets that outlast the run are its inputs and outputs, both when it wrote and read them; what came and went inside of
it is neither, and what flowed through it flows past it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial

from prefect_lineage_events.history.model import RunHistory
from prefect_lineage_events.stitching.column_resolution import analysed_again
from prefect_lineage_events.stitching.columns import Schemas
from prefect_lineage_events.stitching.dataflow import Dataflow, Fed
from prefect_lineage_events.stitching.lifetimes import ResolvedStep, place
from prefect_lineage_events.stitching.lineage import build_lineage, created_in
from prefect_lineage_events.stitching.model import Lineage, Reanalysis, RunLineage, StatementSummary
from prefect_lineage_events.stitching.reanalysis import Reports, read_anew
from prefect_lineage_events.stitching.related_runs import columns_above, with_handed
from prefect_lineage_events.stitching.spelling import in_one_spelling
from prefect_lineage_events.stitching.steps import Step, steps
from prefect_lineage_events.stitching.task_lineage import lineage_by_task, lineage_of_body

_SCAN = re.compile(r"\b(?:pandas|arrow)_scan\((?:[?0]\) AS (\w+)|([A-Za-z_]\w*|\"\w+\")\))")


def stitch(history: RunHistory, *, infer_columns: bool = True, reanalyse: Reports | None = None) -> RunLineage:
    """The run lineage of a history. `infer_columns`: DataFrames' columns get edges by equal names, marked inferred.

    `reanalyse`: statements are read by today's analyser; it says of a dataset's URI whether that may be shown.
    """
    history = in_one_spelling(history)
    told, reanalysis = (steps(history), Reanalysis()) if reanalyse is None else read_anew(steps(history), reanalyse)
    placed, lives = place(with_handed(told, history))
    schemas = Schemas(placed, lives, history.schemas, columns_above(history))
    placed = analysed_again(placed, schemas)
    fed = Dataflow(placed, history.tasks, schemas, infer_columns=infer_columns).fed()
    part = partial(_lineage, schemas=schemas, everything=placed)
    lineage = part(placed, fed)
    return RunLineage(
        run=history.run,
        lineage=lineage,
        tasks=lineage_by_task(history, placed, fed, part),
        body=lineage_of_body(placed, fed, part, whole=lineage),
        completeness=history.completeness,
        schema_changes=schemas.changes(),
        descendants_have_lineage=history.descendants_have_lineage,
        assets=frozenset(step.output.dataset for step in told if step.evidence == "asset" and step.output),
        reanalysis=reanalysis,
        last=max((step.last for step in told), default=None),
    )


def _lineage(
    placed: Sequence[ResolvedStep], fed: Sequence[Fed], *, schemas: Schemas, everything: Sequence[ResolvedStep]
) -> Lineage:
    seen = build_lineage(placed, fed, schemas, created_in(everything))
    own = (one.step for one in placed if not one.step.handed)
    statements = tuple(_summaries(own))
    return Lineage(seen.inputs, seen.outputs, seen.edges, seen.columns, statements, seen.bundles, seen.unknown)


def _as_written(sql: str | None) -> str | None:
    """A statement with the names of the DataFrames that its user wrote.

    Capture notes what DuckDB reads there instead (`df` is `pandas_scan(?) AS df`, `df f` is `pandas_scan(df) f`),
    without which a later analysis would take the name for a table's.
    """
    return _SCAN.sub(lambda found: found[1] or found[2], sql) if sql else sql


def _summaries(steps: Iterable[Step]) -> Iterable[StatementSummary]:
    """Statements in order, each once, whatever the number of its outputs; what was only recorded has no text."""
    seen = set()
    for step in steps:
        info = step.info
        if info.id in seen or (info.sql is None and not info.query_id and info.confidence == "exact"):
            continue
        seen.add(info.id)
        somewhere = step.output or (step.inputs[0] if step.inputs else None)
        yield StatementSummary(
            sql=_as_written(info.sql),
            dialect=info.dialect,
            operation=step.operation,
            query_id=info.query_id,
            source=somewhere.namespace if somewhere else None,
            executions=info.executions,
            confidence=info.confidence,
            reason=info.reason,
        )
