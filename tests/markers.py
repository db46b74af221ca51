"""Marker events: when the server has stored a test's marker, it has stored all events that were sent before.

A test therefore waits as long as the machine needs, and no longer.
"""

from __future__ import annotations

import time
from uuid import uuid4

from prefect.client.orchestration import SyncPrefectClient
from prefect.events import emit_event

from prefect_lineage_events.events import OPERATION_EVENTS
from prefect_lineage_events.history import api
from prefect_lineage_events.history.reader import Patience

_SECONDS = 300


def wait_until_stored(client: SyncPrefectClient) -> None:
    """Wait until the server has stored all events that it received so far."""
    resource = f"test.marker.{uuid4()}"
    emit_event("test.marker", resource={"prefect.resource.id": resource})
    body = {"filter": {"resource": {"id": [resource]}}, "limit": 1}
    deadline = time.monotonic() + _SECONDS
    while not api.post(client, "/events/filter", body)["total"]:
        assert time.monotonic() < deadline, f"the server has stored no event for {_SECONDS} seconds"
        time.sleep(0.2)


def patience_with(client: SyncPrefectClient, run_id: object) -> Patience:
    """The time to wait for the task runs of a run whose events are stored: the API stores task runs independently of
    events.
    """
    related = {"id": [f"prefect.flow-run.{run_id}"]}
    body = {"filter": {"related": related, "event": {"name": sorted(OPERATION_EVENTS)}}, "limit": 1}
    return Patience(first_event=60 if api.post(client, "/events/filter", body)["total"] else 0)
