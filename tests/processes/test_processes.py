"""Statements in threads and child processes of a flow that runs none itself are captured, or reported as lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.conftest import PrefectServer
from tests.processes.programs.processes import WAYS

pytestmark = pytest.mark.server
_PROGRAM = Path(__file__).parent / "programs" / "processes.py"
_IN_THREADS = ["thread-pool", "timer", "task"]
_IN_CHILDREN = [way for way in WAYS if way not in (*_IN_THREADS, "thread", "killed")]
_ALL = {"t0", "t1", "t2"}
_PATIENCE = 300


@dataclass
class FlowEvents:
    """The events of one flow: the tables written, and the number of statements or children lost."""

    written: set[str] = field(default_factory=set)
    lost: int = 0
    closed: bool = False

    @property
    def whole(self) -> bool:
        return self.closed and (self.written == _ALL or self.lost > 0)


def run(server: PrefectServer, folder: Path, *ways: str) -> str:
    """Run the program with the plugin on; returns its standard error."""
    file = folder / "shop.db"
    with sqlite3.connect(file) as connection:
        for table in ("source", *_ALL):
            connection.execute(f"CREATE TABLE {table} (a INTEGER)")
    connection.close()
    environment = {
        **server.environment,
        "PROCESSES_FILE": str(file),
        "PREFECT_PLUGINS_ENABLED": "true",
        "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT": "true",
    }
    ended = subprocess.run(
        [sys.executable, str(_PROGRAM), *ways],
        env=environment,
        timeout=600,
        capture_output=True,
        text=True,
        check=False,
        cwd=_PROGRAM.parent,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def wait_for_events(server: PrefectServer, way: str) -> FlowEvents:
    """Wait until all events of the flow have arrived, or time is up."""
    deadline = time.monotonic() + _PATIENCE
    while not (answer := _events_now(server, way)).whole and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


def _events_now(server: PrefectServer, way: str) -> FlowEvents:
    names = ["lineage.write", "lineage.closed", "lineage.checkpoint"]
    body = {"filter": {"event": {"name": names}}, "limit": 50}
    answer = httpx.post(f"{server.api_url}/events/filter", json=body, timeout=120).raise_for_status().json()
    found = FlowEvents()
    while True:
        for event in answer["events"]:
            payload = event["payload"]
            # Other tests of this server emit events without a run.
            if payload.get("run", {}).get("flow_name") != f"processes-{way}":
                continue
            if event["event"] == "lineage.write":
                found.written.add(payload["output"]["name"])
            else:
                found.closed |= event["event"] == "lineage.closed"
                found.lost += payload.get("dropped", 0)
        if not answer.get("next_page"):
            return found
        answer = httpx.get(answer["next_page"], timeout=120).raise_for_status().json()


@pytest.mark.parametrize("way", _IN_THREADS)
def test_first_statement_of_a_process_may_run_in_a_thread(
    way: str, prefect_server_process: PrefectServer, tmp_path: Path
) -> None:
    run(prefect_server_process, tmp_path, way)

    assert wait_for_events(prefect_server_process, way).written == _ALL


@pytest.mark.processes
def test_child_process_is_captured_or_reported_as_lost(prefect_server_process: PrefectServer, tmp_path: Path) -> None:
    errors = run(prefect_server_process, tmp_path, *_IN_CHILDREN)

    assert "/prefect_lineage_events/" not in errors, "a traceback passes through our code"
    incomplete = {
        way: found for way in _IN_CHILDREN if not (found := wait_for_events(prefect_server_process, way)).whole
    }
    assert incomplete == {}


def test_killed_child_process_is_reported_as_lost(prefect_server_process: PrefectServer, tmp_path: Path) -> None:
    run(prefect_server_process, tmp_path, "killed")

    assert wait_for_events(prefect_server_process, "killed").lost == len(_ALL)
