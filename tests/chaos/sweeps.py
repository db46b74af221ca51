"""Sweeps in the test's own process, at a time of its choosing."""

from __future__ import annotations

import datetime as dt

from prefect import get_client

from prefect_lineage_events.assembler.options import AssemblyOptions
from prefect_lineage_events.assembler.sweep import sweep_runs
from prefect_lineage_events.history import api
from prefect_lineage_events.history.reader import Patience


def sweep_later(monkeypatch, minutes: float) -> None:
    """Run a sweep at a time so late that every deadline has passed."""
    now = api.now
    with monkeypatch.context() as later, get_client(sync_client=True) as client:
        later.setattr(api, "now", lambda client: now(client) + dt.timedelta(minutes=minutes))
        sweep_runs(client, AssemblyOptions(patience=Patience(completeness=0), skip_recent=True, lease_timeout=0))
