"""Rows that a run received from related runs in parameters, results and caches, and columns of tables.

Such rows are steps of the run like its own reads, but they are no use of a dataset by this run unless they are a source
of something that it wrote. Rows of a parameter are read by the flow's body, each parameter by itself; rows that a
subflow returned are read by the task that stands for its call.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import replace
from uuid import UUID, uuid5

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import STAR, EventColumnEdge, EventDataset, StatementInfo
from prefect_lineage_events.events import Column as EventColumn
from prefect_lineage_events.history.model import RunHistory
from prefect_lineage_events.stitching.bare_uses import without_bare_uses
from prefect_lineage_events.stitching.columns import Schemas
from prefect_lineage_events.stitching.containers import with_accounts
from prefect_lineage_events.stitching.dataflow import Dataflow
from prefect_lineage_events.stitching.lifetimes import Lifetime, resolve
from prefect_lineage_events.stitching.many_files import with_many_files
from prefect_lineage_events.stitching.model import Column
from prefect_lineage_events.stitching.moved_files import with_moved_files
from prefect_lineage_events.stitching.provenance import OF_ROWS
from prefect_lineage_events.stitching.rows_in_memory import Rows
from prefect_lineage_events.stitching.steps import Scope, Step, steps
from prefect_lineage_events.stitching.temporary_files import with_parts_of_temporary, with_temporary_files

_FIRST = dt.datetime.min.replace(tzinfo=dt.timezone.utc)


def with_related_rows(own: Iterable[Step], history: RunHistory) -> list[Step]:
    """The run's own steps with the rows that it received, in order of time."""
    related = [*_from_above(history), *_from_below(history), *_from_cache(history)]
    received = sorted(related, key=lambda step: step.started)
    whole: list[Step] = []
    for step in own:
        while received and received[0].started <= step.started:
            whole.append(received.pop(0))
        whole.append(step)
    moved = with_moved_files(with_temporary_files(without_bare_uses(with_accounts(whole + received))))
    return with_many_files(with_parts_of_temporary(moved))


def inherited_columns(history: RunHistory) -> dict[Dataset, tuple[Column, ...]]:
    """The columns of datasets by the parent runs, the nearest first."""
    found: dict[Dataset, tuple[Column, ...]] = {}
    while (parent := history.parent) is not None:
        resolved_steps, lifetimes = resolve(with_related_rows(steps(parent), parent))
        schemas = Schemas(resolved_steps, lifetimes, parent.schemas)
        for lifetime in lifetimes.all:
            if not lifetime.transient and (columns := schemas.columns(lifetime)):
                found.setdefault(lifetime.as_target, columns)
        history = parent
    return found


def _from_below(history: RunHistory) -> Iterator[Step]:
    calls = {task.subflow: task for task in history.tasks.values() if task.subflow}
    for subflow, below in sorted(history.subflows.items(), key=lambda item: str(item[0])):
        call = calls.get(subflow)
        if call is None:
            continue
        flow, schemas = _dataflow(below)
        ended = call.ended or below.run.ended or _FIRST
        for number, rows in enumerate(flow.attribution.rows_read()):
            yield _step(rows, schemas, call.id, ended, f"{subflow} {number}")


def _from_cache(history: RunHistory) -> Iterator[Step]:
    """Rows that the makers of cached results had read, as reads of the tasks that returned the cached results."""
    for task_id, cached in sorted(history.cached.items(), key=lambda item: str(item[0])):
        task = history.tasks[task_id]
        flow, schemas = _dataflow(cached.history)
        for number, rows in enumerate(flow.attribution.rows_of_results([cached.task_run_id])):
            yield _step(rows, schemas, task_id, task.ended or task.started or _FIRST, f"{task_id} {number}")


def _from_above(history: RunHistory) -> Iterator[Step]:
    parent = history.parent
    if parent is None:
        return
    calls = [task for task in parent.tasks.values() if task.subflow == history.run.id]
    if not calls:
        return
    flow, schemas = _dataflow(parent)
    for call in calls:
        began = history.run.started or _FIRST
        tracked = [rows for tasks in call.upstream_by_parameter for rows in flow.attribution.rows_of_results(tasks)]
        candidates, doubtful = flow.attribution.rows_passed_to(call)
        for number, rows in enumerate([*tracked, *candidates]):
            step = _step(rows, schemas, None, began, f"{call.id} {number}")
            yield replace(step, guessed=number >= len(tracked), doubtful=number >= len(tracked) and doubtful)


def _dataflow(history: RunHistory) -> tuple[Dataflow, Schemas]:
    resolved_steps, lifetimes = resolve(with_related_rows(steps(history), history))
    schemas = Schemas(resolved_steps, lifetimes, history.schemas, inherited_columns(history))
    return Dataflow(resolved_steps, history.tasks, schemas, infer_columns=False), schemas


def _step(received: Rows, schemas: Schemas, scope: Scope, at: dt.datetime, name: str) -> Step:
    rows = received.provenance
    sources = sorted(rows.sources, key=lambda lifetime: lifetime.as_source)
    names = [shown for key, (shown, _) in rows.columns.items() if key in received.names]
    columns = [
        EventColumnEdge(
            column=name_,
            source=origin.lifetime.as_source.uri,
            source_column=origin.column,
            transformation=origin.transformation,
            path=origin.path,
        )
        for name_, origins in rows.columns.values()
        for origin in origins
        if origin.transformation not in OF_ROWS
    ]
    columns += [
        EventColumnEdge(column=STAR, source=lifetime.as_source.uri, source_column=STAR) for lifetime in rows.stars
    ]
    return Step(
        info=StatementInfo(id=uuid5(_RECEIVED, name), rows=received.count, executions=received.executions),
        operation="read",
        evidence="task graph",
        scopes=frozenset({scope}),
        started=at,
        last=at,
        inputs=tuple(_event_dataset(lifetime, schemas) for lifetime in sources),
        columns=tuple(columns),
        result_columns=tuple(EventColumn(name=name_) for name_ in names),
        from_related_run=True,
    )


def _event_dataset(lifetime: Lifetime, schemas: Schemas) -> EventDataset:
    columns = tuple(EventColumn(name=c.name, type=c.type) for c in schemas.columns(lifetime))
    return EventDataset(
        namespace=lifetime.as_source.namespace, name=lifetime.as_source.name, kind=lifetime.kind, columns=columns
    )


_RECEIVED = UUID("7d1ff0b2-3c9d-4a53-9a0c-3c4f3c6a9f10")
