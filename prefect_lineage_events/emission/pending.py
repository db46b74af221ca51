"""A lineage event before it is numbered, while it waits for a commit, for its rows or for equal statements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from prefect_lineage_events import encoding
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission.lookups import SchemaLookup
from prefect_lineage_events.events import (
    MOVE,
    MOVE_OF_NEW,
    EmitterInfo,
    EventDataset,
    LineageEvent,
    RowVerdict,
    UnnumberedEvent,
)

Key = tuple[object, ...]
# Statements that change a dataset's lifetime: statements before and after one of them are not counted together.
_LIFECYCLE_OPERATIONS = frozenset({"create", "alter", "drop"})
_LIFECYCLE_EFFECTS = frozenset({"truncate", "overwrite"})
_MOVES = frozenset({MOVE, MOVE_OF_NEW})
_MAX_TASK_RUNS = 2_000
_MAX_THREADS = 20
_MAX_ORIGINS = 50
_MAX_COMPARED = 200
MAX_SUBSET = 100
_OWN, _ANY = ("",), ("*",)


@dataclass(slots=True)
class PendingEvent:
    """The event of a first execution, and counters for all executions that it stands for.

    `tables` are the name parts of its tables by dataset URI, for `lookup` to ask about. `coalesced_into` points to the
    pending event that counts this one; after `sent` it is too late for changes. `rows` are the known ones;
    `executions_without_rows` counts the executions whose rows are unknown. `key` is equal for pending events that may
    be counted into one.
    """

    run: Run
    event: UnnumberedEvent
    key: Key = field(init=False)
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lookup: SchemaLookup | None = None
    rows: int | None = field(init=False)
    duration: float | None = field(init=False)
    executions: int = field(init=False, default=1)
    executions_without_rows: int = field(init=False)
    last: dt.datetime | None = field(init=False, default=None)
    size: int | None = field(init=False)
    files: int | None = field(init=False)
    subset: tuple[str, ...] = field(init=False)
    value_origins: tuple[UUID, ...] = field(init=False)
    rows_compared: dict[UUID, RowVerdict] = field(init=False)
    threads: tuple[str, ...] = field(init=False)
    task_runs: list[UUID] = field(init=False, default_factory=list)
    coalesced_into: PendingEvent | None = field(init=False, default=None)
    sent: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        statement = self.event.statement
        self.key = _key(self.run, self.event)
        self.rows, self.duration = statement.rows, statement.duration
        self.executions_without_rows = int(self.rows is None)
        self.size, self.files = statement.size, statement.files
        self.subset = self._about.subset if self._about is not None else ()
        self.value_origins, self.threads = self.event.value_origins, self.event.threads
        self.rows_compared = dict(self.event.rows_compared)

    @property
    def _about(self) -> EventDataset | None:
        """The dataset that the event's subset belongs to: its output, or its only input."""
        return self.event.output or (self.event.inputs[0] if len(self.event.inputs) == 1 else None)

    @property
    def started(self) -> dt.datetime | None:
        return self.event.statement.started

    @property
    def changes_lifecycle(self) -> bool:
        event = self.event
        changes = event.operation in _LIFECYCLE_OPERATIONS or event.statement.effect in _LIFECYCLE_EFFECTS
        return changes and self.executions > 0

    @property
    def moved(self) -> tuple[EventDataset, ...]:
        """The files that are not at their old place any more: what is written there later is another file."""
        event = self.event
        if self.executions == 0 or event.output is None or event.output.subset or event.statement.dialect:
            return ()
        return event.inputs if event.statement.effect in _MOVES else (event.output,) * (event.operation == "drop")

    @property
    def is_full(self) -> bool:
        return len(self.task_runs) >= _MAX_TASK_RUNS

    def coalesced(self) -> PendingEvent:
        """The pending event in which this one is counted now."""
        pending = self
        while pending.coalesced_into is not None:
            pending = pending.coalesced_into
        return pending

    def coalesce(self, other: PendingEvent) -> None:
        """Count `other`, of the same key, in this one. Durations and rows add up; times and ids are the first one's."""
        other.coalesced_into = self
        self.executions += other.executions
        if other.rows is not None:
            self.rows = encoding.count((self.rows or 0) + other.rows)
        self.executions_without_rows += other.executions_without_rows
        if other.duration is not None:
            self.duration = (self.duration or 0.0) + other.duration
        self.size = None if self.size is None or other.size is None else encoding.count(self.size + other.size)
        self.files = None if self.files is None or other.files is None else encoding.count(self.files + other.files)
        if other.subset != self.subset:
            # A statement on the whole dataset, or on more parts than are named, is one on the whole.
            parts = tuple(dict.fromkeys((*self.subset, *other.subset))) if self.subset and other.subset else ()
            self.subset = parts if len(parts) <= MAX_SUBSET else ()
        if other.executions > 0:
            self.last = max(filter(None, (self.last or self.started, other.last or other.started)), default=None)
        if other.value_origins:
            self.value_origins = tuple(dict.fromkeys((*self.value_origins, *other.value_origins)))[:_MAX_ORIGINS]
        if other.rows_compared != self.rows_compared:
            self.rows_compared = _merged_verdicts(self.rows_compared, other.rows_compared)
        if other.threads != self.threads:
            self.threads = _merged_threads(self.threads, other.threads)
        for task_run in (other.run.info.task_run_id, *other.task_runs):
            if task_run is not None and task_run != self.run.info.task_run_id and task_run not in self.task_runs[-50:]:
                self.task_runs.append(task_run)

    def repeat(self, rows: int | None, duration: float | None, started: dt.datetime) -> None:
        """Count one more execution of the same statement by the same run, in the same thread."""
        self.executions += 1
        rows = encoding.count(rows)
        if rows is None:
            self.executions_without_rows += 1
        else:
            self.rows = encoding.count((self.rows or 0) + rows)
        if duration is not None:
            self.duration = (self.duration or 0.0) + duration
        last = self.last or self.started
        self.last = started if last is None or started > last else last

    def forget_differences(self) -> None:
        """Forget which reads the rows differ from: those of one more execution are not compared."""
        if "different" in self.rows_compared.values():
            self.rows_compared = {read: v for read, v in self.rows_compared.items() if v != "different"}

    def add_rows(self, rows: int) -> bool:
        """Add the rows of one more execution. Returns whether those of all executions are known."""
        known = encoding.count(rows)
        if known is not None and self.executions_without_rows:
            self.rows = encoding.count((self.rows or 0) + known)
            self.executions_without_rows -= 1
        return not self.executions_without_rows

    def late_rows(self) -> PendingEvent:
        """An event for rows that became known after their statement was sent: the same statement, with 0 executions."""
        statement = self.event.statement.model_copy(update={"duration": None})
        event = self.event.model_copy(update={"statement": statement, "columns": (), "result_columns": ()})
        late = PendingEvent(self.run, event, self.tables)
        late.rows, late.executions, late.executions_without_rows = self.rows, 0, int(self.rows is None)
        late.last, late.value_origins, late.threads = self.last, self.value_origins, self.threads
        late.rows_compared = self.rows_compared
        return late

    def doubt(self, reason: str) -> None:
        """Make the event a partial one: it is not known whether what it reports came to be."""
        statement = self.event.statement.model_copy(update={"confidence": "partial", "reason": reason})
        self.event = self.event.model_copy(update={"statement": statement})
        self.key = _key(self.run, self.event)

    def to_event(self, emitter: EmitterInfo) -> LineageEvent:
        statement = self.event.statement.model_copy(
            update={
                "rows": None if self.executions_without_rows else self.rows,
                "size": self.size,
                "files": self.files,
                "duration": encoding.seconds(self.duration and round(self.duration, 6)),
                "executions": self.executions,
                "last": self.last,
            }
        )
        counted = {
            "statement": statement,
            "value_origins": self.value_origins,
            "rows_compared": tuple(self.rows_compared.items())[:_MAX_COMPARED],
            "threads": () if self.threads == _OWN else self.threads,
            "task_runs": tuple(self.task_runs),
        }
        return LineageEvent(**{**dict(self.event), **self._with_subset(), **counted}, emitter=emitter)

    def _with_subset(self) -> dict[str, object]:
        about = self._about
        if about is None or about.subset == self.subset:
            return {}
        changed = about.model_copy(update={"subset": self.subset})
        return {"output": changed} if self.event.output is not None else {"inputs": (changed,)}


def _key(run: Run, event: UnnumberedEvent) -> Key:
    """Equal for the same shape of a statement on the same datasets, by the same task.

    Task runs of one task (a mapped one) count together; their ids are kept, so that stitching loses nothing.
    """
    statement = event.statement
    return (
        run.task_key,
        event.operation,
        statement.confidence,
        statement.fingerprint or statement.sql,
        statement.dialect,
        event.output and (event.output.namespace, event.output.name),
        tuple([(d.namespace, d.name) for d in event.inputs]),
        event.bound_columns,
        statement.part,
    )


def _merged_threads(threads: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """The threads of both; any thread, where there are too many to be listed."""
    if _ANY in (threads, others):
        return _ANY
    whole = tuple(dict.fromkeys((threads or _OWN) + (others or _OWN)))
    return whole if len(whole) <= _MAX_THREADS else _ANY


def _merged_verdicts(verdicts: dict[UUID, RowVerdict], others: dict[UUID, RowVerdict]) -> dict[UUID, RowVerdict]:
    """The verdicts on the rows of two writes together: `different` only where both are."""
    both = {}
    for key in (*verdicts, *(key for key in others if key not in verdicts)):
        some = {verdicts.get(key), others.get(key)}
        found: RowVerdict | None = next((v for v in ("derived", "equal", "alike") if v in some), None)
        if found is None and some == {"different"}:
            found = "different"
        if found is not None:
            both[key] = found
    return both
