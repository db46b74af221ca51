"""The makers of cached results are found by the key under which these are stored."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.history.cached_results import origin
from prefect_lineage_events.history.tasks import read_tasks
from tests.by_hand import NOON
from tests.history.fake_api import FakeApi

MADE_IN, CACHED_IN = uuid4(), uuid4()


def run_of(
    run: UUID, *, minute: int, key: str | None = "results/one", name: str = "extract-0a1", **more: Any
) -> dict[str, Any]:
    at = (NOON + dt.timedelta(minutes=minute)).isoformat()
    state = {"type": "COMPLETED", "name": "Completed", "data": {"storage_key": key} if key else None}
    return {
        "id": str(uuid4()),
        "name": name,
        "task_key": "extract",
        "task_inputs": {},
        "state": {**state, **more},
        "start_time": at,
        "end_time": at,
        "of": str(run),
        "flow_run_id": str(run),
    }


def found(*made: dict[str, Any], **cached: Any) -> tuple[UUID, UUID] | None:
    api = FakeApi(NOON)
    later = run_of(CACHED_IN, minute=9, **{"name": "extract-0b2", **cached})
    later["state"]["name"] = "Cached"
    api.tasks = [*made, later]
    task = read_tasks(api, CACHED_IN)[UUID(later["id"])]  # type: ignore[arg-type]
    assert task.cached
    return origin(api, task)  # type: ignore[arg-type]


def test_the_latest_run_that_stored_the_result_made_it():
    earlier, latest = run_of(uuid4(), minute=1), run_of(MADE_IN, minute=2)
    assert found(earlier, latest) == (MADE_IN, UUID(latest["id"]))


@pytest.mark.parametrize(
    "other",
    [
        run_of(MADE_IN, minute=1, key="results/two"),
        run_of(MADE_IN, minute=1, key=None),
        run_of(MADE_IN, minute=1, name="another-0a1"),
        run_of(MADE_IN, minute=1) | {"task_key": "another"},
        run_of(MADE_IN, minute=1) | {"state": {"name": "Cached", "data": {"storage_key": "results/one"}}},
    ],
    ids=["another key", "not stored", "another name", "another task", "cached itself"],
)
def test_other_runs_are_not_the_maker(other):
    assert found(other) is None


def test_a_result_without_a_key_has_no_maker():
    assert found(run_of(MADE_IN, minute=1), key=None) is None
