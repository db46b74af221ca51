"""Sweeps whose processes are gone, but that go on by Prefect's state: each later sweep would be cancelled for them.

One sweep runs at a time, by the limit of their deployment. A server keeps the leases of such limits in memory: after
its restart, it frees the place of a run only when the run's state ends.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.states import Crashed

from prefect_lineage_events.history import api, event_log
from prefect_lineage_events.history.assembler_events import SWEEPER
from prefect_lineage_events.history.event_log import Window
from prefect_lineage_events.history.reader import CLOCKS_DIFFER

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

# A process sends a heartbeat every three minutes (Prefect's default), and begins within seconds.
SILENT = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class DeadSweep:
    """A run of the sweep, and the time of its last state."""

    id: UUID
    since: dt.datetime


def dead_sweeps(client: SyncPrefectClient) -> list[DeadSweep]:
    """Sweeps that have neither ended nor had an event for so long. One request, and one for each old one."""
    now = api.now(client)
    recently = Window(now - SILENT, now + CLOCKS_DIFFER)
    body = {
        "flows": {"name": {"any_": [SWEEPER.partition("/")[0]]}},
        "flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}},
        "limit": 20,
    }
    found = [
        DeadSweep(UUID(run["id"]), since)
        for run in api.post(client, "/flow_runs/filter", body)
        # A sweep of the command line holds no place.
        if run["deployment_id"] and (since := api.time_of(run["state"]["timestamp"])) and since < recently.since
    ]
    return [one for one in found if not event_log.any_event(client, one.id, recently)]


def end_dead_sweeps(client: SyncPrefectClient, alive: Collection[UUID] = ()) -> None:
    """Record that these sweeps have crashed, but not those that the caller knows to be `alive`."""
    for one in dead_sweeps(client):
        if one.id not in alive:
            client.set_flow_run_state(one.id, Crashed(message="Its process is gone."), force=True)
            logger.warning("The sweep %s was silent since %s; it is recorded as crashed", one.id, f"{one.since:%F %R}")
