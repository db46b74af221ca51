"""Results that passed through the flow's body: `df = extract(); load(df[df.x > 0])`.

Prefect follows objects, and the body made a new one: its task graph has no edge there. A result that no task received
stayed in the body's hands, and a write whose rows are not explained otherwise took them from there. The two belong
together only where there is no doubt:
- the result was there when the write's task began, and what was written can be of it, by the columns or the number of
  rows (`explanation`); only rows that came in a parameter may go by other names, where no write has theirs;
- among several results, the evidence decides; where columns are not known, it must be the only one that can have fed
  the write, or the write the only one that it can have fed, or it alone came up since the write before.
So two pipelines of one flow are never crossed, and a row that the flow makes up itself (a status, a mark) is not taken
for data; where they might be, no edge is drawn.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from prefect_lineage_events.history.model import TaskRun
from prefect_lineage_events.stitching.explanation import (
    Explanation,
    Written,
    alike,
    explain,
    has_many_rows,
    is_telling,
    possibilities,
    without_scalars,
)
from prefect_lineage_events.stitching.lifetimes import Lifetime, ResolvedStep
from prefect_lineage_events.stitching.model import Evidence
from prefect_lineage_events.stitching.rows_in_memory import Rows
from prefect_lineage_events.stitching.steps import Scope

_SAME_FLOW: Evidence = "same flow"


@dataclass(frozen=True, slots=True)
class Result:
    """Rows in the body's memory: those of a read of its own, or those that a task (or a subflow) handed to it.

    `given`: the task graph above says that they came in a parameter, so that this flow is there to do something with
    them.
    """

    began: dt.datetime
    there: dt.datetime
    rows: tuple[Rows, ...]
    given: bool = False

    @property
    def last(self) -> dt.datetime:
        """When the last of it was begun."""
        return max(self.began, *(one.last for one in self.rows if one.read.step.scopes == {None}), self.began)

    @property
    def names(self) -> frozenset[str]:
        """Names of the columns that were read; none when a part of them is not known."""
        known = all(one.names for one in self.rows)
        return frozenset().union(*(one.names for one in self.rows)) if known else frozenset()

    @property
    def sources(self) -> frozenset[Lifetime]:
        return frozenset(life for one in self.rows for life in one.sources)


@dataclass(frozen=True, slots=True)
class _Taking:
    """A write, or the call of a subflow, whose rows came out of the body's hands.

    `has_read`: unless they are of the single row that its task read itself. `by_body`: the body wrote them itself.
    """

    target: Lifetime | UUID
    began: dt.datetime
    written: Written
    has_read: bool = False
    by_body: bool = False


class FlowBody:
    """Which results of a flow's body fed which of its writes.

    `givers` names the tasks whose rows came into a task's hands, `written` tells what a statement wrote; `own` are the
    rows that the body read, `rows` those of all scopes; `takes` are the times and targets of
    all that was written by the body, or by tasks that it may have given something.
    """

    def __init__(
        self,
        placed: Sequence[ResolvedStep],
        tasks: Mapping[UUID, TaskRun],
        takes: Collection[tuple[dt.datetime, Lifetime]],
        *,
        givers: Callable[[UUID], Iterable[UUID]],
        written: Callable[[ResolvedStep], Written],
        own: Sequence[Rows],
        rows: Mapping[Scope, Sequence[Rows]],
    ) -> None:
        self._tasks = tasks
        self._all_takes = takes
        self._givers = givers
        self._written = written
        self._rows = rows
        self._wrote = {scope for one in placed if one.target for scope in one.step.scopes}
        self._fed: dict[Lifetime | UUID, Explanation] = {}
        results = sorted([*map(_own, own), *self._results()], key=lambda r: r.there)
        if results:
            takings = [self._taking(one) for one in placed if self._takes(one)]
            self._match(results, sorted([*takings, *self._calls()], key=lambda t: t.began))

    def feeding(self, placed: ResolvedStep) -> Explanation:
        """The results that a write took out of the body's hands."""
        found = self._fed.get(placed.target) if placed.target and self._takes(placed) else None
        return found or Explanation()

    def feeding_call(self, call: TaskRun) -> Explanation:
        """The results that may have gone into a subflow's parameters."""
        return self._fed.get(call.id) or Explanation()

    def _takes(self, placed: ResolvedStep) -> bool:
        """Can a write's rows only have come out of the body's hands?"""
        if placed.target is None or not placed.step.takes_from_python:
            return False
        if any(scope not in self._tasks for scope in placed.step.scopes if scope):
            return False
        tasks = self._tasks_of(placed)
        if any(task.caller or not task.untracked for task in tasks):
            return False
        names = self._written(placed).names
        own = (rows for scope in placed.step.scopes for rows in self._rows.get(scope, ()))
        if any(rows.began[0] <= placed.step.last and not (rows.is_scalar and not rows.names & names) for rows in own):
            return False
        return not any(self._was_given_rows(task) for task in tasks)

    def _was_given_rows(self, task: TaskRun) -> bool:
        return any(self._rows.get(giver) for giver in self._givers(task.id))

    def _results(self) -> Iterator[Result]:
        """Rows that tasks returned and no task received.

        What a task that wrote returned says no more than that it has written; one that was only waited for gave order.
        """
        received = {other for task in self._tasks.values() for other in task.upstream | task.waits_for}
        for task in self._tasks.values():
            kept = task.returned and task.ended and not task.caller
            if kept and task.id not in received and task.id not in self._wrote:
                scopes = (task.id, *self._givers(task.id))
                if rows := tuple(one for scope in scopes for one in self._rows.get(scope, ())):
                    assert task.ended
                    yield Result(task.started or task.ended, task.ended, rows)

    def _taking(self, placed: ResolvedStep) -> _Taking:
        """The body handed over as the first of the statement's tasks began."""
        assert placed.target
        started = (task.started for task in self._tasks_of(placed) if task.started)
        began = min(started, default=placed.step.started)
        written = replace(self._written(placed), single=not has_many_rows(placed.step))
        has_read = any(self._rows.get(scope) for scope in placed.step.scopes)
        return _Taking(placed.target, began, written, has_read, by_body=placed.step.scopes == {None})

    def _calls(self) -> Iterator[_Taking]:
        for task in self._tasks.values():
            if task.subflow and task.started and task.untracked and not task.caller and not self._was_given_rows(task):
                yield _Taking(task.id, task.started, Written(frozenset()))

    def _tasks_of(self, placed: ResolvedStep) -> list[TaskRun]:
        return [self._tasks[scope] for scope in placed.step.scopes if scope]

    def _match(self, results: Sequence[Result], takings: Sequence[_Taking]) -> None:
        """The rows that the evidence chooses where columns are known; else the order, as far as it leaves no doubt."""
        given = {id(r) for r in results if r.given and not any(_is_of(t, r) for t in takings)}
        unnamed = [(taking, _unnamed(taking, results, given)) for taking in takings]
        only = _without_doubt(unnamed)
        rows_of = {id(one): result for result in results for one in result.rows}
        targets = {taking.target for taking in takings if not _is_a_note(taking, results)}
        targets |= {target for _, target in self._all_takes}
        spent: set[frozenset[Lifetime]] = set()
        times = {t.began for t in takings if not _is_a_note(t, results)} | {began for began, _ in self._all_takes}
        in_turn = _in_turn(sorted(times), results)
        for taking, other in unnamed:
            there = [one for r in results if r.there <= taking.began for one in r.rows]
            before = max((time for time in times if time < taking.began), default=_FIRST)
            fresh = {id(one) for one in there if rows_of[id(one)].last > before}
            sure = not any(one.read.step.doubtful for one in there)
            alone = targets <= {taking.target} and sure
            found = _named(taking.written, there, fresh, spent, alone=alone, in_turn=in_turn and sure)
            if not found.chosen and not found.perhaps:
                found = _unordered(other, only.get(id(taking), ()))
            if taking.has_read and not found.chosen:
                found = _beside_a_single_row(taking, there)
            if len(found.chosen) == 1 and found.exactly:
                spent.add(found.chosen[0].sources)
            known = self._fed.get(taking.target, Explanation())
            self._fed[taking.target] = Explanation(
                [*known.chosen, *found.chosen], [*known.perhaps, *found.perhaps], found.exactly, found.stacked
            )


def _beside_a_single_row(taking: _Taking, there: Sequence[Rows]) -> Explanation:
    """The body's own row where nothing else was in its hands; what its task read may have been of more."""
    among = possibilities([(one, _SAME_FLOW) for one in there], (), ())
    if taking.by_body and len(among) == 1:
        return explain(taking.written, among, alone=True)
    return Explanation(perhaps=among)


def _is_a_note(taking: _Taking, results: Iterable[Result]) -> bool:
    """A single row that has no column of what was read: that something was done, or how much."""
    names = taking.written.names
    return taking.written.single and not any(names & one.names for result in results for one in result.rows)


def _in_turn(takings: Sequence[dt.datetime], results: Sequence[Result]) -> bool:
    """Did something come up before each taking, since the one before it?"""
    many = [result for result in results if not all(one.is_scalar for one in result.rows)]
    return all(
        any(first < result.began and result.there <= then for result in many)
        for first, then in zip([_FIRST, *takings], takings, strict=False)
    )


def _own(rows: Rows) -> Result:
    started = rows.began[0]
    return Result(started, started, (rows,), given=rows.read.step.handed and not rows.read.step.guessed)


def _is_of(taking: _Taking, result: Result) -> bool:
    written = taking.written
    return result.there <= taking.began and alike(result.names, written.names, single=written.single)


def _named(
    written: Written,
    there: Sequence[Rows],
    fresh: set[int],
    spent: set[frozenset[Lifetime]],
    *,
    alone: bool,
    in_turn: bool,
) -> Explanation:
    """The choice by columns; nothing, where none of the rows has enough of those that were written."""
    among = possibilities([(one, _SAME_FLOW) for one in there], spent, fresh)
    if not written.names or not any(p.names for p in among):
        return Explanation()
    named = [p for p in among if p.names]
    single = written.single or written.inlined
    fitting = [p for p in named if alike(p.names, written.names, single=single, same_number=p.has_number_of(written))]
    if not fitting:
        joined = single and is_telling(written.names) and written.names <= frozenset().union(*(p.names for p in named))
        return Explanation(perhaps=named if joined else ())
    if single:
        return Explanation(fitting, exactly=True) if len(fitting) == 1 else Explanation(perhaps=fitting)
    return explain(written, named, alone=alone, in_turn=in_turn)


def _unnamed(taking: _Taking, results: Sequence[Result], given: set[int]) -> dict[frozenset[Lifetime], list[Result]]:
    """Those that may have fed it though the columns do not say so, by the datasets that they are from.

    Ten reads of one table are one possibility. `given` are given ones whose columns nothing that was written has.
    """
    found: dict[frozenset[Lifetime], list[Result]] = defaultdict(list)
    written = taking.written
    for result in results if not written.single and not written.inlined else ():
        untold = id(result) in given or not (result.names and written.names)
        if untold and result.there <= taking.began:
            found[result.sources].append(result)
    return found


def _without_doubt(
    possible: Sequence[tuple[_Taking, Mapping[frozenset[Lifetime], Sequence[Result]]]],
) -> dict[int, list[Result]]:
    """By taking: the only one that can have fed it, one that can have fed nothing else, or the only new one."""
    fed_by: dict[frozenset[Lifetime], set[Lifetime | UUID]] = defaultdict(set)
    for taking, sources in possible:
        for some in sources:
            fed_by[some].add(taking.target)
    found: dict[int, list[Result]] = defaultdict(list)
    before: dt.datetime | None = None
    for taking, sources in possible:
        new = {some for some, its in sources.items() if before and all(r.began > before for r in its)}
        for some, its in sources.items():
            if len(sources) == 1 or len(fed_by[some]) == 1 or new == {some}:
                found[id(taking)] += its
        before = taking.began
    return found


def _unordered(possible: Mapping[frozenset[Lifetime], Sequence[Result]], chosen: Sequence[Result]) -> Explanation:
    results = chosen or [result for some in possible.values() for result in some]
    pairs = [(one, _SAME_FLOW) for result in results for one in result.rows]
    among = possibilities(pairs, (), ())
    return Explanation(*without_scalars(among)) if chosen else Explanation(perhaps=among)


_FIRST = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
