"""The runs above and below a run, as far as something of theirs may have come into it.

A DataFrame that a flow gives to a subflow was read by the flow, one that a subflow returns was read by the subflow; and
the columns of a table that a subflow reads may have been seen by its parent only. So a run that wrote rows of which it
does not know where they came from, or read `*` of a table that it knows no columns of, has its kin read as well. All
others cost nothing. A subflow ends before its parent, whose events may still be on their way then: kin that is not
complete itself is named (`Completeness.incomplete_related_runs`), so that the run is taken up again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.events import LineageEvent
from prefect_lineage_events.history import runs
from prefect_lineage_events.history.cached_results import origin
from prefect_lineage_events.history.model import CachedResult, Completeness, FlowRun, RunHistory, TaskRun
from prefect_lineage_events.history.tasks import read_tasks

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.history.event_log import EventLog

# Beyond that many subflows of one run, or levels above it, what they handed over is not looked for.
MAX_SUBFLOWS = 50
MAX_LEVELS = 10
# Of so many cached results of one run the makers are looked for.
MAX_CACHED = 20
_STAR = "*"
Scopes = Collection["UUID | None"]


def any_writes_python_rows(events: Iterable[LineageEvent]) -> bool:
    """Has the run written rows that came out of Python?"""
    return any(event.writes_python_rows for event in events)


@dataclass(frozen=True, slots=True)
class RelatedRunReader:
    """Reads the kin of a run; `events_of` gives the events of one, and says whether they are all there."""

    client: SyncPrefectClient
    events_of: Callable[[FlowRun], tuple[EventLog, bool]]

    def read(self, history: RunHistory) -> RunHistory:
        """The history with those of its kin whose rows or columns it lacks."""
        takers, unexplained = _takers(history), _unexplained(history)
        subflows = self._subflows(history, takers, unexplained) if takers else {}
        # A call's parameters, and the body that may hand them on, are the only way in from above.
        parent = self._above(history, takers, unexplained, MAX_LEVELS)
        cached = self._cached(history, takers, unexplained)
        whole = replace(history, subflows=subflows, parent=parent, cached=cached)
        return replace(whole, completeness=_with_kin(history.completeness, whole))

    def _above(self, history: RunHistory, takers: Scopes, unexplained: Scopes, levels: int) -> RunHistory | None:
        """The run above, where it gave rows to one that wrote some, or perhaps did to one that read none itself."""
        run = history.run
        lacks_columns = _lacks_columns(history)
        if not run.parents or not levels or not (takers or lacks_columns):
            return None
        parent = self._bare(run.parents[0].flow_run_id)
        if parent is None:
            return None
        tasks = read_tasks(self.client, parent.id)
        calls = [task for task in tasks.values() if task.subflow == run.id] if takers else []
        gave = any(call.given or (unexplained and call.untracked) for call in calls)
        is_known = calls or not takers
        if is_known and not gave and not lacks_columns:
            return None
        above = replace(self._history(replace(parent, parents=run.parents[1:])), tasks=tasks)
        ids = {call.id for call in calls}
        subflows = self._subflows(above, ids, ids, but=run.id) if calls else {}
        # What the body above handed on it may have been given itself, whatever it read beside that.
        handed_on = {call.id for call in calls if call.untracked and not _behind(tasks, [call.id]) & _readers(above)}
        above = replace(above, subflows=subflows, cached=self._cached(above, ids, ids))
        return replace(above, parent=self._above(above, handed_on, handed_on, levels - 1))

    def _cached(self, history: RunHistory, takers: Scopes, unexplained: Scopes) -> dict[UUID, CachedResult]:
        """The makers of cached results that went to tasks that wrote, or stayed with the body where some are
        unexplained."""
        tasks = history.tasks
        wanted = _behind(tasks, takers)
        received = {giver for task in tasks.values() for giver in task.upstream}
        stayed = {task.id for task in tasks.values() if unexplained and task.returned and task.id not in received}
        found: dict[UUID, CachedResult] = {}
        histories = {history.run.id: history}
        for task in [t for t in tasks.values() if t.cached and t.id in wanted | stayed][:MAX_CACHED]:
            if made := origin(self.client, task):
                if made[0] not in histories and (run := self._bare(made[0])):
                    histories[run.id] = replace(self._history(run), tasks=read_tasks(self.client, run.id))
                if maker := histories.get(made[0]):
                    found[task.id] = CachedResult(made[1], maker)
        return found

    def _subflows(
        self, history: RunHistory, takers: Scopes, unexplained: Scopes, but: UUID | None = None
    ) -> dict[UUID, RunHistory]:
        """The subflows whose results went to tasks that wrote, or stayed with the body where some are unexplained.

        One is not asked for.
        """
        received = {giver for task in history.tasks.values() for giver in task.upstream}
        wanted = _behind(history.tasks, takers) - set(takers)
        calls = [
            task
            for task in history.tasks.values()
            if task.subflow not in (None, but)
            and task.returned
            and (task.id in wanted or (unexplained and task.id not in received))
        ]
        ids = [call.subflow for call in calls[:MAX_SUBFLOWS] if call.subflow]
        return {run.id: self._with_descendants(run) for run in sorted(runs.runs_by_id(self.client, ids), key=_by_time)}

    def _with_descendants(self, run: FlowRun) -> RunHistory:
        """A subflow with what runs below it did: all that it may have returned something of."""
        whole = self._history(run)
        for level in runs.descendants(self.client, run.id):
            for child in runs.runs_by_id(self.client, level[:MAX_SUBFLOWS]):
                below = self._history(child)
                completeness = Completeness(
                    incomplete_related_runs=whole.completeness.incomplete_related_runs
                    + below.completeness.incomplete_related_runs,
                    lossy_kin=whole.completeness.lossy_kin + below.completeness.lossy_kin,
                )
                whole = replace(
                    whole,
                    events=whole.events + below.events,
                    schemas=whole.schemas + below.schemas,
                    completeness=completeness,
                )
        return whole

    def _history(self, run: FlowRun) -> RunHistory:
        """The history of a run without its tasks.

        `incomplete_related_runs` holds the run itself where more of its events may arrive, `lossy_kin` where some never
        will.
        """
        log, all_there = self.events_of(run)
        lost = bool(log.rejected) or any(count.dropped or count.failed for count in log.counts)
        return RunHistory(
            run,
            tuple(log.lineage),
            tuple(log.schemas),
            completeness=Completeness(
                incomplete_related_runs=() if all_there else (run.id,), lossy_kin=(run.id,) if lost else ()
            ),
            stored_events=log.stored,
        )

    def _bare(self, flow_run_id: UUID) -> FlowRun | None:
        return next(iter(runs.runs_by_id(self.client, [flow_run_id])), None)


def _with_kin(completeness: Completeness, history: RunHistory) -> Completeness:
    """The completeness of a run with what the runs around it lack."""
    found = list(_around(history))
    incomplete_related_runs = dict.fromkeys(
        id_ for kin in found for id_ in kin.incomplete_related_runs if id_ != history.run.id
    )
    lossy_kin = dict.fromkeys(id_ for kin in found for id_ in kin.lossy_kin if id_ != history.run.id)
    return replace(completeness, incomplete_related_runs=tuple(incomplete_related_runs), lossy_kin=tuple(lossy_kin))


def _around(history: RunHistory) -> Iterator[Completeness]:
    """Of the runs around this one, and around those."""
    made = (result.history for result in history.cached.values() if result.history.run.id != history.run.id)
    for kin in (history.parent, *history.subflows.values(), *made):
        if kin:
            yield kin.completeness
            yield from _around(kin)


def _by_time(run: FlowRun) -> tuple[dt.datetime, str]:
    return run.started or dt.datetime.max.replace(tzinfo=dt.timezone.utc), str(run.id)


def _readers(history: RunHistory) -> set[UUID | None]:
    """The tasks (None: the flow's body) that handed rows to Python. A single row explains no more than a single one."""
    reads = (e for e in history.events if e.operation == "read" and e.statement.rows not in (0, 1))
    return {scope for event in reads for scope in _scopes(event)}


def _takers(history: RunHistory) -> set[UUID | None]:
    """The tasks (None: the flow's body) that wrote rows out of Python."""
    return {scope for event in history.events if event.writes_python_rows for scope in _scopes(event)}


def _scopes(event: LineageEvent) -> tuple[UUID | None, ...]:
    return (event.run.task_run_id, *event.task_runs)


def _unexplained(history: RunHistory) -> set[UUID | None]:
    """Those of them that neither read any rows themselves nor were given some by who did."""
    readers = _readers(history)
    return {scope for scope in _takers(history) if not _behind(history.tasks, [scope]) & readers}


def _behind(tasks: Mapping[UUID, TaskRun], scopes: Iterable[UUID | None]) -> set[UUID | None]:
    """These tasks, and all whose results came to them or that called them."""
    found: set[UUID | None] = set()
    ahead = list(scopes)
    while ahead:
        scope = ahead.pop()
        if scope in found:
            continue
        found.add(scope)
        if scope and (task := tasks.get(scope)):
            ahead += [*task.upstream, *([task.caller] if task.caller else [])]
    return found


def _lacks_columns(history: RunHistory) -> bool:
    """Was `*` read of a dataset whose columns the run never saw?"""
    known = {dataset.uri for event in history.schemas for dataset in event.datasets if dataset.columns}
    for event in history.events:
        known |= {dataset.uri for dataset in event.datasets if dataset.columns}
    starred = {
        edge.source for event in history.events for edge in event.columns if edge.source_column == _STAR == edge.column
    }
    return bool(starred - known)
