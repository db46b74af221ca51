"""The lineage of a flow run as a value for users: frozen models, made of the stitched run lineage. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.stitching import model
from prefect_lineage_events.stitching.model import RowsKnown

Evidence = Literal["sql", "warehouse", "recorded", "task graph", "same task", "same flow", "asset"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class ColumnOfRun(_Value):
    """A column, with its type as the store spells it; None where only its name is known."""

    name: str
    type: str | None = None


class DatasetOfRun(_Value):
    """A dataset that the run read or wrote.

    `kind` is `table`, `view`, `file`, `topic`, `api` and the like. `rows` were read or written by all statements
    together, None if one of them did not say.
    """

    dataset: Dataset
    kind: str = "table"
    columns: tuple[ColumnOfRun, ...] = ()
    rows: int | None = None

    @property
    def uri(self) -> str:
        """The dataset's URI."""
        return self.dataset.uri


class EdgeOfRun(_Value):
    """`source` is a source of `target`.

    `evidence` is `sql` or `recorded` where a statement or a record names both, `warehouse` where the warehouse's access
    history does, `asset` for a Prefect asset, and otherwise what joined them: the task graph, the same task, or the
    flow's body.
    """

    source: Dataset
    target: Dataset
    evidence: Evidence = "sql"


class ColumnEdgeOfRun(_Value):
    """A column goes into another one, or decides over it.

    `transformation` is in OpenLineage's words: IDENTITY, TRANSFORMATION and AGGREGATION are of values; JOIN, FILTER,
    GROUP_BY and SORT decide over rows, into `target_column` `*`; WINDOW and CONDITIONAL over the values of
    a column. `inferred`: by equal names. `path` leads to the part of the source column's value that was read, such as
    `customer.name` in JSON.
    """

    source: Dataset
    source_column: str
    target: Dataset
    target_column: str
    transformation: str = "IDENTITY"
    inferred: bool = False
    path: str = ""


class UnknownSourceOfRun(_Value):
    """An output of which not all sources are known.

    `rows`: `unknown` if no source is, `partly` if there may be more than the edges show, `known` if only those of
    `columns` are not. `candidates` may be sources.
    """

    target: Dataset
    rows: RowsKnown
    candidates: tuple[Dataset, ...] = ()
    columns: tuple[str, ...] = ()


class RunLineage(_Value):
    """The lineage of one flow run, stitched from its events. All lists are sorted.

    `complete`: all events are there; otherwise `missing` says in words what is not. `not_captured` are libraries that
    the run used and that no family covers, so that it may have read or written more.
    """

    flow_run_id: UUID
    flow_name: str = ""
    state: str = ""
    inputs: tuple[DatasetOfRun, ...] = ()
    outputs: tuple[DatasetOfRun, ...] = ()
    edges: tuple[EdgeOfRun, ...] = ()
    column_edges: tuple[ColumnEdgeOfRun, ...] = ()
    unknown_sources: tuple[UnknownSourceOfRun, ...] = ()
    complete: bool = True
    missing: tuple[str, ...] = ()
    not_captured: tuple[str, ...] = ()

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """All datasets of the run, each once."""
        used = [use.dataset for use in (*self.inputs, *self.outputs)]
        joined = [dataset for edge in self.edges for dataset in (edge.source, edge.target)]
        return tuple(sorted({*used, *joined}))


def value_of(found: model.RunLineage) -> RunLineage:
    """The value of a stitched run lineage."""
    lineage, run = found.lineage, found.run
    return RunLineage(
        flow_run_id=run.id,
        flow_name=run.flow_name,
        state=run.state,
        inputs=tuple(map(_use, lineage.inputs)),
        outputs=tuple(map(_use, lineage.outputs)),
        edges=tuple(_edges(lineage)),
        column_edges=tuple(
            ColumnEdgeOfRun(
                source=edge.source,
                source_column=edge.source_column,
                target=edge.target,
                target_column=edge.target_column,
                transformation=edge.transformation,
                inferred=edge.inferred,
                path=edge.path,
            )
            for edge in lineage.columns
        ),
        unknown_sources=tuple(
            UnknownSourceOfRun(target=u.target, rows=u.rows, candidates=u.candidates, columns=u.columns)
            for u in lineage.unknown
        ),
        complete=found.completeness.complete,
        missing=found.completeness.lacks(),
        not_captured=found.completeness.not_captured,
    )


def _use(use: model.DatasetUse) -> DatasetOfRun:
    columns = tuple(ColumnOfRun(name=column.name, type=column.type) for column in use.columns)
    return DatasetOfRun(dataset=use.dataset, kind=use.kind, columns=columns, rows=use.rows)


def _edges(lineage: model.Lineage) -> Iterator[EdgeOfRun]:
    """All edges, those of bundles too, sorted and each once."""
    for (source, target), evidence in sorted(lineage.pairs().items()):
        yield EdgeOfRun(source=source, target=target, evidence=evidence)
