"""The plan of a backfill."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.assembler.backfill import RUNS_A_PART, parse_window, plan_backfill
from tests.by_hand import NOON
from tests.history.fake_api import FakeApi, raw_run

DAY = parse_window(NOON - dt.timedelta(days=1), NOON)
MINUTE = dt.timedelta(minutes=1)


class Past(FakeApi):
    """Runs that each took a minute; events are there from long before."""

    def __init__(self) -> None:
        super().__init__(NOON)
        self.oldest = NOON - dt.timedelta(days=2)

    def flow(self, name: str) -> str:
        flow_id = str(uuid4())
        self.flows[flow_id] = name
        return flow_id

    def run(self, flow_id: str, ended: dt.datetime, called_by: UUID | None = None) -> UUID:
        call = str(uuid4()) if called_by else None
        if call:
            self.tasks.append({"id": call, "flow_run_id": str(called_by)})
        raw = raw_run(ended, parent_task_run_id=call)
        raw["flow_id"] = flow_id
        self.runs.append(raw)
        return UUID(raw["id"])


def ids(part) -> list[UUID]:
    return [run.id for run in part.runs]


def test_parts_follow_each_other_in_time_and_miss_nothing():
    past = Past()
    flow = past.flow("nightly")
    made = [past.run(flow, NOON - n * MINUTE) for n in range(3 * RUNS_A_PART, 0, -1)]
    plan = plan_backfill(past, DAY)
    assert [id_ for part in plan.parts for id_ in ids(part)] == made
    assert len(plan.parts) >= 3
    assert all(len(part.runs) <= RUNS_A_PART for part in plan.parts)
    assert plan.runs == len(made)


def test_a_small_backfill_has_parts_enough_to_show_its_progress():
    past = Past()
    flow = past.flow("nightly")
    for n in range(12):
        past.run(flow, NOON - n * MINUTE)
    assert len(plan_backfill(past, DAY).parts) == 12


def test_a_flow_run_and_those_that_it_called_at_any_depth_are_one_part_parents_first():
    past = Past()
    parent_flow, child_flow = past.flow("parent"), past.flow("child")
    for n in range(5):
        past.run(parent_flow, NOON - dt.timedelta(hours=5 - n))
    top = past.run(parent_flow, NOON - 3 * MINUTE)
    middle = past.run(child_flow, NOON - 2 * MINUTE, called_by=top)
    leaf = past.run(child_flow, NOON - MINUTE, called_by=middle)
    assert [top, middle, leaf] in [ids(part) for part in plan_backfill(past, DAY).parts]


def test_subflows_stay_together_when_their_parent_has_not_ended():
    past = Past()
    child_flow, running = past.flow("child"), uuid4()
    children = [past.run(child_flow, NOON - n * MINUTE, called_by=running) for n in (9, 1)]
    past.run(child_flow, NOON - 5 * MINUTE)
    assert children in [ids(part) for part in plan_backfill(past, DAY).parts]


def test_a_subflow_is_another_job_below_each_parent():
    past = Past()
    one, other, child = past.flow("one"), past.flow("other"), past.flow("child")
    callers = [past.run(flow, NOON - n * MINUTE) for n, flow in ((9, one), (6, other), (3, one))]
    called = [past.run(child, NOON - n * MINUTE, called_by=c) for n, c in zip((8, 5, 2), callers, strict=True)]
    alone = past.run(child, NOON - MINUTE)
    jobs = {frozenset(job) for job in plan_backfill(past, DAY).jobs}
    assert jobs == {
        frozenset({callers[0], callers[2]}),
        frozenset({callers[1]}),
        frozenset({called[0], called[2]}),
        frozenset({called[1]}),
        frozenset({alone}),
    }


@pytest.mark.parametrize(("template", "jobs"), [("{flow}", 1), ("{flow}.{deployment}", 3)])
def test_a_deployment_is_another_job_where_jobs_are_named_by_it(monkeypatch, template, jobs):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_JOB_NAME", template)
    past = Past()
    flow = past.flow("nightly")
    for n, deployment in enumerate([str(uuid4()), str(uuid4()), None, None]):
        past.run(flow, NOON - n * MINUTE)
        past.runs[-1]["deployment_id"] = deployment
    assert len(plan_backfill(past, DAY).jobs) == jobs


def test_unknown_flow_raises_with_a_similar_name():
    past = Past()
    past.flow("daily load")
    with pytest.raises(ValueError, match=r"no flow 'dayly load' \(did you mean 'daily load'\?\), 'xyz' at http"):
        plan_backfill(past, DAY, ["daily load", "dayly load", "xyz"])


def test_beginning_of_a_history_after_the_first_run_is_known():
    past = Past()
    past.run(past.flow("nightly"), NOON - 3 * MINUTE)
    assert plan_backfill(past, DAY).history_begins is None
    past.oldest = NOON - MINUTE
    assert plan_backfill(past, DAY).history_begins == NOON - MINUTE


def test_empty_history_begins_now():
    past = Past()
    past.run(past.flow("nightly"), NOON - dt.timedelta(hours=2))
    past.oldest = None
    begins = plan_backfill(past, DAY).history_begins
    assert begins is not None and begins > NOON - dt.timedelta(hours=2)


def test_a_window_without_runs_has_no_parts():
    plan = plan_backfill(Past(), DAY)
    assert (plan.parts, plan.jobs, plan.history_begins) == ((), (), None)


def test_plan_has_no_parameters_of_runs():
    past = Past()
    past.run(past.flow("nightly"), NOON - MINUTE)
    past.runs[-1]["parameters"] = {"rows": "x" * 1_000_000}
    (part,) = plan_backfill(past, DAY).parts
    assert not part.runs[0].parameters
