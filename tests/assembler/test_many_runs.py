"""The sweep finds what was missed, and sends nothing twice; the backfill takes a window."""

from __future__ import annotations

import datetime as dt
import json
from uuid import UUID, uuid4

import pytest
from prefect import flow, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.runtime import flow_run

from prefect_lineage_events import flows
from prefect_lineage_events.assembler import one_run, outbox, sweep_state
from prefect_lineage_events.assembler.many_runs import OVERLAP, Summary, SweepError, _next_state, parse_window
from prefect_lineage_events.flows import assemble, backfill, sweep
from prefect_lineage_events.history.model import FlowRun
from tests.by_hand import NOON, emit_writes
from tests.recording import RecordingTarget


@flow(name="daily load")
def daily_load() -> UUID:
    emit_writes([("loaded", "source")])
    return UUID(flow_run.id)


@flow(name="hourly load")
def hourly_load() -> UUID:
    emit_writes([("hourly", "source")])
    return UUID(flow_run.id)


@pytest.fixture
def client(prefect_server):
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def target(monkeypatch, client) -> RecordingTarget:
    """The configured target; the sweep begins now, whatever other tests left on the server."""
    target = RecordingTarget()
    monkeypatch.setattr(one_run, "target", target.target)
    monkeypatch.setattr(outbox, "deliver", target.deliver)
    monkeypatch.setattr(flows, "_send_task", flows._send_task.with_options(retries=0))
    sweep_state.write(client, sweep_state.SweepState(mark=now()))
    return target


def now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


def stored(client, *run_ids: UUID) -> None:
    """Until the runs' closing events are stored: the sweep waits for nobody."""
    for run_id in run_ids:
        assert one_run.read_history(client, one_run.read_run(client, run_id)).completeness.complete


def test_the_sweep_delivers_what_nobody_assembled_and_only_once(target, client):
    first, second = daily_load(), hourly_load()
    stored(client, first, second)
    assert {a.flow_run_id for a in sweep().assembled} == {first, second}
    assert target.types(first) == target.types(second) == ["START", "COMPLETE"]
    before = list(target.events)
    assert sweep().already_done >= 2
    assert target.events == before


def test_the_sweep_leaves_what_an_assembler_did(target, client, monkeypatch):
    run_id = daily_load()
    assemble(run_id)
    other = RecordingTarget("another target of another process")
    monkeypatch.setattr(one_run, "target", other.target)
    monkeypatch.setattr(outbox, "deliver", other.deliver)
    sweep()
    assert not other.events


def test_the_sweep_never_ends_a_run_that_is_running(target, client):
    run = client.create_flow_run(daily_load, state=State(type=StateType.RUNNING))
    assert run.id not in {a.flow_run_id for a in sweep().assembled}
    assert not target.events
    assert client.read_flow_run(run.id).state.type == StateType.RUNNING


def test_runs_are_taken_in_the_order_in_which_they_began(target, client):
    @flow(name="parent of a load")
    def parent() -> tuple[UUID, UUID]:
        emit_writes([("staged", "raw")])
        return UUID(flow_run.id), daily_load()

    parent_id, child = parent()
    stored(client, parent_id, child)
    sweep()
    order = [e["run"]["runId"] for e in target.events]
    assert order.index(str(parent_id)) < order.index(str(child))


def test_a_run_whose_delivery_failed_waits_by_name_and_is_tried_again(target, client):
    run_id = daily_load()
    stored(client, run_id)
    target.away_after = 0
    with pytest.raises(SweepError, match="503"):
        sweep()
    (waiting,) = sweep_state.read(client).waiting
    assert waiting.flow_run_id == run_id
    assert "503" in waiting.reason
    target.away_after = None
    sweep()
    assert target.types(run_id) == ["START", "COMPLETE"]
    assert not sweep_state.read(client).waiting


def test_a_target_that_is_away_is_not_asked_for_every_run(target, client):
    runs = [daily_load() for _ in range(5)]
    stored(client, *runs)
    target.away_after = 0
    with pytest.raises(SweepError, match="3 failed, 2 left for the next time"):
        sweep()
    target.away_after = None
    sweep()
    assert all(target.types(run_id) == ["START", "COMPLETE"] for run_id in runs)


def test_one_refused_run_does_not_keep_the_others(target, client):
    bad, good = daily_load(), hourly_load()
    stored(client, bad, good)
    deliver = target.deliver

    def refuse_one(events, to, **more):
        target.refusal = "422 no" if events[0]["run"]["runId"] == str(bad) else None
        return deliver(events, to, **more)

    outbox.deliver = refuse_one
    sweep()
    assert target.types(good) == ["START", "COMPLETE"]
    assert not sweep_state.read(client).waiting


def test_a_run_that_cannot_be_put_together_does_not_keep_the_others(target, client, monkeypatch):
    poisoned, good = daily_load(), hourly_load()
    stored(client, poisoned, good)
    stitch = one_run.stitch

    def fails_for_one(history, **more):
        if history.run.id == poisoned:
            raise KeyError("no such thing")
        return stitch(history, **more)

    monkeypatch.setattr(one_run, "stitch", fails_for_one)
    with pytest.raises(SweepError, match="no such thing"):
        sweep()
    assert target.types(good) == ["START", "COMPLETE"]
    assert [w.flow_run_id for w in sweep_state.read(client).waiting] == [poisoned]


def test_a_backfill_sends_what_nobody_has(target, client):
    start = now()
    first, second = daily_load(), hourly_load()
    assemble(first)
    stored(client, second)
    summary = backfill(start=start, end=now())
    assert [a.flow_run_id for a in summary.assembled] == [second]
    assert target.types(first) == target.types(second) == ["START", "COMPLETE"]


def test_a_dry_run_says_what_would_be_sent(target, client):
    start, run_id = now(), daily_load()
    summary = backfill(start.isoformat(), now().isoformat(), dry_run=True)
    assert [r.id for r in summary.would_send] == [run_id]
    assert "1 would be assembled" in str(summary)
    assert not target.events


def test_a_backfill_shows_a_bar_and_a_table(target, client):
    start, run_id = now(), daily_load()
    state = backfill(start=start, end=now(), return_state=True)
    body = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
    by_type = {a["type"]: a["data"] for a in client.request("POST", "/artifacts/filter", json=body).json()}
    assert by_type["progress"] == 100.0
    assert json.loads(by_type["table"]) == [{"flow run": str(run_id), "flow": "daily load", "outcome": "sent"}]


def test_a_forced_backfill_sends_again(target, client):
    start, run_id = now(), daily_load()
    assemble(run_id)
    backfill(start=start, end=now(), force=True)
    assert target.types(run_id) == ["START", "COMPLETE"] * 2


def test_a_backfill_for_a_target_sends_what_that_one_lacks(target, client, monkeypatch):
    start, run_id = now(), daily_load()
    assemble(run_id)
    second = RecordingTarget("second")
    monkeypatch.setattr(one_run, "target", second.target)
    monkeypatch.setattr(outbox, "deliver", second.deliver)
    assert not backfill(start=start, end=now()).assembled
    backfill(start=start, end=now(), targets=["second"])
    assert second.types(run_id) == ["START", "COMPLETE"]
    assert backfill(start=start, end=now(), targets=["second"]).already_done == 1


def test_a_backfill_of_some_flows_leaves_the_others(target, client):
    start = now()
    first, second = daily_load(), hourly_load()
    stored(client, first, second)
    backfill(start=start, end=now(), flows=["hourly load"])
    assert not target.of(first)
    assert target.types(second) == ["START", "COMPLETE"]


def test_a_backfill_of_old_runs_leaves_the_newest_showing(target, client):
    target.profile = "marquez"
    start = now()
    old = [daily_load() for _ in range(3)]
    end = now()
    newest = daily_load()
    stored(client, *old)
    assemble(newest)
    backfill(start=start, end=end)
    assert all(target.types(run_id) == ["START", "COMPLETE"] for run_id in old)
    assert target.events[-1]["run"]["runId"] == str(newest)
    assert target.types(newest) == ["START", "COMPLETE", "COMPLETE"]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "is before the start"),
        ("2026-01-01", "2026-01-02T00:00:00Z", "start=.*no time zone"),
        ("yesterday", "2026-01-02T00:00:00Z", "start='yesterday' is no time"),
        (dt.datetime(2026, 1, 1), "2026-01-02T00:00:00Z", "no time zone"),
    ],
)
def test_a_wrong_window_is_named(start, end, message):
    with pytest.raises(ValueError, match=message):
        parse_window(start, end)


def test_times_are_taken_in_any_zone():
    window = parse_window("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z")
    assert window.start == window.end


def run_that_ended(minutes_ago: float) -> FlowRun:
    return FlowRun(uuid4(), "r", uuid4(), "f", "COMPLETED", ended=NOON - dt.timedelta(minutes=minutes_ago))


def next_state(summary: Summary, waiting: tuple[sweep_state.Waiting, ...] = ()) -> sweep_state.SweepState:
    before = sweep_state.SweepState(waiting=waiting)
    return _next_state(summary, before, NOON - dt.timedelta(hours=5), NOON, NOON - dt.timedelta(hours=24))


def test_the_mark_stays_behind_what_may_still_be_stored():
    assert next_state(Summary()).mark == NOON - OVERLAP


def test_the_mark_waits_for_runs_that_were_not_tried():
    left = run_that_ended(120)
    assert next_state(Summary(left=[left])).mark == left.ended


def test_incomplete_runs_wait_by_name_for_a_day():
    fresh, old = run_that_ended(60), run_that_ended(60 * 30)
    assert [w.flow_run_id for w in next_state(Summary(incomplete=[fresh, old])).waiting] == [fresh.id]


def test_a_run_that_fails_for_a_week_is_given_up():
    old = run_that_ended(60 * 24 * 8)
    assert not next_state(Summary(failed=[(old, "503")])).waiting


def test_attempts_are_counted():
    run = run_that_ended(60)
    once = next_state(Summary(failed=[(run, "503")]))
    twice = next_state(Summary(failed=[(run, "503")]), once.waiting)
    assert [w.attempts for w in (*once.waiting, *twice.waiting)] == [1, 2]


def test_a_waiting_run_that_was_not_tried_goes_on_waiting():
    run = run_that_ended(60 * 48)
    waiting = next_state(Summary(failed=[(run, "503")])).waiting
    state = next_state(Summary(left=[run]), waiting)
    assert [w.flow_run_id for w in state.waiting] == [run.id]
    assert state.mark == NOON - OVERLAP
