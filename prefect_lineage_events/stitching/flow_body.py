"""Results that passed through the flow's body: `df = extract(); load(df[df.x > 0])`.

Prefect follows objects, and the body made a new one: the task graph has no edge there. A result that no task received
stayed with the body, and a write whose rows are not explained otherwise took its rows from the body. The two are
joined only if there is no doubt:
- The result was available when the write's task began, and the columns or the number of rows (`explanation`) allow that
  it was written. Only rows that came in a parameter may have other names, if no write has theirs.
- Among several results, the evidence decides. If columns are not known, the result must be the only possible source of
  the write, or the write its only possible target, or the result the only one since the write before.
So two pipelines of one flow are never crossed, and a row that the flow creates itself (a status, a mark) is not taken
for data; in doubt, there is no edge.
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
    columns_match,
    explain,
    has_many_rows,
    is_distinctive,
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
    """Rows in the body's memory: those of a read of its own, or those that a task (or a subflow) returned to it.

    `from_parameter`: by the parent's task graph they came in a parameter, so the flow exists to process them.
    """

    began: dt.datetime
    available: dt.datetime
    rows: tuple[Rows, ...]
    from_parameter: bool = False

    @property
    def last(self) -> dt.datetime:
        """The start of its last read."""
        return max(self.began, *(one.last for one in self.rows if one.read.step.scopes == {None}), self.began)

    @property
    def names(self) -> frozenset[str]:
        """The names of the columns that were read; none if a part of them is not known."""
        known = all(one.names for one in self.rows)
        return frozenset().union(*(one.names for one in self.rows)) if known else frozenset()

    @property
    def sources(self) -> frozenset[Lifetime]:
        return frozenset(lifetime for one in self.rows for lifetime in one.sources)


@dataclass(frozen=True, slots=True)
class _Consumer:
    """A write, or the call of a subflow, that took its rows from the flow's body.

    `has_read`: its task read a single row itself, which may be the source. `by_body`: the body itself wrote.
    """

    target: Lifetime | UUID
    began: dt.datetime
    written: Written
    has_read: bool = False
    by_body: bool = False


class FlowBody:
    """Matches the results in a flow's body with the writes that took them.

    `upstream_of` returns the tasks whose rows a task received, `written` the rows that a statement wrote; `own` are the
    rows that the body read, `rows` those of all scopes; `writes` are the times and targets of all writes by the body,
    or by tasks to which it may have passed something.
    """

    def __init__(
        self,
        resolved_steps: Sequence[ResolvedStep],
        tasks: Mapping[UUID, TaskRun],
        writes: Collection[tuple[dt.datetime, Lifetime]],
        *,
        upstream_of: Callable[[UUID], Iterable[UUID]],
        written: Callable[[ResolvedStep], Written],
        own: Sequence[Rows],
        rows: Mapping[Scope, Sequence[Rows]],
    ) -> None:
        self._tasks = tasks
        self._all_writes = writes
        self._upstream_of = upstream_of
        self._written = written
        self._rows = rows
        self._wrote = {scope for one in resolved_steps if one.target for scope in one.step.scopes}
        self._explanations: dict[Lifetime | UUID, Explanation] = {}
        results = sorted([*map(_read_by_body, own), *self._results()], key=lambda r: r.available)
        if results:
            consumers = [self._consumer(one) for one in resolved_steps if self._consumes(one)]
            self._match(results, sorted([*consumers, *self._calls()], key=lambda t: t.began))

    def of_write(self, resolved: ResolvedStep) -> Explanation:
        """The results that a write took from the flow's body."""
        found = self._explanations.get(resolved.target) if resolved.target and self._consumes(resolved) else None
        return found or Explanation()

    def of_call(self, call: TaskRun) -> Explanation:
        """The results that the body may have passed in a subflow's parameters."""
        return self._explanations.get(call.id) or Explanation()

    def _consumes(self, resolved: ResolvedStep) -> bool:
        """Return whether a write's rows can only have come from the flow's body."""
        if resolved.target is None or not resolved.step.writes_python_rows:
            return False
        if any(scope not in self._tasks for scope in resolved.step.scopes if scope):
            return False
        tasks = self._tasks_of(resolved)
        if any(task.caller or not task.untracked for task in tasks):
            return False
        names = self._written(resolved).names
        own = (rows for scope in resolved.step.scopes for rows in self._rows.get(scope, ()))
        if any(rows.began[0] <= resolved.step.last and not (rows.is_scalar and not rows.names & names) for rows in own):
            return False
        return not any(self._received_rows(task) for task in tasks)

    def _received_rows(self, task: TaskRun) -> bool:
        return any(self._rows.get(other) for other in self._upstream_of(task.id))

    def _results(self) -> Iterator[Result]:
        """Rows that tasks returned and no task received.

        The result of a task that wrote is a status; a task that was only waited for passed no rows.
        """
        received = {other for task in self._tasks.values() for other in task.upstream | task.waits_for}
        for task in self._tasks.values():
            kept = task.returned and task.ended and not task.caller
            if kept and task.id not in received and task.id not in self._wrote:
                scopes = (task.id, *self._upstream_of(task.id))
                if rows := tuple(one for scope in scopes for one in self._rows.get(scope, ())):
                    assert task.ended
                    yield Result(task.started or task.ended, task.ended, rows)

    def _consumer(self, resolved: ResolvedStep) -> _Consumer:
        """The consumer of a write. The body passed its rows when the first of the statement's tasks began."""
        assert resolved.target
        started = (task.started for task in self._tasks_of(resolved) if task.started)
        began = min(started, default=resolved.step.started)
        written = replace(self._written(resolved), single=not has_many_rows(resolved.step))
        has_read = any(self._rows.get(scope) for scope in resolved.step.scopes)
        return _Consumer(resolved.target, began, written, has_read, by_body=resolved.step.scopes == {None})

    def _calls(self) -> Iterator[_Consumer]:
        for task in self._tasks.values():
            if task.subflow and task.started and task.untracked and not task.caller and not self._received_rows(task):
                yield _Consumer(task.id, task.started, Written(frozenset()))

    def _tasks_of(self, resolved: ResolvedStep) -> list[TaskRun]:
        return [self._tasks[scope] for scope in resolved.step.scopes if scope]

    def _match(self, results: Sequence[Result], consumers: Sequence[_Consumer]) -> None:
        """Explain each consumer by the evidence if columns are known; else by the order, if it leaves no doubt."""
        from_parameter = {id(r) for r in results if r.from_parameter and not any(_matches(t, r) for t in consumers)}
        unnamed = [(consumer, _without_known_columns(consumer, results, from_parameter)) for consumer in consumers]
        only = _only_possible(unnamed)
        rows_of = {id(one): result for result in results for one in result.rows}
        targets = {consumer.target for consumer in consumers if not _is_status_row(consumer, results)}
        targets |= {target for _, target in self._all_writes}
        used: set[frozenset[Lifetime]] = set()
        times = {t.began for t in consumers if not _is_status_row(t, results)} | {
            began for began, _ in self._all_writes
        }
        in_turn = _in_turn(sorted(times), results)
        for consumer, other in unnamed:
            available = [one for r in results if r.available <= consumer.began for one in r.rows]
            before = max((time for time in times if time < consumer.began), default=_FIRST)
            fresh = {id(one) for one in available if rows_of[id(one)].last > before}
            sure = not any(one.read.step.doubtful for one in available)
            alone = targets <= {consumer.target} and sure
            found = _chosen_by_columns(consumer.written, available, fresh, used, alone=alone, in_turn=in_turn and sure)
            if not found.chosen and not found.candidates:
                found = _chosen_by_order(other, only.get(id(consumer), ()))
            if consumer.has_read and not found.chosen:
                found = _beside_a_single_row(consumer, available)
            if len(found.chosen) == 1 and found.exactly:
                used.add(found.chosen[0].sources)
            known = self._explanations.get(consumer.target, Explanation())
            self._explanations[consumer.target] = Explanation(
                [*known.chosen, *found.chosen], [*known.candidates, *found.candidates], found.exactly, found.stacked
            )


def _beside_a_single_row(consumer: _Consumer, available: Sequence[Rows]) -> Explanation:
    """The only candidate for the body's own row; for the row of a task that read one itself, candidates only."""
    among = possibilities([(one, _SAME_FLOW) for one in available], (), ())
    if consumer.by_body and len(among) == 1:
        return explain(consumer.written, among, alone=True)
    return Explanation(candidates=among)


def _is_status_row(consumer: _Consumer, results: Iterable[Result]) -> bool:
    """Return whether it is a single row without any column that was read: that something was done, or a count."""
    names = consumer.written.names
    return consumer.written.single and not any(names & one.names for result in results for one in result.rows)


def _in_turn(times: Sequence[dt.datetime], results: Sequence[Result]) -> bool:
    """Return whether a result became available before each of these times, since the one before."""
    many = [result for result in results if not all(one.is_scalar for one in result.rows)]
    return all(
        any(first < result.began and result.available <= then for result in many)
        for first, then in zip([_FIRST, *times], times, strict=False)
    )


def _read_by_body(rows: Rows) -> Result:
    started = rows.began[0]
    return Result(
        started, started, (rows,), from_parameter=rows.read.step.from_related_run and not rows.read.step.guessed
    )


def _matches(consumer: _Consumer, result: Result) -> bool:
    written = consumer.written
    return result.available <= consumer.began and columns_match(result.names, written.names, single=written.single)


def _chosen_by_columns(
    written: Written,
    available: Sequence[Rows],
    fresh: set[int],
    used: set[frozenset[Lifetime]],
    *,
    alone: bool,
    in_turn: bool,
) -> Explanation:
    """The choice by columns; empty if no rows have enough of the columns that were written."""
    among = possibilities([(one, _SAME_FLOW) for one in available], used, fresh)
    if not written.names or not any(p.names for p in among):
        return Explanation()
    named = [p for p in among if p.names]
    single = written.single or written.inlined
    fitting = [
        p for p in named if columns_match(p.names, written.names, single=single, same_number=p.has_number_of(written))
    ]
    if not fitting:
        joined = (
            single and is_distinctive(written.names) and written.names <= frozenset().union(*(p.names for p in named))
        )
        return Explanation(candidates=named if joined else ())
    if single:
        return Explanation(fitting, exactly=True) if len(fitting) == 1 else Explanation(candidates=fitting)
    return explain(written, named, alone=alone, in_turn=in_turn)


def _without_known_columns(
    consumer: _Consumer, results: Sequence[Result], from_parameter: set[int]
) -> dict[frozenset[Lifetime], list[Result]]:
    """Results that may be its source though columns do not show it, by their datasets.

    Ten reads of one table are one possibility. `from_parameter` are results from parameters whose columns no write has.
    """
    found: dict[frozenset[Lifetime], list[Result]] = defaultdict(list)
    written = consumer.written
    for result in results if not written.single and not written.inlined else ():
        unknown = id(result) in from_parameter or not (result.names and written.names)
        if unknown and result.available <= consumer.began:
            found[result.sources].append(result)
    return found


def _only_possible(
    possible: Sequence[tuple[_Consumer, Mapping[frozenset[Lifetime], Sequence[Result]]]],
) -> dict[int, list[Result]]:
    """By consumer: its only possible source, sources without another possible target, or the only new source."""
    targets_of: dict[frozenset[Lifetime], set[Lifetime | UUID]] = defaultdict(set)
    for consumer, sources in possible:
        for some in sources:
            targets_of[some].add(consumer.target)
    found: dict[int, list[Result]] = defaultdict(list)
    before: dt.datetime | None = None
    for consumer, sources in possible:
        new = {some for some, its in sources.items() if before and all(r.began > before for r in its)}
        for some, its in sources.items():
            if len(sources) == 1 or len(targets_of[some]) == 1 or new == {some}:
                found[id(consumer)] += its
        before = consumer.began
    return found


def _chosen_by_order(possible: Mapping[frozenset[Lifetime], Sequence[Result]], chosen: Sequence[Result]) -> Explanation:
    results = chosen or [result for some in possible.values() for result in some]
    pairs = [(one, _SAME_FLOW) for result in results for one in result.rows]
    among = possibilities(pairs, (), ())
    return Explanation(*without_scalars(among)) if chosen else Explanation(candidates=among)


_FIRST = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
