"""Attribution of writes to rows that Python had read: the candidates for each write, and their order.

`explanation` decides among them.
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
    explain,
    has_many_rows,
    inlined_from,
    possibilities,
    with_unknown,
    without_different,
)
from prefect_lineage_events.stitching.flow_body import FlowBody
from prefect_lineage_events.stitching.lifetimes import Lifetime, ResolvedStep
from prefect_lineage_events.stitching.model import Evidence
from prefect_lineage_events.stitching.rows_in_memory import Moment, Rows, counts_of, is_below, levels, returns_rows
from prefect_lineage_events.stitching.steps import Scope
from prefect_lineage_events.stitching.task_graph import UpstreamTasks

# The number of reads of a task that are candidates, the latest: a task that reads thousands of tables one by one and
# writes each would need millions of comparisons.
MAX_READS = 300

_SAME_TASK: Evidence = "same task"
_TASK_GRAPH: Evidence = "task graph"
_SAME_FLOW: Evidence = "same flow"


@dataclass(frozen=True, slots=True)
class _PythonWrite:
    """A write of rows out of Python, other than a status row."""

    started: dt.datetime
    target: Lifetime
    threads: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Order:
    """The order of a scope's reads and writes.

    `since` is the time of the write before. `alone`: the scope writes to no other target. `in_turn`: reads and writes
    alternate.
    """

    since: dt.datetime | None
    alone: bool
    in_turn: bool

    def fresh(self, rows: Iterable[Rows]) -> set[int]:
        return {id(one) for one in rows if self.since is None or one.last > self.since}


# The times of writes, their targets, and whether reads and writes alternate.
_Sequence = tuple[list[dt.datetime], set[Lifetime], bool]


class Attribution:
    """The rows of a run's reads, by scope, and the rows that each write took.

    `rows_of` returns the rows of a read, `names_into` the columns of a write, `with_provenance` the rows with the
    provenance known by now: for rows of a transient table, that of its content.
    """

    def __init__(
        self,
        resolved_steps: Sequence[ResolvedStep],
        tasks: Mapping[UUID, TaskRun],
        rows_of: Callable[[ResolvedStep, int], Rows],
        names_into: Callable[[ResolvedStep], Iterable[str]],
        with_provenance: Callable[[Rows], Rows],
    ) -> None:
        self._names_into = names_into
        self._with_provenance = with_provenance
        self._rows: dict[Scope, list[Rows]] = defaultdict(list)
        body: list[Rows] = []
        self._by_statement: dict[UUID, list[Rows]] = defaultdict(list)
        for position, one in enumerate(resolved_steps):
            if returns_rows(one) or (one.step.reads and one.step.guessed):
                rows = rows_of(one, position)
                if not one.step.guessed:
                    for scope in one.step.scopes:
                        self._rows[scope].append(rows)
                self._by_statement[one.step.info.id].append(rows)
                if None in one.step.scopes:
                    body.append(rows)
        self._callers = {task.id: task.caller for task in tasks.values() if task.caller}
        self._callees: dict[Scope, list[Scope]] = defaultdict(list)
        for scope in self._rows:
            for caller in self._callers_of(scope):
                self._callees[caller].append(scope)
        self._python_writes: dict[Scope, list[_PythonWrite]] = defaultdict(list)
        for one in resolved_steps:
            if one.target and one.step.writes_python_rows and not self._is_status_row(one):
                for scope in one.step.scopes:
                    self._python_writes[scope].append(_PythonWrite(one.step.started, one.target, one.step.threads))
        self._recorded_of: dict[Lifetime, list[ResolvedStep]] = defaultdict(list)
        for one in resolved_steps:
            if one.target and one.step.evidence == "recorded" and one.sources:
                self._recorded_of[one.target].append(one)
        wrote = {scope for one in resolved_steps if one.target for scope in one.step.scopes}
        self._upstream = UpstreamTasks(tasks, wrote, self._covers)
        writes = [
            (write.started, write.target)
            for scope, python_writes in self._python_writes.items()
            if scope is None or (scope in tasks and tasks[scope].untracked)
            for write in python_writes
        ]
        self._body = FlowBody(
            resolved_steps,
            tasks,
            writes,
            upstream_of=self._upstream.of,
            written=self.written,
            own=body,
            rows=self._rows,
        )
        self._sequences: dict[tuple[frozenset[Scope], str], _Sequence] = {}
        self._used: dict[Scope, set[frozenset[Lifetime]]] = defaultdict(set)

    def of(self, resolved: ResolvedStep, moment: Moment) -> Explanation:
        """The rows that a write took: those of which it binds a value, and those that the evidence names."""
        derived = self._rows_of(resolved.step.reads_with("derived"), moment)
        found = with_unknown(self._recognised(resolved, moment), derived)
        if found is None:
            found = without_different(self._explained(resolved, moment), resolved.step.reads_with("different"))
        return found.with_more(self._possibilities_of(resolved, resolved.step.value_origins, moment))

    def _possibilities_of(self, resolved: ResolvedStep, reads: Collection[UUID], moment: Moment) -> list[Possibility]:
        """The rows of some reads before a write."""
        rows = self._rows_of(reads, moment)
        scopes = resolved.step.scopes
        upstream = {task for scope in scopes if rows for task in self._upstream.of(scope)}

        def evidence(one: Rows) -> Evidence:
            if scopes & one.read.step.scopes:
                return _SAME_TASK
            return _SAME_FLOW if upstream.isdisjoint(one.read.step.scopes) else _TASK_GRAPH

        return possibilities([(one, evidence(one)) for one in rows], (), ())

    def _rows_of(self, reads: Iterable[UUID], moment: Moment) -> list[Rows]:
        return self._with_sources(r for id_ in sorted(reads) for r in self._by_statement[id_] if r.began < moment)

    def _recognised(self, resolved: ResolvedStep, moment: Moment) -> Explanation | None:
        """The rows that were recognised among those that were written; None if there are none.

        Rows that were derived from others are of these alone. Of rows that are equal to others, more reads may have
        selected them, unless all were written.
        """
        step = resolved.step
        written = self.written(resolved)
        reads = step.reads_with("derived")
        chosen = self._possibilities_of(resolved, reads or step.reads_with("equal"), moment)
        if not chosen:
            alike = self._possibilities_of(resolved, step.reads_with("alike"), moment)
            chosen = [p for p in alike if written.names <= p.names or not p.names]
            if len({p.sources for p in chosen}) != 1:
                return None
        totals = [p.total for p in chosen if p.total is not None]
        if not reads and (len(totals) < len(chosen) or written.count is None or written.count > sum(totals)):
            return None  # the sample has no row of another source
        whole = len(totals) == len(chosen) and sum(totals) == written.count
        whole = whole or (len(chosen) == 1 and chosen[0].has_number_of(written))  # in one of several reads
        candidates = [] if whole and not reads else self._beside(resolved, moment, chosen, are_all=bool(reads))
        stacked = len(chosen) > 1 and (not reads or (whole and all(written.names <= p.names for p in chosen)))
        if len(chosen) == 1:
            for scope in step.scopes:
                self._used[scope].add(chosen[0].sources)
        return Explanation(
            chosen, candidates, exactly=len(chosen) == 1, stacked=stacked, different=step.reads_with("different")
        )

    def _beside(
        self, resolved: ResolvedStep, moment: Moment, chosen: Sequence[Possibility], *, are_all: bool
    ) -> list[Possibility]:
        """The rows that may be a source beside those that were recognised.

        If these `are_all`, only rows with a column of the write that these do not have.
        """
        written = self.written(resolved)
        known = {source for p in chosen for source in p.sources}
        left = written.names - frozenset().union(*(p.names for p in chosen))
        own, received = self._available_rows(resolved, moment)
        if any(resolved.step.scopes.isdisjoint(rows.read.step.scopes) for p in chosen for rows, _ in p.rows):
            near = [rows for some in self._rows.values() for rows in some[-MAX_READS:] if rows.began < moment]
            in_turn, fresh = False, set[int]()
        else:
            thread, nearest = _nearest(resolved, own, received, written.names)
            order = self._order(resolved, thread)
            near, in_turn, fresh = [*nearest, *received], order.in_turn, order.fresh(nearest)
        others = [
            (rows, _SAME_FLOW)
            for rows in near
            if not rows.sources <= known
            and not rows.is_scalar
            and (left & rows.names if are_all else id(rows) in fresh or not in_turn)
        ]
        return possibilities(others, (), ())

    def _explained(self, resolved: ResolvedStep, moment: Moment) -> Explanation:
        """The explanation by rows that passed through the flow's body, else by rows that its scope read or received."""
        own, received = self._without_read_back(*self._available_rows(resolved, moment))
        written = self.written(resolved)
        body = self._body.of_write(resolved)
        if body.chosen or body.candidates:
            return self._with_resolved(body)
        thread, near = _nearest(resolved, own, received, written.names)
        order = self._order(resolved, thread)
        used = {sources for scope in resolved.step.scopes for sources in self._used[scope]}
        among = possibilities(
            [*((rows, _SAME_TASK) for rows in near), *((rows, _TASK_GRAPH) for rows in received)],
            used,
            order.fresh(near),
            self._parameters(resolved, received),
        )
        if written.inlined:
            return Explanation([p for p in among if inlined_from(p, written)])
        found = explain(written, among, alone=order.alone, in_turn=order.in_turn)
        if found.exactly and len(found.chosen) == 1:
            for scope in resolved.step.scopes:
                self._used[scope].add(found.chosen[0].sources)
        return found

    def read_by_task(self, resolved: ResolvedStep, moment: Moment) -> list[Rows]:
        """All rows that the write's own scope read before."""
        return self._available_rows(resolved, moment)[0]

    def has_unseen_results(self, resolved: ResolvedStep) -> bool:
        """Return whether its task received results whose origin is not in the history."""
        return any(self._upstream.has_unseen_results(scope, self._rows) for scope in resolved.step.scopes)

    def rows_read(self) -> list[Rows]:
        """All rows that the run's statements returned to Python."""
        return self._with_sources(rows for scope in self._rows for rows in self._rows[scope])

    def rows_of_results(self, tasks: Iterable[UUID]) -> list[Rows]:
        """The rows that came with the results of these tasks."""
        scopes = dict.fromkeys(scope for task in sorted(tasks) for scope in (task, *self._upstream.of(task)))
        return self._with_sources(rows for scope in scopes for rows in self._rows.get(scope, ()))

    def rows_passed_to(self, call: TaskRun) -> tuple[list[Rows], bool]:
        """The rows that the flow's body passed to a subflow, and whether they are only one of several possibilities."""
        found = self._body.of_call(call)
        possible = found.chosen or found.candidates
        return self._with_sources(rows for possibility in possible for rows, _ in possibility.rows), len(
            found.chosen
        ) != 1

    def written(self, resolved: ResolvedStep) -> Written:
        """The columns and the number of the rows of a write, as far as they are known."""
        step = resolved.step
        names = frozenset(name.casefold() for name in self._names_into(resolved))
        rows = step.info.rows
        single = not has_many_rows(step) if rows is not None else step.output is not None and step.output.kind == "api"
        counts = counts_of(rows, step.info.executions)
        executions = step.info.executions
        binds = step.is_sql and bool(step.bound) and not step.info.from_program
        return Written(
            names,
            counts,
            rows,
            executions,
            single=single,
            binds=binds,
            inlined=step.values_stand_in_text,
            alike=step.reads_with("alike"),
        )

    def _available_rows(self, resolved: ResolvedStep, moment: Moment) -> tuple[list[Rows], list[Rows]]:
        """The rows that the write's scope read before, and those that it received."""
        own: dict[int, Rows] = {}
        received: dict[int, Rows] = {}
        names = self._names_into(resolved)
        for scope in sorted(resolved.step.scopes, key=str):
            # Not the callers' other callees: their results are followed along the task graph, or not at all.
            for other in (scope, *self._callees.get(scope, ()), *self._callers_of(scope)):
                before = [rows for rows in self._rows.get(other, ()) if rows.began < moment]
                own.update((id(rows), rows) for rows in before[-MAX_READS:])
            for task in self._upstream.of(scope, tuple(names)):
                received.update((id(rows), rows) for rows in self._rows.get(task, ())[-MAX_READS:])
        return self._with_sources(own.values()), self._with_sources(r for key, r in received.items() if key not in own)

    def _without_read_back(self, own: list[Rows], received: list[Rows]) -> tuple[list[Rows], list[Rows]]:
        """The rows without recorded reads whose data went into a recorded write that was read back.

        An API's rows that went into a file which was read again are those of the file: the API is no source beside it.
        """
        read_back: dict[Lifetime, dt.datetime] = {}
        for rows in (*own, *received):
            for lifetime in rows.provenance.sources:
                for made in self._recorded_of.get(lifetime, ()):
                    if made.step.started < rows.last:
                        read_back |= {s: max(made.step.last, read_back.get(s, _FIRST)) for s in made.sources}
        if not read_back:
            return own, received

        def stands(rows: Rows) -> bool:
            sources = rows.provenance.sources
            went_on = bool(sources) and all(rows.last <= read_back.get(lifetime, _FIRST) for lifetime in sources)
            return rows.read.step.evidence != "recorded" or not went_on

        return [rows for rows in own if stands(rows)], [rows for rows in received if stands(rows)]

    def _parameters(self, resolved: ResolvedStep, received: Iterable[Rows]) -> set[int]:
        """The ids of the rows that the write's task received from their reader, past no other reader."""
        names = tuple(self._names_into(resolved))
        tasks = {task for scope in resolved.step.scopes for task in self._upstream.nearest(scope, names, self._rows)}
        return {id(rows) for rows in received if not tasks.isdisjoint(rows.read.step.scopes)}

    def _with_sources(self, rows: Iterable[Rows]) -> list[Rows]:
        known = {id(one): self._with_provenance(one) for one in rows}
        return [one for one in known.values() if one.provenance.sources or one.provenance.incomplete]

    def _with_resolved(self, found: Explanation) -> Explanation:
        def seen(some: Iterable[Possibility]) -> list[Possibility]:
            return [
                Possibility(p.sources, [(one, _SAME_FLOW) for one in self._with_sources(rows for rows, _ in p.rows)])
                for p in some
            ]

        return Explanation(seen(found.chosen), seen(found.candidates), found.exactly)

    def _callers_of(self, scope: Scope) -> Iterator[UUID]:
        seen = {scope}
        while scope and (scope := self._callers.get(scope)) and scope not in seen:
            seen.add(scope)
            yield scope

    def _order(self, resolved: ResolvedStep, thread: str) -> _Order:
        key = (resolved.step.scopes, thread)
        if key not in self._sequences:
            self._sequences[key] = self._sequence(*key)
        times, targets, in_turn = self._sequences[key]
        before = bisect_left(times, resolved.step.started)
        return _Order(times[before - 1] if before else None, targets <= {resolved.target}, in_turn)

    def _sequence(self, scopes: frozenset[Scope], thread: str) -> _Sequence:
        """The times and targets of writes out of Python in these scopes and this thread, and whether in turn."""
        family = {scope for own in scopes for scope in (own, *self._callees.get(own, ()), *self._callers_of(own))}
        python_writes = [
            write
            for scope in family
            for write in self._python_writes.get(scope, ())
            if any(is_below(own, thread) for own in write.threads)
        ]
        times = sorted({write.started for write in python_writes})
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
        return times, {write.target for write in python_writes}, in_turn

    def _is_status_row(self, resolved: ResolvedStep) -> bool:
        """Return whether it is a single row without any column that was read: that something was done, or a count."""
        written = self.written(resolved)
        return written.single and not any(
            written.names & rows.names for scope in resolved.step.scopes for rows in self._rows.get(scope, ())
        )

    def _covers(self, tasks: Collection[UUID], names: frozenset[str]) -> bool:
        return names <= {name for task in tasks for rows in self._rows.get(task, ()) for name in rows.names}


def _nearest(
    resolved: ResolvedStep, own: Sequence[Rows], received: Sequence[Rows], names: frozenset[str]
) -> tuple[str, Sequence[Rows]]:
    """The thread of control whose reads count, and these reads: the write's own thread, else one above with more."""
    for thread in levels(resolved.step.threads):
        near = [rows for rows in own if rows.within(thread)]
        if not thread:
            return thread, near
        known = {id(rows) for rows in near}
        missing = names - frozenset().union(*(rows.names for rows in near), *(rows.names for rows in received))
        if near and not any(missing & rows.names for rows in own if id(rows) not in known):
            return thread, near
    return "", own


_FIRST = dt.datetime.min.replace(tzinfo=dt.timezone.utc)
