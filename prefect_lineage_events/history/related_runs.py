"""Reads the parent, the subflows and the makers of cached results of a run, if rows or columns may have come from them.

A DataFrame that a flow passes to a subflow was read by the flow; one that a subflow returns was read by the subflow.
The columns of a table that a subflow reads may have been seen by its parent only. So related runs are read for a run
that wrote rows of unknown origin, or that read `*` of a table whose columns it does not know. All other runs cost
nothing. A subflow ends before its parent, so the parent's events may not have arrived yet: related runs that are not
complete themselves are listed (`Completeness.incomplete_related_runs`), and the run is assembled again later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.history import clocks, runs
from prefect_lineage_events.history.cached_results import origin
from prefect_lineage_events.history.model import CachedResult, Completeness, FlowRun, RunHistory, TaskRun
from prefect_lineage_events.history.python_writes import (
    Scope,
    lacks_columns,
    readers,
    unexplained_writers,
    with_upstream,
    writers,
)
from prefect_lineage_events.history.tasks import read_tasks

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.history.event_log import EventLog

# The number of subflows of one run, and of levels above it, that are read.
MAX_SUBFLOWS = 50
MAX_LEVELS = 10
# The number of cached results of one run whose makers are read.
MAX_CACHED = 20


@dataclass(frozen=True, slots=True)
class RelatedRunReader:
    """Reads runs related to a run; `events_of` returns the events of one, and whether all of them are there.

    In its methods, `wrote` are the scopes that wrote rows out of Python, `unexplained` those of them whose rows no read
    of the run itself explains.
    """

    client: SyncPrefectClient
    events_of: Callable[[FlowRun], tuple[EventLog, bool]]

    def read(self, history: RunHistory) -> RunHistory:
        """The history with the related runs whose rows or columns it lacks."""
        wrote, unexplained = writers(history), unexplained_writers(history)
        subflows = self._subflows(history, wrote, unexplained) if wrote else {}
        # Rows of a parent come only in a call's parameters, which the body may pass on.
        parent = self._parent(history, wrote, unexplained, MAX_LEVELS)
        cached = self._cached(history, wrote, unexplained)
        whole = replace(history, subflows=subflows, parent=parent, cached=cached)
        return replace(whole, completeness=_with_related_runs(history.completeness, whole))

    def _parent(
        self, history: RunHistory, wrote: Collection[Scope], unexplained: Collection[Scope], levels: int
    ) -> RunHistory | None:
        """The parent run if it passed rows to a run that wrote some, or may have passed rows to one that read none."""
        run = history.run
        needs_columns = lacks_columns(history)
        if not run.parents or not levels or not (wrote or needs_columns):
            return None
        above = self._run(run.parents[0].flow_run_id)
        if above is None:
            return None
        tasks = read_tasks(self.client, above.id)
        calls = [task for task in tasks.values() if task.subflow == run.id] if wrote else []
        passed_rows = any(call.upstream_by_parameter or (unexplained and call.untracked) for call in calls)
        is_known = calls or not wrote
        if is_known and not passed_rows and not needs_columns:
            return None
        parent = self._history(replace(above, parents=run.parents[1:]), tasks)
        ids = {call.id for call in calls}
        subflows = self._subflows(parent, ids, ids, but=run.id) if calls else {}
        # The parent's body may have received the rows that it passed on, beside its own reads.
        read = readers(parent)
        passed_on = {call.id for call in calls if call.untracked and not with_upstream(tasks, [call.id]) & read}
        parent = replace(parent, subflows=subflows, cached=self._cached(parent, ids, ids))
        return replace(parent, parent=self._parent(parent, passed_on, passed_on, levels - 1))

    def _cached(
        self, history: RunHistory, wrote: Collection[Scope], unexplained: Collection[Scope]
    ) -> dict[UUID, CachedResult]:
        """The makers of cached results that tasks received which wrote, or that stayed with the flow's body if some
        writes are unexplained."""
        tasks = history.tasks
        wanted = with_upstream(tasks, wrote)
        received = {source for task in tasks.values() for source in task.upstream}
        stayed = {task.id for task in tasks.values() if unexplained and task.returned and task.id not in received}
        found: dict[UUID, CachedResult] = {}
        histories = {history.run.id: history}
        for task in [t for t in tasks.values() if t.cached and t.id in wanted | stayed][:MAX_CACHED]:
            if made := origin(self.client, task):
                if made[0] not in histories and (run := self._run(made[0])):
                    histories[run.id] = self._history(run, read_tasks(self.client, run.id))
                if maker := histories.get(made[0]):
                    found[task.id] = CachedResult(made[1], maker)
        return found

    def _subflows(
        self,
        history: RunHistory,
        wrote: Collection[Scope],
        unexplained: Collection[Scope],
        but: UUID | None = None,
    ) -> dict[UUID, RunHistory]:
        """The subflows, except `but`, whose results tasks received which wrote, or whose results stayed with the flow's
        body if some writes are unexplained."""
        received = {source for task in history.tasks.values() for source in task.upstream}
        wanted = with_upstream(history.tasks, wrote) - set(wrote)
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
        """A subflow with the events of the runs below it: it may have returned rows of any of them."""
        whole = self._history(run)
        for level in runs.descendants(self.client, run.id):
            for child in runs.runs_by_id(self.client, level[:MAX_SUBFLOWS]):
                below = self._history(child)
                completeness = Completeness(
                    incomplete_related_runs=whole.completeness.incomplete_related_runs
                    + below.completeness.incomplete_related_runs,
                    lossy_related_runs=whole.completeness.lossy_related_runs + below.completeness.lossy_related_runs,
                )
                whole = replace(
                    whole,
                    events=whole.events + below.events,
                    schemas=whole.schemas + below.schemas,
                    completeness=completeness,
                )
        return whole

    def _history(self, run: FlowRun, tasks: Mapping[UUID, TaskRun] = MappingProxyType({})) -> RunHistory:
        """The history of a run with these tasks.

        The run itself is in `incomplete_related_runs` if more of its events may arrive, and in `lossy_related_runs` if
        some never will.
        """
        log, is_complete = self.events_of(run)
        lost = bool(log.rejected) or any(count.dropped or count.failed for count in log.counts)
        return RunHistory(
            run,
            tuple(log.lineage),
            tuple(log.schemas),
            clocks.correct_tasks(tasks, run, log.clock_offsets.values()),
            completeness=Completeness(
                incomplete_related_runs=() if is_complete else (run.id,), lossy_related_runs=(run.id,) if lost else ()
            ),
            stored_events=log.stored,
        )

    def _run(self, flow_run_id: UUID) -> FlowRun | None:
        return next(iter(runs.runs_by_id(self.client, [flow_run_id])), None)


def _with_related_runs(completeness: Completeness, history: RunHistory) -> Completeness:
    """The completeness of a run, with the related runs that lack events."""
    found = list(_of_related_runs(history))
    incomplete = dict.fromkeys(id_ for other in found for id_ in other.incomplete_related_runs if id_ != history.run.id)
    lossy = dict.fromkeys(id_ for other in found for id_ in other.lossy_related_runs if id_ != history.run.id)
    return replace(completeness, incomplete_related_runs=tuple(incomplete), lossy_related_runs=tuple(lossy))


def _of_related_runs(history: RunHistory) -> Iterator[Completeness]:
    """The completeness of each run related to this one, directly or through others."""
    makers = (result.history for result in history.cached.values() if result.history.run.id != history.run.id)
    for related in (history.parent, *history.subflows.values(), *makers):
        if related:
            yield related.completeness
            yield from _of_related_runs(related)


def _by_time(run: FlowRun) -> tuple[dt.datetime, str]:
    return run.started or dt.datetime.max.replace(tzinfo=dt.timezone.utc), str(run.id)
