"""Reading a run's history: completeness, waiting, and windows."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import RunInfo
from prefect_lineage_events.history.model import FlowRun, ParentRun
from prefect_lineage_events.history.reader import Clock, Patience, parse_run_id, read_history, window_of
from tests.by_hand import NOON, closing, write
from tests.history.fake_api import FakeApi, raw_run

PATIENCE = Patience(completeness=60, first_event=20, poll=1)


def ended_run(seconds_ago: float = 1, now: dt.datetime = NOON, **more) -> FlowRun:
    ended = now - dt.timedelta(seconds=seconds_ago)
    started = ended - dt.timedelta(minutes=1)
    return FlowRun(uuid4(), "busy-bee", uuid4(), "nightly", "COMPLETED", started=started, ended=ended, **more)


def read(api: FakeApi, run: FlowRun, patience: Patience = PATIENCE):
    return read_history(api, run, patience, Clock(now=lambda: api.now, sleep=api.sleep))


def at(second: int) -> dt.datetime:
    return NOON - dt.timedelta(minutes=1) + dt.timedelta(milliseconds=second)


def test_a_complete_run_is_read_without_waiting():
    api, emitter = FakeApi(NOON), uuid4()
    for n in range(3):
        api.store(write("out", "in", emitter=emitter, sequence=n, at=at(n)))
    api.store(closing(emitter, 3))
    history = read(api, ended_run())
    assert [e.emitter.sequence for e in history.events] == [0, 1, 2]
    assert history.completeness.complete
    assert api.now == NOON
    assert history.stored_events == 4


@pytest.mark.parametrize(
    ("versions", "expected"), [(["3.8.8", "3.9.1"], "3.9.1"), (["3.8.8", ""], "3.8.8"), ([""], "")]
)
def test_version_of_prefect_is_that_of_the_latest_count_that_has_one(versions, expected):
    api = FakeApi(NOON)
    for second, version in enumerate(versions):
        api.store(closing(uuid4(), 0, at=at(second)).model_copy(update={"engine_version": version}))
    assert read(api, ended_run()).engine_version == expected


def test_event_that_names_another_run_is_left_out():
    api, emitter, run = FakeApi(NOON), uuid4(), ended_run()
    api.store(write("out", emitter=emitter, sequence=0, run=RunInfo(flow_run_id=run.id)))
    api.store(closing(emitter, 1))
    api.store(write("foreign", emitter=uuid4(), sequence=0, run=RunInfo(flow_run_id=uuid4())))
    history = read(api, run)
    assert [e.output.name for e in history.events if e.output] == ["shop.public.out"]
    assert history.completeness.complete


def test_late_events_are_waited_for():
    api, emitter = FakeApi(NOON), uuid4()
    api.store(closing(emitter, 2))
    api.store(write("out", emitter=emitter, sequence=1))
    api.store(write("out", emitter=emitter, sequence=0), late=12)
    history = read(api, ended_run())
    assert history.completeness.complete
    assert len(history.events) == 2


def test_events_missing_at_the_deadline_are_listed():
    api, emitter = FakeApi(NOON), uuid4()
    api.store(closing(emitter, 2))
    api.store(write("out", emitter=emitter, sequence=1))
    history = read(api, ended_run())
    assert history.completeness.missing == {emitter: (0,)}
    assert NOON + dt.timedelta(seconds=60) <= api.now <= NOON + dt.timedelta(seconds=62)


def test_first_event_is_waited_for_after_a_recent_end():
    api, emitter = FakeApi(NOON), uuid4()
    api.store(write("out", emitter=emitter), late=15)
    api.store(closing(emitter, 1), late=16)
    history = read(api, ended_run())
    assert len(history.events) == 1
    assert history.completeness.complete


def test_a_run_without_lineage_does_not_wait_the_whole_deadline():
    api = FakeApi(NOON)
    history = read(api, ended_run(seconds_ago=5))
    assert not history.events
    assert api.now - NOON < dt.timedelta(seconds=20)


def test_no_waiting_long_after_the_end():
    api, emitter = FakeApi(NOON), uuid4()
    api.store(closing(emitter, 2, at=NOON - dt.timedelta(hours=3)))
    history = read(api, ended_run(seconds_ago=3 * 3600))
    assert history.completeness.missing == {emitter: (0, 1)}
    assert api.now == NOON


def test_worker_is_complete_with_a_checkpoint_after_the_end():
    api, worker = FakeApi(NOON), uuid4()
    api.store(write("out", emitter=worker))
    api.store(closing(worker, 1, closed=False, at=NOON - dt.timedelta(seconds=30)))
    api.store(closing(worker, 1, closed=False, at=NOON + dt.timedelta(seconds=5), dropped=1), late=8)
    history = read(api, ended_run())
    assert not history.completeness.awaited
    assert NOON + dt.timedelta(seconds=8) <= api.now < NOON + dt.timedelta(seconds=12)


def test_checkpoint_of_a_clock_that_is_ahead_is_not_after_the_end():
    api, worker = FakeApi(NOON - dt.timedelta(seconds=30)), uuid4()
    api.store(write("out", emitter=worker))
    api.store(closing(worker, 1, closed=False, at=NOON + dt.timedelta(hours=1)))
    api.sleep(30)
    assert read(api, ended_run()).completeness.unclosed == (worker,)


def test_run_without_a_recorded_end_may_have_lost_events():
    api, run = FakeApi(NOON), ended_run(seconds_ago=3600, state_id=uuid4())
    history = read(api, run)
    assert history.completeness.end_unrecorded
    assert not history.completeness.complete
    api.recorded_states = {run.state_id}
    assert read(api, run).completeness.complete


def test_running_run_is_read_without_waiting():
    api, emitter = FakeApi(NOON), uuid4()
    api.store(write("out", emitter=emitter))
    run = FlowRun(uuid4(), "busy-bee", uuid4(), "nightly", "RUNNING", started=NOON)
    assert read(api, run).completeness.unclosed == (emitter,)
    assert api.now == NOON


def test_duplicate_events_are_read_once():
    api, emitter = FakeApi(NOON), uuid4()
    event = write("out", emitter=emitter)
    api.store(event)
    api.store(event)
    api.store(closing(emitter, 1))
    history = read(api, ended_run())
    assert len(history.events) == 1
    assert history.stored_events == 2


def test_pages_of_fifty_are_read_to_the_end_through_any_proxy():
    api, emitter = FakeApi(NOON), uuid4()
    for n in range(120):
        api.store(write("out", emitter=emitter, sequence=n, at=at(n)))
    api.store(closing(emitter, 120))
    history = read(api, ended_run())
    assert [e.emitter.sequence for e in history.events] == list(range(120))
    assert api.asked("/events/filter") + api.asked("/events/filter/next") == 3


def test_events_are_in_the_order_of_emitters_and_numbers():
    api, first, second = FakeApi(NOON), uuid4(), uuid4()
    api.store(write("c", emitter=second, sequence=0, at=at(5)))
    api.store(write("b", emitter=first, sequence=1, at=at(9)))
    api.store(write("a", emitter=first, sequence=0, at=at(1)))
    for emitter, count in ((first, 2), (second, 1)):
        api.store(closing(emitter, count))
    assert [e.output.name[-1] for e in read(api, ended_run()).events] == ["a", "b", "c"]


def test_an_unreadable_event_leaves_its_number_missing():
    api, emitter = FakeApi(NOON), uuid4()
    api.store(write("out", emitter=emitter))
    api.stored[0][0]["payload"] = {"statement": "what is this"}
    api.store(closing(emitter, 1))
    assert read(api, ended_run()).completeness.missing == {emitter: (0,)}


def test_asset_events_are_read_with_their_upstreams():
    api, task = FakeApi(NOON), uuid4()
    raw = {
        "id": str(uuid4()),
        "event": "prefect.asset.materialization.succeeded",
        "occurred": NOON.isoformat(),
        "resource": {"prefect.resource.id": "s3://lake/orders.parquet", "prefect.asset.owners": '["ann", "bob"]'},
        "related": [
            {"prefect.resource.id": "postgres://db:5432/shop/public/orders", "prefect.resource.role": "asset"},
            {"prefect.resource.id": f"prefect.task-run.{task}", "prefect.resource.role": "task-run"},
        ],
        "payload": {},
    }
    api.stored.append((raw, NOON))
    api.tasks = [{"id": str(task), "name": "t", "task_key": "t"}]
    (asset,) = read(api, ended_run()).assets
    assert asset.dataset == Dataset("s3://lake", "orders.parquet")
    assert asset.upstream == (Dataset("postgres://db:5432", "shop.public.orders"),)
    assert asset.owners == ("ann", "bob")
    assert asset.task_run_id == task
    assert asset.succeeded


def test_task_runs_that_arrive_late_are_waited_for():
    from prefect_lineage_events.events import RunInfo

    api, emitter, task = FakeApi(NOON), uuid4(), uuid4()
    api.store(write("out", emitter=emitter, run=RunInfo(task_run_id=task)))
    api.store(closing(emitter, 1))
    sleep = api.sleep

    def arrive(seconds: float) -> None:
        sleep(seconds)
        api.tasks = [{"id": str(task), "name": "load-0", "task_key": "load"}]

    api.sleep = arrive
    assert set(read(api, ended_run()).tasks) == {task}


def test_run_without_lineage_looks_for_lineage_of_runs_below_it():
    api, parent, child, grandchild = FakeApi(NOON), ended_run(seconds_ago=3600), uuid4(), uuid4()
    api.runs = [raw_run(NOON, id_=child, parent=str(parent.id)), raw_run(NOON, id_=grandchild, parent=str(child))]
    assert not read(api, parent).descendants_have_lineage
    api.store(write("out", emitter=uuid4()), of=grandchild)
    assert read(api, parent).descendants_have_lineage


def test_few_requests_for_a_run_of_many_events():
    api, emitter = FakeApi(NOON), uuid4()
    for n in range(500):
        api.store(write("out", emitter=emitter, sequence=n, at=at(n)))
    api.store(closing(emitter, 500))
    read(api, ended_run())
    assert len(api.calls) <= 8 + 501 / 50


def test_the_window_spans_the_run_and_what_comes_after_it():
    run = ended_run(seconds_ago=3600)
    window = window_of(run, NOON)
    assert window.since < run.started
    assert window.until > NOON - dt.timedelta(minutes=1)


def test_a_long_window_is_read_in_parts_that_the_cloud_takes():
    run = ended_run(now=NOON)
    long = FlowRun(run.id, run.name, run.flow_id, "nightly", "RUNNING", started=NOON - dt.timedelta(days=40))
    parts = list(window_of(long, NOON).parts())
    assert all(p.until - p.since < dt.timedelta(days=14) for p in parts)
    assert [p.until for p in parts[:-1]] == [p.since for p in parts[1:]]


@pytest.mark.parametrize("text", ["", "nonsense", "1234", None])
def test_invalid_run_id_raises_with_the_expected_form(text):
    with pytest.raises(ValueError, match="expected a UUID"):
        parse_run_id(text)


def test_a_run_id_may_be_a_uuid_a_text_or_a_resource_id():
    id_ = UUID("0198c3f0-0000-7000-8000-000000000001")
    assert parse_run_id(id_) == parse_run_id(str(id_)) == parse_run_id(f"prefect.flow-run.{id_}") == id_


def with_a_parent(api: FakeApi, ended: dt.datetime) -> FlowRun:
    """A subflow that wrote rows which it did not read, a minute ago; its parent ended then."""
    parent, emitter = uuid4(), uuid4()
    run = ended_run(60, parents=(ParentRun(parent, "parent"),))
    api.runs = [{**raw_run(NOON, id_=parent), "end_time": ended.isoformat()}]
    info = RunInfo(flow_run_id=run.id)
    api.store(write("out", emitter=emitter, sequence=0, at=at(1), run=info), of=run.id)
    api.store(closing(emitter, 1).model_copy(update={"run": info}), of=run.id)
    return run


def test_recent_events_of_the_parent_are_waited_for():
    api = FakeApi(NOON)
    run = with_a_parent(api, NOON)
    emitter, above = uuid4(), RunInfo(flow_run_id=run.parents[0].flow_run_id)
    reading = write("x", emitter=emitter, sequence=0, run=above)
    api.store(reading, late=5, of=above.flow_run_id)
    api.store(closing(emitter, 1).model_copy(update={"run": above}), late=5, of=above.flow_run_id)
    history = read(api, run)
    assert history.parent and history.parent.events
    assert history.completeness.complete


def test_parent_without_events_is_complete_some_time_after_its_end():
    api = FakeApi(NOON)
    assert read(api, with_a_parent(api, NOON)).completeness.complete
    assert (api.now - NOON).total_seconds() == PATIENCE.first_event


def test_parent_that_ended_just_now_is_incomplete_without_waiting():
    api = FakeApi(NOON)
    run = with_a_parent(api, NOON)
    completeness = read(api, run, Patience(completeness=0, first_event=20)).completeness
    assert completeness.incomplete_related_runs == (run.parents[0].flow_run_id,)
    assert str(run.parents[0].flow_run_id) in completeness.lacks()[0]


def test_history_without_the_runs_end_is_waited_for():
    api, emitter = FakeApi(NOON), uuid4()
    api.store(write("out", emitter=emitter), late=40)
    api.store(closing(emitter, 1), late=41)
    history = read(api, ended_run(state_id=uuid4()))
    assert len(history.events) == 1
    assert history.completeness.complete


def test_history_with_the_runs_end_is_not_waited_for():
    api, run = FakeApi(NOON), ended_run(state_id=uuid4())
    api.recorded_states = {run.state_id}
    assert not read(api, run).events
    assert api.now - NOON <= dt.timedelta(seconds=20)
