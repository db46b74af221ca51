"""Sources of each write of a run: in its own statement, or in rows that Python had read before.

Rules for Python, whose inside is not seen:
- In one task, rows that were read may feed what is written after them, and those of its own thread of control before
  others. So may rows that the flow's own body read, for what the flow's own body writes.
- A task inside of a task is a part of it: what it reads, its caller may write, and what its caller read before, it may.
- A task that received the result of another was given what that one read; and, when that one wrote nothing itself, what
  had been given to it. What a task wrote is in the store: its result says no more than that it is there.
- Which of these rows a write took, `explanation` says. What it does not say is an unknown source, never an edge.
- A DELETE or UPDATE with RETURNING reads what it returns; its table is an input when that fed something.
- A statement that says itself what fed it (INSERT ... SELECT) is believed.
- Results that pass through the flow's body are lost to Prefect: `flow_body` says where they went, where there is no
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
from prefect_lineage_events.stitching.provenance import DIRECT, Origin, Origins, Provenance, less_sure, through
from prefect_lineage_events.stitching.rows_in_memory import Moment, Rows, hands_over, passing
from prefect_lineage_events.stitching.steps import Scope

# Equal names are a guess: one that fits more columns than that tells nothing, and so many of them help nobody. A task
# that reads 500 tables and writes 500 would have millions.
MAX_ALIKE = 50
MAX_INFERRED = 10_000


@dataclass(frozen=True, slots=True)
class Fed:
    """A dataset that outlasts the run, and what fed it by the writes of some scopes."""

    target: Lifetime
    scopes: frozenset[Scope]
    by: Provenance = field(default_factory=Provenance)


class Dataflow:
    """What fed each lasting dataset, by scope of the writes. Datasets that come and go leave no trace in it.

    It follows the rows through a run, moment by moment.
    """

    def __init__(
        self, placed: Sequence[ResolvedStep], tasks: Mapping[UUID, TaskRun], schemas: Schemas, *, infer_columns: bool
    ) -> None:
        self._placed = placed
        self._schemas = schemas
        self._without_columns = not infer_columns
        self._inferred = 0
        self._contents: dict[Lifetime, Provenance] = defaultdict(Provenance)
        # What was read of tables that are gone in the end, as it was when it was read.
        self._snapshots: dict[int, Provenance] = {}
        self.attribution = Attribution(placed, tasks, self._rows, self._written_names, self._resolved)
        self._fed: dict[tuple[Lifetime, frozenset[Scope]], Fed] = {}
        self._follow()

    def fed(self) -> list[Fed]:
        return list(self._fed.values())

    def _follow(self) -> None:
        for moment, placed in self._moments():
            target = placed.target
            if hands_over(placed) and passing(placed):
                self._snapshots.setdefault(id(placed), Provenance()).take(self._result(placed))
            if target and target.gone:
                self._fill(target, placed, moment)
            elif target and moment[0] == placed.step.last:
                self._feed(target, placed, moment)

    def _rows(self, placed: ResolvedStep, position: int) -> Rows:
        """The rows that a read handed over; of tables that are gone in the end it is known when they were read."""
        step = placed.step
        relation = Provenance() if passing(placed) else self._result(placed)
        names = [column.name for column in step.result_columns if column.name != STAR]
        if not names and not relation.stars:
            names = relation.names()
        if passing(placed):
            relation.sources = dict.fromkeys(placed.sources, "sql")
        info = step.info
        return Rows(
            relation=relation,
            names=frozenset(name.casefold() for name in names),
            count=info.rows,
            executions=info.executions,
            began=(step.started, position),
            last=step.last,
            threads=frozenset() if step.handed else step.threads,
            read=placed,
        )

    def _resolved(self, rows: Rows) -> Rows:
        if not passing(rows.read):
            return rows
        return replace(rows, relation=self._snapshots.get(id(rows.read), Provenance()))

    def _moments(self) -> Iterator[tuple[Moment, ResolvedStep]]:
        """Statements as they ran; one that stands for many executions at the first and at the last of them.

        What happened between two executions meets the later one, as it did in the run.
        """
        moments = []
        for position, placed in enumerate(self._placed):
            step = placed.step
            moments += [((time, position), placed) for time in dict.fromkeys((step.started, step.last))]
        return iter(sorted(moments, key=lambda m: m[0]))

    def _feed(self, target: Lifetime, placed: ResolvedStep, moment: Moment) -> None:
        scopes = placed.step.scopes
        fed = self._fed.setdefault((target, scopes), Fed(target, scopes))
        fed.by.take(self._feeding(placed, moment))

    def _fill(self, passing: Lifetime, placed: ResolvedStep, moment: Moment) -> None:
        feeding = self._feeding(placed, moment)
        if placed.renews:
            self._contents[passing] = feeding
        elif placed.step.operation == "write":
            self._contents[passing].take(feeding)

    def _feeding(self, placed: ResolvedStep, moment: Moment) -> Provenance:
        if placed.step.takes_from_python:
            given = self._given(placed, moment)
            if placed.step.info.from_program:
                given.take(self._relation(placed))
            return given
        feeding = self._relation(placed)
        if placed.step.evidence == "asset":
            # Its upstream are assets that its task was given, not the tables that the task read itself.
            own = self.attribution.of_its_task(placed, moment)
            for life in (life for rows in own for life in rows.sources if life is not placed.target):
                feeding.fed_by(life, _SAME_TASK)
        return feeding

    def _result(self, placed: ResolvedStep) -> Provenance:
        """The rows that a statement hands to Python: those that it read, or those of its table that it returns."""
        if not placed.target:
            return self._relation(placed)
        result = Provenance()
        for source, evidence in self._behind(placed.target):
            result.fed_by(source, evidence)
        known = {name.casefold() for name in self._names_of(placed.target)}
        for name in (column.name for column in placed.step.result_columns):
            if name.casefold() in known or (not known and name != STAR):
                result.put(name, self._origins(placed.target, name))
        return result

    # --- what a statement says itself ------------------------------------------------------------------------------

    def _relation(self, placed: ResolvedStep) -> Provenance:
        """The statement's sources and column edges, seen through what comes and goes."""
        result = Provenance()
        for life in placed.sources:
            for source, evidence in self._behind(life):
                result.fed_by(source, less_sure(evidence, placed.step.evidence))
            if life.gone:
                result.row_filters.update(self._contents[life].row_filters)
                result.doubt_as(self._contents[life])
        stars = []
        for edge in placed.step.columns:
            life_of_edge = placed.by_uri.get(edge.source)
            if life_of_edge is None:
                continue
            if edge.source_column == STAR:
                # `count(*)` and the like have a column on one side only: no column's values went there
                if edge.column == STAR and edge.transformation in DIRECT:
                    stars.append((edge, life_of_edge))
                continue
            origins = through(self._origins(life_of_edge, edge.source_column), edge.transformation)
            if edge.transformation not in DIRECT:
                result.row_filters.update(origins)
            elif edge.column != STAR:
                result.put(edge.column, origins)
        self._put_stars(result, placed, stars)
        for column in placed.step.result_columns if placed.step.reads else ():
            if column.name != STAR:
                result.put(column.name, ())
        return result

    def _behind(self, life: Lifetime) -> Iterable[tuple[Lifetime, Evidence]]:
        if life.gone:
            return self._contents[life].sources.items()
        return [(life, "sql")]

    def _origins(self, life: Lifetime, column: str) -> Origins:
        if life.gone:
            return self._contents[life].column(column)
        return {Origin(life, self._schemas.spelled(life, column)): None}

    def _put_stars(
        self, result: Provenance, placed: ResolvedStep, stars: list[tuple[EventColumnEdge, Lifetime]]
    ) -> None:
        """`SELECT *`: the columns that the source has, or else those that the target got."""
        into = self._names_into(placed)
        alone = len(stars) == 1 and not result.columns
        for edge, life in stars:
            names = self._names_of(life)
            if edge.position:
                known = self._by_position(life, placed.target, names, into) if alone and edge.position == 1 else ()
                for name, target in known:
                    result.put(target, through(self._origins(life, name), edge.transformation))
                continue
            if names:
                targets = into if alone and _positional(names, into) else names
                for name, target in zip(names, targets, strict=True):
                    result.put(target, through(self._origins(life, name), edge.transformation))
            elif len(stars) == 1 and into:
                for name in [n for n in into if n.casefold() not in result.columns]:
                    result.put(name, through(self._origins(life, name), edge.transformation))
            else:
                result.stars.update(self._contents[life].stars if life.gone else {life: None})

    def _by_position(
        self, source: Lifetime, target: Lifetime | None, names: Sequence[str], into: Sequence[str]
    ) -> Iterable[tuple[str, str]]:
        """The column of the target that each column of the source fills; none where that is not known."""
        if target is not None and not source.gone:
            ours, theirs = self._schemas.listed(source), self._schemas.listed(target)
            if ours and theirs:
                return zip(ours, theirs, strict=False) if len(ours) <= len(theirs) else ()
        if len(names) != len(into):
            return ()
        return zip(names, into if _positional(names, into) else names, strict=True)

    def _names_of(self, life: Lifetime) -> list[str]:
        if life.gone and (content := self._contents[life]).columns:
            return content.names()
        return self._schemas.names(life)

    def _names_into(self, placed: ResolvedStep) -> list[str]:
        step = placed.step
        if placed.target is None:
            return [c.name for c in step.result_columns if c.name != STAR]
        named = [c.name for c in step.output.columns] if step.output else []
        return named or self._schemas.names(placed.target)

    # --- what Python was handed ------------------------------------------------------------------------------------

    def _given(self, placed: ResolvedStep, moment: Moment) -> Provenance:
        """Rows that Python had read and wrote; columns by equal names, onto those that take values of the program."""
        result = Provenance()
        explanation = self.attribution.of(placed, moment)
        chosen = [pair for possibility in explanation.chosen for pair in possibility.rows]
        for rows, evidence in chosen:
            for life, known_by in rows.relation.sources.items():
                # a row that is marked as done was not made of the row that it returned as it was claimed
                if life is not placed.target or life.read:
                    result.fed_by(life, less_sure(known_by, evidence))
            result.doubt_as(rows.relation)
        perhaps = (rows for possibility in explanation.perhaps for rows, _ in possibility.rows)
        result.perhaps.update(dict.fromkeys(life for rows in perhaps for life in rows.relation.sources))
        result.unsure = result.unsure or bool(explanation.perhaps) or self._lacks_sources(placed, chosen)
        self._put_by_names(result, placed, explanation)
        return result

    def _put_by_names(self, result: Provenance, placed: ResolvedStep, explanation: Explanation) -> None:
        """Never more than so many; a column without an origin is one that Python made."""
        if placed.step.values_stand_in_text or self._without_columns:
            return
        for name in self._bound_names(placed):
            known = [
                origins
                for column in self._program_names(placed, name)
                for rows in explanation.having(column)
                for origins in rows.relation.origins(column)
            ]
            number = sum(map(len, known))
            fits = number <= MAX_ALIKE and self._inferred < MAX_INFERRED
            result.put(name, (_guessed(origin) for origins in known for origin in origins) if fits else ())
            self._inferred += number if fits else 0

    def _lacks_sources(self, placed: ResolvedStep, chosen: Sequence[object]) -> bool:
        """Is a source missing, or perhaps missing? A row made up of constants has none."""
        step = placed.step
        if step.evidence == "asset" or step.values_stand_in_text:
            return False
        return not chosen or self.attribution.unseen(placed)

    def _bound_names(self, placed: ResolvedStep) -> list[str]:
        """The columns of the target that take values of the program's; all that it has, where none are named."""
        bound = placed.step.bound
        if bound is None:
            constant = {column.casefold() for column in placed.step.constant}
            return [name for name in self._names_into(placed) if name.casefold() not in constant]
        return [name for column in bound if column != STAR and (name := self._named(placed, column))]

    def _written_names(self, placed: ResolvedStep) -> list[str]:
        """The columns that tell what rows a write took: those that take its values, or choose the rows it changes."""
        if placed.target is None:
            return self._names_into(placed)
        if placed.step.values_stand_in_text:
            return [name for column in placed.step.constant if (name := self._named(placed, column))]
        names = self._bound_names(placed)
        if names or placed.step.bound is None or placed.step.output is None:
            return list(dict.fromkeys(column for name in names for column in self._program_names(placed, name)))
        own = placed.step.output.uri
        return [edge.source_column for edge in placed.step.columns if edge.source == own and edge.column == STAR]

    def _program_names(self, placed: ResolvedStep, name: str) -> list[str]:
        """The names that the program's own rows have for what goes into a column; there may be several."""
        pairs = placed.step.program_columns
        key = name.casefold()
        return [own for column, own in pairs if (self._named(placed, column) or column).casefold() == key] or [name]

    def _named(self, placed: ResolvedStep, column: str) -> str | None:
        """A column's name; `_2` is the second that the target has, where that is known."""
        number = column.removeprefix("_")
        if column.startswith("_") and number.isdigit():
            known = self._schemas.names(placed.target) if placed.target else []
            if column not in known:
                return known[int(number) - 1] if 0 < int(number) <= len(known) else None
        return column


_SAME_TASK: Evidence = "same task"


def _guessed(origin: Origin) -> Origin:
    """Where a column of a result came from; that it is the one which was written is a guess by its name."""
    kind = "TRANSFORMATION" if origin.transformation == "IDENTITY" else origin.transformation
    return origin._replace(transformation=kind, inferred=True)


def _positional(names: Sequence[str], into: Sequence[str]) -> bool:
    """INSERT ... SELECT * goes by position, which matters where the names differ."""
    same = {n.casefold() for n in names} == {n.casefold() for n in into}
    return len(names) == len(into) and not same
