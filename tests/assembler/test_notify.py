"""One event announces many runs, and is found by each of them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from prefect_lineage_events.assembler import notify, publishing
from prefect_lineage_events.assembler.notify import MAX_RUNS, Announcements, Delivery, batched
from prefect_lineage_events.history.assembler_events import runs_of
from prefect_lineage_events.history.model import FlowRun


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    monkeypatch.setattr(publishing, "emit", lambda name, **event: events.append({"event": name, **event}))
    return events


def delivery() -> Delivery:
    return Delivery(FlowRun(uuid4(), "r", uuid4(), "nightly", "COMPLETED"), "marquez", "d1", {"inputs": 1})


def test_one_run_is_announced_by_itself(emitted: list[dict[str, Any]]) -> None:
    one = delivery()
    with batched() as announcements:
        announcements.add(one, ["marquez"])
        assert not emitted
    (event,) = emitted
    assert event["resource"]["prefect.resource.id"] == f"prefect-lineage.run.{one.run.id}"
    assert event["payload"] == {
        "summary": "nightly (r): 1 input sent to marquez",
        "target": "marquez",
        "digest": "d1",
        "inputs": 1,
        "targets": ["marquez"],
        "assembler_run": None,
    }
    assert runs_of(event) == [str(one.run.id)]


def test_many_runs_are_announced_in_one_event_that_each_is_related_to(emitted: list[dict[str, Any]]) -> None:
    several = [delivery() for _ in range(3)]
    with batched() as announcements:
        for one in several:
            announcements.add(one, ["marquez", "datahub"])
    (event,) = emitted
    related = {r["prefect.resource.id"] for r in event["related"]}
    assert {f"prefect.flow-run.{one.run.id}" for one in several} <= related
    assert runs_of(event) == [str(one.run.id) for one in several]
    assert event["payload"]["targets"] == ["marquez", "datahub"]


def test_deliveries_are_announced_when_the_work_fails(emitted: list[dict[str, Any]]) -> None:
    with pytest.raises(OSError, match="gone"), batched() as announcements:
        announcements.add(delivery(), ["marquez"])
        raise OSError("gone")
    assert len(emitted) == 1


def test_no_event_names_more_runs_than_prefect_takes_as_related(emitted: list[dict[str, Any]]) -> None:
    announcements = Announcements()
    for _ in range(2 * MAX_RUNS + 1):
        announcements.add(delivery(), ["marquez"])
    announcements.flush()
    assert [len(runs_of(event)) for event in emitted] == [MAX_RUNS, MAX_RUNS, 1]
    assert all(len(event["related"]) < 85 for event in emitted)


def test_the_same_deliveries_are_announced_by_the_same_event(emitted: list[dict[str, Any]]) -> None:
    several = [delivery() for _ in range(2)]
    for order in (several, several[::-1]):
        notify._emit_batch(order, ["marquez"])
    assert emitted[0]["id"] == emitted[1]["id"]
