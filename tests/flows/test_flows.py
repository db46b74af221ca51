"""Whole flows: each program here runs as its user would run it, and its lineage is compared with the file beside it.

`<group>_<name>.py` is an ordinary Prefect program; `<group>_<name>.yaml` is its expected lineage (`expectation.py`
explains the fields). To add a case, write the two files. The program finds a small shop (`shops.py`) in its store: by
`SHOP_URL` (SQLAlchemy), `SHOP_FILE` (SQLite, DuckDB), `SHOP_DSN`, `SHOP_ASYNC_URL` (PostgreSQL), `SHOP_PORT`,
`SHOP_PASSWORD` (MariaDB), or
`snowflake_shop.connect(block_class)`; what else it uses is in `services.py`. Its working directory is empty and its own.

Each run is assembled from the history of a real Prefect server into a file, compared with the expectation, and then
sent to the Marquez stand-in, whose lists and graphs must respond.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect import get_client

from prefect_lineage_events.assembler import snapshot_store
from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.assembler.options import AssemblyOptions
from prefect_lineage_events.delivery.profiles.marquez import MARQUEZ
from prefect_lineage_events.event_snapshots import EventRuns
from prefect_lineage_events.events import OPERATION_EVENTS
from prefect_lineage_events.history import api
from tests.conftest import PrefectServer
from tests.events_read import held_by_events
from tests.flows.expectation import Expectation, ExpectedJob
from tests.flows.lineage import SentLineage, sent_lineage
from tests.flows.services import SERVICES
from tests.flows.shops import STORES
from tests.markers import patience_with, wait_until_stored
from tests.marquez.checks import Asked, lists_that_answer
from tests.marquez.standin import StandIn
from tests.openlineage.validation import faults
from tests.requirements import is_installed
from tests.services import dbt
from tests.services.api import api_server  # noqa: F401  (a fixture)
from tests.services.kafka import brokers  # noqa: F401  (a fixture)
from tests.services.mariadb import mariadb  # noqa: F401  (a fixture)
from tests.services.moto import moto_server  # noqa: F401  (a fixture)
from tests.services.postgres import postgres  # noqa: F401  (a fixture)
from tests.services.pubsub import pubsub_address  # noqa: F401  (a fixture)
from tests.services.redis import redis_server  # noqa: F401  (a fixture)
from tests.services.snowflake import snowflake_server  # noqa: F401  (a fixture)

HERE = Path(__file__).parent
PROGRAM_SECONDS = 600
Event = dict[str, Any]
EXPECTATIONS = {file.stem: Expectation.beside(file) for file in sorted(HERE.glob("*.yaml"))}
CASES = [(name, store) for name, expected in EXPECTATIONS.items() for store in expected.stores]


@pytest.fixture(scope="module")
def standin() -> Iterator[str]:
    """One stand-in for all programs, as a team has one: events of a flow must not break those of others."""
    with StandIn() as marquez:
        yield marquez.url


@pytest.mark.parametrize(("name", "store"), CASES, ids=[f"{name}-{store}" for name, store in CASES])
def test_flow_has_expected_lineage(
    name: str,
    store: str,
    request: pytest.FixtureRequest,
    prefect_server: PrefectServer,
    standin: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = EXPECTATIONS[name]
    if expected.needs and not is_installed(expected.needs):
        pytest.skip(f"needs {expected.needs}")
    environment = {**STORES[store](request, tmp_path, expected.setup), **expected.env}
    for service in expected.services:
        environment |= SERVICES[service](request)
    for setting, value in expected.settings.items():
        monkeypatch.setenv(f"PREFECT_INTEGRATIONS_LINEAGE_EVENTS_{setting.upper()}", str(value))
    runs = _run(HERE / f"{name}.py", expected, environment, prefect_server, tmp_path)
    events = _assemble(runs, tmp_path / "openlineage.jsonl", monkeypatch)

    assert faults(events) == []
    differences = _differences(expected, sent_lineage(events))
    assert not differences, "\n".join(["", *differences])
    if expected.events is not None:
        assert sum(_lineage_events(run) for run in runs) <= expected.events
    if expected.settings.get("granularity") != "task":
        _check_read_again(runs, events)
    _check_marquez(standin, events)


def _run(
    program: Path, expected: Expectation, environment: dict[str, str], server: PrefectServer, folder: Path
) -> list[UUID]:
    """Run the program; returns the flow runs that it made, in the order in which they began."""
    began = dt.datetime.now(dt.timezone.utc)
    work = folder / "work"
    work.mkdir()
    done = subprocess.run(
        [str(dbt.python()) if expected.dbt else sys.executable, str(program)],
        env={**server.environment, **environment},
        cwd=work,
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    assert done.returncode == expected.exit, f"{program.name} ended with {done.returncode}:\n{done.stderr}"
    assert expected.prints in done.stdout
    with get_client(sync_client=True) as client:
        wait_until_stored(client)
        body = {"flow_runs": {"start_time": {"after_": began.isoformat()}}, "sort": "START_TIME_ASC"}
        return [UUID(run["id"]) for rows in api.pages(client, "/flow_runs/filter", body) for run in rows]


def _assemble(runs: list[UUID], file: Path, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    for option, value in {"TYPE": "file", "LOG_FILE_PATH": str(file), "APPEND": "true"}.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{option}", value)
    with get_client(sync_client=True) as client:
        for run in runs:
            order = AssemblyOptions(patience=patience_with(client, run))
            assert assemble_run(client, run, order).complete, f"some events of {run} did not arrive"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _differences(expected: Expectation, sent: list[SentLineage]) -> list[str]:
    by_job = {
        name: [run for run in sent if run.job == name] for name in {run.job for run in sent} | expected.jobs.keys()
    }
    return [
        f"{name}: {difference}"
        for name, runs in sorted(by_job.items())
        for difference in expected.jobs.get(name, ExpectedJob(ends=())).differences(runs)
    ]


def _lineage_events(flow_run_id: UUID) -> int:
    """The number of a run's events about statements in the feed."""
    with get_client(sync_client=True) as client:
        related = {"id": [f"prefect.flow-run.{flow_run_id}"]}
        body = {"filter": {"related": related, "event": {"name": sorted(OPERATION_EVENTS)}}, "limit": 1}
        return int(api.post(client, "/events/filter", body)["total"])


def _check_read_again(runs: list[UUID], events: list[Event]) -> None:
    """The file's events hold the snapshots that were stored in Prefect."""
    read = EventRuns()
    for event in events:
        read.add(event)
    with get_client(sync_client=True) as client:
        for stored in snapshot_store.read(client, runs):
            if stored.run_id in read and stored.snapshot is not None:
                assert held_by_events(read.snapshot(stored.run_id)) == held_by_events(stored.snapshot)


def _check_marquez(url: str, events: list[Event]) -> None:
    for event in MARQUEZ.shape(events):
        answer = httpx.post(f"{url}/api/v1/lineage", json=event, timeout=120)
        assert answer.status_code in (200, 201), answer.text
    marquez = Asked(url)
    for job in {(event["job"]["namespace"], event["job"]["name"]) for event in events}:
        marquez.edges(*job)
    assert lists_that_answer(url) == ("namespaces", "jobs", "sources", "events/lineage")


def test_each_program_has_an_expectation_and_each_expectation_a_program() -> None:
    helpers = {
        "__init__",
        "expectation",
        "lineage",
        "services",
        "shops",
        "snowflake_gaps",
        "snowflake_shop",
        "test_flows",
    }
    assert {file.stem for file in HERE.glob("*.py")} - helpers == EXPECTATIONS.keys()
