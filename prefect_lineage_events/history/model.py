"""A flow run as Prefect's history has it: values only, so that tests of `stitching` need no client."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from prefect_lineage_events import encoding
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.definitions import RunDefinitions
from prefect_lineage_events.events import LineageEvent, RunInfo, SchemaEvent
from prefect_lineage_events.history.source_code import SourceCode
from prefect_lineage_events.history.witnessed import Witnessed
from prefect_lineage_events.sentences import counted

RunKind = Literal["flow-run", "task-run"]

END_STATES: frozenset[str] = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A task run: its times, its state, and the task runs whose results it received.

    `upstream` are the task runs whose results it received, `upstream_by_parameter` the same for each parameter by
    itself; `waits_for` are those that only had to end before it began; `caller` is the task that called it, for a task
    inside a task. `untracked`: Prefect does not know the source of one of its parameters (a constant, or a result that
    the flow's body changed on its way). `returned` is False for a result that Prefect cannot track (None, truth values,
    small numbers). A subflow is a task of its parent too: that task run stands for the run `subflow`. `cached`: its
    result is that of an earlier run, stored under `result_key`. Prefect names a task run by its task and the beginning
    of `dynamic_key`; `task_name` is the task's own name, where its events state it. `flow_run_count` is the attempt of
    the flow run in which it ran.
    """

    id: UUID
    name: str
    task_key: str
    state: str | None = None
    started: dt.datetime | None = None
    ended: dt.datetime | None = None
    upstream: frozenset[UUID] = frozenset()
    waits_for: frozenset[UUID] = frozenset()
    message: str | None = None
    upstream_by_parameter: tuple[frozenset[UUID], ...] = ()
    caller: UUID | None = None
    untracked: bool = False
    returned: bool = True
    subflow: UUID | None = None
    cached: bool = False
    result_key: str | None = None
    dynamic_key: str | None = None
    task_name: str | None = None
    flow_run_count: int = 0


def upstream_closure(
    start: Iterable[UUID | None], upstream: Callable[[UUID | None], Iterable[UUID | None]]
) -> Iterator[UUID | None]:
    """The task runs (None: the flow's body) of `start`, and all that `upstream` leads to from them, each once."""
    seen: set[UUID | None] = set()
    pending = list(start)
    while pending:
        task = pending.pop()
        if task not in seen:
            seen.add(task)
            yield task
            pending += upstream(task)


@dataclass(frozen=True, slots=True)
class ParentRun:
    """The chain above a subflow's run: flow run id, flow and deployment name, nearest first; the last is the root."""

    flow_run_id: UUID
    flow_name: str
    deployment_name: str | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """The run whose `event` made an automation start another one, with the chain above it, nearest first."""

    event: str
    runs: tuple[ParentRun, ...]


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A flow run in Prefect. `state` is Prefect's state type (`COMPLETED`, `RUNNING`, ...).

    `state_id` is the id of that state, and of the event by which Prefect recorded it. A task run outside any flow has
    the same form (`kind` `task-run`): its flow is the task. `job` is the name of its job if that is not the task's.
    """

    id: UUID
    name: str
    flow_id: UUID
    flow_name: str
    state: str
    state_name: str = ""
    state_id: UUID | None = None
    message: str | None = None
    started: dt.datetime | None = None
    ended: dt.datetime | None = None
    expected_start: dt.datetime | None = None
    run_count: int = 1
    tags: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[ParentRun, ...] = ()
    trigger: Trigger | None = None
    deployment_id: UUID | None = None
    deployment_name: str | None = None
    deployment_description: str | None = None
    deployment_version: str | None = None
    deployment_entrypoint: str | None = None
    schedule: str | None = None
    owners: tuple[str, ...] = ()
    source: SourceCode | None = None
    work_pool: str | None = None
    work_queue: str | None = None
    # The task run that stands for a subflow in its parent; None for a run that no flow called.
    parent_task_run_id: UUID | None = None

    kind: RunKind = "flow-run"
    job: str | None = None

    @property
    def info(self) -> RunInfo:
        """The run's part of a lineage event."""
        if self.kind == "task-run":
            return RunInfo(task_run_id=self.id, task_run_name=self.name)
        return RunInfo(flow_run_id=self.id, flow_run_name=self.name, flow_id=self.flow_id, flow_name=self.flow_name)

    @property
    def began(self) -> dt.datetime:
        """The best known time of its start, by which runs are put in order; `EPOCH` where no time is known."""
        return self.started or self.ended or self.expected_start or encoding.EPOCH

    @property
    def ended_for_good(self) -> bool:
        return self.state in END_STATES


@dataclass(frozen=True, slots=True)
class AssetEvent:
    """A Prefect asset event of the run: a materialised asset, and the assets that it was made from."""

    dataset: Dataset
    upstream: tuple[Dataset, ...] = ()
    task_run_id: UUID | None = None
    succeeded: bool = True
    description: str | None = None
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """A stored event that cannot be read. `emitter` and `sequence` are set where at least these can be read."""

    id: str
    name: str
    reason: str
    emitter: UUID | None = None
    sequence: int | None = None

    def __str__(self) -> str:
        return f"event {self.id} ({self.name}): {self.reason}"


@dataclass(frozen=True, slots=True)
class Completeness:
    """The events that a run's emitters counted and the history lacks.

    `missing` holds, per emitter, the sequence numbers that the history lacks, the first thousand of each; `unnamed`
    counts the others. `unclosed` are emitters whose closing count is missing (they may have sent more); `dropped`
    statements were never sent, for `reasons`; `rejected` events are stored and cannot be read. `running`: the run has
    not ended, so its emitters have not closed yet. `end_unrecorded`: Prefect's own end-of-run event is missing too, so
    missing lineage events prove nothing. `incomplete_related_runs` are parent and subflow runs that may have passed
    rows or columns to the run, and have not ended or lack events themselves; events of `lossy_related_runs` cannot be
    read or were dropped, so they will never arrive. `not_captured` names libraries that the run used and whose calls
    are not seen: all that was to be sent may be there nevertheless. `children`: processes of the run send lineage of
    their own, with the run as its parent.
    """

    missing: Mapping[UUID, tuple[int, ...]] = field(default_factory=dict)
    unclosed: tuple[UUID, ...] = ()
    dropped: int = 0
    reasons: tuple[str, ...] = ()
    end_unrecorded: bool = False
    incomplete_related_runs: tuple[UUID, ...] = ()
    lossy_related_runs: tuple[UUID, ...] = ()
    rejected: tuple[RejectedEvent, ...] = ()
    unnamed: int = 0
    running: bool = False
    not_captured: tuple[str, ...] = ()
    children: bool = False

    @property
    def complete(self) -> bool:
        return not (self.awaited or self.rejected or self.dropped or self.lossy_related_runs)

    @property
    def awaited(self) -> bool:
        """Return whether something is missing that may still arrive."""
        return bool(self.missing or self.unclosed or self.end_unrecorded or self.incomplete_related_runs)

    @property
    def missing_events(self) -> int:
        return min(sum(map(len, self.missing.values())) + self.unnamed, encoding.MAX_INTEGER)

    @property
    def waits_for(self) -> tuple[UUID, ...]:
        """The related runs whose events must arrive first, if nothing else is missing."""
        return () if self.missing or self.unclosed or self.end_unrecorded else self.incomplete_related_runs

    def lacks(self) -> tuple[str, ...]:
        """Lines of text for people that name all that is missing: one per emitter, its numbers as in `0-4, 7`."""
        lines = [f"emitter {emitter}: events {_ranges(numbers)}" for emitter, numbers in self.missing.items()]
        if self.unnamed:
            lines.append(f"{self.unnamed:,} more events")
        if self.running and self.unclosed:
            lines.append("the closing counts of its emitters: the run has not ended")
        else:
            lines += [f"emitter {emitter}: its closing count (was its process killed?)" for emitter in self.unclosed]
        if self.end_unrecorded:
            lines.append("Prefect's own event of the run's end: events sent at that time may be lost")
        lines += [
            f"rows or columns from run {run}: it has not ended, or lacks events itself"
            for run in self.incomplete_related_runs
        ]
        lines += [
            f"rows or columns from run {run}: events of it were lost or cannot be read"
            for run in self.lossy_related_runs
        ]
        if self.dropped:
            lines.append(
                f"{counted(self.dropped, 'statement')} that the flow's process dropped, or that Prefect did not accept"
            )
            lines += [f"reason for that: {reason}" for reason in self.reasons]
        lines += [f"{rejected}" for rejected in self.rejected]
        return tuple(lines)


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers, runs of them as `first-last`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1][1:] = [number]
        else:
            spans.append([number])
    return ", ".join("-".join(map(str, span)) for span in spans)


@dataclass(frozen=True, slots=True)
class RunHistory:
    """The history of one flow run, the input of `stitching`. `events` are sorted by emitter and sequence, each once.

    `stored_events` counts all events of the run that were read: a later count shows whether more arrived. `parent` is
    the parent run if rows in a parameter, or columns of a table, may have come from it; `subflows` are the subflow runs
    whose results the run may have used. `cached` holds, for tasks whose results came from a cache, the run that made
    each. `ambiguous_tasks` are names of tasks whose jobs would have the name of another flow's job, or of its tasks.
    `definitions` of the flow and its tasks are those of the code that ran, with `engine_version` of Prefect, if known.
    `witnessed` is what the warehouse said of statements.
    """

    run: FlowRun
    events: tuple[LineageEvent, ...] = ()
    schemas: tuple[SchemaEvent, ...] = ()
    tasks: Mapping[UUID, TaskRun] = field(default_factory=dict)
    assets: tuple[AssetEvent, ...] = ()
    completeness: Completeness = Completeness()
    descendants_have_lineage: bool = False
    stored_events: int = 0
    parent: RunHistory | None = None
    subflows: Mapping[UUID, RunHistory] = field(default_factory=dict)
    cached: Mapping[UUID, CachedResult] = field(default_factory=dict)
    ambiguous_tasks: frozenset[str] = frozenset()
    definitions: RunDefinitions = field(default_factory=RunDefinitions)
    witnessed: tuple[Witnessed, ...] = ()
    engine_version: str = ""


@dataclass(frozen=True, slots=True)
class CachedResult:
    """The task run that made a cached result, and the history of its flow run."""

    task_run_id: UUID
    history: RunHistory
