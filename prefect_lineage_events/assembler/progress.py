"""A backfill's progress on its run's page: a bar while it works, a table of what it did when it is done."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.assembler.many_runs import Summary

KEY = "prefect-lineage-backfill"
MAX_ROWS = 1000
_SECONDS_BETWEEN_UPDATES = 2.0


class ProgressBar:
    """A progress artifact of a flow run; moved at most every two seconds, and at the end."""

    def __init__(self, client: SyncPrefectClient, flow_run_id: UUID | None) -> None:
        self._client = client
        description = "How many of the runs in the window have been looked at."
        bar = ArtifactCreate(key=KEY, type="progress", description=description, data=0.0, flow_run_id=flow_run_id)
        self._id = client.create_artifact(bar).id
        self._moved = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self._moved < _SECONDS_BETWEEN_UPDATES:
            return
        self._moved = now
        percent = 100.0 if done >= total else 100.0 * done / total
        self._client.update_artifact(self._id, ArtifactUpdate(data=percent))


def write_table(client: SyncPrefectClient, summary: Summary, flow_run_id: UUID | None) -> None:
    """What became of each run, as a table artifact; beyond `MAX_ROWS` the description counts."""
    rows = [{"flow run": str(a.flow_run_id), "flow": a.flow_name, "outcome": str(a.outcome)} for a in summary.assembled]
    rows += [{"flow run": str(r.id), "flow": r.flow_name, "outcome": f"failed: {why}"} for r, why in summary.failed]
    rows += [{"flow run": str(r.id), "flow": r.flow_name, "outcome": "left for the next time"} for r in summary.left]
    rows += [{"flow run": str(r.id), "flow": r.flow_name, "outcome": "would be sent"} for r in summary.would_send]
    client.create_artifact(
        ArtifactCreate(
            key=f"{KEY}-runs",
            type="table",
            description=f"{summary}." + (f" The first {MAX_ROWS} rows are shown." if len(rows) > MAX_ROWS else ""),
            data=json.dumps(rows[:MAX_ROWS]),
            flow_run_id=flow_run_id,
        )
    )
