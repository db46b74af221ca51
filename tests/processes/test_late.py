"""Runs in which lineage is switched on late, in the middle: nothing of them is lost; on a real Prefect server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import PrefectServer
from tests.processes.test_ways import RecordedEvents, run, stored

pytestmark = pytest.mark.server
_FLOWS = {"task", "subflow", "thread", "gathered", "to-thread", "fork", "block", "retried", "siblings"}
_USES = 19


@pytest.fixture(scope="module")
def reported(prefect_server_process: PrefectServer) -> Iterator[RecordedEvents]:
    """The result of the program, after all its events are stored."""
    run("late", prefect_server_process)
    yield stored(prefect_server_process.api_url, "late-", flows=len(_FLOWS), uses=_USES)


def threads(reported: RecordedEvents, flow: str) -> dict[str, list[str]]:
    """The threads of control of each read and write, by the dataset's name."""
    payloads = [e["payload"] for events in reported.flows[flow] for e in events if "statement" in e["payload"]]
    return {_dataset(payload)["name"]: payload.get("threads", []) for payload in payloads}


def _dataset(payload: dict[str, Any]) -> dict[str, Any]:
    return payload.get("output") or payload["inputs"][0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("flow", "places"),
    [
        ("task", {"task": "in_task"}),
        ("subflow", {"pool of a subflow": None, "the same pool": None}),
        ("thread", {"older thread": None, "another": None, "flow": None}),
        ("to-thread", {"to_thread": None, "flow": None}),
        ("fork", {"forked process": None}),
        ("block", {"spawned process": None}),
        ("retried", {"attempt 1": None, "attempt 2": None}),
    ],
)
def test_the_first_use_is_recorded_for_its_run(
    reported: RecordedEvents, flow: str, places: dict[str, str | None]
) -> None:
    assert reported.tasks_by_place(f"late-{flow}") == places


@pytest.mark.parametrize("flow", sorted(_FLOWS - {"fork"}))
def test_the_end_of_the_run_is_seen(reported: RecordedEvents, flow: str) -> None:
    assert "lineage.closed" in reported.ends(f"late-{flow}")


def test_a_parent_that_never_used_lineage_closes_nothing(reported: RecordedEvents) -> None:
    assert set(reported.ends("late-fork")) == {"lineage.checkpoint"}


def test_the_body_of_the_flow_is_the_root_of_its_threads(reported: RecordedEvents) -> None:
    found = threads(reported, "late-thread")
    assert found["flow"] == []
    assert len({*found["older thread"], *found["another"], ""}) == 3


def test_coroutines_are_distinguished_from_the_flow_and_each_other(reported: RecordedEvents) -> None:
    found = threads(reported, "late-gathered")
    assert found["flow"] == []
    assert found["first"] == found["copy of first"] != found["second"] == found["copy of second"]
    assert found["first"]


def test_a_thread_of_a_coroutine_is_distinguished(reported: RecordedEvents) -> None:
    found = threads(reported, "late-to-thread")
    assert found["flow"] == []
    assert found["to_thread"]


def test_work_of_an_older_thread_is_counted_as_lost_in_each_run_that_it_may_belong_to(
    reported: RecordedEvents,
) -> None:
    runs = reported.flows["late-siblings"]
    [first, second] = [[e["payload"] for e in events if e["event"] == "lineage.closed"][-1] for events in runs]
    assert first["dropped"] == second["dropped"] == 1
    assert "before lineage was switched on" in first["reason"] and first["reason"] == second["reason"]


def test_work_items_of_an_older_pool_are_distinguished(reported: RecordedEvents) -> None:
    found = threads(reported, "late-subflow")
    assert len({*found["pool of a subflow"], *found["the same pool"], ""}) == 3
