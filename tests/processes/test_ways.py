"""The run of an event, from every place where a flow's code can run; on a real Prefect server."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import PrefectServer
from tests.processes.programs import side_by_side

pytestmark = pytest.mark.server
_PATIENCE = 300
_FLOWS = 10
_USES = 39


class RecordedEvents:
    """The lineage events of all runs of the programs here, by flow name: other tests have runs on the server, too."""

    def __init__(self, api_url: str, *prefixes: str) -> None:
        self.flows: dict[str, list[list[dict[str, Any]]]] = defaultdict(list)
        for run in self._ask(f"{api_url}/flow_runs/filter", sort="EXPECTED_START_TIME_ASC"):
            events = self._events(api_url, run["id"])
            flow_name = events[0]["payload"]["run"]["flow_name"] if events else ""
            if flow_name.startswith(prefixes):
                self.flows[flow_name].append(events)

    @property
    def complete(self) -> bool:
        """Have all emitters sent a count, and are as many events stored?"""
        for runs in self.flows.values():
            for events in runs:
                counts = {e["payload"]["emitter_id"]: e["payload"]["count"] for e in events if "count" in e["payload"]}
                seen = defaultdict(set)
                for event in events:
                    if "emitter" in event["payload"]:
                        seen[event["payload"]["emitter"]["id"]].add(event["payload"]["emitter"]["sequence"])
                if any(counts.get(emitter, 0) != len(numbers) for emitter, numbers in seen.items()):
                    return False
        return bool(self.flows)

    @property
    def uses(self) -> int:
        """The number of recorded reads and writes. A count of the parent alone may be complete before its child's."""
        kinds = ("lineage.read", "lineage.write")
        return sum(e["event"] in kinds for runs in self.flows.values() for events in runs for e in events)

    def tasks_by_place(self, flow: str, nth: int = 0) -> dict[str, str | None]:
        """The tasks (without the number of their run) by the recorded place in that run, None for the flow itself."""
        found = {}
        for event in self.flows[flow][nth]:
            if event["event"] == "lineage.read":
                task = event["payload"]["run"].get("task_run_name")
                found[event["payload"]["inputs"][0]["name"]] = task and task.rpartition("-")[0]
        return found

    def ends(self, flow: str, nth: int = 0) -> list[str]:
        return sorted(e["event"] for e in self.flows[flow][nth] if "count" in e["payload"])

    def related_runs(self, flow: str) -> set[int]:
        return {
            sum(r["prefect.resource.role"] == "flow-run" for r in event["related"])
            for events in self.flows[flow]
            for event in events
        }

    @staticmethod
    def _ask(url: str, **body: Any) -> list[dict[str, Any]]:
        return httpx.post(url, json=body, timeout=120).raise_for_status().json()  # type: ignore[no-any-return]

    @staticmethod
    def _events(api_url: str, run_id: str) -> list[dict[str, Any]]:
        related = {"id": [f"prefect.flow-run.{run_id}"]}
        body = {"filter": {"related": related, "event": {"prefix": ["lineage."]}, "order": "ASC"}, "limit": 50}
        answer = httpx.post(f"{api_url}/events/filter", json=body, timeout=120).raise_for_status().json()
        return [e for e in answer["events"] if e["payload"].get("run", {}).get("flow_run_id") == run_id]


def stored(api_url: str, *prefixes: str, flows: int, uses: int) -> RecordedEvents:
    """The events of these flows, once all are stored: so many reads and writes of so many flows."""
    deadline = time.monotonic() + _PATIENCE
    while (
        not ((found := RecordedEvents(api_url, *prefixes)).complete and len(found.flows) >= flows) or found.uses < uses
    ):
        assert time.monotonic() < deadline, (len(found.flows), found.uses, dict(found.flows))
        time.sleep(0.5)
    return found


def run(program: str, server: PrefectServer, expected: int = 0) -> None:
    command = [sys.executable, "-m", f"tests.processes.programs.{program}"]
    # On a loaded machine a child's events need longer than the default, after which the run counts them as lost.
    environment = {**server.environment, "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_DRAIN_TIMEOUT": "30"}
    ended = subprocess.run(command, env=environment, timeout=600, capture_output=True, text=True, check=False)
    assert ended.returncode == expected, ended.stderr


@pytest.fixture(scope="module")
def reported(prefect_server_process: PrefectServer) -> Iterator[RecordedEvents]:
    """The result of the program, after all its events are stored."""
    run("ways", prefect_server_process)
    run("side_by_side", prefect_server_process)
    run("interrupted", prefect_server_process, expected=-signal.SIGTERM)
    yield stored(prefect_server_process.api_url, "ways-", "side-by-side", flows=_FLOWS, uses=_USES)


def test_statements_have_their_flow_task_and_thread(reported: RecordedEvents) -> None:
    assert reported.tasks_by_place("ways-sync") == {
        "flow": None,
        "task": "plain",
        "submitted": "plain",
        "executor in a task": "executor",
        "task after its subflow": "calling",
        "thread": None,
    }


def test_subflow_called_in_a_task_has_its_own_events(reported: RecordedEvents) -> None:
    assert reported.tasks_by_place("ways-child") == {"subflow": None, "task of a subflow": "plain"}


def test_coroutines_and_their_threads_have_their_task(reported: RecordedEvents) -> None:
    assert reported.tasks_by_place("ways-async") == {
        "async flow": None,
        "first": "coroutine",
        "second": "coroutine",
        "first, to_thread": "coroutine",
        "second, to_thread": "coroutine",
    }


def test_retried_flow_has_events_of_both_attempts_and_closes_once(reported: RecordedEvents) -> None:
    assert set(reported.tasks_by_place("ways-retried")) == {"attempt 1", "attempt 2"}
    assert reported.ends("ways-retried") == ["lineage.closed"]


def test_pool_process_sends_checkpoint_at_exit(reported: RecordedEvents) -> None:
    assert reported.tasks_by_place("ways-pool") == {"pooled process": "plain"}
    assert "lineage.checkpoint" in reported.ends("ways-pool")


def test_flow_without_statements_in_its_own_process_closes(reported: RecordedEvents) -> None:
    assert reported.ends("ways-pool").count("lineage.closed") == 1


def test_forked_process_has_its_own_emitter(reported: RecordedEvents) -> None:
    assert reported.tasks_by_place("ways-fork") == {"forked process": None}
    # The child reports its count, and the flow's own process, which has no events, reports the end of the run.
    ends = reported.ends("ways-fork")
    assert (set(ends), ends.count("lineage.closed")) == ({"lineage.checkpoint", "lineage.closed"}, 1)


def test_interrupted_flow_reports_its_statements_and_closes(reported: RecordedEvents) -> None:
    """Prefect sends itself the signal again, and the process ends without any exit call."""
    assert reported.tasks_by_place("ways-interrupted") == {"before the signal": None}
    assert reported.ends("ways-interrupted") == ["lineage.closed"]


@pytest.mark.parametrize("flow", ["ways-sync", "ways-child", "ways-async"])
def test_ended_flow_closes_its_emitter_once(reported: RecordedEvents, flow: str) -> None:
    *before, last = reported.ends(flow)
    assert last == "lineage.closed"
    assert set(before) <= {"lineage.checkpoint"}  # of a quiet spell, on a busy machine


def test_flow_called_twice_in_a_process_has_two_runs(reported: RecordedEvents) -> None:
    assert [set(reported.tasks_by_place("ways-twice", n)) for n in (0, 1)] == [{"again"}, {"again"}]
    assert [reported.ends("ways-twice", n) for n in (0, 1)] == [["lineage.closed"], ["lineage.closed"]]


def test_submitted_work_has_the_task_that_submitted_it(reported: RecordedEvents) -> None:
    assert reported.tasks_by_place("side-by-side") == {
        f"{task}: {place}": task for task in ("first", "second") for place in side_by_side.PLACES
    }


def test_process_has_the_task_that_started_it(reported: RecordedEvents) -> None:
    assert reported.tasks_by_place("side-by-side-processes") == {
        f"parent: {place}": "parent" for place in side_by_side.PROCESSES
    }


def test_events_are_related_to_their_own_run_only(reported: RecordedEvents) -> None:
    """Without explicit related resources, Prefect would add the run that emitted first in the process.

    The parent sends the events of a pool's child, where related resources are not kept: the run in the payload is
    correct.
    """
    own = {flow: reported.related_runs(flow) for flow in reported.flows if flow != "ways-pool"}
    assert own == {flow: {1} for flow in own}
