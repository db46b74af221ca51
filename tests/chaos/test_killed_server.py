"""Kills of the Prefect server between the end of runs and their assembly: the sweep delivers each run, or reports it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import pytest
from prefect import get_client

from prefect_lineage_events.assembler import ledger, sweep_state
from prefect_lineage_events.history.reader import Patience, read_history
from prefect_lineage_events.history.runs import read_run
from tests.chaos import child
from tests.chaos.sweeps import sweep_later

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


def run_flows(server, directory: Path, *counts: tuple[int, int, int]) -> dict[str, list[str]]:
    """Run flows in these numbers (threaded, nested, pooled), a process for each triple. Returns the tables that each
    run wrote.
    """
    environment = {**os.environ, "PREFECT_API_URL": server.api_url, "PREFECT_LOGGING_LEVEL": "ERROR"}
    programs = []
    for number, triple in enumerate(counts):
        databases = directory / f"databases{number}-{time.monotonic_ns()}"
        databases.mkdir()
        command = [sys.executable, "-m", "tests.chaos.programs.estate", str(databases), *map(str, triple)]
        programs.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE))
    wrote: dict[str, list[str]] = {}
    try:
        for program in programs:
            out, _ = program.communicate(timeout=300)
            assert program.returncode == 0
            wrote |= json.loads(out.splitlines()[-1])
    finally:
        for program in programs:
            program.kill()
    return wrote


def wait_until_stored(run_ids):
    with get_client(sync_client=True) as client:
        for run_id in run_ids:
            history = read_history(client, read_run(client, UUID(run_id)), Patience(completeness=60))
            assert history.completeness.complete, history.completeness.lacks()


def sweep(server, target) -> int:
    return child.run("sweep", {"PREFECT_API_URL": server.api_url, **target.environment})


def outputs_by_run(target) -> dict[str, set[str]]:
    """The outputs of each run in the last event that the target received of it."""
    last = {e["run"]["runId"]: e for e in target.events}
    return {run_id: {o["name"].rpartition(".")[2] for o in e["outputs"]} for run_id, e in last.items()}


def test_sixty_runs_are_delivered_once_after_server_was_terminated_and_killed(server, target, tmp_path):
    wrote: dict[str, list[str]] = {}
    for how in (signal.SIGTERM, signal.SIGKILL):
        ended = run_flows(server, tmp_path, (15, 0, 0), (0, 7, 1))
        wait_until_stored(ended)
        server.kill(how)
        server.start()
        wrote |= ended
    assert len(wrote) == 60
    assert sweep(server, target) == 0
    assert outputs_by_run(target) == {run_id: set(tables) for run_id, tables in wrote.items()}
    assert target.counts() == {(run_id, kind): 1 for run_id in wrote for kind in ("START", "COMPLETE")}
    assert sweep(server, target) == 0
    assert len(target.events) == 120


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_events_lost_by_killed_server_are_reported_as_missing(server, target, tmp_path, monkeypatch, seconds):
    wrote = run_flows(server, tmp_path, (5, 3, 0))
    time.sleep(seconds)
    server.kill(signal.SIGKILL)
    server.start()
    sweep_later(monkeypatch, minutes=30)
    with get_client(sync_client=True) as client:
        waiting = {str(w.flow_run_id) for w in sweep_state.read(client).waiting}
        entries = ledger.read(client, [UUID(run_id) for run_id in wrote])
    whole = {str(run_id) for run_id, entry in entries.items() if entry.complete}
    last = outputs_by_run(target)
    assert {run_id: last[run_id] for run_id in whole} == {run_id: set(wrote[run_id]) for run_id in whole}
    assert waiting == wrote.keys() - whole
    for run_id in waiting & last.keys():
        assert last[run_id] <= set(wrote[run_id])
