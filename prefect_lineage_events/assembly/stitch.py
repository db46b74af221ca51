"""The events of a run, put together to one picture. Pure: the same history gives the same answer, in the same order.

Datasets that outlast the run are its inputs and outputs, both when it wrote and read them; what came and went inside of
it is neither, and what flowed through it flows past it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from uuid import UUID

from prefect_lineage_events.assembly.dataflow import Dataflow, Fed
from prefect_lineage_events.assembly.kin import columns_above, with_handed
from prefect_lineage_events.assembly.lives import Placed, place
from prefect_lineage_events.assembly.model import Lineage, Reanalysis, RunLineage, StatementSummary, TaskLineage
from prefect_lineage_events.assembly.picture import picture
from prefect_lineage_events.assembly.reanalysis import analysed_again
from prefect_lineage_events.assembly.schemas import Schemas
from prefect_lineage_events.assembly.spelling import in_one_spelling
from prefect_lineage_events.assembly.statements import Step, scopes_of, steps
from prefect_lineage_events.assembly.todays_analysis import Reports, read_anew
from prefect_lineage_events.history.model import RunHistory, TaskRun

_LATE = dt.datetime.max.replace(tzinfo=dt.timezone.utc)


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
    return RunLineage(
        run=history.run,
        lineage=_lineage(placed, fed, schemas),
        tasks=_tasks(history, placed, fed, schemas),
        completeness=history.completeness,
        schema_changes=schemas.changes(),
        descendants_have_lineage=history.descendants_have_lineage,
        assets=frozenset(step.output.dataset for step in told if step.how == "asset" and step.output),
        reanalysis=reanalysis,
        last=max((step.last for step in told), default=None),
    )


def _lineage(placed: Sequence[Placed], fed: Sequence[Fed], schemas: Schemas) -> Lineage:
    seen = picture(placed, fed, schemas)
    own = (one.step for one in placed if not one.step.handed)
    statements = tuple(_summaries(own))
    return Lineage(seen.inputs, seen.outputs, seen.edges, seen.columns, statements, seen.bundles, seen.unknown)


def _tasks(
    history: RunHistory, placed: Sequence[Placed], fed: Sequence[Fed], schemas: Schemas
) -> tuple[TaskLineage, ...]:
    """The lineage of each task run that touched data, in the order in which they began."""
    by_task: dict[UUID, tuple[list[Placed], list[Fed]]] = {
        scope: ([], []) for scope in sorted(scopes_of(p.step for p in placed), key=str) if scope is not None
    }
    for one in placed:
        for scope in one.step.scopes - {None}:
            by_task[scope][0].append(one)  # type: ignore[index]
    for write in fed:
        for scope in write.scopes - {None}:
            by_task[scope][1].append(write)  # type: ignore[index]
    tasks = []
    for task_run_id, (its_placed, its_fed) in by_task.items():
        lineage = _lineage(its_placed, its_fed, schemas)
        if not lineage.empty:
            tasks.append(_task_lineage(task_run_id, history.tasks.get(task_run_id), lineage))
    return tuple(sorted(tasks, key=lambda t: (t.started or _LATE, t.task_name, str(t.task_run_id))))


def _task_lineage(task_run_id: UUID, task: TaskRun | None, lineage: Lineage) -> TaskLineage:
    if task is None:
        return TaskLineage(task_run_id, "task", None, lineage)
    return TaskLineage(task_run_id, _task_name(task), task.state, lineage, task.started, task.ended, task.message)


def _task_name(task: TaskRun) -> str:
    """The task's own name: Prefect names its runs `<task>-<up to three digits>`, unless a flow names them as it likes.

    Then the function's name is what stays the same; the key has a hash of its code behind it, which does not.
    """
    by_prefect = re.fullmatch(r"(.+)-[0-9a-f]{1,3}", task.name)
    return by_prefect[1] if by_prefect else task.task_key.rpartition("-")[0] or task.task_key


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
            sql=info.sql,
            dialect=info.dialect,
            operation=step.operation,
            query_id=info.query_id,
            source=somewhere.namespace if somewhere else None,
            executions=info.executions,
            confidence=info.confidence,
            reason=info.reason,
        )
