"""Reads the task runs of a flow run, and the task graph: the task runs whose results each received."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.history import api
from prefect_lineage_events.history.api import JSON
from prefect_lineage_events.history.model import TaskRun

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# No parameters of the task: order only, and the task that called it. Prefect names among the parents each task, too,
# whose result came in a parameter while it was still running: a future, or what a generator has yielded.
_ORDER_ONLY = "wait_for"
_PARENTS = "__parents__"
# The name of the state of a task whose result Prefect took from its cache.
CACHED = "Cached"


def read_tasks(client: SyncPrefectClient, flow_run_id: UUID) -> dict[UUID, TaskRun]:
    """All task runs of a flow run, by id. They reach the server some seconds after they ran."""
    body = {"flow_runs": {"id": {"any_": [str(flow_run_id)]}}, "sort": "ID_DESC"}
    return tasks_of(row for page in api.pages(client, "/task_runs/filter", body) for row in page)


def tasks_of(found: Iterable[JSON]) -> dict[UUID, TaskRun]:
    """The task runs of one flow run, by id, as the API shows them."""
    rows = list(found)
    # Task inputs name the subflow's run for its result: here it becomes the task run that stands for the call.
    calls = {subflow: UUID(row["id"]) for row in rows if (subflow := _subflow(row))}
    tasks = (_task(row, calls) for row in rows)
    return {task.id: task for task in tasks}


def all_cached(client: SyncPrefectClient, flow_run_id: UUID) -> bool:
    """Return whether the run had tasks, and each returned a cached result. Looks at the first 200 of them."""
    body = {"flow_runs": {"id": {"any_": [str(flow_run_id)]}}, "limit": api.PAGE}
    rows: list[JSON] = api.post(client, "/task_runs/filter", body)
    return bool(rows) and all((row.get("state") or {}).get("name") == CACHED for row in rows)


def _task(raw: JSON, calls: Mapping[UUID, UUID]) -> TaskRun:
    inputs: dict[str, list[JSON]] = raw.get("task_inputs") or {}
    state: JSON = raw.get("state") or {}
    parameters = {name: refs for name, refs in sorted(inputs.items()) if name not in (_ORDER_ONLY, _PARENTS)}
    upstream_by_parameter = [_task_runs(refs, calls) for refs in parameters.values()]
    upstream = frozenset[UUID]().union(*upstream_by_parameter)
    return TaskRun(
        id=UUID(raw["id"]),
        name=raw["name"],
        task_key=raw["task_key"],
        state=state.get("type") or raw.get("state_type"),
        started=api.time_of(raw.get("start_time")),
        ended=api.time_of(raw.get("end_time")),
        upstream=upstream,
        waits_for=_task_runs(inputs.get(_ORDER_ONLY, ()), calls),
        message=state.get("message"),
        upstream_by_parameter=tuple(refs for refs in upstream_by_parameter if refs),
        caller=next(iter(_task_runs(inputs.get(_PARENTS, ()), calls) - upstream), None),
        untracked=not all(upstream_by_parameter),
        returned=not (state.get("state_details") or {}).get("untrackable_result"),
        subflow=_subflow(raw),
        cached=state.get("name") == CACHED,
        result_key=result_key(state),
        dynamic_key=raw.get("dynamic_key"),
        flow_run_count=raw.get("flow_run_run_count") or 0,
    )


def result_key(state: JSON) -> str | None:
    """The key under which the result of a task in this state is stored; None for one that is not stored."""
    data = state.get("data")
    return data.get("storage_key") if isinstance(data, dict) else None


def _subflow(raw: JSON) -> UUID | None:
    details: JSON = (raw.get("state") or {}).get("state_details") or {}
    child = details.get("child_flow_run_id")
    return UUID(child) if child else None


def _task_runs(refs: Iterable[JSON], calls: Mapping[UUID, UUID]) -> frozenset[UUID]:
    tasks = {UUID(str(ref["id"])) for ref in refs if ref.get("input_type") == "task_run"}
    subflows = {UUID(str(ref["id"])) for ref in refs if ref.get("input_type") == "flow_run"}
    return frozenset(tasks | {calls[subflow] for subflow in subflows & calls.keys()})
