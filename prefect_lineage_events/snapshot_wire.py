"""Snapshots as JSON objects. Pure.

The shape of a snapshot travels as one compressed text, so that readers of thousands of runs decode each shape once. A
later version reads every earlier one: fields are only added.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from pydantic import TypeAdapter

from prefect_lineage_events.compression import packed_text, unpacked_text
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.snapshots import Shape, Snapshot, SnapshotRun, StatementNumbers
from prefect_lineage_events.stitching.model import (
    Bundle,
    Column,
    ColumnEdge,
    DatasetUse,
    Edge,
    Evidence,
    Lifecycle,
    Lineage,
    RowsKnown,
    StatementSummary,
    UnknownSource,
)

VERSION = 1
# A shape that unpacks to more was not written by us.
_MAX_UNPACKED = 64 * 1024 * 1024
# The shapes that something uses now, by their compressed texts. It keeps none alive: a shape may have megabytes.
_decoded: WeakValueDictionary[str, Shape] = WeakValueDictionary()


class UnreadableSnapshotError(ValueError):
    """The data is no snapshot: edited by hand, or cut."""


def encode(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as a JSON object: equal snapshots give equal objects."""
    body: dict[str, Any] = _BODY.dump_python(_Body(**_fields(snapshot)), mode="json")
    kept = {name: value for name, value in body.items() if value or name not in _LEFT_OUT}
    kept["run"] = {name: value for name, value in body["run"].items() if value or name not in _LEFT_OUT_OF_RUN}
    return {"version": VERSION, **kept, "shape": _packed(snapshot.shape)}


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
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise UnreadableSnapshotError(f"the snapshot cannot be read: {error}") from error
    lineage = shape.lineage
    counts = (len(lineage.inputs), len(lineage.outputs), len(lineage.statements))
    of_inputs, of_outputs = (body.sizes_read, body.files_read), (body.sizes_written, body.files_written)
    if (
        counts != (len(body.rows_read), len(body.rows_written), len(body.statements))
        or any(numbers and len(numbers) != counts[0] for numbers in of_inputs)
        or any(numbers and len(numbers) != counts[1] for numbers in of_outputs)
    ):
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
    sizes_read: tuple[int | None, ...] = ()
    sizes_written: tuple[int | None, ...] = ()
    files_read: tuple[int | None, ...] = ()
    files_written: tuple[int | None, ...] = ()


# Fields that only runs with files have.
_LEFT_OUT = frozenset({"sizes_read", "sizes_written", "files_read", "files_written"})
_LEFT_OUT_OF_RUN = frozenset({"tags", "job"})
_BODY: TypeAdapter[_Body] = TypeAdapter(_Body)


def _fields(source: Snapshot | _Body) -> dict[str, Any]:
    return {name: getattr(source, name) for name in _Body.__slots__}


@dataclass(frozen=True, slots=True)
class _UseWire:
    dataset: int
    kind: str = "table"
    columns: tuple[tuple[str, str | None], ...] = ()
    subset: tuple[str, ...] = ()
    symlinks: tuple[int, ...] = ()
    lifecycle: Lifecycle | None = None
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
    edges: tuple[tuple[int, int, Evidence], ...] = ()
    columns: tuple[tuple[int, str, int, str, str, bool], ...] = ()
    statements: tuple[_StatementWire, ...] = ()
    bundles: tuple[tuple[UUID | None, tuple[tuple[int, Evidence], ...], tuple[int, ...]], ...] = ()
    unknown: tuple[tuple[int, RowsKnown, tuple[int, ...], tuple[str, ...]], ...] = ()
    schema_changes: tuple[tuple[int, str], ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()
    paths: tuple[tuple[int, str], ...] = ()
    producer: str = ""


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
        paths=tuple((number, edge.path) for number, edge in enumerate(lineage.columns) if edge.path),
        producer=shape.producer,
    )
    named = replace(wire, datasets=tuple((dataset.namespace, dataset.name) for dataset in numbers))
    text = json.dumps(_SHAPE.dump_python(named, mode="json", exclude_defaults=True), separators=(",", ":"))
    return packed_text(text.encode())


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


def _unpacked(packed: str) -> Shape:
    """The shape in a compressed text. Snapshots with the same text share one object while one of them is in use."""
    shape = _decoded.get(packed)
    return _decoded.setdefault(packed, _decode_shape(packed)) if shape is None else shape


def _decode_shape(packed: str) -> Shape:
    wire = _SHAPE.validate_json(unpacked_text(packed, _MAX_UNPACKED))
    datasets = [_interned(namespace, name) for namespace, name in wire.datasets]

    def at(number: int) -> Dataset:
        if number < 0:
            raise IndexError("a dataset's number is negative")
        return datasets[number]

    def all_at(numbers: Sequence[int]) -> tuple[Dataset, ...]:
        return tuple(map(at, numbers))

    paths = dict(wire.paths)
    lineage = Lineage(
        inputs=tuple(_use(use, at) for use in wire.inputs),
        outputs=tuple(_use(use, at) for use in wire.outputs),
        edges=tuple(Edge(at(source), at(target), evidence) for source, target, evidence in wire.edges),
        columns=tuple(
            ColumnEdge(at(source), name, at(target), target_name, transformation, inferred, paths.get(position, ""))
            for position, (source, name, target, target_name, transformation, inferred) in enumerate(wire.columns)
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
    changes = tuple((at(number), text) for number, text in wire.schema_changes)
    return Shape(lineage, changes, wire.left_out, wire.producer)


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
