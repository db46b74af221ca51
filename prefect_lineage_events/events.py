"""The events on the wire: LineageEvent and the emitter's own events, to and from Prefect events.

A later version reads every earlier one: fields are only added, and unknown ones are ignored. Prefect's pages show the
fields in their order here: those for people first, those for machines last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from prefect_lineage_events import encoding, escaping
from prefect_lineage_events.datasets import Dataset, uri_of
from prefect_lineage_events.definitions import RunDefinitions
from prefect_lineage_events.event_fields import MAX_LABEL, Count, Label, Moment, Name, Seconds, Text
from prefect_lineage_events.python_rows import only_defines, writes_python_rows
from prefect_lineage_events.sentences import counted, listed, sentence

SCHEMA_VERSION = 1
Operation = Literal["read", "write", "create", "alter", "drop", "misc"]
RowVerdict = Literal["derived", "equal", "alike", "different"]
OPERATIONS: tuple[str, ...] = ("read", "write", "create", "alter", "drop", "misc")
OPERATION_EVENTS = frozenset(f"lineage.{operation}" for operation in OPERATIONS)
SCHEMA_EVENT = "lineage.schema"
CLOSED_EVENT = "lineage.closed"
CHECKPOINT_EVENT = "lineage.checkpoint"
ASSEMBLED_EVENT = "lineage.assembled"
INCOMPLETE_EVENT = "lineage.incomplete"
REJECTED_EVENT = "lineage.rejected"
SCHEMA_CHANGED_EVENT = "lineage.schema-changed"
TABLE_WRITTEN_EVENT = "lineage.table-written"
# A run is assembled after one of these: a cancelled or crashed one may not have closed its emitter.
END_EVENTS = (CLOSED_EVENT, "prefect.flow-run.Cancelled", "prefect.flow-run.Crashed")

# The name of this package where Prefect asks for the tool that materialised an asset.
OWN_TOOL = "prefect-lineage-events"
# The beginning of the names of our own flows, whose lineage is not captured.
OWN_FLOW_PREFIX = "prefect-lineage-"

INPUT_ROLE = "lineage-input"
# Labels of the assembler's events, by which automations choose them. A related resource would not do for the flow: the
# assembler's own run is one too.
FLOW_LABEL = "lineage.flow"
TARGET_LABEL = "lineage.target"
# A label of the events of statements that write: whether rows may have come, or the table was only defined.
ROWS_LABEL, ROWS_WRITTEN, NO_ROWS = "lineage.rows", "written", "none"
EMITTER_PREFIX = "prefect-lineage.emitter."
# Prefect refuses more than 100 related resources and truncates what it attaches itself beyond that; 85 leaves it room
# for the run, the task, the flow, the deployment, the work pool and ten tags.
MAX_RELATED_DATASETS = 85
# Effects of a recorded write that moves or copies a dataset; the moved one may be new: made in the run by unseen code.
MOVE, MOVE_OF_NEW, COPY = "move", "move new", "copy"
# The number of tables in the name of a `lineage.schema` event.
_NAMED = 5


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Column(_Value):
    """A column and its type as the store spells it; None when only the name is known."""

    name: Name
    type: Text | None = None


class EventDataset(_Value):
    """A dataset in an event, with the columns known when it was emitted.

    `temporary`: it ends with the session or the run. `kind`: table, view, stage, file, topic, api, ... `subset` are the
    parts of it that were touched, relative to it: partitions (`dt=2026-11-28`) or files of a directory. `symlinks` are
    other names of it, as pairs of namespace and name, that only the connection or the library knows.
    """

    namespace: Name
    name: Name
    kind: Label = "table"
    temporary: bool = False
    columns: tuple[Column, ...] = ()
    subset: tuple[Text, ...] = ()
    symlinks: tuple[tuple[Name, Name], ...] = ()

    @model_validator(mode="after")
    def _has_a_name(self) -> EventDataset:
        if not self.namespace.strip() or not self.name.strip():
            raise ValueError("a dataset needs a namespace and a name")
        return self

    @property
    def dataset(self) -> Dataset:
        return Dataset(self.namespace, self.name)

    @property
    def uri(self) -> str:
        return uri_of(self.namespace, self.name)


# The column name of a column edge that stands for all columns, or for rows as a whole.
STAR = "*"


class EventColumnEdge(_Value):
    """`source_column` of `source` (a URI among the event's inputs, or its output) goes into `column` of the output.

    In a read, `column` is a column of the result. `*` stands for all columns, if the schema was not known. `position`:
    it goes into the output's column at that position (from 1, or back from -1), whose name was not known; `column` is
    then only the query's name of the value. `path` leads to the part of the source column's value that is read, such as
    `customer.name` in JSON; "" for all of it.
    """

    column: Name
    source: Text
    source_column: Name
    transformation: Label = "IDENTITY"
    position: Annotated[int, Field(ge=-encoding.MAX_INTEGER, le=encoding.MAX_INTEGER)] = 0
    path: Text = ""


class StatementInfo(_Value):
    """The statement of an event. Times are UTC, durations seconds.

    `rows`: read, or written, by all executions together; `size` in bytes and `files` likewise; `executions`: how many
    times it ran (coalesced, executemany counts once; 0 adds rows to an earlier event of the same `id`), and `last` when
    the last of them started; `part` of `parts`: a statement with too many inputs for one event is split into several.
    `renames` are (from, to) pairs of URIs for effects `rename`, `swap`, `clone`, and for moved files. `from_program`:
    it reads rows of the program's own beside its inputs, such as a DataFrame that DuckDB takes for a table.
    `if_exists`: a DROP that may have found nothing. `or_replace`: a CREATE that replaces a table of the same name.
    `calls_procedure`: the statements of a procedure ran, which the text does not have.
    """

    sql: Text | None = None
    effect: Label | None = None
    rows: Count | None = None
    size: Count | None = None
    files: Count | None = None
    started: Moment | None = None
    duration: Seconds | None = None
    executions: Count = 1
    last: Moment | None = None
    confidence: Literal["exact", "recovered", "partial"] = "exact"
    reason: Text = ""
    renames: tuple[tuple[Text, Text], ...] = ()
    from_program: bool = False
    if_exists: bool = False
    or_replace: bool = False
    calls_procedure: bool = False
    query_id: Label | None = None
    dialect: Label = ""
    database: Name | None = None
    # `schema` would shadow a method of pydantic's models
    schema_name: Name | None = None
    part: Count = 1
    parts: Count = 1
    fingerprint: Label = ""
    id: UUID


class RunInfo(_Value):
    """The flow run and task run a statement belongs to, as known in its process.

    `task_name` is the task's name where the flow names its runs itself (`task_run_name`): Prefect stores no other.
    """

    flow_run_id: UUID | None = None
    flow_run_name: Label | None = None
    flow_id: UUID | None = None
    flow_name: Label | None = None
    run_count: Count | None = None
    task_run_id: UUID | None = None
    task_run_name: Label | None = None
    task_name: Label | None = None

    def related(self) -> list[dict[str, str]]:
        """The run as related resources, most important first: in threads, Prefect does not attach them by itself."""
        resources: list[dict[str, str]] = []
        for kind, id_, name in (
            ("flow-run", self.flow_run_id, self.flow_run_name),
            ("task-run", self.task_run_id, self.task_run_name),
            ("flow", self.flow_id, self.flow_name),
        ):
            if id_ is not None:
                labels = {"prefect.resource.id": f"prefect.{kind}.{id_}", "prefect.resource.role": kind}
                resources.append(labels | ({"prefect.resource.name": escaping.line(name, MAX_LABEL)} if name else {}))
        return resources


class EmitterInfo(_Value):
    """The emitter of an event (one for each process and flow run), and the event's number, from 0."""

    id: UUID
    sequence: Count

    def event_id(self) -> UUID:
        """The id of an event. It is deterministic, so that sending an event again changes nothing."""
        return uuid5(self.id, str(self.sequence))


class _Payload(_Value):
    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION

    @field_validator("schema_version")
    @classmethod
    def _is_known(cls, version: int) -> int:
        if version > SCHEMA_VERSION:
            raise ValueError(f"written by a later version of prefect-lineage-events (schema {version})")
        return version

    def _payload(self, summary: str) -> dict[str, Any]:
        """The payload; `summary` is a sentence for people, which no version reads back."""
        fields = self.model_dump(mode="json", exclude_defaults=True, exclude={"closed"})
        return {"summary": escaping.line(summary), **fields, "schema_version": SCHEMA_VERSION}


class UnnumberedEvent(_Payload):
    """One statement, and one of its outputs; or one statement that only reads.

    `output` is None exactly if nothing is written; then `inputs[0]` is the event's primary resource. An event without
    any dataset is of a statement that was not understood (`partial`). `result_columns` are those of the rows that the
    program received: of a read, and of a DELETE or UPDATE with RETURNING. `task_runs`: further runs of the same task
    that are counted in this event (a mapped task with the same statement), beside `run.task_run_id`.

    `bound_columns` of the output took values that the program bound (`*`: such values decided over its rows), and
    `constant_columns` values in the text; None if nothing is known of them. `threads` are the threads of control in
    which it ran, as paths (`3.7` was started by `3`): threads, pieces of work of a pool, asyncio tasks. The list is
    empty for the one in which the task or flow runs itself, and `*` stands for too many. `value_origins` are the ids of
    reads whose single row had a value that this statement bound, and of reads from which its rows were derived in part.
    `rows_compared` are ids of reads, with the verdict on their rows beside those that were written: they were `derived`
    from these, `equal` to some of them and to none of another read, `alike` if another read has them too, or
    `different`. `program_columns` are pairs (bound column, column of the program's own rows that goes into it), if the
    names differ.
    """

    operation: Operation
    statement: StatementInfo
    output: EventDataset | None = None
    inputs: tuple[EventDataset, ...] = ()
    columns: tuple[EventColumnEdge, ...] = ()
    result_columns: tuple[Column, ...] = ()
    bound_columns: tuple[str, ...] | None = None
    constant_columns: tuple[str, ...] = ()
    program_columns: tuple[tuple[Name, Name], ...] = ()
    value_origins: tuple[UUID, ...] = ()
    rows_compared: tuple[tuple[UUID, RowVerdict], ...] = ()
    threads: tuple[str, ...] = ()
    run: RunInfo = RunInfo()
    task_runs: tuple[UUID, ...] = ()

    @property
    def datasets(self) -> tuple[EventDataset, ...]:
        """The output, if there is one, and the inputs."""
        return (self.output, *self.inputs) if self.output else self.inputs


class LineageEvent(UnnumberedEvent):
    """An event with its number, as it is sent."""

    emitter: EmitterInfo

    @property
    def writes_python_rows(self) -> bool:
        """Return whether the rows that the statement writes come from Python."""
        output = self.output.uri if self.output else None
        values = (self.bound_columns, self.constant_columns)
        return writes_python_rows(self.statement, self.operation, {i.uri for i in self.inputs}, output, values)

    def _only_defines(self, output: EventDataset) -> bool:
        taken = (self.bound_columns, self.constant_columns)
        return only_defines(self.statement, self.operation, output.columns, self.inputs, self.columns, *taken)

    @property
    def primary(self) -> EventDataset | None:
        return self.output or (self.inputs[0] if self.inputs else None)

    def to_prefect(self) -> dict[str, Any]:
        """The keyword arguments of `prefect.events.emit_event`."""
        primary, info, names = self.primary, self.statement, [dataset.name for dataset in self.inputs]
        output = self.output.name if self.output else None
        resource = _resource(primary) if primary else _emitter_resource(self.emitter.id, "a statement not understood")
        if self.output:
            resource[ROWS_LABEL] = NO_ROWS if self._only_defines(self.output) else ROWS_WRITTEN
        inputs = self.inputs if self.output else self.inputs[1:]
        related = [*self.run.related(), *({**_resource(d), "prefect.resource.role": INPUT_ROLE} for d in inputs)]
        return {
            "event": f"lineage.{self.operation}",
            "id": self.emitter.event_id(),
            "occurred": self.statement.started,
            "resource": resource,
            "related": related,
            "payload": self._payload(sentence(self.operation, info.effect, output, names, info.rows, info.executions)),
        }


class SchemaEvent(_Payload):
    """Columns of datasets that statements of the run touched, looked up after they had run."""

    datasets: tuple[EventDataset, ...]
    observed: Moment | None = None
    run: RunInfo = RunInfo()
    emitter: EmitterInfo

    def to_prefect(self) -> dict[str, Any]:
        shown = self.datasets[:MAX_RELATED_DATASETS]
        related = [*self.run.related(), *({**_resource(d), "prefect.resource.role": "lineage-dataset"} for d in shown)]
        names = [d.name for d in self.datasets]
        description = f"columns of {listed(names, _NAMED)}"
        return {
            "event": SCHEMA_EVENT,
            "id": self.emitter.event_id(),
            "occurred": self.observed,
            "resource": _emitter_resource(self.emitter.id, description),
            "related": related,
            "payload": self._payload(description),
        }


class CountEvent(_Payload):
    """The number of events that an emitter has sent so far: `lineage.closed` or `lineage.checkpoint`.

    `count` is cumulative, so numbers 0..count-1 must be in the history; `dropped` statements were never turned into
    events (a full queue), `failed` could not be sent. `final`: sent as the process ended, so that nothing can follow,
    even if the run continues elsewhere. `not_captured` names libraries that the run used and whose calls are not seen.
    `children`: processes of the run send lineage of their own, with the run as its parent. `definitions` of its flow
    and tasks are in the last count, and in an earlier one if there are new ones. `engine_version` is the version of
    Prefect in the process, empty in events of versions of this package that did not send it.
    """

    closed: bool
    final: bool = False
    emitter_id: UUID
    count: Count
    dropped: Count = 0
    failed: Count = 0
    reason: Text = ""
    not_captured: tuple[Label, ...] = ()
    children: bool = False
    occurred: Moment | None = None
    run: RunInfo = RunInfo()
    definitions: RunDefinitions | None = None
    engine_version: Label = ""

    def to_prefect(self) -> dict[str, Any]:
        name = CLOSED_EVENT if self.closed else CHECKPOINT_EVENT
        end = f"{' final' if self.final else ''}{len(self.not_captured) or ''}"
        identity = f"{name} {self.run.run_count} {self.count} {self.dropped} {self.failed}{end}"
        return {
            "event": name,
            "id": uuid5(self.emitter_id, identity),
            "occurred": self.occurred,
            "resource": _emitter_resource(self.emitter_id, self._description()),
            "related": self.run.related(),
            "payload": self._payload(self._description()),
        }

    def _description(self) -> str:
        """A short description of the counts, for readers of the event feed."""
        parts = [f"{counted(self.count, 'lineage event')}{'' if self.closed else ' so far'}"]
        parts += [f"{counted(self.dropped, 'statement')} dropped"] if self.dropped else []
        parts += [f"{counted(self.failed, 'event')} not taken"] if self.failed else []
        parts += [f"not captured: {listed(self.not_captured, _NAMED)}"] if self.not_captured else []
        return ", ".join(parts)


HistoryEvent = LineageEvent | SchemaEvent | CountEvent


def parse(name: str, payload: Mapping[str, Any]) -> HistoryEvent | None:
    """The event of that name and payload; None for a name of another kind of event.

    Raises pydantic.ValidationError for a payload that no version of this package has written.
    """
    if name in OPERATION_EVENTS:
        return LineageEvent.model_validate({**payload, "operation": name.removeprefix("lineage.")})
    if name == SCHEMA_EVENT:
        return SchemaEvent.model_validate(payload)
    if name in (CLOSED_EVENT, CHECKPOINT_EVENT):
        return CountEvent.model_validate({**payload, "closed": name == CLOSED_EVENT})
    return None


def _resource(dataset: EventDataset) -> dict[str, str]:
    return {
        "prefect.resource.id": dataset.uri[:MAX_LABEL],
        "prefect.resource.name": escaping.line(dataset.name, MAX_LABEL),
        "lineage.namespace": dataset.namespace[:MAX_LABEL],
        "lineage.name": dataset.name[:MAX_LABEL],
        "lineage.kind": dataset.kind,
    }


def _emitter_resource(emitter_id: UUID, description: str) -> dict[str, str]:
    return {
        "prefect.resource.id": f"{EMITTER_PREFIX}{emitter_id}",
        "prefect.resource.name": escaping.line(description, MAX_LABEL),
    }
