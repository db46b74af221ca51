"""The task run that made a result which a later run took from the cache.

The states of both hold the key under which the result is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.history import api
from prefect_lineage_events.history.api import JSON
from prefect_lineage_events.history.model import TaskRun
from prefect_lineage_events.history.tasks import CACHED, result_key

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# The number of earlier task runs of a name that are searched, the latest first: 200 per request.
MAX_SEARCHED = 1_000


def origin(client: SyncPrefectClient, task: TaskRun) -> tuple[UUID, UUID] | None:
    """The flow run and the task run that made a cached task's result; None if the history has none."""
    if not task.cached or task.result_key is None:
        return None
    for row in _before(client, task):
        state: JSON = row.get("state") or {}
        if state.get("name") != CACHED and result_key(state) == task.result_key and row.get("flow_run_id"):
            return UUID(row["flow_run_id"]), UUID(row["id"])
    return None


def _before(client: SyncPrefectClient, task: TaskRun) -> Iterator[JSON]:
    """Completed runs of the same task before this one, the latest first."""
    chosen: JSON = {"state": {"type": {"any_": ["COMPLETED"]}}}
    if by_prefect := re.fullmatch(r"(.+-)[0-9a-f]{1,3}", task.name):
        chosen["name"] = {"like_": by_prefect[1]}
    if task.ended:
        chosen["end_time"] = {"before_": task.ended.isoformat()}
    body: JSON = {"task_runs": chosen, "sort": "END_TIME_DESC"}
    searched = 0
    for rows in api.pages(client, "/task_runs/filter", body):
        yield from (row for row in rows if row.get("task_key") == task.task_key)
        searched += len(rows)
        if searched >= MAX_SEARCHED:
            return
