"""The served assembler: the automation assembles ended runs without a call."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prefect import flow, get_client
from prefect.runtime import flow_run

from tests.by_hand import emit_writes

ROOT = Path(__file__).resolve().parent.parent


@flow(name="served load")
def served_load() -> str:
    emit_writes([("loaded", "source")])
    return flow_run.id


@flow(name="served without lineage")
def without_lineage() -> str:
    return flow_run.id


@pytest.fixture
def assembler(unshared_prefect_server, tmp_path):
    """`deployments/serve.py` as a child process, stopped as a terminal would stop it. Yields the file of its events."""
    file = tmp_path / "lineage.jsonl"
    environment = {
        **unshared_prefect_server.environment,
        "PREFECT_LOGGING_LEVEL": "INFO",
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(file),
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
    }
    log = tmp_path / "serve.log"
    with log.open("w") as sink:
        command = [sys.executable, str(ROOT / "deployments" / "serve.py")]
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=sink, stderr=subprocess.STDOUT)
    try:
        wait_for("the assembler to serve", lambda: "Serving the assembler" in log.read_text(), process)
        yield file
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        with get_client(sync_client=True) as client:
            assert "RUNNING" not in {run["state_type"] for run in assembler_runs(client)}


def wait_for(what, ready, process, seconds=300):
    deadline = time.monotonic() + seconds
    while not ready():
        assert process is None or process.poll() is None, f"it ended while waiting for {what}"
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.5)


def delivered(file: Path) -> list[tuple[str, str]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [(e["run"]["runId"], e["eventType"]) for e in map(json.loads, lines)]


def assembler_runs(client) -> list[dict]:
    body = {"flows": {"name": {"any_": ["prefect-lineage-assemble"]}}, "sort": "START_TIME_DESC", "limit": 50}
    return client.request("POST", "/flow_runs/filter", json=body).json()


def of_automation(client) -> list[dict]:
    return [run for run in assembler_runs(client) if (run.get("created_by") or {}).get("type") == "AUTOMATION"]


def test_automation_assembles_only_runs_with_lineage(assembler):
    run_id, other = served_load(), without_lineage()
    wait_for("the run's end to be delivered", lambda: (run_id, "COMPLETE") in delivered(assembler), None)
    mine: list[dict] = []
    with get_client(sync_client=True) as client:
        # A busy server triggers late: then the sweep has delivered the run before the automation's run exists.
        wait_for("the automation's run", lambda: mine.extend(of_automation(client)) or mine, None)
    assert all(set(r["parameters"]) == {"gather_seconds"} for r in mine)
    assert [kind for id_, kind in delivered(assembler) if id_ == run_id] == ["START", "COMPLETE"]
    assert other not in {id_ for id_, _ in delivered(assembler)}
