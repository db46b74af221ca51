"""A run's lease is held by one assembler at a time, for as long as its process runs."""

from __future__ import annotations

import contextvars
import datetime as dt
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import httpx
import pytest
from prefect import get_client

from prefect_lineage_events.assembler import lease, publishing
from prefect_lineage_events.history import api
from prefect_lineage_events.settings import settings


def held(client, run_id) -> str | None:
    return next((str(row["data"]) for row in lease._leases(client, run_id)), None)


def test_a_lease_ends_with_the_delivery(client):
    run_id = uuid4()
    with lease.hold(client, run_id, 0):
        assert held(client, run_id)
    assert held(client, run_id) is None


def test_a_lease_is_renewed_during_a_long_delivery(client, monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_CLAIM_SECONDS", "2")
    settings.cache_clear()
    run_id = uuid4()
    with lease.hold(client, run_id, 0):
        first, deadline = held(client, run_id), time.monotonic() + 300
        while (now := held(client, run_id)) == first:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert now is not None


def test_a_failed_renewal_does_not_stop_the_delivery(client, monkeypatch, caplog):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_CLAIM_SECONDS", "1")
    settings.cache_clear()
    run_id = uuid4()
    with lease.hold(client, run_id, 0):
        for row in lease._leases(client, run_id):
            publishing.delete_artifact(client, UUID(row["id"]))
        deadline = time.monotonic() + 300
        while "could not be renewed" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_failed_release_does_not_fail_the_delivery(client, monkeypatch, caplog):
    run_id = uuid4()
    with monkeypatch.context() as busy:

        def unanswered(*_, **__):
            raise httpx.ReadTimeout("the database is locked")

        with lease.hold(client, run_id, 0):
            busy.setattr(client, "request", unanswered)
    assert "could not be released" in caplog.text
    assert held(client, run_id)


def test_leases_that_expired_or_whose_owner_exited_are_removed(client):
    exited, expired, running = uuid4(), uuid4(), uuid4()
    script = (
        "import sys, uuid; from prefect import get_client; from prefect_lineage_events.assembler import lease\n"
        "with get_client(sync_client=True) as c: assert lease.try_acquire(c, uuid.UUID(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", script, str(exited)], check=True)
    with pytest.MonkeyPatch.context() as long_ago:
        long_ago.setattr(api, "now", lambda _: dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=1))
        assert lease.try_acquire(client, expired)
    with lease.hold(client, running, 0):
        assert lease.remove_expired(client) >= 2
        assert [bool(held(client, run_id)) for run_id in (exited, expired, running)] == [False, False, True]


def test_at_most_one_of_several_assemblers_acquires_the_lease(client):
    run_id, ready = uuid4(), threading.Barrier(4)

    def ask():
        with get_client(sync_client=True) as mine:
            ready.wait()
            return lease.try_acquire(mine, run_id)

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(contextvars.copy_context().run, ask) for _ in range(4)]
    got = [future.result() for future in asked]
    assert sum(lease_id is not None for lease_id in got) <= 1
    assert len(list(lease._leases(client, run_id))) <= 1
    publishing.delete_artifact(client, next(filter(None, got), uuid4()))
    assert lease.try_acquire(client, run_id)


def test_waiting_assembler_creates_no_lease_while_there_is_one(client, monkeypatch):
    # Leases of many that wait would keep each of them from being the only one: where the API is slow, for ever.
    run_id = uuid4()
    with lease.hold(client, run_id, 0):
        created, original = [], publishing.create_artifact

        def create(*args, **kwargs):
            created.append(kwargs)
            return original(*args, **kwargs)

        monkeypatch.setattr(publishing, "create_artifact", create)
        with pytest.raises(lease.BusyError), lease.hold(client, run_id, 5 * lease._RETRY_SECONDS):
            pass
    assert len(created) == 1


@pytest.mark.parametrize(
    "data",
    ["", "no time at all", "2026-13-45 me", "9999-12-31T00:00:00+00:00 me", "2026-01-01", None, 7, {"until": []}],
)
def test_an_unreadable_lease_counts_as_expired(client, data):
    run_id = uuid4()
    publishing.create_artifact(client, type=lease.TYPE, data=data, task_run_id=run_id)
    assert lease.try_acquire(client, run_id)


def test_a_lease_has_no_key_and_is_not_on_the_runs_page(client):
    run_id = uuid4()
    with lease.hold(client, run_id, 0):
        (row,) = lease._leases(client, run_id)
        assert row["key"] is None
        shown = {"artifacts": {"flow_run_id": {"any_": [str(run_id)]}}}
        assert not api.post(client, "/artifacts/filter", shown)
