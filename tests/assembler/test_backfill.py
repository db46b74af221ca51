"""The backfill assembles the runs of a window, and leaves the latest runs shown."""

from __future__ import annotations

import datetime as dt
import json
from uuid import UUID, uuid4

import pytest
from prefect import flow, task
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.runtime import flow_run, task_run

from prefect_lineage_events import record_write
from prefect_lineage_events.assembler.backfill import Progress, parse_window
from prefect_lineage_events.assembler.options import AssemblyResult
from prefect_lineage_events.assembler.summary import Summary
from prefect_lineage_events.flows import assemble, backfill
from tests.assembler.loads import daily_load, hourly_load, no_load, now, stored
from tests.by_hand import closing, current_run, write
from tests.recording import RecordingTarget, configure


def test_backfill_sends_missing_runs(target, client):
    start = now()
    first, second = daily_load(), hourly_load()
    assemble(first)
    stored(client, second)
    summary = backfill(start=start, end=now())
    assert [a.flow_run_id for a in summary.assembled] == [second]
    assert target.types(first) == target.types(second) == ["START", "COMPLETE"]


def test_dry_run_reports_runs_to_send(target, client):
    start, run_id = now(), daily_load()
    stored(client, run_id)
    summary = backfill(start.isoformat(), now().isoformat(), dry_run=True)
    assert [(a.flow_run_id, a.outcome) for a in summary.assembled] == [(run_id, "would be sent")]
    assert not target.events


def test_dry_run_reports_the_outcome_of_each_run(target, client):
    start, done, new, without = now(), daily_load(), daily_load(), no_load()
    assemble(done)
    stored(client, new)
    outcomes = {id_: outcome for id_, _, outcome in backfill(start, now(), dry_run=True).outcomes()}
    assert outcomes == {done: "nothing new", new: "would be sent", without: "no lineage"}


def test_a_backfill_shows_a_bar_and_a_table(target, client):
    start, run_id = now(), daily_load()
    state = backfill(start=start, end=now(), return_state=True)
    body = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
    by_type = {a["type"]: a["data"] for a in client.request("POST", "/artifacts/filter", json=body).json()}
    assert by_type["progress"] == 100.0
    assert json.loads(by_type["table"]) == [{"flow run": str(run_id), "flow": "daily load", "outcome": "sent"}]


def test_progress_shows_the_outcomes_so_far(target, client):
    run_id = daily_load()
    shown = Progress(client, None, total=4)
    shown._moved -= 10
    shown.move(1, Summary(assembled=[AssemblyResult(run_id, "daily load", "sent")]))
    bar, table = (client.request("GET", f"/artifacts/{id_}").json() for id_ in (shown._bar, shown._table))
    assert bar["data"] == 25.0
    assert json.loads(table["data"]) == [{"flow run": str(run_id), "flow": "daily load", "outcome": "sent"}]
    assert table["description"] == "So far: 1 sent."


def test_a_forced_backfill_sends_again(target, client):
    start, run_id = now(), daily_load()
    assemble(run_id)
    backfill(start=start, end=now(), force=True)
    assert target.types(run_id) == ["START", "COMPLETE"] * 2


@flow(name="load of its day")
def load_of_its_day(fail: bool = False) -> UUID:
    """A statement that the analyser of its day did not understand in full."""
    emitter, run, at = uuid4(), current_run(), now()
    event = write("loaded", "source", run=run, emitter=emitter, at=at)
    sql = "INSERT INTO loaded (id) SELECT extra.id FROM source JOIN extra ON source.id = extra.id"
    reported = {"sql": sql, "confidence": "partial", "reason": "new syntax"}
    statement = event.statement.model_copy(update=reported)
    emit_event(**event.model_copy(update={"statement": statement, "columns": ()}).to_prefect())
    emit_event(**closing(emitter, 1, run=run, at=at).to_prefect())
    if fail:
        raise RuntimeError("not today")
    return UUID(flow_run.id)


def test_backfill_reanalyses_stored_statements(target, client):
    start, run_id = now(), load_of_its_day()
    assemble(run_id)
    window = {"start": start, "end": now()}
    assert "1 of them with another result" in str(backfill(**window, reanalyse=True, dry_run=True))
    assert _inputs(target.of(run_id)[-1]) == {"shop.public.source"}
    summary = backfill(**window, reanalyse=True)
    assert "1 statement reanalysed, 1 of them with another result" in str(summary)
    assert _inputs(target.of(run_id)[-1]) == {"shop.public.source", "shop.public.extra"}
    reported = list(target.events)
    backfill(**window, reanalyse=True)
    assert target.events == reported


def test_reanalysed_run_stays_reanalysed(target, client):
    start, run_id = now(), load_of_its_day()
    assemble(run_id)
    backfill(start, now(), reanalyse=True)
    reported = list(target.events)
    assert assemble(run_id).outcome == "nothing new"
    assert target.events == reported


def test_restored_run_stays_reanalysed(target, client):
    target.profile = "marquez"
    start, run_id = now(), load_of_its_day()
    assemble(run_id)
    backfill(start, now(), reanalyse=True)
    assemble(load_of_its_day(fail=True, return_state=True).state_details.flow_run_id)
    assert target.events[-1]["run"]["runId"] == str(run_id)
    assert _inputs(target.events[-1]) == {"shop.public.source", "shop.public.extra"}


def _inputs(event) -> set[str]:
    return {dataset["name"] for dataset in event["inputs"]}


def test_unknown_target_is_named(prefect_server):
    with pytest.raises(ValueError, match="'elsewhere': no such target"):
        backfill(start=now(), end=now(), targets=["elsewhere"])


def test_unknown_flow_is_named(target, client):
    daily_load()
    with pytest.raises(ValueError, match=r"no flow 'dayli load' \(did you mean 'daily load'\?\)"):
        backfill(start=now(), end=now(), flows=["dayli load"])


def test_backfill_for_a_target_sends_its_missing_runs(target, client, monkeypatch):
    start, run_id = now(), daily_load()
    assemble(run_id)
    second = RecordingTarget("second")
    configure(monkeypatch, target, second)
    assert not backfill(start=start, end=now(), targets=["recording"]).assembled
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
        ("yesterdy", "2026-01-02T00:00:00Z", "start='yesterdy' is not a time.*did you mean yesterday"),
        ("999999w", "2026-01-02T00:00:00Z", "start='999999w' is not a time"),
        (dt.datetime(2026, 1, 1), "2026-01-02T00:00:00Z", "no time zone"),
        ("0001-01-01T00:00:00+02:00", "2026-01-02T00:00:00Z", "start=.*beyond all times"),
    ],
)
def test_a_wrong_window_is_named(start, end, message):
    with pytest.raises(ValueError, match=message):
        parse_window(start, end)


def test_times_may_be_counted_from_now():
    noon = dt.datetime(2026, 1, 8, 12, tzinfo=dt.timezone.utc)
    window = parse_window("7d", "now", noon)
    assert (window.start, window.end) == (noon - dt.timedelta(days=7), noon)


def test_times_are_taken_in_any_zone():
    window = parse_window("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z")
    assert window.start == window.end


@task(name="load outside of flows")
def load_outside_of_flows(fail: bool = False) -> UUID:
    record_write("s3://bucket/loaded.csv", inputs=["s3://bucket/source.csv"])
    if fail:
        raise RuntimeError("not today")
    return UUID(task_run.id)


@pytest.mark.timeout(400)
def test_task_outside_any_flow_is_backfilled_by_name_and_its_latest_run_stays_shown(target, client):
    target.profile = "marquez"
    start, good = now(), load_outside_of_flows()
    stored(client, good)
    load_outside_of_flows(fail=True, return_state=True)
    deadline = now() + dt.timedelta(seconds=300)
    while "FAIL" not in [e["eventType"] for e in target.events] and now() < deadline:
        backfill(start, now(), flows=["load outside of flows"])
    assert "FAIL" in [e["eventType"] for e in target.events]
    assert target.events[-1]["run"]["runId"] == str(good)


@pytest.mark.timeout(400)
def test_task_that_a_process_calls_after_a_flow_is_backfilled(target, client):
    start = now()
    EventsWorker.drain_all(timeout=60)  # the next one starts in the flow's run, and takes it for the task's
    daily_load()
    run_id = load_outside_of_flows()
    stored(client, run_id)
    backfill(start, now(), flows=["load outside of flows"])
    assert target.types(run_id) == ["START", "COMPLETE"]
