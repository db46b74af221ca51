"""Tasks of a run that wrote rows out of Python, and those whose rows no read of theirs explains. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from prefect_lineage_events.events import STAR, LineageEvent
from prefect_lineage_events.history.model import RunHistory, TaskRun, upstream_closure

# A task run, or (None) the flow's body.
Scope = UUID | None


def any_writes_python_rows(events: Iterable[LineageEvent]) -> bool:
    """Return whether the run wrote rows that came out of Python."""
    return any(event.writes_python_rows for event in events)


def writers(history: RunHistory) -> set[Scope]:
    """The scopes that wrote rows out of Python."""
    return {scope for event in history.events if event.writes_python_rows for scope in _scopes(event)}


def readers(history: RunHistory) -> set[Scope]:
    """The scopes that read rows into Python. A read of a single row does not count: it explains no more than one."""
    reads = (e for e in history.events if e.operation == "read" and e.statement.rows not in (0, 1))
    return {scope for event in reads for scope in _scopes(event)}


def unexplained_writers(history: RunHistory) -> set[Scope]:
    """The writers that neither read rows themselves nor received some from a task that did."""
    known = readers(history)
    return {scope for scope in writers(history) if not with_upstream(history.tasks, [scope]) & known}


def with_upstream(tasks: Mapping[UUID, TaskRun], scopes: Iterable[Scope]) -> set[Scope]:
    """These scopes, the tasks whose results they received, and the tasks that called them, all the way up."""

    def upstream(scope: Scope) -> Iterable[Scope]:
        task = tasks.get(scope) if scope else None
        return (*task.upstream, *([task.caller] if task.caller else ())) if task else ()

    return set(upstream_closure(scopes, upstream))


def lacks_columns(history: RunHistory) -> bool:
    """Return whether `*` was read of a dataset whose columns the run never saw."""
    known = {dataset.uri for event in history.schemas for dataset in event.datasets if dataset.columns}
    known |= {dataset.uri for event in history.events for dataset in event.datasets if dataset.columns}
    starred = {
        edge.source for event in history.events for edge in event.columns if edge.source_column == STAR == edge.column
    }
    return bool(starred - known)


def _scopes(event: LineageEvent) -> tuple[Scope, ...]:
    return (event.run.task_run_id, *event.task_runs)
