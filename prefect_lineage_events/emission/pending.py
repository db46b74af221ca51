"""A lineage event before it is numbered: what our thread holds while it waits for a commit, for rows, for its like."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from prefect_lineage_events import encoding
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission.notes import SchemaLookup
from prefect_lineage_events.events import (
    Column,
    EmitterInfo,
    EventColumnEdge,
    EventDataset,
    LineageEvent,
    Operation,
    StatementInfo,
)

Key = tuple[object, ...]
# After these a dataset is another one than before: what came earlier is not counted together with what follows.
_LIFECYCLE_OPERATIONS = frozenset({"create", "alter", "drop"})
_LIFECYCLE_EFFECTS = frozenset({"truncate", "overwrite"})
_MAX_TASK_RUNS = 2_000
_MAX_THREADS = 20
_MAX_ORIGINS = 50
_OWN, _ANY = ("",), ("*",)


@dataclass(slots=True)
class PendingEvent:
    """One statement and one of its outputs; or one that only reads. It may stand for many executions.

    `tables` are the name parts of its tables by dataset URI, for `lookup` to ask about. `coalesced_into` points to the
    draft that took this one over; `sent` means that it is too late for changes. `rows` are those that are known,
    `executions_without_rows` are the executions of which they are not.
    """

    run: Run
    operation: Operation
    output: EventDataset | None
    inputs: tuple[EventDataset, ...]
    started: dt.datetime
    columns: tuple[EventColumnEdge, ...] = ()
    result_columns: tuple[Column, ...] = ()
    bound_columns: tuple[str, ...] | None = None
    constant_columns: tuple[str, ...] = ()
    program_columns: tuple[tuple[str, str], ...] = ()
    value_origins: tuple[UUID, ...] = ()
    threads: tuple[str, ...] = ()
    statement_id: UUID = field(default_factory=uuid4)
    effect: str | None = None
    dialect: str = ""
    database: str | None = None
    schema: str | None = None
    sql: str | None = None
    fingerprint: str = ""
    query_id: str | None = None
    rows: int | None = None
    duration: float | None = None
    executions: int = 1
    executions_without_rows: int = field(init=False)
    confidence: str = "exact"
    reason: str = ""
    renames: tuple[tuple[str, str], ...] = ()
    from_program: bool = False
    if_exists: bool = False
    part: int = 1
    parts: int = 1
    last: dt.datetime | None = None
    task_runs: list[UUID] = field(default_factory=list)
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lookup: SchemaLookup | None = None
    coalesced_into: PendingEvent | None = None
    sent: bool = False

    def __post_init__(self) -> None:
        self.rows = encoding.count(self.rows)
        self.executions_without_rows = int(self.rows is None)

    @property
    def key(self) -> Key:
        """Equal for drafts that may be counted into one: same shape on the same datasets, by the same task.

        Task runs of one task (a mapped one) count together; their ids are kept, so that stitching loses nothing.
        """
        return (
            self.run.task_key,
            self.operation,
            self.confidence,
            self.fingerprint or self.sql,
            self.dialect,
            self.output and (self.output.namespace, self.output.name),
            tuple((d.namespace, d.name) for d in self.inputs),
            self.bound_columns,
            self.part,
        )

    @property
    def datasets(self) -> tuple[EventDataset, ...]:
        return (self.output, *self.inputs) if self.output else self.inputs

    @property
    def changes_lifecycle(self) -> bool:
        changes = self.operation in _LIFECYCLE_OPERATIONS or self.effect in _LIFECYCLE_EFFECTS
        return changes and self.executions > 0

    @property
    def is_full(self) -> bool:
        return len(self.task_runs) >= _MAX_TASK_RUNS

    def coalesced(self) -> PendingEvent:
        """The draft in which this one is counted now."""
        pending = self
        while pending.coalesced_into is not None:
            pending = pending.coalesced_into
        return pending

    def coalesce(self, other: PendingEvent) -> None:
        """Take over `other`, of the same key. Durations and rows add up; the first one's times and ids stay."""
        other.coalesced_into = self
        self.executions += other.executions
        if other.rows is not None:
            self.rows = encoding.count((self.rows or 0) + other.rows)
        self.executions_without_rows += other.executions_without_rows
        if other.duration is not None:
            self.duration = (self.duration or 0.0) + other.duration
        if other.executions > 0:
            self.last = max(self.last or self.started, other.last or other.started)
        if other.value_origins:
            self.value_origins = tuple(dict.fromkeys((*self.value_origins, *other.value_origins)))[:_MAX_ORIGINS]
        if other.threads != self.threads:
            self.threads = _together(self.threads, other.threads)
        for task_run in (other.run.info.task_run_id, *other.task_runs):
            if task_run is not None and task_run != self.run.info.task_run_id and task_run not in self.task_runs[-50:]:
                self.task_runs.append(task_run)

    def add_rows(self, rows: int) -> bool:
        """The rows of one more execution are known now. Are those of all?"""
        known = encoding.count(rows)
        if known is not None and self.executions_without_rows:
            self.rows = encoding.count((self.rows or 0) + known)
            self.executions_without_rows -= 1
        return not self.executions_without_rows

    def late_rows(self) -> PendingEvent:
        """What tells of rows whose statement was told before they were known: the same statement, executed no more."""
        told = replace(self, duration=None, columns=(), result_columns=(), task_runs=[], lookup=None)
        told.executions, told.sent = 0, False
        return told

    def to_event(self, emitter: EmitterInfo) -> LineageEvent:
        return LineageEvent(
            operation=self.operation,
            output=self.output,
            inputs=self.inputs,
            columns=self.columns,
            result_columns=self.result_columns,
            bound_columns=self.bound_columns,
            constant_columns=self.constant_columns,
            program_columns=self.program_columns,
            value_origins=self.value_origins,
            threads=() if self.threads == _OWN else self.threads,
            statement=StatementInfo(
                id=self.statement_id,
                effect=self.effect,
                dialect=self.dialect,
                database=self.database,
                schema_name=self.schema,
                sql=self.sql,
                fingerprint=self.fingerprint,
                query_id=self.query_id,
                rows=None if self.executions_without_rows else self.rows,
                started=self.started,
                duration=encoding.seconds(self.duration and round(self.duration, 6)),
                executions=self.executions,
                last=self.last,
                confidence=self.confidence,  # type: ignore[arg-type]
                reason=self.reason,
                renames=self.renames,
                from_program=self.from_program,
                if_exists=self.if_exists,
                part=self.part,
                parts=self.parts,
            ),
            run=self.run.info,
            task_runs=tuple(self.task_runs),
            emitter=emitter,
        )


def _together(threads: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """The threads of both; any thread, where there are too many to be listed."""
    if _ANY in (threads, others):
        return _ANY
    whole = tuple(dict.fromkeys((threads or _OWN) + (others or _OWN)))
    return whole if len(whole) <= _MAX_THREADS else _ANY
