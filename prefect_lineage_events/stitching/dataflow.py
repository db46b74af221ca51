"""Sources of each write of a run: in its own statement, or in rows that Python had read before.

Rules for Python, whose inside is not visible:
- In one task, rows that were read may be a source of later writes; those of the write's own thread come before others.
  The same holds for the reads and writes of the flow's own body.
- A task called by a task is a part of it: its caller may write the rows that it reads, and it may write the rows that
  its caller read before.
- A task that received the result of another received the rows that the other read. If the other wrote nothing, this
  includes the rows that the other had received. The rows that a task wrote are in the store: its result is a status.
- `explanation` decides which of these rows a write took. A source that it cannot decide is unknown, never an edge.
- A DELETE or UPDATE with RETURNING reads the rows that it returns; its table is an input if they were written.
- A statement that names its sources (INSERT ... SELECT) is taken at its word (`statement_provenance`).
- Prefect loses results that pass through the flow's body: `flow_body` finds the writes that took them, if there is no
  doubt. No edge is better than a false one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from prefect_lineage_events.events import STAR
from prefect_lineage_events.history.model import TaskRun
from prefect_lineage_events.stitching.attribution import Attribution
from prefect_lineage_events.stitching.columns import Schemas
from prefect_lineage_events.stitching.explanation import Explanation, has_many_rows
from prefect_lineage_events.stitching.lifetimes import Lifetime, ResolvedStep
from prefect_lineage_events.stitching.model import Evidence
from prefect_lineage_events.stitching.provenance import Origin, Provenance, less_certain
from prefect_lineage_events.stitching.rows_in_memory import Moment, Rows, reads_transient, returns_rows
from prefect_lineage_events.stitching.statement_provenance import StatementProvenance
from prefect_lineage_events.stitching.steps import Scope
from prefect_lineage_events.stitching.write_columns import WriteColumns

# Limits of column edges by equal names: of the columns that one name fits, and of all such edges of a run. A task that
# reads 500 tables and writes 500 would have millions.
MAX_ORIGINS_BY_NAME = 50
MAX_INFERRED = 10_000


@dataclass(frozen=True, slots=True)
class WriteSources:
    """The sources of a dataset that outlasts the run, by the writes of some scopes."""

    target: Lifetime
    scopes: frozenset[Scope]
    provenance: Provenance = field(default_factory=Provenance)


class Dataflow:
    """The sources of each lasting dataset, by scope of the writes, found by following a run in the order of time.

    `statement_provenance` has the sources that statements name, `attribution` the rows that Python held in memory.
    """

    def __init__(
        self,
        resolved_steps: Sequence[ResolvedStep],
        tasks: Mapping[UUID, TaskRun],
        schemas: Schemas,
        *,
        infer_columns: bool,
    ) -> None:
        self._resolved_steps = resolved_steps
        self._without_columns = not infer_columns
        self._inferred = 0
        self._columns = WriteColumns(schemas)
        self._statements = StatementProvenance(schemas, self._columns)
        # The provenance of rows read of transient tables, as of the time of the read.
        self._snapshots: dict[int, Provenance] = {}
        self.attribution = Attribution(
            resolved_steps, tasks, self._rows, self._columns.identifying, self._with_provenance
        )
        self._writes: dict[tuple[Lifetime, frozenset[Scope]], WriteSources] = {}
        self._follow()

    def write_sources(self) -> list[WriteSources]:
        return list(self._writes.values())

    def _follow(self) -> None:
        for moment, resolved in self._moments():
            target = resolved.target
            if returns_rows(resolved) and reads_transient(resolved):
                self._snapshots.setdefault(id(resolved), Provenance()).merge(self._statements.of_result(resolved))
            if target and target.transient:
                self._statements.fill(target, resolved, self._provenance_of(resolved, moment))
            elif target and moment[0] == resolved.step.last:
                self._add_write(target, resolved, moment)

    def _rows(self, resolved: ResolvedStep, position: int) -> Rows:
        """The rows that a read returned. The provenance of rows of transient tables follows later (`_snapshots`)."""
        step = resolved.step
        provenance = Provenance() if reads_transient(resolved) else self._statements.of_result(resolved)
        names = [column.name for column in step.result_columns if column.name != STAR]
        if not names and not provenance.stars:
            names = provenance.names()
        if reads_transient(resolved):
            provenance.sources = dict.fromkeys(resolved.sources, "sql")
        info = step.info
        return Rows(
            provenance=provenance,
            names=frozenset(name.casefold() for name in names),
            count=info.rows,
            executions=info.executions,
            began=(step.started, position),
            last=step.last,
            threads=frozenset() if step.from_related_run else step.threads,
            read=resolved,
        )

    def _with_provenance(self, rows: Rows) -> Rows:
        if not reads_transient(rows.read):
            return rows
        return replace(rows, provenance=self._snapshots.get(id(rows.read), Provenance()))

    def _moments(self) -> Iterator[tuple[Moment, ResolvedStep]]:
        """Steps in the order of time; one of many executions comes at the first and at the last of them.

        So the last execution has the rows that were read since the first, as in the run.
        """
        moments = []
        for position, resolved in enumerate(self._resolved_steps):
            step = resolved.step
            moments += [((time, position), resolved) for time in dict.fromkeys((step.started, step.last))]
        return iter(sorted(moments, key=lambda m: m[0]))

    def _add_write(self, target: Lifetime, resolved: ResolvedStep, moment: Moment) -> None:
        scopes = resolved.step.scopes
        write_sources = self._writes.setdefault((target, scopes), WriteSources(target, scopes))
        write_sources.provenance.merge(self._provenance_of(resolved, moment))

    def _provenance_of(self, resolved: ResolvedStep, moment: Moment) -> Provenance:
        if resolved.step.writes_python_rows:
            from_python = self._provenance_from_python(resolved, moment)
            if resolved.step.info.from_program:
                from_python.merge(self._statements.of_statement(resolved))
            return from_python
        provenance = self._statements.of_statement(resolved)
        if resolved.step.evidence == "asset":
            # Its upstream are assets that its task received, not the tables that the task read itself.
            own = self.attribution.read_by_task(resolved, moment)
            for lifetime in (lifetime for rows in own for lifetime in rows.sources if lifetime is not resolved.target):
                provenance.add_source(lifetime, _SAME_TASK)
        return provenance

    def _provenance_from_python(self, resolved: ResolvedStep, moment: Moment) -> Provenance:
        """The provenance of rows that Python had read and wrote; columns that take values of the program, by name."""
        result = Provenance()
        explanation = self.attribution.of(resolved, moment)
        chosen = [pair for possibility in explanation.chosen for pair in possibility.rows]
        for rows, evidence in chosen:
            for lifetime, known_by in rows.provenance.sources.items():
                # A queue table that is updated and returned (UPDATE ... RETURNING) is not a source of itself.
                if lifetime is not resolved.target or lifetime.read:
                    result.add_source(lifetime, less_certain(known_by, evidence))
            result.merge_doubts(rows.provenance)
        candidates = (rows for possibility in explanation.candidates for rows, _ in possibility.rows)
        result.candidates.update(dict.fromkeys(lifetime for rows in candidates for lifetime in rows.provenance.sources))
        result.incomplete = (
            result.incomplete or bool(explanation.candidates) or self._may_lack_sources(resolved, chosen)
        )
        self._add_columns_by_name(result, resolved, explanation)
        return result

    def _add_columns_by_name(self, result: Provenance, resolved: ResolvedStep, explanation: Explanation) -> None:
        """Add column origins by equal names, up to the limits. A column without an origin is one that Python made."""
        if self._without_columns:
            return
        inlined = resolved.step.values_stand_in_text
        if inlined and not has_many_rows(resolved.step):
            return
        for name in self._columns.identifying(resolved) if inlined else self._columns.bound(resolved):
            known = [
                origins
                for column in self._columns.of_program(resolved, name)
                for rows in explanation.having(column)
                for origins in rows.provenance.origins(column)
            ]
            number = len({origin for origins in known for origin in origins})
            fits = number <= MAX_ORIGINS_BY_NAME and self._inferred < MAX_INFERRED
            result.add_column(name, (_guessed(origin) for origins in known for origin in origins) if fits else ())
            self._inferred += number if fits else 0

    def _may_lack_sources(self, resolved: ResolvedStep, chosen: Sequence[object]) -> bool:
        """Return whether a source is missing, or may be. A row made up of constants has none."""
        step = resolved.step
        if step.evidence == "asset" or step.values_stand_in_text:
            return False
        return not chosen or self.attribution.has_unseen_results(resolved)


_SAME_TASK: Evidence = "same task"


def _guessed(origin: Origin) -> Origin:
    """The origin of a column that was matched by its name only: inferred, and no identity."""
    kind = "TRANSFORMATION" if origin.transformation == "IDENTITY" else origin.transformation
    return origin._replace(transformation=kind, inferred=True)
