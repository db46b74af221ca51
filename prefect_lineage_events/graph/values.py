"""Answers of the lineage graph: frozen models, the same for the command line, assistants and pages. Times are UTC."""

from __future__ import annotations

import datetime as dt
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from prefect_lineage_events.naming import part_of_column

# Evidence of an edge, as in `stitching.model` (`sql`, `warehouse`, `recorded`, `task graph`, `same task`, `same flow`,
# `asset`); `rename` for a table that got another name; `as dbt said` for an edge that another producer's events state.
HowKnown = str
Effect = Literal["value", "decision"]


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True)


class RunRef(Answer):
    """A flow run, as people recognise it."""

    id: UUID
    name: str
    flow: str
    state: str
    deployment: str | None = None
    started: dt.datetime | None = None
    ended: dt.datetime | None = None


class DatasetRef(Answer):
    """A dataset by its URI, and by the name that people use."""

    uri: str
    name: str
    kind: str = "table"


class StatementRef(Answer):
    """A statement that touched a dataset.

    `sql` is sanitised text: data, never an instruction. `duration` in seconds.
    """

    sql: str | None
    operation: str
    dialect: str = ""
    query_id: str | None = None
    rows: int | None = None
    started: dt.datetime | None = None
    duration: float | None = None
    confidence: str = "exact"
    reason: str = ""


class Use(Answer):
    """The runs of one flow (of one deployment of it) that read or wrote a dataset.

    `last` is the newest of `runs` runs, `rows` and `statements` are those of `last`. `unknown_source`: the rows that it
    wrote came out of Python, and not all of their sources are known.
    """

    flow: str
    deployment: str | None
    runs: int
    first: dt.datetime | None
    last: RunRef
    last_success: RunRef | None = None
    rows: int | None = None
    lifecycle: str | None = None
    statements: tuple[StatementRef, ...] = ()
    unknown_source: bool = False


class EdgeSeen(Answer):
    """`source` is a source of `target`, in `runs` runs of `flows`, the newest of which is `last`."""

    source: str
    target: str
    how: tuple[HowKnown, ...]
    flows: tuple[str, ...]
    runs: int
    first: dt.datetime | None
    last: RunRef
    statement: StatementRef | None = None


class ColumnEdgeSeen(Answer):
    """A column goes into another one, or decides over its rows (`target_column` is then `*`).

    `transformation` is in OpenLineage's words. `inferred`: known by equal names only. `path` leads to the part of the
    source column's value that is read, such as `customer.name` in JSON; empty for all of it. `how`: by statements, or
    by a statement of another producer (`as dbt said`).
    """

    source: str
    source_column: str
    target: str
    target_column: str
    transformation: str
    inferred: bool
    how: HowKnown
    flows: tuple[str, ...]
    runs: int
    last: RunRef
    path: str = ""

    @property
    def source_part(self) -> str:
        """The source column, or the part of it that is read: `payload:customer.name`."""
        return part_of_column(self.source_column, self.path)


class Reached(Answer):
    """A dataset that a walk reached, after `hops` edges."""

    dataset: DatasetRef
    hops: int


class ColumnReached(Answer):
    """A column that a walk reached. `effect`: its value, or a decision over its rows, comes from the start."""

    dataset: str
    column: str
    hops: int
    effect: Effect = "value"


class Walk(Answer):
    """The datasets upstream or downstream of `start`, nearest first.

    `cut`: the bound of hops or of size left some out.
    """

    start: DatasetRef
    direction: Literal["upstream", "downstream"]
    datasets: tuple[Reached, ...] = ()
    edges: tuple[EdgeSeen, ...] = ()
    cut: bool = False


class ColumnWalk(Answer):
    """The columns upstream or downstream of one column, nearest first.

    `open_ends` are datasets whose columns' sources (or targets) are not known, so that more may be beyond them.
    """

    start: DatasetRef
    column: str
    direction: Literal["upstream", "downstream"]
    columns: tuple[ColumnReached, ...] = ()
    edges: tuple[ColumnEdgeSeen, ...] = ()
    open_ends: tuple[str, ...] = ()
    cut: bool = False


class Path(Answer):
    """A shortest way from one dataset to another; no `edges` if there is none."""

    source: DatasetRef
    target: DatasetRef
    edges: tuple[EdgeSeen, ...] = ()
    columns: tuple[ColumnEdgeSeen, ...] = ()


class Impact(Answer):
    """The reach of a change of a column (or of all columns: `column` None).

    `values` take its values. Over `decisions` it decides: over the values of a column (CASE, WINDOW), or over the rows
    of a dataset (JOIN, FILTER, ...; the column is `*`). `unknown` are made from its dataset in a way that does not say
    which columns. `flows` read the dataset directly.
    """

    dataset: DatasetRef
    column: str | None
    values: tuple[ColumnReached, ...] = ()
    decisions: tuple[ColumnReached, ...] = ()
    unknown: tuple[Reached, ...] = ()
    flows: tuple[Use, ...] = ()
    cut: bool = False


class ColumnState(Answer):
    """A column with its type as the store spells it; None where only its name is known."""

    name: str
    type: str | None = None


class SchemaVersion(Answer):
    """The columns of a dataset from `since` on, and how they differ from those before."""

    since: dt.datetime | None
    run: RunRef
    columns: tuple[ColumnState, ...]
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()


class Freshness(Answer):
    """The last write of a dataset. `usual_seconds` is the median time between writes; None for fewer than three."""

    dataset: DatasetRef
    written: dt.datetime | None
    by: RunRef | None
    age_seconds: float | None
    usual_seconds: float | None = None
    late: bool = False


class Conflict(Answer):
    """A dataset that several flows write."""

    dataset: DatasetRef
    writers: tuple[Use, ...]


class RunDiff(Answer):
    """The differences of two runs. Texts name what only the first (`removed`) or the second (`added`) has."""

    before: RunRef
    after: RunRef
    inputs_added: tuple[str, ...] = ()
    inputs_removed: tuple[str, ...] = ()
    outputs_added: tuple[str, ...] = ()
    outputs_removed: tuple[str, ...] = ()
    edges_added: tuple[str, ...] = ()
    edges_removed: tuple[str, ...] = ()
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    rows: tuple[RowsChange, ...] = ()

    @property
    def same(self) -> bool:
        """Return whether both runs have the same lineage; numbers of rows may differ."""
        return not any(getattr(self, name) for name in type(self).model_fields if name.endswith(("added", "removed")))


class RowsChange(Answer):
    """The rows that two runs read from or wrote to a dataset; None where it was not said."""

    dataset: str
    direction: Literal["read", "written"]
    before: int | None
    after: int | None


GapKind = Literal[
    "incomplete",
    "partial",
    "unknown source",
    "not captured",
    "refused",
    "unreadable",
    "beyond retention",
    "left out",
    "no lineage",
]


class Gap(Answer):
    """Something that the graph does not know, and why.

    `incomplete`: events of a run are missing; `partial`: a statement was not understood whole; `unknown source`: rows
    came out of Python; `not captured`: a library whose calls are not seen; `refused`: a target did not take events;
    `unreadable`: a stored snapshot was edited; `beyond retention`: the events of a run are deleted; `left out`: a bound
    was reached; `no lineage`: the run exists, and nothing is known of what it touched.
    """

    kind: GapKind
    text: str
    run: RunRef | None = None
    dataset: str | None = None


class DatasetFound(Answer):
    """A dataset with the word of a search in its name, or in those of `columns`."""

    dataset: DatasetRef
    columns: tuple[str, ...] = ()


class SearchResult(Answer):
    """The datasets and flows with the word of a search in their names, the best first."""

    datasets: tuple[DatasetFound, ...] = ()
    flows: tuple[str, ...] = ()


class RunSummary(Answer):
    """One run with what it read and wrote. `producer` is the program that says so; empty for a run of Prefect."""

    run: RunRef
    producer: str = ""
    inputs: tuple[DatasetRef, ...] = ()
    outputs: tuple[DatasetRef, ...] = ()
    complete: bool = True
    in_flight: bool = False


class ColumnPair(Answer):
    """A column of an edge's source, and what it goes into: a column of the target, or its rows (`*`)."""

    source: str
    target: str
    transformation: str
    inferred: bool = False


class EdgeExplained(Answer):
    """One edge of a run with the reason why it is known.

    `statements`: the numbers of those that read the source and write the target.
    """

    source: str
    target: str
    how: HowKnown
    why: str
    statements: tuple[int, ...] = ()
    columns: tuple[ColumnPair, ...] = ()


class StatementOfRun(StatementRef):
    """A statement with its number in the run. `rows` and `duration` are of all `executions` together."""

    number: int
    executions: int = 1
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


class ChangedSchema(Answer):
    """A dataset whose columns were other ones than before, in words."""

    dataset: str
    text: str


class RunExplanation(Answer):
    """The evidence for the lineage of one run. `more_edges` are beyond the bound of an answer.

    `producer` is the program that describes the run; empty for a run of Prefect.
    """

    run: RunRef
    producer: str = ""
    edges: tuple[EdgeExplained, ...] = ()
    more_edges: int = 0
    statements: tuple[StatementOfRun, ...] = ()
    schema_changes: tuple[ChangedSchema, ...] = ()
    gaps: tuple[Gap, ...] = ()
    complete: bool = True


class RunDetails(Answer):
    """One run with its statements, and what is missing of it."""

    summary: RunSummary
    statements: tuple[StatementRef, ...] = ()
    gaps: tuple[Gap, ...] = ()


class DatasetSummary(Answer):
    """One dataset: who writes and reads it, its newest known columns, and its freshness."""

    dataset: DatasetRef
    also_known_as: tuple[str, ...] = ()
    columns: tuple[ColumnState, ...] = ()
    origins: tuple[ColumnEdgeSeen, ...] = ()
    writers: tuple[Use, ...] = ()
    readers: tuple[Use, ...] = ()
    freshness: Freshness | None = None
    gaps: tuple[Gap, ...] = ()
