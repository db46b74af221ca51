"""Snapshots: the stitched lineage of runs as data, for the ledger, the archive and the lineage graph. Pure.

A snapshot has two parts. The *shape* (datasets, columns, edges, texts of statements) is the same for most runs of a
flow. The numbers of the run (state, times, rows) are beside it. `snapshot_wire` encodes both.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from pydantic import AwareDatetime

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.encoding import EPOCH
from prefect_lineage_events.history.model import END_STATES, FlowRun, ParentRun, RunKind
from prefect_lineage_events.stitching.model import DatasetUse, Lineage, RunLineage, StatementSummary

# Bounds of a snapshot; `left_out` counts the rest. A shape of this size has about 1 MB.
MAX_STATEMENTS = 500
MAX_SQL = 1_000
MAX_COLUMN_EDGES = 20_000


@dataclass(frozen=True, slots=True)
class SnapshotRun:
    """The run of a snapshot. Times are UTC. `parent_id` is the flow run that called it as a subflow.

    `tags` and `job` (of a task run outside any flow) are absent from snapshots of earlier versions.
    """

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
    tags: tuple[str, ...] = ()
    job: str | None = None

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


@dataclass(frozen=True)  # without slots, so that it can have weak references
class Shape:
    """The part that runs of a flow have in common: their lineage without numbers.

    Shapes with equal texts are one object (`snapshot_wire.decode`). `left_out` counts what was beyond the bounds of a
    snapshot, by name (`statements`, `column edges`). `producer` is another program that said it in events of its own;
    empty for the lineage of this project.
    """

    lineage: Lineage = field(default_factory=Lineage)
    schema_changes: tuple[tuple[Dataset, str], ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()
    producer: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The stitched lineage of one run as data.

    `rows_read` and `rows_written` belong to the inputs and outputs of the shape, `statements` to its statements, in the
    same order. So do the sizes in bytes and the numbers of files; these are empty if no dataset of the run has any.
    `complete`: all events were there; otherwise `missing` says in words what was not.
    """

    run: SnapshotRun
    shape: Shape = field(default_factory=Shape)
    rows_read: tuple[int | None, ...] = ()
    rows_written: tuple[int | None, ...] = ()
    statements: tuple[StatementNumbers, ...] = ()
    complete: bool = True
    missing: tuple[str, ...] = ()
    not_captured: tuple[str, ...] = ()
    sizes_read: tuple[int | None, ...] = ()
    sizes_written: tuple[int | None, ...] = ()
    files_read: tuple[int | None, ...] = ()
    files_written: tuple[int | None, ...] = ()

    @property
    def lineage(self) -> Lineage:
        """The lineage with its numbers."""
        shape = self.shape.lineage
        return replace(
            shape,
            inputs=_with_numbers(shape.inputs, self.rows_read, self.sizes_read, self.files_read),
            outputs=_with_numbers(shape.outputs, self.rows_written, self.sizes_written, self.files_written),
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


def snapshot_of(found: RunLineage) -> Snapshot:
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
        sizes_read=if_any(use.size for use in lineage.inputs),
        sizes_written=if_any(use.size for use in lineage.outputs),
        files_read=if_any(use.files for use in lineage.inputs),
        files_written=if_any(use.files for use in lineage.outputs),
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
        tags=run.tags,
        job=run.job,
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
        tags=run.tags,
        job=run.job,
    )


def if_any(numbers: Iterable[int | None]) -> tuple[int | None, ...]:
    """The numbers; empty if all of them are None."""
    found = tuple(numbers)
    return () if all(number is None for number in found) else found


def _with_numbers(
    uses: Sequence[DatasetUse], rows: Sequence[int | None], sizes: Sequence[int | None], files: Sequence[int | None]
) -> tuple[DatasetUse, ...]:
    none = (None,) * len(uses)
    numbers = zip(uses, rows, sizes or none, files or none, strict=True)
    return tuple(replace(use, rows=row, size=size, files=file) for use, row, size, file in numbers)


def _without_numbers(use: DatasetUse) -> DatasetUse:
    return replace(use, rows=None, size=None, files=None)


def _without_statement_numbers(one: StatementSummary) -> StatementSummary:
    sql = one.sql if one.sql is None or len(one.sql) <= MAX_SQL else one.sql[:MAX_SQL] + "…"
    return replace(one, sql=sql, rows=None, started=None, duration=None, executions=1, query_id=None)
