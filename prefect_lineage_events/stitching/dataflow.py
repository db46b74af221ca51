"""Sources of each write of a run: in its own statement, or in rows that Python had read before.

Rules for Python, whose inside is not visible:
- In one task, rows that were read may be a source of later writes; those of the write's own thread come before others.
  The same holds for the reads and writes of the flow's own body.
- A task called by a task is a part of it: its caller may write the rows that it reads, and it may write the rows that
  its caller read before.
- A task that received the result of another received the rows that the other read. If the other wrote nothing, this
  includes the rows that the other had received. What a task wrote is in the store: its result only says that it is.
- `explanation` decides which of these rows a write took. A source that it cannot decide is unknown, never an edge.
- A DELETE or UPDATE with RETURNING reads the rows that it returns; its table is an input if they were written.
- A statement that names its sources (INSERT ... SELECT) is taken at its word.
- Prefect loses results that pass through the flow's body: `flow_body` finds the writes that took them, if there is no
  doubt. No edge is better than a false one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from prefect_lineage_events.events import STAR, EventColumnEdge
from prefect_lineage_events.history.model import TaskRun
from prefect_lineage_events.stitching.attribution import Attribution
from prefect_lineage_events.stitching.columns import Schemas
from prefect_lineage_events.stitching.explanation import Explanation
from prefect_lineage_events.stitching.lifetimes import Lifetime, ResolvedStep
from prefect_lineage_events.stitching.model import Evidence
from prefect_lineage_events.stitching.provenance import DIRECT, Origin, Origins, Provenance, less_certain, through
from prefect_lineage_events.stitching.rows_in_memory import Moment, Rows, reads_transient, returns_rows
from prefect_lineage_events.stitching.steps import Scope

# Limits of column edges by equal names: of the columns that one name fits, and of all such edges of a run. A task that
# reads 500 tables and writes 500 would have millions.
MAX_ALIKE = 50
MAX_INFERRED = 10_000


@dataclass(frozen=True, slots=True)
class WriteSources:
    """The sources of a dataset that outlasts the run, by the writes of some scopes."""

    target: Lifetime
    scopes: frozenset[Scope]
    provenance: Provenance = field(default_factory=Provenance)


class Dataflow:
    """The sources of each lasting dataset, by scope of the writes. Transient datasets are replaced by their sources.

    It follows the rows through a run in the order of time.
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
        self._schemas = schemas
        self._without_columns = not infer_columns
        self._inferred = 0
        self._contents: dict[Lifetime, Provenance] = defaultdict(Provenance)
        # The provenance of rows read of transient tables, as of the time of the read.
        self._snapshots: dict[int, Provenance] = {}
        self.attribution = Attribution(resolved_steps, tasks, self._rows, self._written_columns, self._with_provenance)
        self._writes: dict[tuple[Lifetime, frozenset[Scope]], WriteSources] = {}
        self._follow()

    def write_sources(self) -> list[WriteSources]:
        return list(self._writes.values())

    def _follow(self) -> None:
        for moment, resolved in self._moments():
            target = resolved.target
            if returns_rows(resolved) and reads_transient(resolved):
                self._snapshots.setdefault(id(resolved), Provenance()).merge(self._provenance_of_result(resolved))
            if target and target.transient:
                self._fill_transient(target, resolved, moment)
            elif target and moment[0] == resolved.step.last:
                self._add_write(target, resolved, moment)

    def _rows(self, resolved: ResolvedStep, position: int) -> Rows:
        """The rows that a read returned. The provenance of rows of transient tables follows later (`_snapshots`)."""
        step = resolved.step
        provenance = Provenance() if reads_transient(resolved) else self._provenance_of_result(resolved)
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

        So the last execution sees what happened since the first, as it did in the run.
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

    def _fill_transient(self, target: Lifetime, resolved: ResolvedStep, moment: Moment) -> None:
        provenance = self._provenance_of(resolved, moment)
        if resolved.replaces_content:
            self._contents[target] = provenance
        elif resolved.step.operation == "write":
            self._contents[target].merge(provenance)

    def _provenance_of(self, resolved: ResolvedStep, moment: Moment) -> Provenance:
        if resolved.step.writes_python_rows:
            from_python = self._provenance_from_python(resolved, moment)
            if resolved.step.info.from_program:
                from_python.merge(self._provenance_in_statement(resolved))
            return from_python
        provenance = self._provenance_in_statement(resolved)
        if resolved.step.evidence == "asset":
            # Its upstream are assets that its task received, not the tables that the task read itself.
            own = self.attribution.read_by_task(resolved, moment)
            for lifetime in (lifetime for rows in own for lifetime in rows.sources if lifetime is not resolved.target):
                provenance.add_source(lifetime, _SAME_TASK)
        return provenance

    def _provenance_of_result(self, resolved: ResolvedStep) -> Provenance:
        """The provenance of the rows that a statement returns to Python: rows that it read, or rows of its table."""
        if not resolved.target:
            return self._provenance_in_statement(resolved)
        result = Provenance()
        for source, evidence in self._lasting_sources(resolved.target):
            result.add_source(source, evidence)
        known = {name.casefold() for name in self._names_of(resolved.target)}
        for name in (column.name for column in resolved.step.result_columns):
            if name.casefold() in known or (not known and name != STAR):
                result.add_column(name, self._origins(resolved.target, name))
        return result

    # --- sources named in the statement ----------------------------------------------------------------------------

    def _provenance_in_statement(self, resolved: ResolvedStep) -> Provenance:
        """The statement's sources and column edges, with transient datasets replaced by their sources."""
        result = Provenance()
        for lifetime in resolved.sources:
            for source, evidence in self._lasting_sources(lifetime):
                result.add_source(source, less_certain(evidence, resolved.step.evidence))
            if lifetime.transient:
                result.row_filters.update(self._contents[lifetime].row_filters)
                result.merge_doubts(self._contents[lifetime])
        stars = []
        for edge in resolved.step.columns:
            source_lifetime = resolved.by_uri.get(edge.source)
            if source_lifetime is None:
                continue
            if edge.source_column == STAR:
                # `count(*)` and the like have a column on one side only: no column's values went there
                if edge.column == STAR and edge.transformation in DIRECT:
                    stars.append((edge, source_lifetime))
                continue
            origins = through(self._origins(source_lifetime, edge.source_column), edge.transformation)
            if edge.transformation not in DIRECT:
                result.row_filters.update(origins)
            elif edge.column != STAR:
                result.add_column(edge.column, origins)
        self._add_stars(result, resolved, stars)
        for column in resolved.step.result_columns if resolved.step.reads else ():
            if column.name != STAR:
                result.add_column(column.name, ())
        return result

    def _lasting_sources(self, lifetime: Lifetime) -> Iterable[tuple[Lifetime, Evidence]]:
        if lifetime.transient:
            return self._contents[lifetime].sources.items()
        return [(lifetime, "sql")]

    def _origins(self, lifetime: Lifetime, column: str) -> Origins:
        if lifetime.transient:
            return self._contents[lifetime].column(column)
        return {Origin(lifetime, self._schemas.spelled(lifetime, column)): None}

    def _add_stars(
        self, result: Provenance, resolved: ResolvedStep, stars: list[tuple[EventColumnEdge, Lifetime]]
    ) -> None:
        """Add the columns of `SELECT *`: those of the source, or else those of the target."""
        into = self._target_columns(resolved)
        alone = len(stars) == 1 and not result.columns
        for edge, lifetime in stars:
            names = self._names_of(lifetime)
            if edge.position:
                known = (
                    self._by_position(lifetime, resolved.target, names, into) if alone and edge.position == 1 else ()
                )
                for name, target in known:
                    result.add_column(target, through(self._origins(lifetime, name), edge.transformation))
                continue
            if names:
                targets = into if alone and _positional(names, into) else names
                for name, target in zip(names, targets, strict=True):
                    result.add_column(target, through(self._origins(lifetime, name), edge.transformation))
            elif len(stars) == 1 and into:
                for name in [n for n in into if n.casefold() not in result.columns]:
                    result.add_column(name, through(self._origins(lifetime, name), edge.transformation))
            else:
                result.stars.update(self._contents[lifetime].stars if lifetime.transient else {lifetime: None})

    def _by_position(
        self, source: Lifetime, target: Lifetime | None, names: Sequence[str], into: Sequence[str]
    ) -> Iterable[tuple[str, str]]:
        """Pairs of a source's column and the target's column that it fills; none if that is not known."""
        if target is not None and not source.transient:
            ours, theirs = self._schemas.listed(source), self._schemas.listed(target)
            if ours and theirs:
                return zip(ours, theirs, strict=False) if len(ours) <= len(theirs) else ()
        if len(names) != len(into):
            return ()
        return zip(names, into if _positional(names, into) else names, strict=True)

    def _names_of(self, lifetime: Lifetime) -> list[str]:
        if lifetime.transient and (content := self._contents[lifetime]).columns:
            return content.names()
        return self._schemas.names(lifetime)

    def _target_columns(self, resolved: ResolvedStep) -> list[str]:
        step = resolved.step
        if resolved.target is None:
            return [c.name for c in step.result_columns if c.name != STAR]
        named = [c.name for c in step.output.columns] if step.output else []
        return named or self._schemas.names(resolved.target)

    # --- rows out of Python ----------------------------------------------------------------------------------------

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
        if resolved.step.values_stand_in_text or self._without_columns:
            return
        for name in self._bound_columns(resolved):
            known = [
                origins
                for column in self._program_columns(resolved, name)
                for rows in explanation.having(column)
                for origins in rows.provenance.origins(column)
            ]
            number = sum(map(len, known))
            fits = number <= MAX_ALIKE and self._inferred < MAX_INFERRED
            result.add_column(name, (_guessed(origin) for origins in known for origin in origins) if fits else ())
            self._inferred += number if fits else 0

    def _may_lack_sources(self, resolved: ResolvedStep, chosen: Sequence[object]) -> bool:
        """Return whether a source is missing, or may be. A row made up of constants has none."""
        step = resolved.step
        if step.evidence == "asset" or step.values_stand_in_text:
            return False
        return not chosen or self.attribution.has_unseen_results(resolved)

    def _bound_columns(self, resolved: ResolvedStep) -> list[str]:
        """The columns of the target that take values of the program; all columns if none are named."""
        bound = resolved.step.bound
        if bound is None:
            constant = {column.casefold() for column in resolved.step.constant}
            return [name for name in self._target_columns(resolved) if name.casefold() not in constant]
        return [name for column in bound if column != STAR and (name := self._column_named(resolved, column))]

    def _written_columns(self, resolved: ResolvedStep) -> list[str]:
        """The columns that identify the rows of a write: those that take its values, or select the rows it changes."""
        if resolved.target is None:
            return self._target_columns(resolved)
        if resolved.step.values_stand_in_text:
            return [name for column in resolved.step.constant if (name := self._column_named(resolved, column))]
        names = self._bound_columns(resolved)
        if names or resolved.step.bound is None or resolved.step.output is None:
            return list(dict.fromkeys(column for name in names for column in self._program_columns(resolved, name)))
        own = resolved.step.output.uri
        return [edge.source_column for edge in resolved.step.columns if edge.source == own and edge.column == STAR]

    def _program_columns(self, resolved: ResolvedStep, name: str) -> list[str]:
        """The columns of the program's own rows that go into a column of the target; there may be several."""
        pairs = resolved.step.program_columns
        key = name.casefold()
        own = [own for column, own in pairs if (self._column_named(resolved, column) or column).casefold() == key]
        return own or [name]

    def _column_named(self, resolved: ResolvedStep, column: str) -> str | None:
        """A column's name; for `_2` that of the target's second column, None if it is not known."""
        number = column.removeprefix("_")
        if column.startswith("_") and number.isdigit():
            known = self._schemas.names(resolved.target) if resolved.target else []
            if column not in known:
                return known[int(number) - 1] if 0 < int(number) <= len(known) else None
        return column


_SAME_TASK: Evidence = "same task"


def _guessed(origin: Origin) -> Origin:
    """The origin of a column that was matched by its name only: inferred, and no identity."""
    kind = "TRANSFORMATION" if origin.transformation == "IDENTITY" else origin.transformation
    return origin._replace(transformation=kind, inferred=True)


def _positional(names: Sequence[str], into: Sequence[str]) -> bool:
    """Return whether columns of INSERT ... SELECT * must be matched by position: as many names, but different ones."""
    same = {n.casefold() for n in names} == {n.casefold() for n in into}
    return len(names) == len(into) and not same
