"""The runs above and below a run, as far as something of theirs may have come into it.

A DataFrame that a flow gives to a subflow was read by the flow, one that a subflow returns was read by the subflow; and
the columns of a table that a subflow reads may have been seen by its parent only. So a run that wrote rows of which it
does not know where they came from, or read `*` of a table that it knows no columns of, has its kin read as well. All
others cost nothing. A subflow ends before its parent, whose events may still be on their way then: kin that is not
complete itself is named (`Completeness.open_kin`), so that the run is taken up again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.events import LineageEvent
from prefect_lineage_events.history import runs
from prefect_lineage_events.history.model import Completeness, FlowRun, RunHistory, TaskRun
from prefect_lineage_events.history.tasks import read_tasks

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.history.event_log import EventLog

# Beyond that many subflows of one run, or levels above it, what they handed over is not looked for.
MAX_SUBFLOWS = 50
MAX_LEVELS = 10
_CARRYING = frozenset({None, "append", "overwrite", "update"})
_STAR = "*"


def takes_rows(events: Iterable[LineageEvent]) -> bool:
    """Has the run written rows that came out of Python?"""
    return any(_takes_rows(event) for event in events)


@dataclass(frozen=True, slots=True)
class KinReader:
    """Reads the kin of a run; `events_of` gives the events of one, and says whether they are all there."""

    client: SyncPrefectClient
    events_of: Callable[[FlowRun], tuple[EventLog, bool]]

    def read(self, history: RunHistory) -> RunHistory:
        """The history with those of its kin whose rows or columns it lacks."""
        takers = _unexplained(history)
        subflows = self._subflows(history, takers) if takers else {}
        # A call's parameters, and the body that may hand them on, are the only way in from above.
        whole = replace(history, subflows=subflows, parent=self._above(history, takers, MAX_LEVELS))
        return replace(whole, completeness=replace(history.completeness, open_kin=tuple(_open(whole))))

    def _above(self, history: RunHistory, takers: Collection[UUID | None], levels: int) -> RunHistory | None:
        run = history.run
        if not run.parents or not levels or not (takers or _lacks_columns(history)):
            return None
        parent = self._bare(run.parents[0].flow_run_id)
        if parent is None:
            return None
        above = self._history(replace(parent, parents=run.parents[1:]))
        calls = [task for task in above.tasks.values() if task.subflow == run.id] if takers else []
        given = _behind(above.tasks, [call.id for call in calls])
        open_ends = {call.id for call in calls if call.untracked and not given & _readers(above)}
        subflows = self._subflows(above, {call.id for call in calls}, but=run.id) if calls else {}
        missing = open_ends if not subflows and None not in _readers(above) else set()
        if calls and not _lacks_columns(history) and not any(call.given or call.untracked for call in calls):
            above = replace(above, completeness=Completeness())
        return replace(above, subflows=subflows, parent=self._above(above, missing, levels - 1))

    def _subflows(
        self, history: RunHistory, takers: Collection[UUID | None], but: UUID | None = None
    ) -> dict[UUID, RunHistory]:
        """The subflows whose results went to these tasks, or stayed with the flow's body; one is not asked for."""
        received = {giver for task in history.tasks.values() for giver in task.upstream}
        wanted = _behind(history.tasks, takers) - set(takers)
        calls = [
            task
            for task in history.tasks.values()
            if task.subflow not in (None, but) and task.returned and (task.id in wanted or task.id not in received)
        ]
        ids = [call.subflow for call in calls[:MAX_SUBFLOWS] if call.subflow]
        return {run.id: self._with_descendants(run) for run in sorted(runs.runs_by_id(self.client, ids), key=_by_time)}

    def _with_descendants(self, run: FlowRun) -> RunHistory:
        """A subflow with what runs below it did: all that it may have returned something of."""
        whole = self._history(run, tasks=False)
        for level in runs.descendants(self.client, run.id):
            for child in runs.runs_by_id(self.client, level[:MAX_SUBFLOWS]):
                below = self._history(child, tasks=False)
                open_kin = whole.completeness.open_kin + below.completeness.open_kin
                whole = replace(
                    whole,
                    events=whole.events + below.events,
                    schemas=whole.schemas + below.schemas,
                    completeness=Completeness(open_kin=open_kin),
                )
        return whole

    def _history(self, run: FlowRun, *, tasks: bool = True) -> RunHistory:
        """Its `open_kin` is the run itself, where that may have more to tell."""
        log, all_there = self.events_of(run)
        return RunHistory(
            run,
            tuple(log.lineage),
            tuple(log.schemas),
            read_tasks(self.client, run.id) if tasks else {},
            completeness=Completeness(open_kin=() if all_there else (run.id,)),
            stored_events=log.stored,
        )

    def _bare(self, flow_run_id: UUID) -> FlowRun | None:
        return next(iter(runs.runs_by_id(self.client, [flow_run_id])), None)


def _open(history: RunHistory) -> Iterator[UUID]:
    """The runs around this one that may have more to tell."""
    for kin in (history.parent, *history.subflows.values()):
        if kin:
            yield from kin.completeness.open_kin
            yield from _open(kin)


def _by_time(run: FlowRun) -> tuple[dt.datetime, str]:
    return run.started or dt.datetime.max.replace(tzinfo=dt.timezone.utc), str(run.id)


def _takes_rows(event: LineageEvent) -> bool:
    own = {event.output.uri} if event.output else set()
    return (
        event.operation == "write"
        and event.statement.effect in _CARRYING
        and not {i.uri for i in event.inputs} - (own if event.statement.effect == "update" else set())
    )


def _readers(history: RunHistory) -> set[UUID | None]:
    """The tasks (None: the flow's body) that handed rows to Python."""
    return {scope for event in history.events if event.operation == "read" for scope in _scopes(event)}


def _scopes(event: LineageEvent) -> tuple[UUID | None, ...]:
    return (event.run.task_run_id, *event.task_runs)


def _unexplained(history: RunHistory) -> set[UUID | None]:
    """The tasks that wrote rows out of Python, and neither read any themselves nor were given some by who did."""
    readers = _readers(history)
    takers = {scope for event in history.events if _takes_rows(event) for scope in _scopes(event)}
    return {scope for scope in takers if not _behind(history.tasks, [scope]) & readers}


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
        datasets = (*event.inputs, *([event.output] if event.output else []))
        known |= {dataset.uri for dataset in datasets if dataset.columns}
    starred = {
        edge.source for event in history.events for edge in event.columns if edge.source_column == _STAR == edge.column
    }
    return bool(starred - known)
