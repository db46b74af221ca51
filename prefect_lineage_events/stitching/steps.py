"""The statements of a run in the order in which they ran: one step per statement and output, merged from its events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import (
    Column,
    EventColumnEdge,
    EventDataset,
    LineageEvent,
    RowVerdict,
    StatementInfo,
)
from prefect_lineage_events.history.model import AssetEvent, RunHistory
from prefect_lineage_events.python_rows import only_defines, writes_python_rows
from prefect_lineage_events.stitching.asset_keys import resolved_keys
from prefect_lineage_events.stitching.model import Evidence

# The owner of a statement: a task run, or (None) the flow's own body.
Scope = UUID | None

_LAST = dt.datetime.max.replace(tzinfo=dt.timezone.utc)
_FIRST = dt.datetime.min.replace(tzinfo=dt.timezone.utc)


@dataclass(frozen=True, slots=True)
class Step:
    """One statement and one of its outputs (None: it only reads). It may stand for many executions, of many task runs.

    `started` and `last` are the starts of the first and the last execution. `bound`, `constant`, `program_columns`,
    `value_origins`, `rows_compared` and `threads` are those of `LineageEvent`. `from_related_run`: another run read the
    rows and passed them to this one, so they are no use of a dataset by this run; `guessed`: it may have passed them,
    and if `doubtful`, others too.
    """

    info: StatementInfo
    operation: str
    evidence: Evidence
    scopes: frozenset[Scope]
    started: dt.datetime
    last: dt.datetime
    output: EventDataset | None = None
    inputs: tuple[EventDataset, ...] = ()
    columns: tuple[EventColumnEdge, ...] = ()
    result_columns: tuple[Column, ...] = ()
    bound: tuple[str, ...] | None = None
    constant: tuple[str, ...] = ()
    program_columns: tuple[tuple[str, str], ...] = ()
    value_origins: frozenset[UUID] = frozenset()
    rows_compared: tuple[tuple[UUID, RowVerdict], ...] = ()
    threads: frozenset[str] = frozenset({""})
    description: str | None = None
    owners: tuple[str, ...] = field(default=())
    from_related_run: bool = False
    guessed: bool = False
    doubtful: bool = False

    @property
    def effect(self) -> str | None:
        return self.info.effect

    @property
    def is_sql(self) -> bool:
        """Return whether it is a statement of SQL, known from its text or from the warehouse's access history."""
        return self.evidence in ("sql", "warehouse")

    @property
    def datasets(self) -> tuple[EventDataset, ...]:
        """The inputs, and the output if there is one."""
        return (*self.inputs, self.output) if self.output else self.inputs

    @property
    def reads(self) -> bool:
        """Return whether it returns rows to Python."""
        return self.operation == "read" and self.output is None

    @property
    def returns(self) -> bool:
        """Return whether it returns the rows that it deleted or changed (DELETE, UPDATE ... RETURNING)."""
        return self.operation == "write" and self.effect in ("delete", "update") and bool(self.result_columns)

    @property
    def only_defines(self) -> bool:
        """Return whether it is a CREATE with a list of columns and no source of rows: the table may have been there."""
        columns = self.output.columns if self.output else ()
        return only_defines(self.info, self.operation, columns, self.inputs, self.columns, self.bound, self.constant)

    @property
    def writes_python_rows(self) -> bool:
        """Return whether the rows that it writes come out of Python."""
        inputs, output = {i.uri for i in self.inputs}, self.output.uri if self.output else None
        return writes_python_rows(self.info, self.operation, inputs, output, (self.bound, self.constant))

    def reads_with(self, *verdicts: RowVerdict) -> frozenset[UUID]:
        """The reads on whose rows, beside those that it writes, there is one of these verdicts."""
        return frozenset(read for read, verdict in self.rows_compared if verdict in verdicts)

    @property
    def values_stand_in_text(self) -> bool:
        """Return whether all values that it writes are constants of its text: it binds none."""
        return self.bound == () and bool(self.constant)


def steps(history: RunHistory) -> list[Step]:
    """The steps of a run, in order of time; those of one emitter that began together, in order of their numbers."""
    merged: dict[tuple[object, ...], Step] = {}
    for event in sorted(history.events, key=_order):
        key = (event.statement.id, event.output and (event.output.uri, event.output.temporary))
        merged[key] = _merge(merged[key], event) if key in merged else _step(event)
    named = resolved_keys(history)
    assets = [_asset_step(asset, history, named) for asset in history.assets if asset.succeeded]
    return [*merged.values(), *assets]


def _order(event: LineageEvent) -> tuple[dt.datetime, str, int]:
    return _utc(event.statement.started, _FIRST), str(event.emitter.id), event.emitter.sequence


def _step(event: LineageEvent) -> Step:
    info = event.statement
    started = _utc(info.started, _FIRST)
    return Step(
        info=info,
        operation=event.operation,
        evidence="sql" if info.dialect else "recorded",
        scopes=frozenset((event.run.task_run_id, *event.task_runs)),
        started=started,
        last=max(started, _utc(info.last, started)),
        output=event.output,
        inputs=event.inputs,
        columns=event.columns,
        result_columns=event.result_columns,
        bound=event.bound_columns,
        constant=event.constant_columns,
        program_columns=event.program_columns,
        value_origins=frozenset(event.value_origins),
        rows_compared=event.rows_compared,
        threads=frozenset(event.threads or ("",)),
    )


def _merge(step: Step, event: LineageEvent) -> Step:
    """The step with one more event: a part of many inputs, or rows that were counted later, without an execution."""
    late = event.statement.rows if event.statement.executions == 0 else None
    return replace(
        step,
        info=step.info if late is None else step.info.model_copy(update={"rows": (step.info.rows or 0) + late}),
        inputs=_union(step.inputs, event.inputs),
        columns=_union(step.columns, event.columns),
        result_columns=step.result_columns or event.result_columns,
        threads=step.threads | frozenset(event.threads or ("",)),
        scopes=step.scopes | {event.run.task_run_id, *event.task_runs},
    )


def _union(first: tuple, second: tuple) -> tuple:  # type: ignore[type-arg]
    return tuple(dict.fromkeys((*first, *second)))


def _asset_step(asset: AssetEvent, history: RunHistory, named: Mapping[Dataset, Dataset]) -> Step:
    """The step of an asset. It is materialised when its task has ended, after all statements of the task."""
    task = history.tasks.get(asset.task_run_id) if asset.task_run_id else None
    ended = _utc(task.ended if task else None, _LAST)
    return Step(
        info=StatementInfo(id=asset.task_run_id or history.run.id),
        operation="write",
        evidence="asset",
        scopes=frozenset({asset.task_run_id}),
        started=ended,
        last=ended,
        output=_event_dataset(named.get(asset.dataset, asset.dataset)),
        inputs=tuple(_event_dataset(named.get(upstream, upstream)) for upstream in asset.upstream),
        description=asset.description,
        owners=asset.owners,
    )


def _event_dataset(dataset: Dataset) -> EventDataset:
    kind = "table" if dataset.is_table else "asset"
    return EventDataset(namespace=dataset.namespace, name=dataset.name, kind=kind)


def _utc(time: dt.datetime | None, default: dt.datetime) -> dt.datetime:
    if time is None:
        return default
    return time if time.tzinfo else time.replace(tzinfo=dt.timezone.utc)


def scopes_of(steps: Iterable[Step]) -> set[Scope]:
    return {scope for step in steps for scope in step.scopes}
