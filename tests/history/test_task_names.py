"""Names of tasks by their task runs, and those that other jobs have."""

from __future__ import annotations

from uuid import uuid4

import pytest

from prefect_lineage_events.definitions import TaskDefinition
from prefect_lineage_events.history.ambiguous_tasks import ambiguous_tasks
from prefect_lineage_events.history.model import FlowRun, ParentRun, TaskRun
from prefect_lineage_events.history.task_names import called_flows, named_tasks, task_names
from tests.by_hand import NOON
from tests.history.fake_api import FakeApi

RUN = FlowRun(uuid4(), "busy-bee", uuid4(), "nightly", "COMPLETED")


def task(name: str, key: str, dynamic_key: str | None = "7f3e8a1c", **more) -> TaskRun:
    return TaskRun(uuid4(), name, key, dynamic_key=dynamic_key, **more)


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        ([("load-7f3", "load-1a2b")], [("load", "load")]),
        ([("Load it-7f3", "load-1a2b"), ("Load it-7f3", "load-1a2b")], [("Load it", "load")] * 2),
        ([("orders", "load-1a2b"), ("customers", "load-1a2b")], [("load", "load")] * 2),
        ([("Load it-7f3", "load-1a2b"), ("orders", "load-1a2b")], [("load", "load")] * 2),
        ([("first-7f3", "load-1a2b"), ("second-7f3", "load-1a2b")], [("first", "load"), ("second", "load")]),
        ([("load-7f3", "load_a-1a2b"), ("load-7f3", "load_b-3c4d")], [("load", "load_a"), ("load", "load_b")]),
        ([("x-7f3e8a1c", "my.Callable")], [("x", "my.Callable")]),
    ],
)
def test_all_runs_of_a_task_have_one_name(runs, names):
    tasks = [task(*run) for run in runs]
    found = task_names(tasks)
    assert [found[one.id] for one in tasks] == names


def test_without_dynamic_keys_names_that_differ_may_be_the_flows_own():
    tasks = [task("part-1", "load-1a2b", None), task("half-2", "load-1a2b", None)]
    assert set(task_names(tasks).values()) == {("load", "load")}


def test_names_that_events_state_keep_tasks_apart_whose_runs_the_flow_names():
    tasks = [
        task("part 1", "load-1a2b", task_name="load orders"),
        task("part 2", "load-1a2b", task_name="load customers"),
        task("part 3", "load-1a2b"),  # it has touched nothing
    ]
    names = task_names(tasks)
    assert [names[one.id].name for one in tasks] == ["load orders", "load customers", "load"]


def test_name_that_events_state_is_that_of_all_runs_of_the_task():
    tasks = [task("part 1", "load-1a2b", task_name="Load it"), task("part 2", "load-1a2b")]
    assert {name.name for name in task_names(tasks).values()} == {"Load it"}


def test_called_deployments_are_called_flows_too():
    calls = [task("report/prod-7f3", "r-1", subflow=uuid4()), task("keep-7f3", "k-1", subflow=uuid4())]
    assert called_flows([*calls, task("load-7f3", "load-1")]) == {"report/prod", "report", "keep"}
    assert task_names(calls) == {}


def defined(name: str, key: str, module: str, function: str, *, ran: bool = True) -> TaskDefinition:
    return TaskDefinition(name=name, key=key, module=module, function=function, ran=ran)


def test_functions_of_one_name_are_known_by_their_modules():
    tasks = [task("load-7f3", "load-1a2b"), task("load-7f3", "load-3c4d"), task("copy-7f3", "copy-5e6f")]
    of_code = [
        defined("load", "load-1a2b", "etl.orders", "load"),
        defined("load", "load-3c4d", "etl.customers", "make.<locals>.load"),
        defined("copy", "copy-5e6f", "etl", "copy"),
    ]
    names = task_names(tasks, of_code)
    assert [names[one.id].function for one in tasks] == ["etl.orders.load", "etl.customers.make.load", "copy"]
    assert named_tasks(of_code) == frozenset()


def test_task_that_did_not_run_has_a_name_too():
    of_code = [defined("load", "a-1", "etl", "a"), defined("load", "b-1", "etl", "b", ran=False)]
    assert named_tasks(of_code) == {("load", "b")}


def call_of(flow: str) -> dict:
    state = {"type": "COMPLETED", "state_details": {"child_flow_run_id": str(uuid4())}}
    return {
        "id": str(uuid4()),
        "name": f"{flow}-7f3",
        "task_key": f"{flow}-1a2b",
        "dynamic_key": "7f3e8a1c",
        "state": state,
        "end_time": NOON.isoformat(),
    }


@pytest.mark.parametrize(
    ("flows", "called", "ambiguous"),
    [
        ([], [], set()),
        (["nightly", "other"], [], set()),
        (["nightly.load"], [], {"load"}),
        (["nightly.a"], [], {"a.b"}),
        (["nightly.a.b"], [], {"a.b"}),
        (["a"], [], set()),
        (["load"], [], set()),
        (["load"], ["load"], {"load"}),
        (["load"], ["load/prod"], {"load"}),
        (["a"], ["a"], {"a.b"}),
        (["load"], ["reload"], set()),
    ],
)
def test_names_that_other_jobs_would_have_are_ambiguous(flows, called, ambiguous):
    api = FakeApi(NOON)
    api.flows = {str(uuid4()): name for name in flows}
    api.tasks = [call_of(name) for name in called]
    assert ambiguous_tasks(api, RUN, ["load", "a.b"], "{flow}") == ambiguous
    assert api.asked("/flows/filter") == 1


def test_task_of_a_subflow_is_compared_with_flows_of_any_part_of_the_jobs_name():
    api = FakeApi(NOON)
    api.flows = {str(uuid4()): name for name in ("root.nightly.load", "nightly.copy", "root.keep")}
    run = FlowRun(RUN.id, "", RUN.flow_id, "nightly", "COMPLETED", parents=(ParentRun(uuid4(), "root"),))
    assert ambiguous_tasks(api, run, ["load", "copy", "keep"], "{flow}") == {"load", "copy"}


def test_deployment_of_the_flow_has_the_name_of_a_task_where_jobs_are_named_by_deployments():
    api = FakeApi(NOON)
    api.deployments = {"1": {"name": "load"}}
    assert ambiguous_tasks(api, RUN, ["load", "copy"], "{flow}.{deployment}") == {"load"}
    assert ambiguous_tasks(api, RUN, ["load", "copy"], "{flow}") == frozenset()
