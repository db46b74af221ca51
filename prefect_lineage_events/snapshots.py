"""Snapshots: the stitched lineage of runs as data, for the ledger, the archive and the lineage graph. Pure.

A snapshot has two parts. The *shape* (datasets, columns, edges, texts of statements) is the same for most runs of a
flow; it travels as one compressed text, so that readers of thousands of runs decode each shape once. The numbers of the
run (state, times, rows) are beside it. A later version reads every earlier one: fields are only added.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, TypeAdapter

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.encoding import EPOCH
from prefect_lineage_events.history.model import END_STATES, FlowRun, ParentRun, RunKind
from prefect_lineage_events.stitching import model
from prefect_lineage_events.stitching.model import (
    Bundle,
    Column,
    ColumnEdge,
    DatasetUse,
    Edge,
    Lineage,
    StatementSummary,
    UnknownSource,
)

VERSION = 1
# Bounds of a snapshot; `left_out` counts the rest. A shape of this size has about 1 MB.
MAX_STATEMENTS = 500
MAX_SQL = 1_000
MAX_COLUMN_EDGES = 20_000
# A shape that unpacks to more was not written by us.
_MAX_UNPACKED = 64 * 1024 * 1024
_DECODED = 4_096


class UnreadableSnapshotError(ValueError):
    """The data is no snapshot: edited by hand, or cut."""


@dataclass(frozen=True, slots=True)
class SnapshotRun:
    """The run of a snapshot. Times are UTC. `parent_id` is the flow run that called it as a subflow."""

    id: UUID
    name: str
    flow_id: UUID
    flow_name: str
    state: str
    started: AwareDatetime | None = None
    ended: AwareDatetime | None = None
    deployment_id: UUID | None = None
    deployment_name: str | None = None
    parent_id: UUID | None = None
    kind: RunKind = "flow-run"

    @property
    def succeeded(self) -> bool:
        """Return whether it completed."""
        return self.state == "COMPLETED"

    @property
    def in_flight(self) -> bool:
        """Return whether it has not ended."""
        return self.state not in END_STATES

    @property
    def began(self) -> dt.datetime:
        """The time by which runs are ordered: of the start, or of the end of a run that never started."""
        return self.started or self.ended or EPOCH


@dataclass(frozen=True, slots=True)
class StatementNumbers:
    """The numbers of one statement of a run. `rows` and `duration` (seconds) are of all executions together."""

    rows: int | None = None
    started: AwareDatetime | None = None
    duration: float | None = None
    executions: int = 1
    query_id: str | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """The part that runs of a flow have in common: their lineage without numbers.

    Shapes with equal texts are one object (`decode`). `left_out` counts what was beyond the bounds of a snapshot, by
    name (`statements`, `column edges`).
    """

    lineage: Lineage = field(default_factory=Lineage)
    schema_changes: tuple[tuple[Dataset, str], ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The stitched lineage of one run as data.

    `rows_read` and `rows_written` belong to the inputs and outputs of the shape, `statements` to its statements, in the
    same order. `complete`: all events were there; otherwise `missing` says in words what was not.
    """

    run: SnapshotRun
    shape: Shape = field(default_factory=Shape)
    rows_read: tuple[int | None, ...] = ()
    rows_written: tuple[int | None, ...] = ()
    statements: tuple[StatementNumbers, ...] = ()
    complete: bool = True
    missing: tuple[str, ...] = ()
    not_captured: tuple[str, ...] = ()

    @property
    def lineage(self) -> Lineage:
        """The lineage with its numbers."""
        shape = self.shape.lineage
        return replace(
            shape,
            inputs=tuple(replace(use, rows=rows) for use, rows in zip(shape.inputs, self.rows_read, strict=True)),
            outputs=tuple(replace(use, rows=rows) for use, rows in zip(shape.outputs, self.rows_written, strict=True)),
            statements=tuple(
                replace(
                    one,
                    rows=numbers.rows,
                    started=numbers.started,
                    duration=numbers.duration,
                    executions=numbers.executions,
                    query_id=numbers.query_id,
                )
                for one, numbers in zip(shape.statements, self.statements, strict=True)
            ),
        )


def snapshot_of(found: model.RunLineage) -> Snapshot:
    """The snapshot of a stitched run, within the bounds of a snapshot."""
    lineage, completeness = found.lineage, found.completeness
    statements = lineage.statements[:MAX_STATEMENTS]
    columns = lineage.columns[:MAX_COLUMN_EDGES]
    left_out = {
        "statements": len(lineage.statements) - len(statements),
        "column edges": len(lineage.columns) - len(columns),
    }
    bare = replace(
        lineage,
        inputs=tuple(map(_without_numbers, lineage.inputs)),
        outputs=tuple(map(_without_numbers, lineage.outputs)),
        statements=tuple(map(_without_statement_numbers, statements)),
        columns=columns,
    )
    shape = Shape(
        bare,
        schema_changes=tuple(sorted(found.schema_changes.items())),
        left_out=tuple((name, count) for name, count in left_out.items() if count),
    )
    return Snapshot(
        run=snapshot_run(found.run),
        shape=shape,
        rows_read=tuple(use.rows for use in lineage.inputs),
        rows_written=tuple(use.rows for use in lineage.outputs),
        statements=tuple(
            StatementNumbers(one.rows, one.started, one.duration, one.executions, one.query_id) for one in statements
        ),
        complete=completeness.complete,
        missing=completeness.lacks(),
        not_captured=completeness.not_captured,
    )


def snapshot_run(run: FlowRun) -> SnapshotRun:
    """The part of a flow run that a snapshot keeps."""
    return SnapshotRun(
        id=run.id,
        name=run.name,
        flow_id=run.flow_id,
        flow_name=run.flow_name,
        state=run.state,
        started=run.started,
        ended=run.ended,
        deployment_id=run.deployment_id,
        deployment_name=run.deployment_name,
        parent_id=run.parents[0].flow_run_id if run.parents else None,
        kind=run.kind,
    )


def flow_run_of(snapshot: Snapshot, parents: tuple[ParentRun, ...] = ()) -> FlowRun:
    """The flow run of a snapshot, as far as that holds it."""
    run = snapshot.run
    return FlowRun(
        id=run.id,
        name=run.name,
        flow_id=run.flow_id,
        flow_name=run.flow_name,
        state=run.state,
        started=run.started,
        ended=run.ended,
        parents=parents,
        deployment_id=run.deployment_id,
        deployment_name=run.deployment_name,
        kind=run.kind,
    )


def encode(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as a JSON object: equal snapshots give equal objects."""
    body: dict[str, Any] = _BODY.dump_python(_Body(**_fields(snapshot)), mode="json")
    return {"version": VERSION, **body, "shape": _packed(snapshot.shape)}


def decode(data: object) -> Snapshot:
    """The snapshot in a JSON object that `encode` made, in this version or an earlier one.

    Raises UnreadableSnapshotError for anything else. Fields that a later version added are ignored.
    """
    if not isinstance(data, Mapping):
        raise UnreadableSnapshotError("a snapshot is a JSON object")
    packed = data.get("shape")
    if not isinstance(packed, str):
        raise UnreadableSnapshotError("the snapshot has no shape")
    try:
        shape, body = _unpacked(packed), _BODY.validate_python(data)
    except UnreadableSnapshotError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, zlib.error, binascii.Error) as error:
        raise UnreadableSnapshotError(f"the snapshot cannot be read: {error}") from error
    counts = (len(shape.lineage.inputs), len(shape.lineage.outputs), len(shape.lineage.statements))
    if counts != (len(body.rows_read), len(body.rows_written), len(body.statements)):
        raise UnreadableSnapshotError("the snapshot's numbers do not belong to its shape")
    return Snapshot(shape=shape, **_fields(body))


@dataclass(frozen=True, slots=True)
class _Body:
    """All fields of a snapshot but its shape."""

    run: SnapshotRun
    rows_read: tuple[int | None, ...]
    rows_written: tuple[int | None, ...]
    statements: tuple[StatementNumbers, ...]
    complete: bool = True
    missing: tuple[str, ...] = ()
    not_captured: tuple[str, ...] = ()


_BODY: TypeAdapter[_Body] = TypeAdapter(_Body)


def _fields(source: Snapshot | _Body) -> dict[str, Any]:
    return {name: getattr(source, name) for name in _Body.__slots__}


def _without_numbers(use: DatasetUse) -> DatasetUse:
    return replace(use, rows=None, size=None, files=None)


def _without_statement_numbers(one: StatementSummary) -> StatementSummary:
    sql = one.sql if one.sql is None or len(one.sql) <= MAX_SQL else one.sql[:MAX_SQL] + "…"
    return replace(one, sql=sql, rows=None, started=None, duration=None, executions=1, query_id=None)


@dataclass(frozen=True, slots=True)
class _UseWire:
    dataset: int
    kind: str = "table"
    columns: tuple[tuple[str, str | None], ...] = ()
    subset: tuple[str, ...] = ()
    symlinks: tuple[int, ...] = ()
    lifecycle: model.Lifecycle | None = None
    renamed_from: int | None = None
    description: str | None = None
    owners: tuple[str, ...] = ()
    ordered: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class _StatementWire:
    sql: str | None
    dialect: str
    operation: str = "misc"
    source: str | None = None
    confidence: str = "exact"
    reason: str = ""
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _ShapeWire:
    """A shape on the wire. Datasets are numbers: positions in `datasets`, a list of namespaces and names."""

    datasets: tuple[tuple[str, str], ...] = ()
    inputs: tuple[_UseWire, ...] = ()
    outputs: tuple[_UseWire, ...] = ()
    edges: tuple[tuple[int, int, model.Evidence], ...] = ()
    columns: tuple[tuple[int, str, int, str, str, bool], ...] = ()
    statements: tuple[_StatementWire, ...] = ()
    bundles: tuple[tuple[UUID | None, tuple[tuple[int, model.Evidence], ...], tuple[int, ...]], ...] = ()
    unknown: tuple[tuple[int, model.RowsKnown, tuple[int, ...], tuple[str, ...]], ...] = ()
    schema_changes: tuple[tuple[int, str], ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()


_SHAPE: TypeAdapter[_ShapeWire] = TypeAdapter(_ShapeWire)


def _packed(shape: Shape) -> str:
    numbers: dict[Dataset, int] = {}

    def number(dataset: Dataset) -> int:
        return numbers.setdefault(dataset, len(numbers))

    def all_of(datasets: Iterable[Dataset]) -> tuple[int, ...]:
        return tuple(map(number, datasets))

    lineage = shape.lineage
    wire = _ShapeWire(
        inputs=tuple(_use_wire(use, number) for use in lineage.inputs),
        outputs=tuple(_use_wire(use, number) for use in lineage.outputs),
        edges=tuple((number(edge.source), number(edge.target), edge.evidence) for edge in lineage.edges),
        columns=tuple(
            (
                number(edge.source),
                edge.source_column,
                number(edge.target),
                edge.target_column,
                edge.transformation,
                edge.inferred,
            )
            for edge in lineage.columns
        ),
        statements=tuple(
            _StatementWire(
                one.sql,
                one.dialect,
                one.operation,
                one.source,
                one.confidence,
                one.reason,
                all_of(one.inputs),
                all_of(one.outputs),
            )
            for one in lineage.statements
        ),
        bundles=tuple(
            (
                bundle.task_run_id and UUID(int=0),  # differs from run to run, and no reader of snapshots needs it
                tuple((number(source), evidence) for source, evidence in bundle.sources),
                all_of(bundle.targets),
            )
            for bundle in lineage.bundles
        ),
        unknown=tuple((number(one.target), one.rows, all_of(one.candidates), one.columns) for one in lineage.unknown),
        schema_changes=tuple((number(dataset), text) for dataset, text in shape.schema_changes),
        left_out=shape.left_out,
    )
    named = replace(wire, datasets=tuple((dataset.namespace, dataset.name) for dataset in numbers))
    text = json.dumps(_SHAPE.dump_python(named, mode="json", exclude_defaults=True), separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 6)).decode()


def _use_wire(use: DatasetUse, number: Callable[[Dataset], int]) -> _UseWire:
    return _UseWire(
        number(use.dataset),
        use.kind,
        tuple((column.name, column.type) for column in use.columns),
        use.subset,
        tuple(map(number, use.symlinks)),
        use.lifecycle,
        number(use.renamed_from) if use.renamed_from else None,
        use.description,
        use.owners,
        use.ordered,
        use.whole,
    )


@lru_cache(maxsize=_DECODED)
def _unpacked(packed: str) -> Shape:
    """The shape in a compressed text. Runs with the same text share one object."""
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(base64.b64decode(packed, validate=True), _MAX_UNPACKED)
    if unpacker.unconsumed_tail:
        raise UnreadableSnapshotError("the snapshot's shape is too large")
    wire = _SHAPE.validate_json(text)
    datasets = [_interned(namespace, name) for namespace, name in wire.datasets]

    def at(number: int) -> Dataset:
        if number < 0:
            raise IndexError("a dataset's number is negative")
        return datasets[number]

    def all_at(numbers: Sequence[int]) -> tuple[Dataset, ...]:
        return tuple(map(at, numbers))

    lineage = Lineage(
        inputs=tuple(_use(use, at) for use in wire.inputs),
        outputs=tuple(_use(use, at) for use in wire.outputs),
        edges=tuple(Edge(at(source), at(target), evidence) for source, target, evidence in wire.edges),
        columns=tuple(
            ColumnEdge(at(source), source_column, at(target), target_column, transformation, inferred)
            for source, source_column, target, target_column, transformation, inferred in wire.columns
        ),
        statements=tuple(
            StatementSummary(
                one.sql,
                one.dialect,
                one.operation,
                source=one.source,
                confidence=one.confidence,
                reason=one.reason,
                inputs=all_at(one.inputs),
                outputs=all_at(one.outputs),
            )
            for one in wire.statements
        ),
        bundles=tuple(
            Bundle(task, tuple((at(source), evidence) for source, evidence in sources), all_at(targets))
            for task, sources, targets in wire.bundles
        ),
        unknown=tuple(
            UnknownSource(at(target), rows, all_at(candidates), columns)
            for target, rows, candidates, columns in wire.unknown
        ),
    )
    return Shape(lineage, tuple((at(number), text) for number, text in wire.schema_changes), wire.left_out)


def _use(wire: _UseWire, at: Callable[[int], Dataset]) -> DatasetUse:
    return DatasetUse(
        at(wire.dataset),
        wire.kind,
        tuple(Column(name, type_) for name, type_ in wire.columns),
        subset=wire.subset,
        symlinks=tuple(map(at, wire.symlinks)),
        lifecycle=wire.lifecycle,
        renamed_from=at(wire.renamed_from) if wire.renamed_from is not None else None,
        description=wire.description,
        owners=wire.owners,
        ordered=wire.ordered,
        whole=wire.whole,
    )


@lru_cache(maxsize=65_536)
def _interned(namespace: str, name: str) -> Dataset:
    """The dataset, one object for all snapshots."""
    return Dataset(namespace, name)
