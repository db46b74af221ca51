"""Reads task runs outside any flow (`task.delay()`, a task called at module level): runs of a job of their own.

They have the form of flow runs, by the task's name. Prefect's filter has no end time of task runs, so they are paged
in the order of their ends.

Prefect itself stores such a run under a flow run that the same process made before (its worker for events fills in the
run of the context that it was started in). The events of our own name no flow run, so the run is found by them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from prefect_lineage_events.history import api
from prefect_lineage_events.history.api import JSON
from prefect_lineage_events.history.event_log import Window, closed_outside_flows
from prefect_lineage_events.history.model import END_STATES, FlowRun
from prefect_lineage_events.history.task_names import TASK_MARK, function_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_TASKS = UUID("0f6b2a53-5a0e-4c9e-9b8c-1d0a3c7f2e41")
# Longer than a process's clock differs from the server's, and than an event of a run's end is late.
_AROUND = dt.timedelta(minutes=10)
# By default; no run is found by its events after that.
_EVENTS_ARE_KEPT = dt.timedelta(days=7)
_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.timezone.utc)


def read(client: SyncPrefectClient, task_run_id: UUID) -> FlowRun | None:
    """The run of that id; None if there is none, or if it belongs to a flow run."""
    raw: JSON | None = api.get(client, f"/task_runs/{task_run_id}")
    if raw is None or not _is_outside(client, raw):
        return None
    return replace(_run(raw), job=_job(client, raw))


def _is_outside(client: SyncPrefectClient, raw: JSON) -> bool:
    if not raw.get("flow_run_id"):
        return True
    run = _run(raw)
    if run.started is None or run.ended is None:
        return False
    window = Window(run.started - _AROUND, run.ended + _AROUND)
    return run.id in closed_outside_flows(client, window, [run.id])


def _job(client: SyncPrefectClient, raw: JSON) -> str | None:
    """The name of the task's job if it is not the task's: a flow, or a task of another function, has this name too."""
    name, function = raw["name"], function_of(raw["task_key"])
    chosen = {"flow_run_id": {"is_null_": True}, "name": {"any_": [name]}}
    same: list[JSON] = api.post(
        client, "/task_runs/filter", {"task_runs": chosen, "sort": "END_TIME_DESC", "limit": api.PAGE}
    )
    job = name
    if name != function and {function_of(one["task_key"]) for one in same} - {function}:
        job = f"{name} ({function})"
    if api.post(client, "/flows/filter", {"flows": {"name": {"any_": [job]}}, "limit": 1}):
        job += TASK_MARK
    return job if job != name else None


def has_run(client: SyncPrefectClient, name: str) -> bool:
    """Return whether a task of that name ever ran outside any flow."""
    chosen = {"flow_run_id": {"is_null_": True}, "name": {"any_": [name]}}
    if api.post(client, "/task_runs/filter", {"task_runs": chosen, "limit": 1}):
        return True
    return bool(_named_under_flow_runs(client, {"name": {"any_": [name]}}))


def completed(client: SyncPrefectClient, job: FlowRun, limit: int) -> list[FlowRun]:
    """The newest completed runs of a job, newest first by their end; `job` is one of its runs."""
    states = {"type": {"any_": ["COMPLETED"]}}
    chosen = {"name": {"any_": [job.flow_name]}, "state": states}
    outside = {**chosen, "flow_run_id": {"is_null_": True}}
    rows: list[JSON] = api.post(
        client, "/task_runs/filter", {"task_runs": outside, "sort": "END_TIME_DESC", "limit": limit}
    )
    runs = [*map(_run, rows), *_named_under_flow_runs(client, chosen)]
    runs.sort(key=lambda run: run.ended or _LONG_AGO, reverse=True)
    return [run for run in runs if run.flow_id == job.flow_id][:limit]


def ended(
    client: SyncPrefectClient, start: dt.datetime, end: dt.datetime, names: Sequence[str] | None = None
) -> Iterator[list[FlowRun]]:
    """The runs that ended in [start, end], up to 200 at a time, each newest first; only those of `names`, if given.

    Those that Prefect stored under a flow run come before the others.
    """
    chosen: JSON = {"state": {"type": {"any_": sorted(END_STATES)}}}
    if names:
        chosen["name"] = {"any_": list(names)}
    yield from _under_flow_runs(client, start, end, chosen)
    body = {"task_runs": {**chosen, "flow_run_id": {"is_null_": True}}, "sort": "END_TIME_DESC"}
    for rows in api.pages(client, "/task_runs/filter", body):
        runs = [_run(row) for row in rows if row.get("end_time")]
        if found := [run for run in runs if run.ended and start <= run.ended <= end]:
            yield found
        if any(run.ended and run.ended < start for run in runs):
            return


def _named_under_flow_runs(client: SyncPrefectClient, chosen: JSON) -> list[FlowRun]:
    """Those of the newest task runs under flow runs that ran outside any flow. One request, or two."""
    under = {**chosen, "flow_run_id": {"is_null_": False}}
    rows: list[JSON] = api.post(
        client, "/task_runs/filter", {"task_runs": under, "sort": "END_TIME_DESC", "limit": api.PAGE}
    )
    runs = [run for run in map(_run, rows) if run.started and run.ended]
    ends = [run.ended for run in runs if run.ended]
    if not ends:
        return []
    since, until = max(min(ends), max(ends) - _EVENTS_ARE_KEPT), max(ends)
    closed = closed_outside_flows(client, Window(since - _AROUND, until + _AROUND), [run.id for run in runs])
    return [run for run in runs if run.id in closed]


def _under_flow_runs(
    client: SyncPrefectClient, start: dt.datetime, end: dt.datetime, chosen: JSON
) -> Iterator[list[FlowRun]]:
    """Those of the runs that Prefect stored under a flow run, as their own events tell."""
    # No run has ended in the future: a window until 2100 would be two thousand requests.
    closed = closed_outside_flows(client, Window(start - _AROUND, min(end, api.now(client)) + _AROUND))
    for first in range(0, len(closed), api.PAGE):
        ids = [str(id_) for id_ in closed[first : first + api.PAGE]]
        under = {**chosen, "id": {"any_": ids}, "flow_run_id": {"is_null_": False}}
        rows: list[JSON] = api.post(client, "/task_runs/filter", {"task_runs": under, "limit": api.PAGE})
        runs = sorted(map(_run, rows), key=lambda run: run.ended or _LONG_AGO, reverse=True)
        if found := [run for run in runs if run.ended and start <= run.ended <= end]:
            yield found


def _run(raw: JSON) -> FlowRun:
    state: JSON = raw.get("state") or {}
    return FlowRun(
        id=UUID(raw["id"]),
        name=raw["name"],
        flow_id=uuid5(_TASKS, raw["task_key"]),
        flow_name=raw["name"],
        state=state.get("type") or raw.get("state_type") or "PENDING",
        state_name=state.get("name") or raw.get("state_name") or "",
        message=state.get("message"),
        started=api.time_of(raw.get("start_time")),
        ended=api.time_of(raw.get("end_time")),
        expected_start=api.time_of(raw.get("expected_start_time")),
        run_count=raw.get("run_count") or 0,
        tags=tuple(raw.get("tags") or ()),
        kind="task-run",
    )
