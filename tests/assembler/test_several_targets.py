"""Several targets at once, each with its own deliveries and ledger entry."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import get_client
from prefect.client.schemas.objects import State, StateType

from prefect_lineage_events.assembler import ledger, outbox, sweep_state
from prefect_lineage_events.assembler.outbox import TargetsAwayError
from prefect_lineage_events.assembler.summary import SweepError
from prefect_lineage_events.flows import assemble, backfill, sweep
from tests.assembler.loads import daily_load, now, stored
from tests.by_hand import write
from tests.delivery.backend import Backend, running

Transport = dict[str, Any]


@pytest.fixture
def client(prefect_server):
    with get_client(sync_client=True) as client:
        yield client


@dataclass
class Estate:
    """Two backends and a file. `configure` names targets of the client's configuration."""

    marquez: Backend
    archive: Backend
    file: Path
    configure: Callable[..., None]

    def http(self, backend: Backend, **more: Any) -> Transport:
        name = "marquez" if backend is self.marquez else "archive"
        endpoint = "api/v1/lineage" if name == "marquez" else "lineage"
        return {"type": "http", "name": name, "url": backend.url, "endpoint": endpoint, **more}

    @property
    def in_file(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []


@pytest.fixture
def estate(client, monkeypatch, tmp_path) -> Iterator[Estate]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(outbox, "RETRY_DELAYS", [0.0, 0.0, 0.0])
    sweep_state.write(client, sweep_state.SweepState(mark=now()))

    def configure(*parts: Transport) -> None:
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps({"type": "composite", "transports": list(parts)}))

    with ExitStack() as stack:
        marquez, archive = stack.enter_context(running()), stack.enter_context(running())
        yield Estate(marquez, archive, tmp_path / "out.jsonl", configure)


def file_of(estate: Estate) -> Transport:
    return {"type": "file", "name": "file", "log_file_path": str(estate.file), "append": True}


def entry_of(client, run_id: UUID) -> ledger.Entry:
    return ledger.read(client, [run_id])[run_id]


def page_of(client, run_id: UUID) -> str:
    body = {"artifacts": {"flow_run_id": {"any_": [str(run_id)]}, "type": {"not_any_": ["result"]}}}
    (artifact,) = client.request("POST", "/artifacts/filter", json=body).json()
    return artifact["data"]


def test_each_target_receives_events_in_its_shape(estate):
    estate.configure(estate.http(estate.marquez), estate.http(estate.archive), file_of(estate))
    assemble(daily_load())
    assert estate.marquez.types() == estate.archive.types() == ["START", "COMPLETE"]
    sent, plain = estate.marquez.got[-1], estate.archive.got[-1]
    assert sent["job"] == plain["job"] or sent != plain
    assert plain["outputs"] == estate.in_file[-1]["outputs"]
    assert "columnLineage" in estate.in_file[0]["outputs"][0]["facets"]
    assert "columnLineage" not in estate.marquez.got[0]["outputs"][0]["facets"]


def test_unreachable_target_does_not_affect_others(estate, client):
    estate.configure(estate.http(estate.marquez), file_of(estate))
    estate.marquez.answer = lambda event: (503, "", {})
    run_id = daily_load()
    with pytest.raises(TargetsAwayError, match="marquez: HTTP 503"):
        assemble(run_id)
    assert [e["eventType"] for e in estate.in_file] == ["START", "COMPLETE"]
    assert "| `marquez` | 0 | 0 | 2 |" in page_of(client, run_id)
    estate.marquez.got.clear()
    estate.marquez.answer = lambda event: (201, "", {})
    sweep()
    assert estate.marquez.types() == ["START", "COMPLETE"]
    assert len(estate.in_file) == 2
    assert "| `marquez` | 2 | 0 | 0 |" in page_of(client, run_id)


def test_targets_do_not_wait_for_a_slow_one(estate):
    others_done = threading.Event()
    estate.archive.answer = lambda event: others_done.set() or (201, "", {})

    def slow(event):
        assert others_done.wait(60)
        return 201, "", {}

    estate.marquez.answer = slow
    estate.configure(estate.http(estate.marquez), estate.http(estate.archive))
    assert assemble(daily_load()).sent == 4


def test_refusal_of_one_target_is_in_the_artifact(estate, client):
    estate.configure(estate.http(estate.marquez), file_of(estate))
    estate.marquez.answer = lambda event: (422, "blank name", {})
    run_id = daily_load()
    result = assemble(run_id)
    assert (result.sent, len(result.rejected)) == (2, 2)
    estate.configure(estate.http(estate.marquez), file_of(estate), estate.http(estate.archive))
    assemble(run_id)
    assert estate.archive.types() == estate.marquez.types() == ["START", "COMPLETE"]
    assert "## Refused by marquez" in page_of(client, run_id)
    assert "HTTP 422: blank name" in page_of(client, run_id)


def test_target_added_later_receives_missing_runs(estate, client):
    estate.configure(file_of(estate))
    start, runs = now(), [daily_load(), daily_load()]
    stored(client, *runs)
    for run_id in runs:
        assemble(run_id)
    estate.configure(file_of(estate), estate.http(estate.archive))
    backfill(start, now())
    assert estate.archive.types() == [], "who does not name it asks only for what nobody has"
    backfill(start, now(), targets=["archive", "file"])
    assert sorted(estate.archive.types()) == ["COMPLETE"] * 2 + ["START"] * 2
    assert len(estate.in_file) == 4


def test_other_credentials_and_timeouts_send_nothing_again(estate):
    estate.configure(estate.http(estate.archive))
    run_id = daily_load()
    assemble(run_id)
    key = {"type": "api_key", "apiKey": "a new key"}
    estate.configure(estate.http(estate.archive, auth=key, timeout=9, name="renamed"))
    assert assemble(run_id).outcome == "nothing new"
    assert estate.archive.types() == ["START", "COMPLETE"]


def test_a_backfill_for_one_leaves_the_others_alone(estate, client):
    estate.configure(file_of(estate), estate.http(estate.archive))
    start, run_id = now(), daily_load()
    stored(client, run_id)
    backfill(start, now(), targets=["archive"])
    assert (estate.archive.types(), estate.in_file) == (["START", "COMPLETE"], [])
    with pytest.raises(ValueError, match="no such target; configured are file"):
        backfill(start, now(), targets=["arkive"])


def test_sweep_delivers_to_others_while_one_target_is_away(estate, client):
    estate.configure(estate.http(estate.marquez), file_of(estate))
    estate.marquez.answer = lambda event: (503, "", {})
    runs = [daily_load() for _ in range(5)]
    stored(client, *runs)
    with pytest.raises(SweepError):
        sweep()
    assert {e["run"]["runId"] for e in estate.in_file} == {str(run_id) for run_id in runs}
    assert {e["run"]["runId"] for e in estate.marquez.got} == {str(run_id) for run_id in runs[:3]}
    estate.marquez.answer = lambda event: (201, "", {})
    estate.marquez.got.clear()
    sweep()
    assert {e["run"]["runId"] for e in estate.marquez.got} == {str(run_id) for run_id in runs}
    assert len(estate.in_file) == 10


def test_repeated_500_is_a_refusal_if_other_runs_were_taken_since(estate, client):
    bad, good = daily_load(), daily_load()
    stored(client, bad, good)
    estate.configure(estate.http(estate.archive))
    estate.archive.answer = lambda event: (500 if event["run"]["runId"] == str(bad) else 201, "<html>", {})
    with pytest.raises(TargetsAwayError, match="HTTP 500"):
        assemble(bad)
    (line,) = entry_of(client, bad).targets.values()
    assert (line.done, line.faults >= 3) == (0, True)
    assemble(good)
    assert len(assemble(bad).rejected) == 2
    asked = len(estate.archive.got)
    assert assemble(bad).outcome == "nothing new"
    assert len(estate.archive.got) == asked


def test_wrong_credentials_are_not_retried_and_lose_no_run(estate, client):
    estate.configure(estate.http(estate.archive))
    estate.archive.answer = lambda event: (401, "who are you?", {})
    run_id = daily_load()
    with pytest.raises(TargetsAwayError, match="api_key_block"):
        assemble(run_id)
    assert len(estate.archive.got) == 1
    estate.archive.answer = lambda event: (201, "", {})
    assemble(run_id)
    assert estate.archive.types() == ["START", "START", "COMPLETE"]


def test_long_retry_after_is_left_to_the_sweep(estate, client):
    estate.configure(estate.http(estate.archive))
    estate.archive.answer = lambda event: (429, "", {"Retry-After": "3600"})
    with pytest.raises(TargetsAwayError, match="429"):
        assemble(daily_load())
    assert len(estate.archive.got) == 1


def test_short_retry_after_is_waited_for(estate, client):
    estate.configure(estate.http(estate.archive))
    busy = [(429, "", {"Retry-After": "0"})]
    estate.archive.answer = lambda event: busy.pop() if busy else (201, "", {})
    assert assemble(daily_load()).sent == 2


def test_running_runs_go_to_targets_that_accept_them(estate, client, monkeypatch):
    from prefect_lineage_events.settings import settings
    from tests.test_flows import run_that_hangs

    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_RUNNING_EVENTS", "true")
    settings.cache_clear()
    estate.configure(estate.http(estate.marquez), estate.http(estate.archive))
    run_id = run_that_hangs(client)
    deadline = now() + dt.timedelta(seconds=300)
    while not (sent := assemble(run_id).sent) and now() < deadline:
        pass  # its events are being stored: all events of a run that has not ended cannot be waited for
    client.set_flow_run_state(run_id, State(type=StateType.CRASHED), force=True)
    assert sent >= 1
    assert estate.marquez.got == []
    assert estate.archive.types() == ["START", "RUNNING"]


def test_running_run_is_sent_again_and_then_ended(estate, client, monkeypatch):
    from prefect.events import emit_event

    from prefect_lineage_events.settings import settings
    from tests.test_flows import current_run_of, run_that_hangs

    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_RUNNING_EVENTS", "true")
    settings.cache_clear()
    estate.configure(estate.http(estate.archive))
    run_id = run_that_hangs(client)
    sent_in_time(run_id)
    assert assemble(run_id).sent == 0, "nothing new"
    info = current_run_of(client.read_flow_run(run_id))
    emit_event(**write("done_later", "orders", run=info, emitter=uuid4(), at=now()).to_prefect())
    sent_in_time(run_id)
    client.set_flow_run_state(run_id, State(type=StateType.CRASHED), force=True)
    assemble(run_id)
    assert estate.archive.types() == ["START", "RUNNING", "RUNNING", "FAIL"]
    written = [sorted(o["name"].rpartition(".")[2] for o in event["outputs"]) for event in estate.archive.got]
    assert written[1:] == [["half_done"], ["done_later", "half_done"], ["done_later", "half_done"]]


def sent_in_time(run_id) -> None:
    """Assemble until something is sent: a run that has not ended may always have more events."""
    deadline = now() + dt.timedelta(seconds=300)
    while not assemble(run_id).sent:
        assert now() < deadline
