"""The task graph: the tasks whose results each task received."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.history.tasks import read_tasks
from tests.by_hand import NOON
from tests.history.fake_api import FakeApi

EXTRACT, LOAD, CHECK = (str(uuid4()) for _ in range(3))


def task(id_: str, **inputs):
    refs = {name: [{"input_type": "task_run", "id": i} for i in ids] for name, ids in inputs.items()}
    return {"id": id_, "name": "t-0", "task_key": "t", "task_inputs": refs, "state": {"type": "COMPLETED"}}


def read(*tasks):
    api = FakeApi(NOON)
    api.tasks = list(tasks)
    return read_tasks(api, uuid4())


def test_results_that_were_passed_are_upstream():
    assert read(task(EXTRACT), task(LOAD, frame=[EXTRACT]))[UUID(LOAD)].upstream == {UUID(EXTRACT)}


def test_wait_for_is_order_only():
    load = read(task(EXTRACT), task(LOAD, wait_for=[EXTRACT]))[UUID(LOAD)]
    assert load.upstream == frozenset()
    assert load.waits_for == {UUID(EXTRACT)}


def test_the_calling_task_is_no_upstream():
    assert read(task(CHECK, __parents__=[EXTRACT]))[UUID(CHECK)].upstream == frozenset()


def test_task_that_was_running_when_its_result_was_passed_is_no_caller():
    assert read(task(CHECK, __parents__=[EXTRACT]))[UUID(CHECK)].caller == UUID(EXTRACT)
    load = read(task(LOAD, frame=[EXTRACT], __parents__=[EXTRACT]))[UUID(LOAD)]
    assert load.caller is None
    assert load.upstream == {UUID(EXTRACT)}


@pytest.mark.parametrize("parents", [[EXTRACT, CHECK], [CHECK, EXTRACT]])
def test_caller_is_found_beside_a_running_task_whose_result_was_passed(parents):
    assert read(task(LOAD, frame=[EXTRACT], __parents__=parents))[UUID(LOAD)].caller == UUID(CHECK)


def test_parameters_and_constants_are_no_upstream():
    raw = task(LOAD)
    raw["task_inputs"]["limit"] = [
        {"input_type": "parameter", "name": "limit"},
        {"input_type": "constant", "type": "int"},
    ]
    assert read(raw)[UUID(LOAD)].upstream == frozenset()


def test_all_pages_are_read():
    assert len(read(*(task(str(uuid4())) for _ in range(450)))) == 450


def test_result_of_a_subflow_is_that_of_its_call():
    child = str(uuid4())
    call = task(EXTRACT)
    call["state"]["state_details"] = {"child_flow_run_id": child}
    load = task(LOAD)
    load["task_inputs"]["frame"] = [{"input_type": "flow_run", "id": child}]
    tasks = read(call, load)
    assert tasks[UUID(LOAD)].upstream == {UUID(EXTRACT)}
    assert tasks[UUID(EXTRACT)].subflow == UUID(child)


def test_untracked_parameter_is_marked():
    assert read(task(LOAD, frame=[]))[UUID(LOAD)].untracked
    assert not read(task(LOAD, frame=[EXTRACT]))[UUID(LOAD)].untracked
    assert not read(task(LOAD))[UUID(LOAD)].untracked


def test_untrackable_result_is_marked():
    raw = task(EXTRACT)
    raw["state"]["state_details"] = {"untrackable_result": True}
    assert not read(raw)[UUID(EXTRACT)].returned
    assert read(task(LOAD))[UUID(LOAD)].returned
