"""What fed each write of a run: by its own statement, or by Python's hands.

Rules for Python, which nobody sees inside of:
- In one task, rows that were read feed what is written after them. So do rows that the flow's own body read, for what
  the flow's own body writes.
- A task inside of a task is a part of it: what it reads, its caller may write, and what its caller read before, it may.
- A task that received the result of another was given what that one read; and, when that one wrote nothing itself, what
  had been given to it. What a task wrote is in the store: its result says no more than that it is there.
- A DELETE or UPDATE with RETURNING reads what it returns; its table is an input when that fed something.
- A statement that says itself what fed it (INSERT ... SELECT) is believed.
- Results that pass through the flow's body are lost to Prefect: `flow_body` says where they went, where there is no
  doubt. No edge is better than a false one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from prefect_lineage_events.assembly.flow_body import FlowBody, Result
from prefect_lineage_events.assembly.givers import Givers
from prefect_lineage_events.assembly.hands import Hands, Moment, hands_over, passing
from prefect_lineage_events.assembly.lives import Life, Placed
from prefect_lineage_events.assembly.model import How
from prefect_lineage_events.assembly.relation import DIRECT, Origin, Origins, Relation, less_sure, through, together
from prefect_lineage_events.assembly.schemas import STAR, Schemas
from prefect_lineage_events.assembly.statements import Scope
from prefect_lineage_events.events import EventColumnEdge
from prefect_lineage_events.history.model import TaskRun

# Equal names are a guess: one that fits more columns than that tells nothing, and so many of them help nobody. A task
# that reads 500 tables and writes 500 would have millions.
MAX_ALIKE = 50
MAX_INFERRED = 10_000


@dataclass(frozen=True, slots=True)
class Fed:
    """A dataset that outlasts the run, and what fed it by the writes of some scopes."""

    target: Life
    scopes: frozenset[Scope]
    by: Relation = field(default_factory=Relation)


class Dataflow:
    """What fed each lasting dataset, by scope of the writes. Datasets that come and go leave no trace in it.

    It follows the rows through a run, moment by moment.
    """

    def __init__(
        self, placed: Sequence[Placed], tasks: Mapping[UUID, TaskRun], schemas: Schemas, *, infer_columns: bool
    ) -> None:
        self._placed = placed
        self._schemas = schemas
        self._inferred = 0 if infer_columns else MAX_INFERRED
        self._contents: dict[Life, Relation] = defaultdict(Relation)
        self._hands: dict[Scope, Hands] = defaultdict(Hands)
        self._with_called: dict[Scope, Hands] = defaultdict(Hands)
        wrote = {scope for one in placed if one.target for scope in one.step.scopes}
        self._givers = Givers(tasks, wrote, self._covers)
        self._callers = {task.id: task.caller for task in tasks.values() if task.caller}
        self._body = FlowBody(placed, tasks, self._givers.of, self._names_into)
        self._fed: dict[tuple[Life, frozenset[Scope]], Fed] = {}
        self._written: dict[tuple[Life, frozenset[Scope], tuple[str, ...]], int] = {}
        self._follow()

    def fed(self) -> list[Fed]:
        return list(self._fed.values())

    def handed(self) -> Relation:
        """All that the run's statements handed to Python."""
        return together(hands.all_day for hands in self._hands.values())

    def handed_by(self, givers: Iterable[UUID]) -> Relation:
        """What came with the results of these tasks."""
        scopes = dict.fromkeys(scope for giver in sorted(givers) for scope in (giver, *self._givers.of(giver)))
        return together(self._hands[scope].all_day for scope in scopes)

    def handed_by_the_body(self, call: TaskRun) -> Iterator[Relation]:
        """What the flow's body handed to a subflow, result by result."""
        for result in self._body.feeding_call(call):
            yield together(self._rows_of(result))

    def _follow(self) -> None:
        self._hand_over_lasting()
        for moment, placed in self._moments():
            target = placed.target
            if hands_over(placed) and passing(placed):
                self._hand_over(placed)
            if target and target.gone:
                self._fill(target, placed, moment)
            elif target:
                self._feed(target, placed, moment)

    def _moments(self) -> Iterator[tuple[Moment, Placed]]:
        """Statements as they ran; one that stands for many executions at the first and at the last of them.

        What happened between two executions meets the later one, as it did in the run.
        """
        moments = []
        for position, placed in enumerate(self._placed):
            step = placed.step
            moments += [((time, position), placed) for time in dict.fromkeys((step.started, step.last))]
        return iter(sorted(moments, key=lambda m: m[0]))

    def _hand_over_lasting(self) -> None:
        """Reads of lasting datasets are known beforehand, so that a task's clock does not matter to those it feeds.

        What a caller only may have handed over is for `flow_body` to judge.
        """
        for position, placed in enumerate(self._placed):
            if hands_over(placed) and not passing(placed):
                rows = self._result(placed)
                for hands in self._of(placed.step.scopes):
                    hands.ahead.append(((placed.step.started, position), rows))
                    hands.all_day.take(rows)

    def _hand_over(self, placed: Placed) -> None:
        rows = self._result(placed)
        for hands in self._of(placed.step.scopes):
            hands.now.take(rows)
            hands.all_day.take(rows)

    def _of(self, scopes: Iterable[Scope]) -> Iterator[Hands]:
        """The hands of the scopes that a statement belongs to, and of the tasks that called them."""
        for scope in scopes:
            yield self._hands[scope]
            for caller in self._above(scope):
                yield self._with_called[caller]

    def _above(self, scope: Scope) -> Iterator[UUID]:
        seen = {scope}
        while scope and (scope := self._callers.get(scope)) and scope not in seen:
            seen.add(scope)
            yield scope

    def _feed(self, target: Life, placed: Placed, moment: Moment) -> None:
        """A write in a loop of which nothing new can be learned is passed over."""
        scopes = placed.step.scopes
        if placed.step.takes_from_python:
            key = (target, scopes, tuple(self._names_into(placed)))
            size = sum(rows.size() for rows, _ in self._in_hand(placed, moment))
            if self._written.get(key) == size:
                return
            self._written[key] = size
        fed = self._fed.setdefault((target, scopes), Fed(target, scopes))
        fed.by.take(self._feeding(placed, moment))

    def _fill(self, passing: Life, placed: Placed, moment: Moment) -> None:
        feeding = self._feeding(placed, moment)
        if placed.renews:
            self._contents[passing] = feeding
        elif placed.step.operation == "write":
            self._contents[passing].take(feeding)

    def _feeding(self, placed: Placed, moment: Moment) -> Relation:
        if placed.step.takes_from_python:
            given = self._given(placed, moment)
            if placed.step.info.from_program:
                given.take(self._relation(placed))
            return given
        feeding = self._relation(placed)
        if placed.step.how == "asset":
            # Its upstream are assets that its task was given, not the tables that the task read itself.
            own = [rows for rows, how in self._in_hand(placed, moment) if how == _SAME_TASK]
            for life in (life for rows in own for life in rows.sources if life is not placed.target):
                feeding.fed_by(life, _SAME_TASK)
        return feeding

    def _result(self, placed: Placed) -> Relation:
        """The rows that a statement hands to Python: those that it read, or those of its table that it returns."""
        if not placed.target:
            return self._relation(placed)
        result = Relation()
        for source, how in self._behind(placed.target):
            result.fed_by(source, how)
        known = {name.casefold() for name in self._names_of(placed.target)}
        for name in (column.name for column in placed.step.result_columns):
            if name.casefold() in known or (not known and name != STAR):
                result.put(name, self._origins(placed.target, name))
        return result

    # --- what a statement says itself ------------------------------------------------------------------------------

    def _relation(self, placed: Placed) -> Relation:
        """The statement's sources and column edges, seen through what comes and goes."""
        result = Relation()
        for life in placed.sources:
            for source, how in self._behind(life):
                result.fed_by(source, less_sure(how, placed.step.how))
            if life.gone:
                result.deciding.update(self._contents[life].deciding)
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
                result.deciding.update(origins)
            elif edge.column != STAR:
                result.put(edge.column, origins)
        self._put_stars(result, placed, stars)
        for column in placed.step.result_columns if placed.step.reads else ():
            if column.name != STAR:
                result.put(column.name, ())
        return result

    def _behind(self, life: Life) -> Iterable[tuple[Life, How]]:
        if life.gone:
            return self._contents[life].sources.items()
        return [(life, "sql")]

    def _origins(self, life: Life, column: str) -> Origins:
        if life.gone:
            return self._contents[life].column(column)
        return {Origin(life, self._schemas.spelled(life, column)): None}

    def _put_stars(self, result: Relation, placed: Placed, stars: list[tuple[EventColumnEdge, Life]]) -> None:
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
        self, source: Life, target: Life | None, names: Sequence[str], into: Sequence[str]
    ) -> Iterable[tuple[str, str]]:
        """Which column of the target each column of the source fills; none where that is not known."""
        if target is not None and not source.gone:
            ours, theirs = self._schemas.listed(source), self._schemas.listed(target)
            if ours and theirs:
                return zip(ours, theirs, strict=False) if len(ours) <= len(theirs) else ()
        if len(names) != len(into):
            return ()
        return zip(names, into if _positional(names, into) else names, strict=True)

    def _names_of(self, life: Life) -> list[str]:
        if life.gone and (content := self._contents[life]).columns:
            return content.names()
        return self._schemas.names(life)

    def _names_into(self, placed: Placed) -> list[str]:
        step = placed.step
        if placed.target is None:
            return [c.name for c in step.result_columns if c.name != STAR]
        named = [c.name for c in step.output.columns] if step.output else []
        return named or self._schemas.names(placed.target)

    # --- what Python was handed ------------------------------------------------------------------------------------

    def _given(self, placed: Placed, moment: Moment) -> Relation:
        """What Python had in its hands when it wrote; columns by equal names, never more than inferred."""
        result = Relation()
        in_hand = self._in_hand(placed, moment)
        for rows, how in in_hand:
            for life, known_by in rows.sources.items():
                # a row that is marked as done was not made of the row that it returned as it was claimed
                if life is not placed.target or life.read:
                    result.fed_by(life, less_sure(known_by, how))
        for name in self._names_into(placed) if self._inferred < MAX_INFERRED else ():
            known = [origins for rows, _ in in_hand for origins in rows.origins(name)]
            if sum(map(len, known)) <= MAX_ALIKE:
                result.put(name, (_guessed(origin) for origins in known for origin in origins))
                self._inferred += sum(map(len, known))
        return result

    def _in_hand(self, placed: Placed, moment: Moment) -> list[tuple[Relation, How]]:
        found: list[tuple[Relation, How]] = []
        names = self._names_into(placed)
        for scope in sorted(placed.step.scopes, key=str):
            # Not the callers' other callees: their results are followed along the task graph, or not at all.
            mine = [self._hands[scope], self._with_called[scope], *(self._hands[c] for c in self._above(scope))]
            found += [(hands.until(moment), _SAME_TASK) for hands in mine]
            found += [(self._hands[giver].all_day, _TASK_GRAPH) for giver in self._givers.of(scope, names)]
        if not any(rows.sources for rows, _ in found):
            found += [(rows, _SAME_FLOW) for rows in self._out_of_the_body(placed)]
        return found

    def _out_of_the_body(self, placed: Placed) -> Iterator[Relation]:
        for result in self._body.feeding(placed):
            yield from self._rows_of(result)

    def _rows_of(self, result: Result) -> Iterator[Relation]:
        if result.read:
            yield self._relation(result.read)
        elif result.task:
            yield from (self._hands[task].all_day for task in (result.task, *self._givers.of(result.task)))

    def _covers(self, tasks: Collection[UUID], names: frozenset[str]) -> bool:
        return names <= {name for task in tasks for name in self._hands[task].all_day.columns}


_SAME_TASK: How = "same task"
_TASK_GRAPH: How = "task graph"
_SAME_FLOW: How = "same flow"


def _guessed(origin: Origin) -> Origin:
    """Where a column of a result came from; that it is the one which was written is a guess by its name."""
    kind = "TRANSFORMATION" if origin.transformation == "IDENTITY" else origin.transformation
    return origin._replace(transformation=kind, inferred=True)


def _positional(names: Sequence[str], into: Sequence[str]) -> bool:
    """INSERT ... SELECT * goes by position, which matters where the names differ."""
    same = {n.casefold() for n in names} == {n.casefold() for n in into}
    return len(names) == len(into) and not same
