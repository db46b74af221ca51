"""The stitched lineage of one flow run: values that become OpenLineage events and the artifact of the run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.definitions import Definition
from prefect_lineage_events.history.model import Completeness, FlowRun, TaskRun
from prefect_lineage_events.naming import part_of_column
from prefect_lineage_events.sentences import counted

Evidence = Literal["sql", "warehouse", "recorded", "task graph", "same task", "same flow", "asset"]
RowsKnown = Literal["unknown", "partly", "known"]
Lifecycle = Literal["ALTER", "CREATE", "DROP", "OVERWRITE", "RENAME", "TRUNCATE"]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetUse:
    """A dataset as an input or as an output of the run, with the columns that are known.

    The first `ordered` columns are all of the dataset's, in its order; 0 if these are not known.
    `rows`, `size` (bytes) and `files` are those of all its statements together; None if one of them did not report it.
    `subset` are the parts that were touched, relative to the dataset; () if it was used as a whole. `symlinks` are
    other names of it that its events stated. `whole`: it is a file that was written as a whole, so `columns` are all
    of its columns.
    """

    dataset: Dataset
    kind: str = "table"
    columns: tuple[Column, ...] = ()
    ordered: int = 0
    rows: int | None = None
    size: int | None = None
    files: int | None = None
    subset: tuple[str, ...] = ()
    symlinks: tuple[Dataset, ...] = ()
    lifecycle: Lifecycle | None = None
    renamed_from: Dataset | None = None
    description: str | None = None
    owners: tuple[str, ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """`source` is a source of `target`, by this `evidence`."""

    source: Dataset
    target: Dataset
    evidence: Evidence = "sql"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Each of `sources` is a source of each of `targets`, by way of one task (None: the flow's body).

    A task that reads 500 tables and writes 500 has 250,000 edges, which no target takes: in a bundle they are 1,000.
    """

    task_run_id: UUID | None
    sources: tuple[tuple[Dataset, Evidence], ...]
    targets: tuple[Dataset, ...]


@dataclass(frozen=True, slots=True, order=True)
class ColumnEdge:
    """`transformation` in OpenLineage's words (IDENTITY, ..., CONDITIONAL); `inferred`: by equal column names only.

    CASE and WINDOW decide over the values of a column. JOIN, FILTER, GROUP_BY and SORT decide over rows: their
    `target_column` is `*`. `path` leads to the part of the source column's value that was read, such as `customer.name`
    in JSON; "" for all of it.
    """

    source: Dataset
    source_column: str
    target: Dataset
    target_column: str
    transformation: str = "IDENTITY"
    inferred: bool = False
    path: str = ""

    @property
    def source_part(self) -> str:
        """The source column, or the part of it that was read: `payload:customer.name`."""
        return part_of_column(self.source_column, self.path)


@dataclass(frozen=True, slots=True, order=True)
class UnknownSource:
    """An output whose rows came out of Python, of which not all sources are known.

    `rows`: `unknown` if no source is known, `partly` if there may be more sources than the edges show, `known` if only
    columns lack a source. `candidates` may be the source. `columns` have no known source, while other columns have one.
    """

    target: Dataset
    rows: RowsKnown
    candidates: tuple[Dataset, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatementSummary:
    """A statement of the run, as far as it may be shown. `source`: the namespace in which it ran.

    `rows` and `duration` (seconds) are those of all its executions together, the first of which began at `started`;
    None where one did not say. `inputs` and `outputs` are what it read and wrote, temporary tables as well. `sql` is
    None for a call without a text, such as the reading of a file.
    """

    sql: str | None
    dialect: str
    operation: str = "misc"
    query_id: str | None = None
    source: str | None = None
    executions: int = 1
    confidence: str = "exact"
    reason: str = ""
    rows: int | None = None
    started: dt.datetime | None = None
    duration: float | None = None
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()

    @property
    def is_query(self) -> bool:
        """Return whether it is one of a query language: it has a text or an id there, or was not understood."""
        return self.sql is not None or bool(self.query_id) or self.confidence != "exact"


@dataclass(frozen=True, slots=True)
class Lineage:
    """Inputs, outputs and what joins them: of a flow run, or of one task of it.

    If there are too many `edges`, most of them are in `bundles` instead. `unknown` are the
    outputs of which not all sources are known.
    """

    inputs: tuple[DatasetUse, ...] = ()
    outputs: tuple[DatasetUse, ...] = ()
    edges: tuple[Edge, ...] = ()
    columns: tuple[ColumnEdge, ...] = ()
    statements: tuple[StatementSummary, ...] = ()
    bundles: tuple[Bundle, ...] = ()
    unknown: tuple[UnknownSource, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.inputs or self.outputs)

    def pairs(self) -> dict[tuple[Dataset, Dataset], Evidence]:
        """The source and the target of each edge, those of bundles too, with its evidence."""
        found = {(edge.source, edge.target): edge.evidence for edge in self.edges}
        for bundle in self.bundles:
            for source, evidence in bundle.sources:
                for target in bundle.targets:
                    found.setdefault((source, target), evidence)
        return found

    @property
    def queries(self) -> tuple[StatementSummary, ...]:
        """The statements without recorded calls."""
        return tuple(statement for statement in self.statements if statement.is_query)


@dataclass(frozen=True, slots=True)
class TaskLineage:
    """Lineage of all runs of one task in a flow run, together (granularity `task`). `runs` are in order of time.

    `run_id` is derived from the flow run's id and the task's name: it is the same at each assembly. `job` is the task's
    name, followed by its function's or by a mark if another job would have this name too. Inputs are the datasets that
    the task read, and those that tasks before it read and passed to it for its outputs. `upstream` are the `run_id`s of
    the tasks of the flow run that had to end before it: by Prefect's task graph, past tasks that touched no data.
    """

    run_id: UUID
    task_name: str
    job: str
    lineage: Lineage
    runs: tuple[TaskRun, ...] = ()
    definition: Definition | None = None
    upstream: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Reanalysis:
    """Counts of stored statements in a reanalysis.

    `again` were analysed again, `changed` of these with another result. `cut` ones lack a part of their text,
    `textless` ones all of it: they keep their first analysis.
    """

    again: int = 0
    changed: int = 0
    cut: int = 0
    textless: int = 0

    def __add__(self, other: Reanalysis) -> Reanalysis:
        return Reanalysis(
            self.again + other.again,
            self.changed + other.changed,
            self.cut + other.cut,
            self.textless + other.textless,
        )

    def __str__(self) -> str:
        text = f"{counted(self.again, 'statement')} reanalysed, {self.changed} of them with another result"
        kept = [f"{self.cut} with a cut text"] if self.cut else []
        kept += [f"{self.textless} without a stored text"] if self.textless else []
        return f"{text}; not reanalysed: {' and '.join(kept)}" if kept else text


@dataclass(frozen=True, slots=True)
class RunLineage:
    """The stitched lineage of one flow run.

    `lineage` is that of the whole run, `tasks` that of its tasks, `body` that of the flow's own body without its tasks.
    `defined` are the outputs of which no statement brought, changed or removed rows (CREATE TABLE IF NOT EXISTS).
    `assets` are the outputs for which Prefect emitted asset events itself. `last` is the start of the last statement.
    `from_cache`: the run touched nothing because all of its tasks were cached, in a flow whose runs have lineage.
    `definition` is that of its flow, or of the task that ran outside any; `engine_version` is the version of Prefect in
    which it ran, if known. `facets` are run facets that functions of the
    user's have added, `facet_faults` the mistakes in them. `warehouse` says that statements, `unwitnessed` ones, await
    the warehouse's access history, or that it says nothing of them.
    """

    run: FlowRun
    lineage: Lineage = field(default_factory=Lineage)
    tasks: tuple[TaskLineage, ...] = ()
    body: Lineage = field(default_factory=Lineage)
    completeness: Completeness = field(default_factory=Completeness)
    schema_changes: Mapping[Dataset, str] = field(default_factory=dict)
    descendants_have_lineage: bool = False
    defined: frozenset[Dataset] = frozenset()
    assets: frozenset[Dataset] = frozenset()
    reanalysis: Reanalysis = Reanalysis()
    last: dt.datetime | None = None
    from_cache: bool = False
    definition: Definition | None = None
    facets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    facet_faults: tuple[str, ...] = ()
    warehouse: str = ""
    unwitnessed: int = 0
    engine_version: str = ""

    @property
    def written(self) -> tuple[DatasetUse, ...]:
        """The outputs with other rows than before the run: without those that it dropped or only defined."""
        return tuple(use for use in self.lineage.outputs if use.lifecycle != "DROP" and use.dataset not in self.defined)

    @property
    def worth_sending(self) -> bool:
        """A run without lineage is not sent, unless a descendant has some (the tree needs its states) or only the cache
        kept it from having some (its job has one more good run).
        """
        return not self.lineage.empty or self.descendants_have_lineage or self.from_cache
