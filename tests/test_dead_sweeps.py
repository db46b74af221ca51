"""Sweeps that are silent: which of them are recorded as crashed, on a real server whose clock is moved on."""

from __future__ import annotations

import asyncio
import datetime as dt
from types import SimpleNamespace

import pytest
from prefect import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from prefect_lineage_events import deploy, serving
from prefect_lineage_events.assembler import dead_sweeps
from prefect_lineage_events.flows import sweep
from prefect_lineage_events.serving import AssemblerRunner, Served


@pytest.fixture
def client(prefect_server):
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def held(client):
    """Makes a sweep of the deployment in such a state, whose process is not here."""
    made = []

    def make(state: StateType = StateType.RUNNING):
        sweeper = deploy.deploy().deployments[deploy.SWEEPER]
        made.append(client.create_flow_run_from_deployment(sweeper, state=State(type=state)))
        return made[-1]

    yield make
    for run in made:
        client.delete_flow_run(run.id)


@pytest.fixture
def after(monkeypatch):
    def move(minutes: float) -> None:
        later = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=minutes)
        monkeypatch.setattr(dead_sweeps.api, "now", lambda _: later)

    return move


def dead(client):
    return [one.id for one in dead_sweeps.dead_sweeps(client)]


def test_sweep_is_dead_after_several_heartbeats_of_the_settings(client, held, after):
    run = held()
    after(14)
    assert dead(client) == []
    after(16)
    assert dead(client) == [run.id]
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 900}):
        assert dead(client) == []
        after(80)
        assert dead(client) == [run.id]
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 30}):
        after(9)
        assert dead(client) == []
        after(11)
        assert dead(client) == [run.id]


def test_sweep_without_heartbeats_is_dead_after_a_day(client, held, after, monkeypatch):
    run = held()
    without = SimpleNamespace(flows=SimpleNamespace(heartbeat_frequency=None))
    monkeypatch.setattr(dead_sweeps, "get_current_settings", lambda: without)
    after(23 * 60)
    assert dead(client) == []
    after(25 * 60)
    assert dead(client) == [run.id]


def test_pending_sweep_has_half_an_hour_to_start(client, held, after):
    run = held(StateType.PENDING)
    after(29)
    assert dead(client) == []
    after(31)
    assert dead(client) == [run.id]


def test_dead_sweep_is_found_among_many_of_the_command_line(client, held, after):
    by_hand = [client.create_flow_run(sweep, state=State(type=StateType.RUNNING)) for _ in range(25)]
    run = held()
    after(120)
    assert dead(client) == [run.id]
    for one in by_hand:
        client.delete_flow_run(one.id)


def test_serve_ends_no_sweep_of_its_own(client, held, after, monkeypatch):
    own, other = held(), held()
    runner = AssemblerRunner(name="served")
    monkeypatch.setattr(runner._process_manager, "flow_run_ids", lambda: {own.id})
    looks = iter([True, False])
    monkeypatch.setattr(serving, "_exists", lambda _: next(looks))
    monkeypatch.setattr(serving, "_LOOKED_FOR_EVERY", 0.0)
    after(120)
    asyncio.run(serving._watch(Served(runner, [own.deployment_id], own.deployment_id)))
    assert client.read_flow_run(own.id).state.is_running()
    assert client.read_flow_run(other.id).state.is_crashed()


def test_runner_that_keeps_its_runs_elsewhere_has_none(monkeypatch):
    runner = AssemblerRunner(name="served")
    monkeypatch.delattr(runner, "_process_manager")
    assert not runner.current_runs()
