"""Fixtures of the assembler's tests: a client, and a target that records events."""

from __future__ import annotations

import datetime as dt

import pytest
from prefect import get_client

from prefect_lineage_events.assembler import outbox, sweep_state
from tests.recording import RecordingTarget, configure


@pytest.fixture
def client(prefect_server):
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def target(monkeypatch, client) -> RecordingTarget:
    """The configured target; the sweep begins now, after the runs of other tests on the server."""
    target = RecordingTarget()
    configure(monkeypatch, target)
    monkeypatch.setattr(outbox, "RETRY_DELAYS", [])
    sweep_state.write(client, sweep_state.SweepState(mark=dt.datetime.now(dt.timezone.utc)))
    return target
