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

from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Crashed

from prefect_lineage_events.history import api, event_log
from prefect_lineage_events.history.assembler_events import SWEEPER
from prefect_lineage_events.history.event_log import Window
from prefect_lineage_events.history.reader import CLOCKS_DIFFER

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import State

logger = logging.getLogger(__name__)

# The heartbeats that must be missing: a busy server stores them late. Prefect's default is one every three minutes.
HEARTBEATS_MISSED = 5
SHORTEST_SILENCE = dt.timedelta(minutes=10)
# Where heartbeats are switched off, a sweep may work for long without an event.
SILENCE_WITHOUT_HEARTBEATS = dt.timedelta(days=1)
# A pending sweep sends no heartbeats: its infrastructure may still start, such as a pod on a new node.
STARTS_WITHIN = dt.timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class DeadSweep:
    """A run of the sweep, and the time of its last state."""

    id: UUID
    since: dt.datetime


def dead_sweeps(client: SyncPrefectClient) -> list[DeadSweep]:
    """Sweeps that have neither ended nor had an event for so long. One request, and one for each old one."""
    now = api.now(client)
    body = {
        "flows": {"name": {"any_": [SWEEPER.partition("/")[0]]}},
        "flow_runs": {
            "state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}},
            # A sweep of the command line holds no place.
            "deployment_id": {"is_null_": False},
        },
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": 20,
    }
    found: list[DeadSweep] = []
    for run in api.post(client, "/flow_runs/filter", body):
        one = DeadSweep(UUID(run["id"]), api.time_of(run["state"]["timestamp"]) or now)
        recently = Window(now - _silence(run["state"]["type"]), now + CLOCKS_DIFFER)
        if one.since < recently.since and not event_log.any_event(client, one.id, recently):
            found.append(one)
    return found


def _silence(state_type: str) -> dt.timedelta:
    """The time without an event after which a sweep in such a state is dead, by the heartbeats of these settings."""
    every = get_current_settings().flows.heartbeat_frequency
    if every is None:
        return SILENCE_WITHOUT_HEARTBEATS
    silence = max(SHORTEST_SILENCE, HEARTBEATS_MISSED * dt.timedelta(seconds=every))
    return max(silence, STARTS_WITHIN) if state_type == "PENDING" else silence


def end_dead_sweeps(client: SyncPrefectClient, alive: Collection[UUID] = ()) -> None:
    """Record that these sweeps have crashed, but not those that the caller knows to be `alive`."""
    for one in dead_sweeps(client):
        if one.id not in alive and end_run(client, one.id, Crashed(message="Its process is gone.")):
            logger.warning("The sweep %s was silent since %s; it is recorded as crashed", one.id, f"{one.since:%F %R}")


def end_run(client: SyncPrefectClient, run_id: UUID, state: State[None]) -> bool:
    """Set this final state of a run whose process is gone; return false if it has ended or was deleted before."""
    try:
        current = client.read_flow_run(run_id).state
        if current is not None and current.is_final():
            return False
        client.set_flow_run_state(run_id, state, force=True)
    except ObjectNotFound:
        return False
    return True
