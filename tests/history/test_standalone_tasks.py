"""Task runs outside any flow."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.events import EmitterInfo, RunInfo
from prefect_lineage_events.history import runs, standalone_tasks
from prefect_lineage_events.history.reader import read_history
from prefect_lineage_events.openlineage.job_facets import job_name
from tests.by_hand import NOON, closing, write
from tests.history.fake_api import Answer, FakeApi


def task_run(ended: dt.datetime = NOON, *, in_flow: bool = False) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "name": "load orders",
        "task_key": "load_orders-1a2b3c4d",
        "flow_run_id": str(uuid4()) if in_flow else None,
        "state": {"type": "COMPLETED", "name": "Completed"},
        "start_time": (ended - dt.timedelta(seconds=5)).isoformat(),
        "end_time": ended.isoformat(),
        "run_count": 1,
        "tags": ["nightly"],
    }


class TaskApi(FakeApi):
    """Answers for task runs by id too."""

    def request(self, method: str, path: str, **kwargs: Any) -> Any:
        for raw in self.tasks:
            if path == f"/task_runs/{raw['id']}":
                return Answer(raw)
        chosen = (kwargs.get("json") or {}).get("task_runs") or {}
        if path == "/task_runs/filter" and "name" in chosen:
            named = [raw for raw in self.tasks if raw["name"] in chosen["name"]["any_"]]
            under = chosen.get("flow_run_id", {}).get("is_null_")
            return Answer([raw for raw in named if under is None or (raw["flow_run_id"] is None) == under])
        return super().request(method, path, **kwargs)


def api_with(*tasks: dict[str, Any]) -> TaskApi:
    api = TaskApi(NOON)
    api.tasks = list(tasks)
    return api


def test_task_run_outside_a_flow_is_a_run_of_its_task():
    raw = task_run()
    run = runs.read_run(api_with(raw), UUID(raw["id"]))  # type: ignore[arg-type]
    assert (run.kind, run.flow_name, run.state, run.ended, run.tags) == (
        "task-run",
        "load orders",
        "COMPLETED",
        NOON,
        ("nightly",),
    )


@pytest.mark.parametrize(
    ("flows", "others", "job"),
    [
        ([], [], None),
        (["other"], ["load_orders-9f9f"], None),
        (["load orders"], [], "load orders (task)"),
        ([], ["load_b-9f9f"], "load orders (load_orders)"),
    ],
)
def test_job_of_the_task_has_a_name_that_no_flow_and_no_other_task_has(flows, others, job):
    raw = task_run()
    api = api_with(raw, *({**task_run(), "task_key": key} for key in others))
    api.flows = {str(uuid4()): name for name in flows}
    run = runs.read_run(api, UUID(raw["id"]))  # type: ignore[arg-type]
    assert run.job == job
    assert job_name(run, "{flow}.{deployment}") == (job or "load orders")


def test_the_runs_of_one_task_are_of_one_job():
    raws = task_run(), task_run()
    api = api_with(*raws)
    assert len({runs.read_run(api, UUID(raw["id"])).flow_id for raw in raws}) == 1  # type: ignore[arg-type]


def test_a_task_run_of_a_flow_is_no_run_of_its_own():
    raw = task_run(in_flow=True)
    with pytest.raises(runs.UnknownFlowRunError):
        runs.read_run(api_with(raw), UUID(raw["id"]))  # type: ignore[arg-type]


def under_a_flow_run() -> tuple[TaskApi, dict[str, Any]]:
    """A run outside any flow that Prefect stored under a flow run, with the last event of its emitter."""
    raw = task_run(NOON - dt.timedelta(minutes=1), in_flow=True)
    api = api_with(
        raw, task_run(NOON - dt.timedelta(minutes=1), in_flow=True), task_run(NOON - dt.timedelta(minutes=2))
    )
    api.store(closing(uuid4(), 1, run=RunInfo(task_run_id=UUID(raw["id"]))))
    return api, raw


def test_run_that_prefect_stored_under_an_earlier_flow_run_is_found_by_its_events():
    api, raw = under_a_flow_run()
    assert runs.read_run(api, UUID(raw["id"])).kind == "task-run"  # type: ignore[arg-type]
    found = [r for rows in standalone_tasks.ended(api, NOON - dt.timedelta(hours=1), NOON) for r in rows]  # type: ignore[arg-type]
    assert [run.id for run in found] == [UUID(raw["id"]), UUID(api.tasks[2]["id"])]


def test_completed_runs_of_a_job_include_one_that_prefect_stored_under_a_flow_run():
    api, raw = under_a_flow_run()
    run = runs.read_run(api, UUID(raw["id"]))  # type: ignore[arg-type]
    asked = len(api.calls)
    found = standalone_tasks.completed(api, run, 20)  # type: ignore[arg-type]
    assert [one.id for one in found] == [UUID(raw["id"]), UUID(api.tasks[2]["id"])]
    assert len(api.calls) - asked <= 4


def test_task_run_whose_events_name_its_flow_run_is_no_run_of_its_own():
    raw = task_run(NOON - dt.timedelta(minutes=1), in_flow=True)
    api = api_with(raw)
    info = RunInfo(task_run_id=UUID(raw["id"]), flow_run_id=UUID(raw["flow_run_id"]))
    api.store(closing(uuid4(), 1, run=info))
    with pytest.raises(runs.UnknownFlowRunError):
        runs.read_run(api, UUID(raw["id"]))  # type: ignore[arg-type]
    assert list(standalone_tasks.ended(api, NOON - dt.timedelta(hours=1), NOON)) == []  # type: ignore[arg-type]


def test_task_runs_that_ended_in_a_window_are_found():
    times = [NOON - dt.timedelta(hours=n) for n in range(4)]
    api = api_with(*(task_run(time) for time in times))
    found = [r for rows in standalone_tasks.ended(api, times[2], times[1]) for r in rows]  # type: ignore[arg-type]
    assert [run.ended for run in found] == [times[1], times[2]]


def test_a_window_that_ends_in_the_future_is_read_until_now():
    now = dt.datetime.now(dt.timezone.utc)
    api = api_with(task_run(now - dt.timedelta(minutes=1)))
    window = (now - dt.timedelta(hours=1), now.replace(year=now.year + 70, day=1))
    assert len(list(standalone_tasks.ended(api, *window))) == 1  # type: ignore[arg-type]
    assert len(api.calls) <= 3


def test_names_limit_the_task_runs_of_a_window():
    api = api_with(task_run(NOON - dt.timedelta(minutes=1)))
    window = (NOON - dt.timedelta(hours=1), NOON)
    assert [r.kind for rows in runs.ended_runs(api, *window) for r in rows] == ["task-run"]  # type: ignore[arg-type]
    assert [r for rows in runs.ended_runs(api, *window, flows=["f"]) for r in rows] == []  # type: ignore[arg-type]
    named = runs.ended_runs(api, *window, flows=["load orders"])  # type: ignore[arg-type]
    assert len([r for rows in named for r in rows]) == 1


def test_events_are_read_by_the_task_run():
    raw = task_run(NOON - dt.timedelta(hours=1))
    api = api_with(raw)
    run = runs.read_run(api, UUID(raw["id"]))  # type: ignore[arg-type]
    emitter, info = uuid4(), RunInfo(task_run_id=run.id)
    event = write("out", "in", run=info).model_copy(update={"emitter": EmitterInfo(id=emitter, sequence=0)})
    api.store(event)
    api.store(closing(emitter, 1, run=info))
    history = read_history(api, run)  # type: ignore[arg-type]
    assert api.asked_for == [f"prefect.task-run.{run.id}"]
    assert (len(history.events), history.completeness.complete, history.tasks) == (1, True, {})
    assert run.info == RunInfo(task_run_id=run.id, task_run_name="load orders")


def test_completed_runs_are_those_of_the_same_task():
    raw, namesake = task_run(), {**task_run(), "task_key": "load_orders-another"}
    api = api_with(raw, namesake)
    job = runs.read_run(api, UUID(raw["id"]))  # type: ignore[arg-type]
    assert [r.id for r in runs.completed_runs(api, job)] == [job.id]  # type: ignore[arg-type]


def test_has_run_is_true_only_for_tasks_that_ran():
    api = api_with(task_run())
    assert standalone_tasks.has_run(api, "load orders")  # type: ignore[arg-type]
    assert not standalone_tasks.has_run(api, "load nothing")  # type: ignore[arg-type]
