"""`status` on a real server, of histories that have what it counts: text and JSON."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from prefect import flow, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.events import emit_event
from prefect.runtime import flow_run

from prefect_lineage_events import cli, flows
from prefect_lineage_events.assembler import outbox
from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.assembler.options import AssemblyOptions
from prefect_lineage_events.assembler.summary import SweepError
from prefect_lineage_events.delivery.targets import targets
from prefect_lineage_events.events import RunInfo
from prefect_lineage_events.history.reader import Patience
from tests.by_hand import emit_writes, write
from tests.cli.test_observing import Backend, serving

_AT_ONCE = AssemblyOptions(patience=Patience(completeness=0.0))


@flow(name="status load")
def load(skip: tuple[int, ...] = ()) -> str:
    emit_writes([("status_orders", "source"), ("status_beside", "source")], skip=skip)
    return str(flow_run.id)


@pytest.fixture
def client(unshared_prefect_server: object) -> Iterator[Any]:
    with get_client(sync_client=True) as found:
        yield found


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Backend, Backend]]:
    """Two targets: `marquez` and `other`."""
    with serving() as marquez, serving() as other:
        transports = [{"type": "http", "name": n, "url": b.url} for n, b in (("marquez", marquez), ("other", other))]
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps({"type": "composite", "transports": transports}))
        monkeypatch.setattr(outbox, "RETRY_DELAYS", [])
        yield marquez, other


def status(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    capsys.readouterr()
    cli.main(["status", "--json"])
    found = json.loads(capsys.readouterr().out)
    cli.main(["status"])
    return found, capsys.readouterr().out


def reasons(found: dict[str, Any], kind: str) -> dict[str, str]:
    return {one["run"]: one["text"] for one in found["reasons"] if one["kind"] == kind}


def wait(ready: Callable[[], Any]) -> Any:
    for _ in range(300):
        if answer := ready():
            return answer
        time.sleep(0.5)
    raise AssertionError("waited in vain")


def test_lag_the_last_sweep_and_the_deliveries_of_each_target(
    client: Any, backends: tuple[Backend, Backend], capsys: pytest.CaptureFixture[str]
) -> None:
    before, text = status(capsys)
    assert (before["swept"], before["lag_seconds"], before["targets"]) == (None, None, [])
    assert "last sweep     never" in text
    run_id = load()
    assemble_run(client, UUID(run_id), AssemblyOptions())
    flows.sweep()

    def delivered() -> Any:
        found, text = status(capsys)
        return (found, text) if found["targets"] else None

    found, text = wait(delivered)
    assert found["lag_seconds"] > 0
    assert found["swept"] is not None
    assert "from a run's end to its delivery" in text
    assert "last sweep     never" not in text
    ids = [one.id for one in targets()]
    assert {one["target"]: (one["runs"], one["refused"]) for one in found["targets"]} == dict.fromkeys(ids, (1, 0))
    assert all(name in text for name in ids)


def test_refused_incomplete_and_waiting_runs_with_their_next_steps(
    client: Any, backends: tuple[Backend, Backend], capsys: pytest.CaptureFixture[str]
) -> None:
    marquez, other = backends
    marquez.answer = 422
    refused = load()
    assemble_run(client, UUID(refused), AssemblyOptions())
    marquez.answer = 200
    gapped = load(skip=(1,))
    assemble_run(client, UUID(gapped), _AT_ONCE)
    other.answer = 503
    kept = load()
    with pytest.raises(SweepError, match="HTTP 503"):
        flows.sweep()

    def all_there() -> Any:
        found, text = status(capsys)
        there = found["rejected"] and found["incomplete"] and found["waiting"]
        return (found, text) if there else None

    found, text = wait(all_there)
    assert "HTTP 422" in reasons(found, "rejected")[refused]
    assert "1 events have not arrived" in reasons(found, "incomplete")[gapped]
    assert kept in reasons(found, "waiting")
    assert found["oldest_waiting"] is not None
    first, second = (one.id for one in targets())
    refusals = {one["target"]: one["refused"] for one in found["targets"]}
    assert (refusals[first], refusals[second]) == (1, 0)
    advice = {one["kind"]: one["text"] for one in found["advice"]}
    assert "prefect-lineage rejected --retry" in advice["rejected"]
    assert "prefect-lineage explain RUN" in advice["incomplete"]
    assert "the next sweep" in advice["waiting"]
    assert "stale" not in advice
    for one in (refused, gapped, kept, *advice.values()):
        assert one in text


def test_stale_run_is_counted_with_the_way_to_end_it(
    client: Any, backends: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_STALE_HOURS", str(2 / 3600))
    run = client.create_flow_run(load, state=State(type=StateType.RUNNING))
    info = RunInfo(flow_run_id=run.id, flow_run_name=run.name, flow_id=run.flow_id, flow_name="status load")
    emit_event(**write("half_done", "orders", run=info, at=dt.datetime.now(dt.timezone.utc)).to_prefect())

    def stale() -> Any:
        flows.sweep()
        found, text = status(capsys)
        return (found, text) if found["stale"] else None

    found, text = wait(stale)
    assert "set its state to Crashed" in reasons(found, "stale")[str(run.id)]
    assert "stale" in {one["kind"] for one in found["advice"]}
    assert "1 without an event for long" in text
    client.set_flow_run_state(run.id, State(type=StateType.CRASHED), force=True)


def test_runs_in_flight_are_listed_longest_first_and_counted_beyond_ten(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"waits-{number:02}\x1b[2J" for number in range(12)]
    runs = [client.create_flow_run(load, name=name, state=State(type=StateType.RUNNING)) for name in names]
    own = client.create_flow_run(flows.sweep, state=State(type=StateType.RUNNING))
    found, text = status(capsys)
    assert found["running"] == 12
    assert [one["name"] for one in found["in_flight"]] == names[:10]
    assert {(one["flow"], one["state"]) for one in found["in_flight"]} == {("status load", "running")}
    assert all(one["since"] for one in found["in_flight"])
    assert found["in_flight"][0]["run"] == str(runs[0].id)
    assert "and 2 more" in text
    assert r"waits-00\x1b[2J" in text
    for run in [*runs[2:], own]:
        client.set_flow_run_state(run.id, State(type=StateType.CANCELLED), force=True)
    found, text = status(capsys)
    assert [one["name"] for one in found["in_flight"]] == names[:2]
    assert " more: prefect" not in text
