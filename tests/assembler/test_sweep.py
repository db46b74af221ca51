"""The sweep finds what was missed, and sends nothing twice."""

from __future__ import annotations

import datetime as dt
import json
import time
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect import flow
from prefect.client.schemas.objects import State, StateType
from prefect.events import emit_event
from prefect.runtime import flow_run

from prefect_lineage_events.assembler import batch, publishing, sweep_state
from prefect_lineage_events.assembler.options import AssemblyOptions, AssemblyResult
from prefect_lineage_events.assembler.run_lineage import stitched
from prefect_lineage_events.assembler.summary import Summary, SweepError
from prefect_lineage_events.assembler.sweep import MAX_RELATED_TRIES, OVERLAP, STEP, _next_state, _steps, sweep_runs
from prefect_lineage_events.events import RunInfo
from prefect_lineage_events.flows import assemble, sweep
from prefect_lineage_events.history import api
from prefect_lineage_events.history.event_log import Window
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.reader import read_history
from prefect_lineage_events.settings import settings
from tests.assembler.loads import daily_load, hourly_load, known_run, stored
from tests.by_hand import NOON, closing, current_run, emit_writes, write
from tests.recording import RecordingTarget, configure


def test_sweep_delivers_missed_runs_once(target, client):
    first, second = daily_load(), hourly_load()
    stored(client, first, second)
    assert {a.flow_run_id for a in sweep().assembled} == {first, second}
    assert target.types(first) == target.types(second) == ["START", "COMPLETE"]
    before = list(target.events)
    assert sweep().already_done >= 2
    assert target.events == before


def test_sweep_leaves_runs_delivered_to_another_target(target, client, monkeypatch):
    run_id = daily_load()
    assemble(run_id)
    elsewhere = RecordingTarget("elsewhere")
    configure(monkeypatch, elsewhere)
    sweep()
    assert (target.types(run_id), elsewhere.types(run_id)) == (["START", "COMPLETE"], [])


def test_the_sweep_never_ends_a_run_that_is_running(target, client):
    run = client.create_flow_run(daily_load, state=State(type=StateType.RUNNING))
    assert run.id not in {a.flow_run_id for a in sweep().assembled}
    assert not target.events
    assert client.read_flow_run(run.id).state.type == StateType.RUNNING


def test_runs_are_assembled_in_the_order_of_their_start(target, client):
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


def test_unreachable_target_is_not_tried_for_every_run(target, client):
    runs = [daily_load() for _ in range(5)]
    stored(client, *runs)
    target.away_after = 0
    with pytest.raises(SweepError, match="3 failed, 2 left for the next time"):
        sweep()
    target.away_after = None
    sweep()
    assert all(target.types(run_id) == ["START", "COMPLETE"] for run_id in runs)


def test_unreachable_api_is_not_tried_for_every_run(target, client, monkeypatch):
    runs = [daily_load() for _ in range(5)]
    stored(client, *runs)

    def away(*_):
        raise httpx.ConnectError("connection refused")

    with monkeypatch.context() as without_api:
        without_api.setattr(batch, "assemble_run", away)
        with pytest.raises(SweepError, match="3 failed, 2 left for the next time"):
            sweep()
    sweep()
    assert all(target.types(run_id) == ["START", "COMPLETE"] for run_id in runs)


def test_run_without_a_response_of_the_api_is_tried_once_more(target, client, monkeypatch):
    runs = [daily_load() for _ in range(3)]
    stored(client, *runs)
    order, assemble_run = [], batch.assemble_run

    def busy_at_first(client, run_id, *more):
        order.append(run_id)
        if len(order) == 1:
            raise httpx.ReadTimeout("the database is locked")
        return assemble_run(client, run_id, *more)

    monkeypatch.setattr(batch, "assemble_run", busy_at_first)
    sweep()
    assert order == [*runs, runs[0]]
    assert all(target.types(run_id) == ["START", "COMPLETE"] for run_id in runs)


def test_refused_run_does_not_stop_others(target, client):
    bad, good = daily_load(), hourly_load()
    stored(client, bad, good)
    deliver = target.deliver

    def refuse_one(events):
        target.refusal = "422 no" if events[0]["run"]["runId"] == str(bad) else None
        return deliver(events)

    target.deliver = refuse_one
    sweep()
    assert target.types(good) == ["START", "COMPLETE"]
    assert not sweep_state.read(client).waiting


def test_run_that_cannot_be_assembled_does_not_stop_others(target, client, monkeypatch):
    poisoned, good = daily_load(), hourly_load()
    stored(client, poisoned, good)

    def fails_for_one(history, **more):
        if history.run.id == poisoned:
            raise KeyError("no such thing")
        return stitched(history, **more)

    monkeypatch.setattr("prefect_lineage_events.assembler.assemble.stitched", fails_for_one)
    assert [(run.id, reason) for run, reason in sweep().broken] == [(poisoned, "KeyError: 'no such thing'")]
    assert target.types(good) == ["START", "COMPLETE"]
    assert [w.flow_run_id for w in sweep_state.read(client).waiting] == [poisoned]
    shown = {"artifacts": {"flow_run_id": {"any_": [str(poisoned)]}, "type": {"not_any_": ["result"]}}}
    (page,) = api.post(client, "/artifacts/filter", shown)
    assert "could not be assembled: KeyError: 'no such thing'" in page["data"]
    monkeypatch.undo()
    configure(monkeypatch, target)
    sweep()
    assert target.types(poisoned) == ["START", "COMPLETE"]


def test_invalid_event_is_listed_on_its_run(target, client):
    @flow(name="poisoned load")
    def poisoned_load() -> UUID:
        emitter = emit_writes([("loaded", "source")], close=False)
        bad = write("bad", "source", run=current_run(), emitter=emitter, sequence=1).to_prefect()
        bad["payload"]["output"]["namespace"] = " "
        emit_event(**bad | {"occurred": None})
        emit_event(**closing(emitter, 2, at=dt.datetime.now(dt.timezone.utc), run=current_run()).to_prefect())
        return UUID(flow_run.id)

    run_id = poisoned_load()
    # The bad event's number is there: nothing is waited for.
    deadline = time.monotonic() + 300
    while read_history(client, known_run(client, run_id)).stored_events < 3:
        assert time.monotonic() < deadline, "not all of the run's events were stored"
        time.sleep(0.2)
    (assembled,) = [a for a in sweep().assembled if a.flow_run_id == run_id]
    assert (assembled.outcome, assembled.complete, assembled.awaits) == ("sent", False, False)
    assert "a dataset needs a namespace and a name" in assembled.lacks[0]
    assert not sweep_state.read(client).waiting
    shown = {"artifacts": {"flow_run_id": {"any_": [str(run_id)]}, "type": {"not_any_": ["result"]}}}
    (page,) = api.post(client, "/artifacts/filter", shown)
    assert "1 event cannot be read" in page["data"]


def test_assemble_without_an_id_takes_recent_runs(target, client):
    first, second = daily_load(), hourly_load()
    stored(client, first, second)
    before = sweep_state.read(client)
    assert {first, second} <= {a.flow_run_id for a in assemble().assembled}
    assert target.types(first) == target.types(second) == ["START", "COMPLETE"]
    assert assemble().already_done >= 2
    assert sweep_state.read(client) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"data": "no JSON"},
        {"data": "{}"},
        {"data": '[1, null, {"flow run": "x"}, {"flow run": 7, "ended": 3}]'},
        {
            "data": json.dumps(
                [{"flow run": str(uuid4()), "flow": "f", "ended": "never", "reason": "", "attempts": "x"}]
            )
        },
        {"metadata_": {"mark": "soon", "swept": "2026-99-99"}},
        {"metadata_": {"mark": "9999-12-31T23:59:59+00:00"}},
        {"metadata_": {"mark": "0001-01-01T00:00:00+00:00"}},
        {"metadata_": {"mark": "2026-01-01"}},
        {"metadata_": {}},
    ],
    ids=range(9),
)
def test_a_state_that_was_edited_is_rebuilt_from_history(target, client, changes):
    run_id = daily_load()
    stored(client, run_id)
    publishing.update_artifact(client, UUID(sweep_state._raw(client)["id"]), **changes)
    sweep()
    assert target.types(run_id) == ["START", "COMPLETE"]
    after = sweep_state.read(client)
    assert after.mark and after.swept


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
row_fields = st.sampled_from(["flow run", "flow", "ended", "attempts", "reason", "waits for", "not before"])


@given(st.one_of(json_values, st.lists(st.dictionaries(row_fields, json_values)).map(json.dumps)), json_values)
def test_hostile_state_does_not_stop_the_sweep(data, metadata):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep_state, "_raw", lambda _: {"data": data, "metadata_": metadata})
        patch.setattr(api, "now", lambda _: NOON)
        state = sweep_state.read(None)
    assert state.mark is None or state.mark.tzinfo is not None
    json.dumps([sweep_state._row(one) for one in state.waiting])


def run_that_ended(minutes_ago: float) -> FlowRun:
    return FlowRun(uuid4(), "r", uuid4(), "f", "COMPLETED", ended=NOON - dt.timedelta(minutes=minutes_ago))


def next_state(
    summary: Summary,
    waiting: tuple[sweep_state.Waiting, ...] = (),
    carried: tuple[sweep_state.Waiting, ...] = (),
    until: dt.datetime = NOON,
) -> sweep_state.SweepState:
    before = sweep_state.SweepState(mark=NOON - dt.timedelta(hours=5), waiting=waiting)
    return _next_state(summary, before, carried, until=until, now=NOON, keep_since=NOON - dt.timedelta(hours=24))


def test_mark_stays_before_events_that_may_still_be_stored():
    assert next_state(Summary()).mark == NOON - OVERLAP


def test_the_mark_waits_for_runs_that_were_not_tried():
    left = run_that_ended(120)
    assert next_state(Summary(left=[left])).mark == left.ended


def test_incomplete_runs_wait_by_name_for_the_time_that_is_set(monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INCOMPLETE_HOURS", "2")
    settings.cache_clear()
    fresh, old = run_that_ended(115), run_that_ended(125)
    reported = [AssemblyResult(r.id, r.flow_name, "sent", lacks=("emitter 1: events 4-7",)) for r in (fresh, old)]
    (waiting,) = next_state(Summary(assembled=reported, incomplete=[fresh, old])).waiting
    assert (waiting.flow_run_id, waiting.reason) == (fresh.id, "lacks emitter 1: events 4-7")


@pytest.mark.parametrize(("attempts", "waits"), [(0, True), (MAX_RELATED_TRIES - 1, True), (50, False)])
def test_run_waits_for_related_runs_a_limited_time(attempts, waits):
    run, related = run_that_ended(60 * 30), uuid4()
    reported = AssemblyResult(run.id, "f", "sent", lacks=("rows from run 1",), waits_for=(related,))
    before = (sweep_state.Waiting(run.id, "f", run.ended, "", attempts, (related,)),) if attempts else ()
    after = next_state(Summary(assembled=[reported], incomplete=[run]), before)
    assert [w.flow_run_id for w in after.waiting] == ([run.id] if waits else [])


def test_run_with_unreadable_events_does_not_wait():
    run = run_that_ended(1)
    reported = AssemblyResult(run.id, "f", "sent", lacks=("event 1 cannot be read",), awaits=False)
    assert not next_state(Summary(assembled=[reported], incomplete=[run])).waiting


def test_run_that_cannot_be_assembled_is_given_up_after_incomplete_hours():
    fresh, old = run_that_ended(55), run_that_ended(65)
    after = next_state(Summary(broken=[(fresh, "KeyError"), (old, "KeyError")]))
    assert [w.flow_run_id for w in after.waiting] == [fresh.id]


def test_a_run_that_fails_for_a_week_is_given_up():
    old = run_that_ended(60 * 24 * 8)
    assert not next_state(Summary(failed=[(old, "503")])).waiting


def test_attempts_are_counted():
    run = run_that_ended(60)
    once = next_state(Summary(failed=[(run, "503")]))
    twice = next_state(Summary(failed=[(run, "503")]), once.waiting)
    assert [w.attempts for w in (*once.waiting, *twice.waiting)] == [1, 2]


def test_a_run_with_events_that_a_target_may_use_later_is_tried_ever_more_seldom():
    run, waiting, delays = run_that_ended(60), (), []
    reported = AssemblyResult(run.id, "f", "sent", kept=("r COMPLETE: 0 of 1 edges",))
    for _ in range(7):
        (one,) = waiting = next_state(Summary(assembled=[reported], kept=[run]), waiting).waiting
        delays.append((one.not_before - NOON) / dt.timedelta(hours=1))
    assert one.reason == "r COMPLETE: 0 of 1 edges"
    assert delays == [1, 2, 4, 8, 16, 24, 24]


def test_a_run_with_events_that_no_target_uses_for_a_week_is_given_up():
    old = run_that_ended(60 * 24 * 8)
    reported = AssemblyResult(old.id, "f", "sent", kept=("r COMPLETE: 0 of 1 edges",))
    assert not next_state(Summary(assembled=[reported], kept=[old])).waiting


def test_a_time_far_ahead_in_the_state_holds_no_run_back_for_long(monkeypatch):
    row = sweep_state._row(sweep_state.Waiting(uuid4(), "f", NOON, "kept", not_before=NOON + dt.timedelta(days=400)))
    monkeypatch.setattr(sweep_state, "_raw", lambda _: {"data": [row], "metadata_": {"mark": NOON.isoformat()}})
    monkeypatch.setattr(api, "now", lambda _: NOON)
    (one,) = sweep_state.read(None).waiting
    assert one.not_before == NOON + sweep_state.MAX_DELAY


def test_a_waiting_run_that_was_not_tried_goes_on_waiting():
    run = run_that_ended(60 * 48)
    waiting = next_state(Summary(failed=[(run, "503")])).waiting
    state = next_state(Summary(left=[run]), waiting)
    assert [w.flow_run_id for w in state.waiting] == [run.id]
    assert state.mark == NOON - OVERLAP


def test_busy_run_waits():
    run = run_that_ended(60)
    assert [w.flow_run_id for w in next_state(Summary(busy=[run])).waiting] == [run.id]


def test_mark_is_the_end_of_the_last_step():
    until = NOON - dt.timedelta(hours=4)
    assert next_state(Summary(), until=until).mark == until


def test_run_waiting_in_an_earlier_step_still_waits():
    first, second = run_that_ended(250), run_that_ended(60)
    before = next_state(Summary(failed=[(first, "503")])).waiting
    after = next_state(Summary(failed=[(second, "503")]), before, carried=before)
    assert [w.flow_run_id for w in after.waiting] == [first.id, second.id]


def test_steps_lead_from_the_mark_to_now():
    mark = NOON - STEP * 2.5
    steps = list(_steps(mark, NOON))
    assert [s.since for s in steps] == [mark, mark + STEP, mark + 2 * STEP]
    assert steps[-1].until == NOON


@pytest.mark.parametrize("mark", [NOON, NOON + dt.timedelta(hours=1)], ids=["now", "in the future"])
def test_sweep_has_at_least_one_step(mark):
    assert list(_steps(mark, NOON)) == [Window(NOON, NOON)]


def test_killed_sweep_is_continued(target, client, monkeypatch):
    started = dt.datetime.now(dt.timezone.utc)
    sweep_state.write(client, sweep_state.SweepState(mark=started - STEP * 3))
    parts = iter([Summary()])

    def killed_in_the_second_part(*_):
        try:
            return next(parts)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr("prefect_lineage_events.assembler.sweep.assemble_each", killed_in_the_second_part)
    with pytest.raises(KeyboardInterrupt):
        sweep_runs(client, AssemblyOptions())
    mark = sweep_state.read(client).mark
    assert started - STEP * 2 <= mark < started - STEP


def test_stale_run_is_reported_and_not_ended(target, client, monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_STALE_HOURS", str(2 / 3600))
    run = client.create_flow_run(daily_load, state=State(type=StateType.RUNNING))
    info = RunInfo(flow_run_id=run.id, flow_run_name=run.name, flow_id=run.flow_id, flow_name="daily load")
    emit_event(**write("half_done", "orders", run=info, at=dt.datetime.now(dt.timezone.utc)).to_prefect())
    deadline = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=300)
    summary = sweep()
    while run.id not in [r.id for r in summary.stale] and dt.datetime.now(dt.timezone.utc) < deadline:
        summary = sweep()
    assert run.id in [r.id for r in summary.stale]
    assert "running, but without events for long" in str(summary)
    (row,) = [r for r in json.loads(sweep_state._raw(client)["data"]) if r["flow run"] == str(run.id)]
    assert (row["flow run"], row["attempts"]) == (str(run.id), 0)
    assert "set its state to Crashed" in row["reason"]
    assert not sweep_state.read(client).waiting
    assert not target.events
    client.set_flow_run_state(run.id, State(type=StateType.CRASHED), force=True)
    assert run.id not in [r.id for r in sweep().stale]


@pytest.mark.parametrize("days", [-2, 2])
def test_run_of_a_process_whose_clock_is_off_by_days_is_swept_once(target, client, days):
    off = dt.timedelta(days=days)

    @flow(name=f"load by a clock that is off by {days} days")
    def load() -> UUID:
        run, emitter, now = current_run(), uuid4(), dt.datetime.now(dt.timezone.utc)
        emit_event(**write("loaded", "source", run=run, emitter=emitter, at=now + off).to_prefect())
        emit_event(**closing(emitter, 1, at=now + off, run=run).to_prefect())
        return UUID(flow_run.id)

    run_id = load()
    stored(client, run_id)
    (assembled,) = [a for a in sweep().assembled if a.flow_run_id == run_id]
    assert (assembled.outcome, assembled.complete) == ("sent", True)
    assert target.types(run_id) == ["START", "COMPLETE"]
    assert run_id not in {a.flow_run_id for a in sweep().assembled}
