"""Requests of reading a run to Prefect's API: 8, and one for every 50 events."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.history.reader import Clock, read_history
from prefect_lineage_events.history.runs import read_run
from tests.by_hand import NOON, RunInfo, closing, write
from tests.history.fake_api import FakeApi, raw_run


@pytest.mark.parametrize("count", [1, 49, 50, 1000])
@pytest.mark.parametrize("levels", [0, 2], ids=["a run", "a subflow's run two levels down"])
def test_reading_a_run_costs_eight_requests_and_one_for_every_fifty_events(count, levels):
    api, run = _history_of(count, levels)
    history = read_history(api, read_run(api, run), clock=Clock(now=lambda: api.now, sleep=api.sleep))
    assert len(history.events) == count
    assert history.completeness.complete
    assert len(history.run.parents) == levels
    assert len(api.calls) <= 8 + count / 50


def _history_of(count: int, levels: int) -> tuple[FakeApi, UUID]:
    """A deployed run that ended yesterday, of `count` statements in a task, and `levels` of runs above it."""
    api = FakeApi(NOON + dt.timedelta(days=1))
    id_, task = uuid4(), uuid4()
    raw = raw_run(NOON, id_=id_, deployment_id=str(uuid4()))
    api.flows[raw["flow_id"]] = "nightly"
    api.runs.append(raw)
    below = raw
    for _ in range(levels):
        below["parent_task_run_id"] = str(uuid4())
        above = raw_run(NOON, task_run_ids=[below["parent_task_run_id"]])
        api.flows[above["flow_id"]] = "above"
        api.runs.append(above)
        below = above
    api.tasks.append({"id": str(task), "name": "load-0", "task_key": "load-1", "task_inputs": {}, "of": str(id_)})
    emitter, run = uuid4(), RunInfo(flow_run_id=id_, task_run_id=task)
    for number in range(count):
        at = NOON - dt.timedelta(seconds=count - number)
        api.store(write("b", "a", run=run, emitter=emitter, sequence=number, at=at), of=id_)
    api.store(closing(emitter, count, run=run, at=NOON), of=id_)
    return api, id_
