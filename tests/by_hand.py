"""Lineage events emitted by hand: those that a flow's process would send, without a database or a connector."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID, uuid4

from prefect_lineage_events.events import (
    Column,
    CountEvent,
    EmitterInfo,
    EventColumnEdge,
    EventDataset,
    LineageEvent,
    RunInfo,
    StatementInfo,
)

NAMESPACE = "postgres://db:5432"
NO_RUN = RunInfo()
NOON = dt.datetime(2026, 5, 1, 12, 0, tzinfo=dt.timezone.utc)


def table(name: str, *columns: str) -> EventDataset:
    return EventDataset(
        namespace=NAMESPACE,
        name=f"shop.public.{name}",
        columns=tuple(Column(name=c, type="integer") for c in columns or ("id",)),
    )


def write(
    output: str,
    *inputs: str,
    run: RunInfo = NO_RUN,
    emitter: UUID | None = None,
    sequence: int = 0,
    at: dt.datetime = NOON,
) -> LineageEvent:
    """`INSERT INTO output SELECT id FROM inputs`, as an event."""
    sources = tuple(table(name) for name in inputs)
    return LineageEvent(
        operation="write",
        output=table(output),
        inputs=sources,
        columns=tuple(EventColumnEdge(column="id", source=s.uri, source_column="id") for s in sources),
        statement=StatementInfo(id=uuid4(), dialect="postgres", sql=f"INSERT INTO {output} SELECT id", started=at),
        run=run,
        emitter=EmitterInfo(id=emitter or uuid4(), sequence=sequence),
    )


def read(input_: str, *, run: RunInfo = NO_RUN, emitter: UUID | None = None, at: dt.datetime = NOON) -> LineageEvent:
    """`SELECT id FROM input`, as an event: the first of its emitter."""
    return LineageEvent(
        operation="read",
        inputs=(table(input_),),
        result_columns=(Column(name="id"),),
        statement=StatementInfo(id=uuid4(), dialect="postgres", sql=f"SELECT id FROM {input_}", started=at),
        run=run,
        emitter=EmitterInfo(id=emitter or uuid4(), sequence=0),
    )


def create(output: EventDataset, rows: int | None, at: dt.datetime = NOON) -> LineageEvent:
    """`CREATE TABLE output (...)`, or (with `rows`) `CREATE TABLE output AS ...`, as an event."""
    return LineageEvent(
        operation="create",
        output=output,
        statement=StatementInfo(id=uuid4(), dialect="postgres", sql="CREATE TABLE", rows=rows, started=at),
        emitter=EmitterInfo(id=uuid4(), sequence=0),
    )


def closing(
    emitter: UUID,
    count: int,
    *,
    closed: bool = True,
    at: dt.datetime = NOON,
    run: RunInfo = NO_RUN,
    dropped: int = 0,
) -> CountEvent:
    return CountEvent(closed=closed, emitter_id=emitter, count=count, dropped=dropped, occurred=at, run=run)


def current_run() -> RunInfo:
    """The caller's run, with the fields that capture fills in."""
    from prefect.context import FlowRunContext
    from prefect.runtime import flow_run, task_run

    context = FlowRunContext.get()
    if context is None:
        return RunInfo(task_run_id=UUID(task_run.id), task_run_name=task_run.name)
    assert context.flow_run is not None
    return RunInfo(
        flow_run_id=UUID(flow_run.id),
        flow_run_name=flow_run.name,
        flow_id=context.flow_run.flow_id,
        flow_name=flow_run.flow_name,
        run_count=flow_run.run_count,
        task_run_id=UUID(task_run.id) if task_run.id else None,
    )


def emit_writes(
    writes: Sequence[tuple[str, ...]], *, close: bool = True, skip: Sequence[int] = (), emitter: UUID | None = None
) -> UUID:
    """Emit (output, input, ...) writes of the current run, numbered, with the closing count; returns the emitter.

    `skip`: numbers that are counted and never arrive.
    """
    from prefect.events import emit_event
    from prefect.events.worker import EventsWorker

    emitter = emitter or uuid4()
    run = current_run()
    if run.flow_run_id is None:
        EventsWorker.drain_all(timeout=60)  # it may have started in a flow's run, which it would name
    now = dt.datetime.now(dt.timezone.utc)
    for sequence, (output, *inputs) in enumerate(writes):
        if sequence not in skip:
            emit_event(**write(output, *inputs, run=run, emitter=emitter, sequence=sequence, at=now).to_prefect())
    if close:
        emit_event(**closing(emitter, len(writes), at=now, run=run).to_prefect())
    return emitter
