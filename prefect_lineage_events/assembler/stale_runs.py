"""Stale runs: still running by Prefect's state, but silent for long. They were killed without a trace, or take long.

The assembler never ends them: Prefect or a person does. Then they are assembled with the events that arrived.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from prefect_lineage_events.history import api, event_log
from prefect_lineage_events.history.event_log import Window
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.reader import CLOCKS_DIFFER, window_of
from prefect_lineage_events.history.runs import unended_runs
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

HOW_TO_END = (
    "if its process has exited, set its state to Crashed (UI: Change state), or let Prefect do so by itself "
    "(docs.prefect.io: detect zombie flows)"
)


def stale_runs(client: SyncPrefectClient) -> list[FlowRun]:
    """Running runs with lineage but without any event for the setting `stale_hours`, newest first.

    Events of any kind count, Prefect's heartbeats too. Requests: one, and one to three for each run that has been
    running for so long.
    """
    now = api.now(client)
    silent_since = now - dt.timedelta(hours=settings().stale_hours)
    recently = Window(silent_since, now + CLOCKS_DIFFER)
    return [
        run
        for run in unended_runs(client, silent_since)
        if not event_log.any_event(client, run.id, recently)
        and event_log.any_lineage(client, [run.id], window_of(run, now))
    ]
