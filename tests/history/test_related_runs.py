"""Related runs are read only if rows or columns may have come from them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.events import EventColumnEdge, LineageEvent, RunInfo
from prefect_lineage_events.history import event_log
from prefect_lineage_events.history.event_log import EventLog
from prefect_lineage_events.history.model import FlowRun, ParentRun, RunHistory, TaskRun
from prefect_lineage_events.history.reader import window_of
from prefect_lineage_events.history.related_runs import RelatedRunReader
from tests.by_hand import NOON, closing, table, write
from tests.history.fake_api import FakeApi, raw_run

PARENT, CHILD, CALL, TASK = (uuid4() for _ in range(4))
READ_BY_PARENT = "orders"


def api_with(*, given: bool = False, untracked: bool = False) -> FakeApi:
    """A parent that read something and called a subflow, with or without a parameter; and the subflow, which read."""
    api = FakeApi(NOON)
    api.runs = [raw_run(NOON, id_=PARENT), raw_run(NOON, id_=CHILD, parent=str(PARENT))]
    frame = {"frame": [{"input_type": "task_run", "id": str(TASK)}]} if given else {}
    inputs: dict[str, Any] = {**frame, **({"day": []} if untracked else {})}
    details = {"state_details": {"child_flow_run_id": str(CHILD)}}
    api.tasks = [
        {
            "id": str(CALL),
            "name": "child-0",
            "task_key": "c",
            "task_inputs": inputs,
            "state": details,
            "of": str(PARENT),
        },
        {"id": str(TASK), "name": "extract-0", "task_key": "e", "task_inputs": {}, "state": {}, "of": str(PARENT)},
    ]
    for number, (run, task) in enumerate([(PARENT, TASK), (CHILD, None)]):
        read = LineageEvent(
            operation="read",
            inputs=(table(READ_BY_PARENT),),
            statement=write("x").statement,
            run=RunInfo(flow_run_id=run, task_run_id=task),
            emitter=write("x", sequence=number).emitter,
        )
        api.store(read, of=run)
    return api


READING = LineageEvent(
    operation="read", inputs=(table("in"),), statement=write("x").statement, emitter=write("x").emitter
)


def run_of(id_: UUID, *parents: UUID) -> FlowRun:
    above = tuple(ParentRun(parent, "parent") for parent in parents)
    return FlowRun(id_, "busy-bee", uuid4(), "flow", "COMPLETED", started=NOON, ended=NOON, parents=above)


def read(api: FakeApi, history: RunHistory) -> RunHistory:
    def events_of(run: FlowRun) -> tuple[EventLog, bool]:
        log = event_log.read(api, run.id, window_of(run, NOON + dt.timedelta(hours=1)))  # type: ignore[arg-type]
        return log, run.ended_for_good

    return RelatedRunReader(api, events_of).read(history)  # type: ignore[arg-type]


def child(*events: LineageEvent) -> RunHistory:
    return RunHistory(run_of(CHILD, PARENT), events)


def test_run_without_python_rows_reads_no_related_run():
    api = api_with(given=True)
    history = read(api, child(write("out", "in")))
    assert (history.parent, history.subflows, api.calls) == (None, {}, [])


def test_parent_is_read_for_writes_without_reads():
    history = read(api_with(given=True), child(write("out")))
    assert history.parent
    assert [e.inputs[0].name for e in history.parent.events] == [f"shop.public.{READ_BY_PARENT}"]
    assert history.parent.tasks[CALL].upstream == {TASK}


def test_parent_of_a_run_with_reads_is_read_only_for_tracked_parameters():
    assert read(api_with(given=True), child(READING, write("out"))).parent
    assert read(api_with(untracked=True), child(READING, write("out"))).parent is None


def test_parent_is_read_beside_a_read_of_a_single_row():
    single = READING.model_copy(update={"statement": READING.statement.model_copy(update={"rows": 1})})
    assert read(api_with(untracked=True), child(single, write("out"))).parent


def test_parent_is_read_for_a_dataframe_beside_a_table():
    made = write("out", "in")
    framed = made.model_copy(update={"statement": made.statement.model_copy(update={"from_program": True})})
    assert read(api_with(given=True), child(framed)).parent


def test_parent_is_read_for_a_star_without_known_columns():
    source = table("in").model_copy(update={"columns": ()})
    star = EventColumnEdge(column="*", source=source.uri, source_column="*")
    starred = write("out", "in").model_copy(update={"inputs": (source,), "columns": (star,)})
    assert read(api_with(), child(starred)).parent
    known = starred.model_copy(update={"inputs": (table("in"),)})
    assert read(api_with(), child(known)).parent is None


def test_a_run_without_a_parent_has_none():
    assert read(api_with(), RunHistory(run_of(CHILD), (write("out"),))).parent is None


def test_deleted_parent_is_left_out():
    api = api_with()
    api.runs = []
    assert read(api, child(write("out"))).parent is None


def parent(task: TaskRun, call: TaskRun) -> RunHistory:
    return RunHistory(
        run_of(PARENT),
        (write("out", run=RunInfo(flow_run_id=PARENT, task_run_id=TASK)),),
        tasks={TASK: task, CALL: call},
    )


def test_a_subflow_whose_result_went_to_a_task_that_wrote_is_read():
    call = TaskRun(CALL, "child-0", "c", subflow=CHILD)
    load = TaskRun(TASK, "load-0", "l", upstream=frozenset([CALL]))
    assert set(read(api_with(), parent(load, call)).subflows) == {CHILD}


def test_a_subflow_whose_result_stayed_with_the_body_is_read():
    call = TaskRun(CALL, "child-0", "c", subflow=CHILD)
    assert set(read(api_with(), parent(TaskRun(TASK, "load-0", "l", untracked=True), call)).subflows) == {CHILD}


def test_a_subflow_that_returned_nothing_is_not_read():
    call = TaskRun(CALL, "child-0", "c", subflow=CHILD, returned=False)
    assert read(api_with(), parent(TaskRun(TASK, "load-0", "l"), call)).subflows == {}


def test_subflow_has_the_events_of_runs_below_it():
    api, grandchild = api_with(), uuid4()
    api.runs.append(raw_run(NOON, id_=grandchild, parent=str(CHILD)))
    api.store(replace_run(write("out", "deep"), grandchild), of=grandchild)
    call = TaskRun(CALL, "child-0", "c", subflow=CHILD)
    history = read(api, parent(TaskRun(TASK, "load-0", "l", upstream=frozenset([CALL])), call))
    assert {e.run.flow_run_id for e in history.subflows[CHILD].events} == {CHILD, grandchild}


def test_sibling_whose_result_was_passed_to_the_run_is_read():
    api, sibling, its_call = api_with(), uuid4(), uuid4()
    api.runs.append(raw_run(NOON, id_=sibling, parent=str(PARENT)))
    api.tasks[0]["task_inputs"] = {"frame": [{"input_type": "task_run", "id": str(its_call)}]}
    api.tasks.append(
        {
            "id": str(its_call),
            "name": "sibling-0",
            "task_key": "s",
            "task_inputs": {},
            "state": {"state_details": {"child_flow_run_id": str(sibling)}},
            "of": str(PARENT),
        }
    )
    above = read(api, child(write("out"))).parent
    assert above and set(above.subflows) == {sibling}


def test_grandparent_is_read_if_the_parent_passed_rows_on():
    api = api_with(untracked=True)
    top = uuid4()
    api.runs.append(raw_run(NOON, id_=top))
    api.stored = []
    history = read(api, replace(child(write("out")), run=run_of(CHILD, PARENT, top)))
    assert history.parent and history.parent.parent
    assert history.parent.parent.run.id == top


def still_running(api: FakeApi, run: UUID) -> FakeApi:
    for raw in api.runs:
        if raw["id"] == str(run):
            raw |= {"state": {"type": "RUNNING", "name": "Running"}, "state_type": "RUNNING", "end_time": None}
    return api


def test_running_parent_that_may_have_passed_rows_is_incomplete():
    for api in (api_with(given=True), api_with(untracked=True)):
        history = read(still_running(api, PARENT), child(write("out")))
        assert history.completeness.incomplete_related_runs == (PARENT,)
        assert not history.completeness.complete


def test_complete_parent_is_not_listed_as_incomplete():
    assert read(api_with(given=True), child(write("out"))).completeness.complete


def test_running_parent_that_passed_nothing_is_not_incomplete():
    assert read(still_running(api_with(), PARENT), child(write("out"))).completeness.complete


def test_running_parent_without_influence_is_not_incomplete():
    assert read(still_running(api_with(given=True), PARENT), child(write("out", "in"))).completeness.complete


def test_running_subflow_whose_result_was_written_is_incomplete():
    call = TaskRun(CALL, "child-0", "c", subflow=CHILD)
    load = TaskRun(TASK, "load-0", "l", upstream=frozenset([CALL]))
    assert read(still_running(api_with(), CHILD), parent(load, call)).completeness.incomplete_related_runs == (CHILD,)


@pytest.mark.parametrize("what", ["rejected", "dropped"])
def test_a_parent_that_lost_events_leaves_the_run_incomplete_with_nothing_to_wait_for(what: str):
    api = api_with(given=True)
    if what == "rejected":
        api.store(write("bad", run=RunInfo(flow_run_id=PARENT)), of=PARENT)
        api.stored[-1][0]["payload"]["output"] = 3
    else:
        api.store(closing(uuid4(), 0, run=RunInfo(flow_run_id=PARENT), dropped=1), of=PARENT)
    completeness = read(api, child(write("out"))).completeness
    assert completeness.lossy_related_runs == (PARENT,)
    assert not completeness.complete
    assert not completeness.awaited
    assert str(PARENT) in completeness.lacks()[0]


def replace_run(event: LineageEvent, run: UUID) -> LineageEvent:
    return event.model_copy(update={"run": RunInfo(flow_run_id=run)})
