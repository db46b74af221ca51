"""Runs that have not ended, as Prefect sees it: killed without a trace, or just long.

We never end them: that is Prefect's, or a person's, to do. Then they are assembled with what is known of them.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from prefect_lineage_events.history import api, event_log
from prefect_lineage_events.history.event_log import Window
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.runs import unended_runs
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

HOW_TO_END = (
    "if its process is gone, set its state to Crashed (UI: Change state), or let Prefect do so by itself "
    "(docs.prefect.io: detect zombie flows)"
)


def stale_runs(client: SyncPrefectClient) -> list[FlowRun]:
    """Running runs with lineage that have given no sign of life for the setting `stale_hours`, newest first.

    A sign of life is an event of any kind, a heartbeat of Prefect's too. Requests: one, and one to three for each run
    that has been running for so long.
    """
    now = api.now(client)
    silent_since = now - dt.timedelta(hours=settings().stale_hours)
    recently = Window(silent_since, now + dt.timedelta(hours=1))
    return [
        run
        for run in unended_runs(client, silent_since)
        if not event_log.any_event(client, run.id, recently)
        and event_log.any_lineage(client, [run.id], Window((run.started or now) - dt.timedelta(days=1), now))
    ]
