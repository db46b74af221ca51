"""Fixtures of the fault tests. They take minutes, so `make test-chaos` runs them and `make test` does not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from prefect import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from prefect_lineage_events.assembler import sweep_state
from tests.chaos.server import KillableServer
from tests.chaos.target import HttpTarget


@pytest.fixture
def target(monkeypatch) -> Iterator[HttpTarget]:
    with HttpTarget() as target:
        for name, value in target.environment.items():
            monkeypatch.setenv(name, value)
        yield target


@pytest.fixture
def client(prefect_server):
    """The session's server."""
    with get_client(sync_client=True) as client:
        sweeps_begin_now(client)
        yield client


@pytest.fixture(scope="session")
def killable_server(tmp_path_factory) -> Iterator[KillableServer]:
    server = KillableServer(tmp_path_factory.mktemp("killable"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def server(killable_server, monkeypatch) -> Iterator[KillableServer]:
    """A running server that may be killed, as this test's Prefect API."""
    if not killable_server.running:
        killable_server.start()
    monkeypatch.setenv("PREFECT_API_URL", killable_server.api_url)
    with temporary_settings({PREFECT_API_URL: killable_server.api_url}):
        with get_client(sync_client=True) as client:
            sweeps_begin_now(client)
        yield killable_server


def sweeps_begin_now(client) -> None:
    """Ignore the runs of other tests on the server."""
    sweep_state.write(client, sweep_state.SweepState(mark=dt.datetime.now(dt.timezone.utc)))


@pytest.fixture
def environment(prefect_server, target) -> dict[str, str]:
    """The variables of a child process that uses the session's server and the target."""
    return {
        "PREFECT_API_URL": prefect_server.api_url,
        # By design, Marquez's profile resends the end of the latest run after older runs. Each event is counted here.
        "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_PROFILE": "plain",
        **target.environment,
    }


@pytest.fixture
def as_marquez(environment) -> dict[str, str]:
    """The same, with the profile of the target's address."""
    return {**environment, "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_PROFILE": "marquez"}
