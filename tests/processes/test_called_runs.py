"""Runs that a flow calls in other processes, and tasks under names of their own, on a real Prefect server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect import get_client

from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.history import api
from tests.conftest import PrefectServer

pytestmark = pytest.mark.server
_PROGRAM = "tests.processes.programs.called_runs"


@pytest.fixture
def lineage(prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that runs the program, assembles its runs, and returns their last events by the names of jobs."""
    file = tmp_path / "openlineage.jsonl"
    for option, value in {"TYPE": "file", "LOG_FILE_PATH": str(file), "APPEND": "true"}.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{option}", value)
    environment = {
        **prefect_server.environment,
        "PREFECT_PLUGINS_ENABLED": "true",
        "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT": "true",
        "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_DRAIN_TIMEOUT": "30",
    }

    def run(which: str, *flows: str) -> dict[str, Any]:
        command = [sys.executable, "-m", _PROGRAM, which, str(tmp_path / "shop.db")]
        subprocess.run(command, env=environment, timeout=300, check=True)
        with get_client(sync_client=True) as client:
            body = {"flows": {"name": {"any_": list(flows)}}, "sort": "START_TIME_ASC"}
            for found in api.post(client, "/flow_runs/filter", body):
                assert assemble_run(client, found["id"]).complete
        events = [json.loads(line) for line in file.read_text().splitlines()]
        return {event["job"]["name"]: event for event in events}

    return run


def written_by(event: Any) -> set[str]:
    """The names of the tables that an event writes."""
    return {one["name"].rpartition(".")[2] for one in event["outputs"]}


@pytest.mark.parametrize("which", ["flow", "task"])
def test_run_of_a_deployment_in_another_process_has_its_caller_as_parent_and_root(lineage: Any, which: str) -> None:
    found = lineage(which, f"calls by {which}", "deployed child")
    caller, child = found[f"calls by {which}"], found[f"calls by {which}.deployed child"]
    parent = child["run"]["facets"]["parent"]
    assert "mart" in written_by(child)
    assert parent["run"]["runId"] == parent["root"]["run"]["runId"] == caller["run"]["runId"]
    assert parent["job"]["name"] == parent["root"]["job"]["name"] == f"calls by {which}"
    (upstream,) = child["run"]["facets"]["jobDependencies"]["upstream"]
    assert (upstream["run"]["runId"], upstream["job"]["name"]) == (caller["run"]["runId"], f"calls by {which}")


def test_tasks_of_one_function_under_several_names_have_jobs_of_their_own(
    lineage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_GRANULARITY", "task")
    found = lineage("names", "names its tasks' runs")
    assert {"names its tasks' runs.load orders", "names its tasks' runs.load customers"} <= set(found)
    for name in ("orders", "customers"):
        assert written_by(found[f"names its tasks' runs.load {name}"]) == {name, f"mart_{name}"}
