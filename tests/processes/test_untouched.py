"""The plugin alone, on a real server: unchanged flows are captured in every process that Prefect runs them in."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect import get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.conftest import PrefectServer

pytestmark = pytest.mark.server
_PATIENCE = 300
_PROGRAM = Path(__file__).parent / "programs" / "untouched.py"
_TABLES = ("by_flow", "by_task", "by_thread", "once", "by_pool", "by_fork", "by_spawn", "by_forkserver", "by_dask")
_IN_THE_FLOWS_PROCESS = {
    "untouched": {"by_flow": None, "by_task": "copy", "by_thread": "copy"},
    "untouched-instrumented": {"once": None},
}
_IN_OTHER_PROCESSES = {
    "untouched-pool": {"by_pool": "copy"},
    "untouched-children": {"by_fork": None, "by_spawn": None, "by_forkserver": None},
    "untouched-dask": {"by_dask": "copy"},
}


@pytest.fixture(scope="module")
def environment(prefect_server_process: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables that switch capture on."""
    file = tmp_path_factory.mktemp("untouched") / "shop.db"
    with sqlite3.connect(file) as connection:
        for table in ("source", *_TABLES):
            connection.execute(f"CREATE TABLE {table} (a INTEGER)")
    connection.close()
    return {
        **prefect_server_process.environment,
        "UNTOUCHED_URL": f"sqlite:///{file}",
        "PREFECT_PLUGINS_ENABLED": "true",
        "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT": "true",
    }


def run(command: list[str], environment: dict[str, str]) -> None:
    ended = subprocess.run(
        command, env=environment, timeout=600, capture_output=True, text=True, check=False, cwd=_PROGRAM.parent
    )
    assert ended.returncode == 0, ended.stderr


def payloads(name: str, api_url: str, of_run: Mapping[str, list[str]] | None = None) -> list[dict[str, Any]]:
    """The payloads of the newest events of this name. Other tests write on this server too, some outside any flow."""
    related = {"related": of_run} if of_run else {}
    body = {"filter": {"event": {"name": [name]}, **related}, "limit": 50}
    answer = httpx.post(f"{api_url}/events/filter", json=body, timeout=120).raise_for_status().json()
    return [event["payload"] for event in answer["events"]]


def writes(flows: Collection[str], api_url: str, of_run: Mapping[str, list[str]]) -> dict[str, dict[str, str | None]]:
    """The writes of these flows: by flow, the table and the task (without the number of its run), each once."""
    found: dict[str, dict[str, str | None]] = defaultdict(dict)
    for payload in payloads("lineage.write", api_url, of_run):
        if (name := payload["run"].get("flow_name")) in flows:
            task = payload["run"].get("task_run_name")
            flow, table = found[name], payload["output"]["name"]
            assert table not in flow, "a statement is reported once"
            flow[table] = task and task.rpartition("-")[0]
    return found


def closed(flows: Collection[str], api_url: str) -> set[str]:
    """The flows of these whose own process has reported the end of the run."""
    return {payload["run"].get("flow_name") for payload in payloads("lineage.closed", api_url)} & set(flows)


def wait_for(expected: Mapping[str, Mapping[str, str | None]], api_url: str, **of_run: list[str]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while (found := writes(expected, api_url, of_run)) != expected and time.monotonic() < deadline:
        time.sleep(0.5)
    assert found == expected


def test_unchanged_flows_are_captured(environment: dict[str, str], prefect_server_process: PrefectServer) -> None:
    run([sys.executable, str(_PROGRAM), "plain", "instrumented"], environment)

    wait_for(_IN_THE_FLOWS_PROCESS, prefect_server_process.api_url)


@pytest.mark.processes
def test_every_process_of_unchanged_flows_is_captured(
    environment: dict[str, str], prefect_server_process: PrefectServer
) -> None:
    # The parent process of the first ones has run no statement itself, but the process that starts a child is recorded
    # all the same.
    run([sys.executable, str(_PROGRAM), "children", "pool", "dask", "instrumented"], environment)

    wait_for(_IN_OTHER_PROCESSES, prefect_server_process.api_url)
    # The automation waits for this event, and no child can send it.
    deadline = time.monotonic() + _PATIENCE
    while (ended := closed(_IN_OTHER_PROCESSES, prefect_server_process.api_url)) != set(_IN_OTHER_PROCESSES):
        assert time.monotonic() < deadline, ended
        time.sleep(0.5)


@pytest.mark.processes
async def test_run_of_a_worker_is_captured(
    environment: dict[str, str], prefect_server_process: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers and runners start a process with `prefect flow-run execute`."""
    api_url = prefect_server_process.api_url
    with temporary_settings({PREFECT_API_URL: api_url}):
        monkeypatch.chdir(_PROGRAM.parent)
        deployment = RunnerDeployment.from_entrypoint(f"{_PROGRAM.name}:plain", name="untouched")
        deployment_id = await deployment.aapply()
        async with get_client() as client:
            flow_run = await client.create_flow_run_from_deployment(deployment_id)
    run([sys.executable, "-m", "prefect", "flow-run", "execute", str(flow_run.id)], environment)

    expected = {"untouched": _IN_THE_FLOWS_PROCESS["untouched"]}
    wait_for(expected, api_url, id=[f"prefect.flow-run.{flow_run.id}"])
