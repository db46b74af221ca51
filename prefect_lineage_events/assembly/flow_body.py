"""Results that passed through the flow's body: `df = extract(); load(df[df.x > 0])`.

Prefect follows objects, and the body made a new one: its task graph has no edge there. A result that no task received
stayed in the body's hands, and a write whose rows are not explained otherwise took them from there. The two belong
together only where there is no doubt:
- the result was there when the write's task began, and what was written can be of it, by the columns (`evidence`);
  only rows that came in a parameter may go by other names, where no write has theirs;
- it is the only one that can have fed the write, or the write is the only one that it can have fed; or it alone came
  up since the write before.
So two pipelines of one flow are never crossed, and a row that the flow makes up itself (a status, a mark) is not taken
for data; where they might be, no edge is drawn.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from prefect_lineage_events.assembly import evidence
from prefect_lineage_events.assembly.lives import Life, Placed
from prefect_lineage_events.assembly.schemas import STAR
from prefect_lineage_events.assembly.statements import Scope
from prefect_lineage_events.history.model import TaskRun


@dataclass(frozen=True, slots=True)
class Result:
    """Rows in the body's hands: of a read of its own, or what a task (or a subflow) handed to it.

    `given`: the task graph above says that they came in a parameter, so that this flow is there to do something with
    them.
    """

    began: dt.datetime
    there: dt.datetime
    sources: frozenset[Life]
    names: frozenset[str]
    read: Placed | None = None
    task: UUID | None = None
    given: bool = False


@dataclass(frozen=True, slots=True)
class _Taking:
    """A write, or the call of a subflow, whose rows came out of the body's hands. `single`: perhaps it is but one."""

    target: Life | UUID
    began: dt.datetime
    names: frozenset[str]
    single: bool = False


class FlowBody:
    """Which results of a flow's body fed which of its writes.

    `givers` names the tasks whose rows came into a task's hands, `names_into` the columns that a statement wrote.
    """

    def __init__(
        self,
        placed: Sequence[Placed],
        tasks: Mapping[UUID, TaskRun],
        givers: Callable[[UUID], Iterable[UUID]],
        names_into: Callable[[Placed], Iterable[str]],
    ) -> None:
        self._tasks = tasks
        self._givers = givers
        self._names_into = names_into
        self._reads = _by_scope(placed)
        self._wrote = {scope for one in placed if one.target for scope in one.step.scopes}
        self._fed: dict[Life | UUID, list[Result]] = defaultdict(list)
        results = sorted(self._results(), key=lambda r: r.there)
        if results:
            takings = [self._taking(one) for one in placed if self._takes(one)]
            self._match(results, sorted([*takings, *self._calls()], key=lambda t: t.began))

    def feeding(self, placed: Placed) -> Sequence[Result]:
        """The results that a write took out of the body's hands."""
        return self._fed.get(placed.target, ()) if placed.target and self._takes(placed) else ()

    def feeding_call(self, call: TaskRun) -> Sequence[Result]:
        """The results that may have gone into a subflow's parameters."""
        return self._fed.get(call.id, ())

    def _takes(self, placed: Placed) -> bool:
        """Can a write's rows only have come out of the body's hands?"""
        if placed.target is None or not placed.step.takes_from_python:
            return False
        if any(scope not in self._tasks for scope in placed.step.scopes if scope):
            return False
        tasks = self._tasks_of(placed)
        if any(task.caller or not task.untracked for task in tasks):
            return False
        own = [read for scope in placed.step.scopes for read in self._reads.get(scope, ())]
        if any(read.step.started <= placed.step.last for read in own if not read.step.guessed):
            return False
        return not any(self._was_given_rows(task) for task in tasks)

    def _was_given_rows(self, task: TaskRun) -> bool:
        return any(self._reads.get(giver) for giver in self._givers(task.id))

    def _results(self) -> Iterator[Result]:
        """What the body read itself, and what tasks returned that no task received.

        What a task that wrote returned says no more than that it has written; one that was only waited for gave order.
        """
        yield from (_own(read) for read in self._reads.get(None, ()))
        received = {other for task in self._tasks.values() for other in task.upstream | task.waits_for}
        for task in self._tasks.values():
            kept = task.returned and task.ended and not task.caller
            if kept and task.id not in received and task.id not in self._wrote:
                scopes = (task.id, *self._givers(task.id))
                if reads := [read for scope in scopes for read in self._reads.get(scope, ())]:
                    yield _of_task(task, reads)

    def _taking(self, placed: Placed) -> _Taking:
        """The body handed over as the first of the statement's tasks began."""
        assert placed.target
        started = (task.started for task in self._tasks_of(placed) if task.started)
        began = min(started, default=placed.step.started)
        names = frozenset(name.casefold() for name in self._names_into(placed))
        return _Taking(placed.target, began, names, single=not evidence.brings_rows(placed.step))

    def _calls(self) -> Iterator[_Taking]:
        for task in self._tasks.values():
            if task.subflow and task.started and task.untracked and not task.caller and not self._was_given_rows(task):
                yield _Taking(task.id, task.started, frozenset())

    def _tasks_of(self, placed: Placed) -> list[TaskRun]:
        return [self._tasks[scope] for scope in placed.step.scopes if scope]

    def _match(self, results: Sequence[Result], takings: Sequence[_Taking]) -> None:
        unseen = [r for r in results if r.given and not any(_is_of(t, r) for t in takings)]
        possible = [(taking, _possible(taking, results, unseen)) for taking in takings]
        fed_by: dict[frozenset[Life], set[Life | UUID]] = defaultdict(set)
        for taking, sources in possible:
            for some in sources:
                fed_by[some].add(taking.target)
        before: dt.datetime | None = None
        for taking, sources in possible:
            new = {some for some, its in sources.items() if before and all(r.began > before for r in its)}
            for some, its in sources.items():
                if len(sources) == 1 or len(fed_by[some]) == 1 or new == {some}:
                    self._fed[taking.target] += its
            before = taking.began


def _is_of(taking: _Taking, result: Result) -> bool:
    there = result.there <= taking.began
    return there and evidence.alike(result.names, taking.names, single=taking.single)


def _possible(
    taking: _Taking, results: Sequence[Result], unseen: Sequence[Result]
) -> dict[frozenset[Life], list[Result]]:
    """By the datasets that they are from: ten reads of one table are one possibility.

    `unseen` are given ones whose columns nothing that was written has.
    """
    alike = [r for r in results if _is_of(taking, r)]
    there = [r for r in results if r.there <= taking.began and not taking.single]
    untold = [r for r in there if r in unseen or not (r.names and taking.names)]
    found: dict[frozenset[Life], list[Result]] = defaultdict(list)
    for result in alike or untold:
        found[result.sources].append(result)
    return found


def _by_scope(placed: Iterable[Placed]) -> dict[Scope, list[Placed]]:
    found: dict[Scope, list[Placed]] = defaultdict(list)
    for one in placed:
        for scope in one.step.scopes if one.step.reads and one.sources else ():
            found[scope].append(one)
    return found


def _own(read: Placed) -> Result:
    started = read.step.started
    given = read.step.handed and not read.step.guessed
    return Result(started, started, frozenset(read.sources), _names([read]), read=read, given=given)


def _of_task(task: TaskRun, reads: Sequence[Placed]) -> Result:
    assert task.ended
    sources = frozenset(source for read in reads for source in read.sources)
    return Result(task.started or task.ended, task.ended, sources, _names(reads), task=task.id)


def _names(reads: Sequence[Placed]) -> frozenset[str]:
    """Names of the columns that were read; none when a part of them is not known."""
    names = [_names_of(read) for read in reads]
    return frozenset().union(*names) if all(names) else frozenset()


def _names_of(read: Placed) -> frozenset[str]:
    step = read.step
    named = [*(column.name for column in step.result_columns), *(edge.column for edge in step.columns)]
    return frozenset(name.casefold() for name in named) - {STAR}
