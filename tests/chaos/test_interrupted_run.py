"""Interrupted runs, interrupted servers and late events: known lineage is sent, and missing events are named."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from prefect import flow, get_client
from prefect.events import emit_event
from prefect.states import Crashed

from prefect_lineage_events.assembler import ledger
from prefect_lineage_events.history.reader import Patience, read_history
from prefect_lineage_events.history.runs import read_run
from tests.assembler.loads import stored
from tests.by_hand import current_run, emit_writes, write
from tests.chaos import child
from tests.chaos.sweeps import sweep_later

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]
# Seconds for which assembly waits for missing events in these tests.
IMPATIENT = {"PREFECT_INTEGRATIONS_LINEAGE_EVENTS_COMPLETENESS_TIMEOUT": "1"}
# Seconds between two times at which the server stores events, as a server under load does.
LATE = {
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "25",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "5000",
}


@contextmanager
def interrupted(api_url: str, directory: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], UUID]]:
    """The flow in a process of its own, which has written once and waits."""
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.programs.interrupted", str(directory)],
        cwd=ROOT,
        env={**os.environ, "PREFECT_API_URL": api_url, "PREFECT_LOGGING_LEVEL": "ERROR", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout is not None
        yield program, UUID(program.stdout.readline().strip())
    finally:
        program.kill()
        program.communicate()


def wait_until_known(client, run_id: UUID) -> None:
    """Wait until everything that the run has written so far is in Prefect's history, with a count."""
    deadline = time.monotonic() + 300
    while True:
        history = read_history(client, read_run(client, run_id), Patience(completeness=0, first_event=0))
        if history.events and not history.completeness.missing:
            return
        assert time.monotonic() < deadline
        time.sleep(0.5)


def outputs(event) -> set[str]:
    return {output["name"].rpartition(".")[2] for output in event["outputs"]}


def completeness_of(event) -> dict[str, object]:
    return event["run"]["facets"]["prefect_run"]["completeness"]


def test_killed_flow_is_delivered_as_failed_when_prefect_records_its_end(
    client, target, environment, prefect_server, tmp_path, monkeypatch
):
    with interrupted(prefect_server.api_url, tmp_path) as (program, run_id):
        wait_until_known(client, run_id)
        program.send_signal(signal.SIGKILL)
        assert program.wait(60) == -signal.SIGKILL
    assert child.run("sweep", environment) == 0
    assert not target.events, "Prefect says that it is running"

    client.set_flow_run_state(run_id, Crashed(), force=True)
    assert child.run("assemble", environment | IMPATIENT, run_id) == 0
    assert target.types(run_id) == ["START", "FAIL"]
    assert outputs(target.events[-1]) == {"before"}
    assert not completeness_of(target.events[-1])["complete"]
    sweep_later(monkeypatch, minutes=30)
    assert {kind for _, kind in target.counts()} == {"START", "FAIL"}
    assert outputs(target.events[-1]) == {"before"}


@flow
def emitted_in_part() -> None:
    """Emit three events of a run, of which the second arrives long after its end."""
    emitter = emit_writes([("first", "source"), ("second", "source"), ("third", "source")], skip=[1])
    late.append(write("second", "source", run=current_run(), emitter=emitter, sequence=1, at=now()))


late = []


def now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


def test_run_with_missing_event_is_published_as_incomplete_then_complete(client, target, environment):
    run_id = emitted_in_part(return_state=True).state_details.flow_run_id
    assert child.run("assemble", environment | IMPATIENT, run_id) == 0
    event = target.events[-1]
    assert outputs(event) == {"first", "third"}
    assert completeness_of(event)["missingEvents"] == 1
    assert "1" in completeness_of(event)["lacks"][0]
    (page,) = client.request("POST", "/artifacts/filter", json=artifacts_of(run_id)).json()
    assert "Incomplete" in page["data"]

    emit_event(**late.pop().to_prefect())
    stored(client, run_id)
    assert child.run("sweep", environment) == 0
    assert target.types(run_id) == ["START", "COMPLETE", "COMPLETE"]
    assert outputs(target.events[-1]) == {"first", "second", "third"}
    assert completeness_of(target.events[-1])["complete"]
    assert ledger.read(client, [run_id])[run_id].complete


def artifacts_of(run_id: UUID) -> dict[str, object]:
    return {"artifacts": {"flow_run_id": {"any_": [str(run_id)]}, "type": {"not_any_": ["result"]}}}


def test_run_is_complete_after_server_was_killed_and_stored_late(server, target, tmp_path):
    environment = {"PREFECT_API_URL": server.api_url, **target.environment}
    with get_client(sync_client=True) as client, interrupted(server.api_url, tmp_path) as (program, run_id):
        wait_until_known(client, run_id)
        server.kill(signal.SIGKILL)
        server.start(**LATE)
        program.communicate("go on\n", timeout=600)
        assert program.returncode == 0

        assert child.run("assemble", environment | IMPATIENT, run_id) == 0
        assert outputs(target.events[-1]) == {"before"}
        assert not completeness_of(target.events[-1])["complete"]
        stored(client, run_id)
        assert child.run("sweep", environment) == 0
        assert outputs(target.events[-1]) == {"before", "after"}
        assert completeness_of(target.events[-1])["complete"]
        assert target.types(run_id) == ["START", "COMPLETE", "COMPLETE"]
        # Later tests need a server with default settings.
        server.stop()
