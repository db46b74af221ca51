"""The task runs of a flow run, and which of them received the results of which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.history import api
from prefect_lineage_events.history.api import JSON
from prefect_lineage_events.history.model import TaskRun

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Not a parameter of the task: order only (`wait_for`), or the task that called it (`__parents__`).
_ORDER_ONLY = "wait_for"
_CALLER = "__parents__"


def read_tasks(client: SyncPrefectClient, flow_run_id: UUID) -> dict[UUID, TaskRun]:
    """All task runs of a flow run, by id. They reach the server some seconds after they ran."""
    body = {"flow_runs": {"id": {"any_": [str(flow_run_id)]}}, "sort": "ID_DESC"}
    tasks = (_task(row) for rows in api.pages(client, "/task_runs/filter", body) for row in rows)
    return {task.id: task for task in tasks}


def _task(raw: JSON) -> TaskRun:
    inputs: dict[str, list[JSON]] = raw.get("task_inputs") or {}
    state: JSON = raw.get("state") or {}
    given = [_task_runs(refs) for name, refs in sorted(inputs.items()) if name not in (_ORDER_ONLY, _CALLER)]
    return TaskRun(
        id=UUID(raw["id"]),
        name=raw["name"],
        task_key=raw["task_key"],
        state=state.get("type") or raw.get("state_type"),
        started=api.time_of(raw.get("start_time")),
        ended=api.time_of(raw.get("end_time")),
        upstream=frozenset().union(*given),
        waits_for=_task_runs(inputs.get(_ORDER_ONLY, ())),
        message=state.get("message"),
        given=tuple(refs for refs in given if refs),
        caller=next(iter(_task_runs(inputs.get(_CALLER, ()))), None),
    )


def _task_runs(refs: Iterable[JSON]) -> frozenset[UUID]:
    return frozenset(UUID(str(ref["id"])) for ref in refs if ref.get("input_type") == "task_run")
