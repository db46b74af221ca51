"""Attribution of writes to rows that Python had read: where these may have come from, and in what order.

`explanation` decides among those that come into question.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from prefect_lineage_events.history.model import TaskRun
from prefect_lineage_events.stitching.explanation import (
    Explanation,
    Possibility,
    Written,
    alike,
    explain,
    has_many_rows,
    possibilities,
)
from prefect_lineage_events.stitching.flow_body import FlowBody
from prefect_lineage_events.stitching.lifetimes import Lifetime, ResolvedStep
from prefect_lineage_events.stitching.model import Evidence
from prefect_lineage_events.stitching.rows_in_memory import Moment, Rows, counts_of, hands_over, is_below, levels
from prefect_lineage_events.stitching.steps import Scope
from prefect_lineage_events.stitching.task_graph import UpstreamTasks

# Of what a task read, so many reads come into question, the latest: one that reads thousands of tables one by one and
# writes each would be compared millions of times.
MAX_READS = 300

_SAME_TASK: Evidence = "same task"
_TASK_GRAPH: Evidence = "task graph"
_SAME_FLOW: Evidence = "same flow"


@dataclass(frozen=True, slots=True)
class _Taker:
    """A write of rows out of Python, which is more than a note of one row."""

    started: dt.datetime
    target: Lifetime
    threads: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Order:
    """The order of a scope's reads and writes. `alone`: nothing else was written of what was read."""

    since: dt.datetime | None
    alone: bool
    in_turn: bool

    def fresh(self, rows: Iterable[Rows]) -> set[int]:
        return {id(one) for one in rows if self.since is None or one.last > self.since}


# When something was written, to which targets, and whether reads and writes took turns.
_Sequence = tuple[list[dt.datetime], set[Lifetime], bool]


class Attribution:
    """The rows of a run's reads, by scope, and which write took which.

    `rows_of` gives what a read handed over, `names_into` the columns that a write put, `resolved` the rows as they are
    now: those of a table that is gone in the end are what went into it.
    """

    def __init__(
        self,
        placed: Sequence[ResolvedStep],
        tasks: Mapping[UUID, TaskRun],
        rows_of: Callable[[ResolvedStep, int], Rows],
        names_into: Callable[[ResolvedStep], Iterable[str]],
        resolved: Callable[[Rows], Rows],
    ) -> None:
        self._names_into = names_into
        self._resolved = resolved
        self._rows: dict[Scope, list[Rows]] = defaultdict(list)
        body: list[Rows] = []
        self._by_statement: dict[UUID, list[Rows]] = defaultdict(list)
        for position, one in enumerate(placed):
            if hands_over(one) or (one.step.reads and one.step.guessed):
                rows = rows_of(one, position)
                if not one.step.guessed:
                    for scope in one.step.scopes:
                        self._rows[scope].append(rows)
                self._by_statement[one.step.info.id].append(rows)
                if None in one.step.scopes:
                    body.append(rows)
        self._callers = {task.id: task.caller for task in tasks.values() if task.caller}
        self._called: dict[Scope, list[Scope]] = defaultdict(list)
        for scope in self._rows:
            for caller in self._above(scope):
                self._called[caller].append(scope)
        self._takers: dict[Scope, list[_Taker]] = defaultdict(list)
        for one in placed:
            if one.target and one.step.takes_from_python and not self._is_a_note(one):
                for scope in one.step.scopes:
                    self._takers[scope].append(_Taker(one.step.started, one.target, one.step.threads))
        self._recorded_of: dict[Lifetime, list[ResolvedStep]] = defaultdict(list)
        for one in placed:
            if one.target and one.step.evidence == "recorded" and one.sources:
                self._recorded_of[one.target].append(one)
        wrote = {scope for one in placed if one.target for scope in one.step.scopes}
        self._givers = UpstreamTasks(tasks, wrote, self._covers)
        takes = [
            (taker.started, taker.target)
            for scope, takers in self._takers.items()
            if scope is None or (scope in tasks and tasks[scope].untracked)
            for taker in takers
        ]
        self._body = FlowBody(
            placed, tasks, takes, givers=self._givers.of, written=self.written, own=body, rows=self._rows
        )
        self._sequences: dict[tuple[frozenset[Scope], str], _Sequence] = {}
        self._spent: dict[Scope, set[frozenset[Lifetime]]] = defaultdict(set)

    def of(self, placed: ResolvedStep, moment: Moment) -> Explanation:
        """The rows that a write took: those that it has a value of, and what else the evidence says."""
        found = self._in_all(placed, moment)
        rows = [
            rows for id_ in sorted(placed.step.value_origins) for rows in self._by_statement[id_] if rows.began < moment
        ]
        if not rows:
            return found
        scopes = placed.step.scopes
        seen = self._seen(rows)
        pairs = [(one, _SAME_TASK if scopes & one.read.step.scopes else _SAME_FLOW) for one in seen]
        return found.and_of(possibilities(pairs, (), ()))

    def _in_all(self, placed: ResolvedStep, moment: Moment) -> Explanation:
        """Of what its own scope read and was given, or else out of the hands of the flow's body."""
        own, given = self._without_read_back(*self._in_hand(placed, moment))
        written = self.written(placed)
        body = self._body.feeding(placed)
        if body.chosen or body.perhaps:
            return self._with_resolved(body)
        thread, near = _nearest(placed, own, given, written.names)
        order = self._order(placed, thread)
        spent = {sources for scope in placed.step.scopes for sources in self._spent[scope]}
        among = possibilities(
            [*((rows, _SAME_TASK) for rows in near), *((rows, _TASK_GRAPH) for rows in given)],
            spent,
            order.fresh(near),
            self._parameters(placed, given),
        )
        if written.inlined:
            return Explanation([p for p in among if alike(p.names, written.names, single=True)])
        found = explain(written, among, alone=order.alone, in_turn=order.in_turn)
        if found.exactly and len(found.chosen) == 1:
            for scope in placed.step.scopes:
                self._spent[scope].add(found.chosen[0].sources)
        return found

    def of_its_task(self, placed: ResolvedStep, moment: Moment) -> list[Rows]:
        """All that the write's own scope read before."""
        return self._in_hand(placed, moment)[0]

    def unseen(self, placed: ResolvedStep) -> bool:
        """Was its task given results of which the history does not say where they came from?"""
        return any(self._givers.unseen(scope, self._rows) for scope in placed.step.scopes)

    def handed(self) -> list[Rows]:
        """All that the run's statements handed to Python."""
        return self._seen(rows for scope in self._rows for rows in self._rows[scope])

    def handed_by(self, givers: Iterable[UUID]) -> list[Rows]:
        """The rows that came with the results of these tasks."""
        scopes = dict.fromkeys(scope for giver in sorted(givers) for scope in (giver, *self._givers.of(giver)))
        return self._seen(rows for scope in scopes for rows in self._rows.get(scope, ()))

    def handed_by_the_body(self, call: TaskRun) -> tuple[list[Rows], bool]:
        """The rows that the flow's body handed to a subflow; and whether they are but one of several possibilities."""
        found = self._body.feeding_call(call)
        some = found.chosen or found.perhaps
        return self._seen(rows for possibility in some for rows, _ in possibility.rows), len(found.chosen) != 1

    def written(self, placed: ResolvedStep) -> Written:
        """All that is known of the rows of a write."""
        step = placed.step
        names = frozenset(name.casefold() for name in self._names_into(placed))
        rows = step.info.rows
        single = not has_many_rows(step) if rows is not None else step.output is not None and step.output.kind == "api"
        counts = counts_of(rows, step.info.executions)
        executions = step.info.executions
        binds = step.evidence == "sql" and bool(step.bound) and not step.info.from_program
        return Written(names, counts, rows, executions, single=single, binds=binds, inlined=step.values_stand_in_text)

    def _in_hand(self, placed: ResolvedStep, moment: Moment) -> tuple[list[Rows], list[Rows]]:
        """The rows that the write's scope read before, and those that it was given."""
        own: dict[int, Rows] = {}
        given: dict[int, Rows] = {}
        names = self._names_into(placed)
        for scope in sorted(placed.step.scopes, key=str):
            # Not the callers' other callees: their results are followed along the task graph, or not at all.
            for other in (scope, *self._called.get(scope, ()), *self._above(scope)):
                before = [rows for rows in self._rows.get(other, ()) if rows.began < moment]
                own.update((id(rows), rows) for rows in before[-MAX_READS:])
            for giver in self._givers.of(scope, tuple(names)):
                given.update((id(rows), rows) for rows in self._rows.get(giver, ())[-MAX_READS:])
        return self._seen(own.values()), self._seen(rows for key, rows in given.items() if key not in own)

    def _without_read_back(self, own: list[Rows], given: list[Rows]) -> tuple[list[Rows], list[Rows]]:
        """Without recorded reads of what a recorded write went on to say it was made of, and that was read back.

        An API's rows that went into a file, which was read again, are those of the file: beside it they are no source.
        """
        read_back: dict[Lifetime, dt.datetime] = {}
        for rows in (*own, *given):
            for life in rows.relation.sources:
                for made in self._recorded_of.get(life, ()):
                    if made.step.started < rows.last:
                        read_back |= {s: max(made.step.last, read_back.get(s, _FIRST)) for s in made.sources}
        if not read_back:
            return own, given

        def stands(rows: Rows) -> bool:
            sources = rows.relation.sources
            went_on = bool(sources) and all(rows.last <= read_back.get(life, _FIRST) for life in sources)
            return rows.read.step.evidence != "recorded" or not went_on

        return [rows for rows in own if stands(rows)], [rows for rows in given if stands(rows)]

    def _parameters(self, placed: ResolvedStep, given: Iterable[Rows]) -> set[int]:
        """The ids of the rows that came to the write's task as they were read."""
        names = tuple(self._names_into(placed))
        tasks = {task for scope in placed.step.scopes for task in self._givers.nearest(scope, names, self._rows)}
        return {id(rows) for rows in given if not tasks.isdisjoint(rows.read.step.scopes)}

    def _seen(self, rows: Iterable[Rows]) -> list[Rows]:
        resolved = {id(one): self._resolved(one) for one in rows}
        return [one for one in resolved.values() if one.relation.sources or one.relation.unsure]

    def _with_resolved(self, found: Explanation) -> Explanation:
        def seen(some: Iterable[Possibility]) -> list[Possibility]:
            return [
                Possibility(p.sources, [(one, _SAME_FLOW) for one in self._seen(rows for rows, _ in p.rows)])
                for p in some
            ]

        return Explanation(seen(found.chosen), seen(found.perhaps), found.exactly)

    def _above(self, scope: Scope) -> Iterator[UUID]:
        seen = {scope}
        while scope and (scope := self._callers.get(scope)) and scope not in seen:
            seen.add(scope)
            yield scope

    def _order(self, placed: ResolvedStep, thread: str) -> _Order:
        key = (placed.step.scopes, thread)
        if key not in self._sequences:
            self._sequences[key] = self._sequence(*key)
        times, targets, in_turn = self._sequences[key]
        before = bisect_left(times, placed.step.started)
        return _Order(times[before - 1] if before else None, targets <= {placed.target}, in_turn)

    def _sequence(self, scopes: frozenset[Scope], thread: str) -> _Sequence:
        """When rows out of Python were written in these scopes and this thread, to what, and whether in turn."""
        family = {scope for own in scopes for scope in (own, *self._called.get(own, ()), *self._above(own))}
        takers = [
            taker
            for scope in family
            for taker in self._takers.get(scope, ())
            if any(is_below(own, thread) for own in taker.threads)
        ]
        times = sorted({taker.started for taker in takers})
        reads = sorted(
            rows.began[0]
            for scope in family
            for rows in self._rows.get(scope, ())
            if not rows.is_scalar and rows.within(thread)
        )
        in_turn = all(
            bisect_right(reads, first) < bisect_right(reads, then)
            for first, then in zip([_FIRST, *times], times, strict=False)
        )
        return times, {taker.target for taker in takers}, in_turn

    def _is_a_note(self, placed: ResolvedStep) -> bool:
        """A single row that has no column of what was read: that something was done, or how much."""
        written = self.written(placed)
        return written.single and not any(
            written.names & rows.names for scope in placed.step.scopes for rows in self._rows.get(scope, ())
        )

    def _covers(self, tasks: Collection[UUID], names: frozenset[str]) -> bool:
        return names <= {name for task in tasks for rows in self._rows.get(task, ()) for name in rows.names}


def _nearest(
    placed: ResolvedStep, own: Sequence[Rows], given: Sequence[Rows], names: frozenset[str]
) -> tuple[str, Sequence[Rows]]:
    """The thread of control whose reads are asked, and these: the write's own, else one above that has more to say."""
    for thread in levels(placed.step.threads):
        near = [rows for rows in own if rows.within(thread)]
        if not thread:
            return thread, near
        there = {id(rows) for rows in near}
        missing = names - frozenset().union(*(rows.names for rows in near), *(rows.names for rows in given))
        if near and not any(missing & rows.names for rows in own if id(rows) not in there):
            return thread, near
    return "", own


_FIRST = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
