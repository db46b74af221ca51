"""A backfill's progress on its run's page: a bar, and a table of what was done so far."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler import publishing
from prefect_lineage_events.escaping import line, prose

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.assembler.summary import Summary

KEY = "prefect-lineage-backfill"
MAX_ROWS = 1000
_SECONDS_BETWEEN_UPDATES = 2.0


class Progress:
    """Two artifacts of a flow run, moved on at most every two seconds, and at the end.

    The table shows what needs a look first, and `MAX_ROWS` rows at most; its description counts all.
    """

    def __init__(self, client: SyncPrefectClient, flow_run_id: UUID | None, total: int) -> None:
        self._client = client
        self._total = total
        self._bar = publishing.create_artifact(
            client,
            key=KEY,
            type="progress",
            description=f"How many of the {total} runs that ended in the window have been looked at.",
            data=0.0,
            flow_run_id=flow_run_id,
        )
        self._table = publishing.create_artifact(
            client,
            key=f"{KEY}-runs",
            type="table",
            description="What became of the runs so far.",
            data="[]",
            flow_run_id=flow_run_id,
        )
        self._moved = time.monotonic()

    def move(self, done: int, so_far: Summary) -> None:
        """`done` runs of the total have been looked at."""
        if time.monotonic() - self._moved >= _SECONDS_BETWEEN_UPDATES:
            self._write(100.0 * done / self._total, prose(f"So far: {so_far}."), so_far)

    def end(self, summary: Summary) -> None:
        """Nothing more comes."""
        self._write(100.0, prose(f"{summary}."), summary)

    def _write(self, percent: float, description: str, summary: Summary) -> None:
        self._moved = time.monotonic()
        rows = [
            {"flow run": str(id_), "flow": line(flow_name), "outcome": line(outcome)}
            for id_, flow_name, outcome in islice(summary.outcomes(), MAX_ROWS + 1)
        ]
        if len(rows) > MAX_ROWS:
            description += f" The first {MAX_ROWS} rows are shown."
        publishing.update_artifact(self._client, self._bar, data=percent)
        text = encoding.json_text(rows[:MAX_ROWS])
        publishing.update_artifact(self._client, self._table, data=text, description=description)
