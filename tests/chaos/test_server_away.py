"""An outage of the Prefect server during a sweep: no run is lost, and none is sent twice."""

from __future__ import annotations

import signal
import time
from collections import Counter

import pytest
from prefect import get_client

from prefect_lineage_events.assembler import sweep_state
from tests.assembler.loads import daily_load, hourly_load, stored
from tests.chaos import child

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


def test_no_run_is_lost_when_server_is_killed_during_sweep(server, target):
    environment = {
        "PREFECT_API_URL": server.api_url,
        "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_PROFILE": "plain",
        **target.environment,
    }
    runs = [load() for _ in range(5) for load in (daily_load, hourly_load)]
    with get_client(sync_client=True) as client:
        stored(client, *runs)

    def kill_the_server_behind_the_fifth(_: object) -> int:
        if len(target.events) == 4:
            server.kill(signal.SIGKILL)
        return 201

    target.answer = kill_the_server_behind_the_fifth
    interrupted = child.start("sweep", environment)
    deadline = time.monotonic() + 300
    while server.running:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    server.start()
    # The sweep may have failed for a run, and reports that, or may have waited long enough for all.
    assert child.ended(interrupted) in (0, 1)
    assert child.run("sweep", environment) == 0
    counts = target.counts()
    assert set(counts) == {(str(run_id), kind) for run_id in runs for kind in ("START", "COMPLETE")}
    # The fifth event was accepted, but that could not be recorded.
    again = counts - Counter(set(counts))
    fifth = target.events[4]
    assert sum(again.values()) <= 1
    assert set(again) <= {(fifth["run"]["runId"], fifth["eventType"])}
    with get_client(sync_client=True) as client:
        assert not sweep_state.read(client).waiting
