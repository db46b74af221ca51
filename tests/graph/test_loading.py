"""The graph of a window of a real server's history: loaded, refreshed, and honest about what it lacks."""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import UUID

import pytest
from prefect import flow, task
from prefect.client.schemas.objects import StateType
from prefect.runtime import flow_run, task_run
from prefect.states import Running

from prefect_lineage_events.assembler import ledger, publishing, snapshot_store, sweep_state
from prefect_lineage_events.flows import assemble, backfill
from prefect_lineage_events.graph import from_events, listing, loading
from prefect_lineage_events.graph.graph import Window
from prefect_lineage_events.graph.loading import Progress, load
from prefect_lineage_events.history import event_log, run_ids
from tests.assembler.loads import daily_load, hourly_load, no_load, now, stored
from tests.by_hand import emit_writes


def snapshot_id(client, run_id: UUID) -> UUID:
    return ledger.read(client, [run_id])[run_id].snapshot.artifact_id


def outputs(loaded, run_id: UUID) -> list[str]:
    return [use.dataset.name for use in loaded.graph.snapshot(run_id).lineage.outputs]


def test_assembled_runs_come_from_their_snapshots(target, client, monkeypatch):
    start, first, second = now(), daily_load(), hourly_load()
    no_load()
    assemble(first)
    assemble(second)
    monkeypatch.setattr(from_events, "read_history", lambda *_, **__: pytest.fail("read from its events"))
    loaded = load(client, Window(start))
    assert {snapshot.run.id for snapshot in loaded.graph.snapshots()} == {first, second}
    assert outputs(loaded, first) == ["shop.public.loaded"]
    assert loaded.gaps == ()


def test_a_run_that_was_not_assembled_comes_from_its_events(target, client):
    start, run_id = now(), daily_load()
    stored(client, run_id)
    loaded = load(client, Window(start))
    assert outputs(loaded, run_id) == ["shop.public.loaded"]
    assert loaded.graph.snapshot(run_id).run.state == "COMPLETED"


def test_a_run_of_an_earlier_version_comes_from_its_events(target, client):
    start, run_id = now(), daily_load()
    assemble(run_id)
    publishing.delete_artifact(client, snapshot_id(client, run_id))
    ledger.update(client, replace(ledger.read(client, [run_id])[run_id], snapshot=None))
    sweep_state.write(client, sweep_state.SweepState(mark=now()))
    assert outputs(load(client, Window(start)), run_id) == ["shop.public.loaded"]


@flow(name="long load")
def long_load(client) -> tuple[UUID, loading.LoadedGraph, loading.LoadedGraph]:
    start = now()
    run_id = UUID(flow_run.id)
    without = load(client, Window(start))
    emit_writes([("growing", "source")])
    deadline = time.monotonic() + 120
    while run_id not in without.refresh():
        assert time.monotonic() < deadline, "its events were never stored"
        time.sleep(0.2)
    return run_id, without, load(client, Window(start, now()))


def test_a_run_in_flight_shows_what_it_touched_so_far(target, client):
    run_id, loaded, closed_window = long_load(client)
    assert loaded.graph.snapshot(run_id).run.state == "RUNNING"
    assert outputs(loaded, run_id) == ["shop.public.growing"]
    assert closed_window.graph.snapshot(run_id) is None
    assemble(run_id)
    assert run_id in loaded.refresh()
    assert loaded.graph.snapshot(run_id).run.state == "COMPLETED"
    assert run_id not in loaded.refresh()


def test_a_refresh_reads_what_changed_and_nothing_else(target, client, monkeypatch):
    start, first = now(), daily_load()
    assemble(first)
    loaded = load(client, Window(start))
    second = hourly_load()
    assemble(second)
    read: list[UUID] = []
    ask = snapshot_store.read
    monkeypatch.setattr(snapshot_store, "read", lambda client, ids: read.extend(ids) or ask(client, ids))
    assert loaded.refresh() == {second}
    assert first not in read
    assert outputs(loaded, second) == ["shop.public.hourly"]
    assert loaded.refresh() == frozenset()


def test_a_refresh_takes_over_a_changed_snapshot(target, client):
    start, run_id = now(), daily_load()
    assemble(run_id)
    loaded = load(client, Window(start))
    (found,) = snapshot_store.read(client, [run_id])
    renamed = {**found.data, "run": {**found.data["run"], "name": "renamed"}}
    publishing.update_artifact(client, snapshot_id(client, run_id), data=renamed)
    assert loaded.refresh() == {run_id}
    assert loaded.graph.snapshot(run_id).run.name == "renamed"
    assert loaded.refresh() == frozenset()


def test_a_deleted_run_disappears(target, client):
    start, kept, deleted = now(), daily_load(), daily_load()
    assemble(kept)
    assemble(deleted)
    loaded = load(client, Window(start))
    client.delete_flow_run(deleted)
    assert deleted in loaded.refresh()
    assert [snapshot.run.id for snapshot in loaded.graph.snapshots()] == [kept]
    assert len(load(client, Window(start)).graph) == 1


def test_an_edited_snapshot_is_a_gap_until_it_is_repaired(target, client):
    start, run_id = now(), daily_load()
    assemble(run_id)
    loaded = load(client, Window(start))
    publishing.update_artifact(client, snapshot_id(client, run_id), data={"edited": True})
    loaded.refresh()
    assert loaded.graph.snapshot(run_id) is None
    (gap,) = loaded.gaps
    assert (gap.kind, str(run_id) in gap.text) == ("unreadable", True)
    assert [gap.kind for gap in load(client, Window(start)).gaps] == ["unreadable"]
    assemble(run_id)
    loaded.refresh()
    assert outputs(loaded, run_id) == ["shop.public.loaded"]
    assert loaded.gaps == ()


def test_runs_of_the_assembler_are_left_out(target, client):
    start, run_id = now(), daily_load()
    assembling = assemble(run_id, return_state=True).state_details.flow_run_id
    backfill(start, now())
    (ids,) = run_ids.ended_run_ids(client, start, now())
    assert ids == [run_id]
    assert load(client, Window(start)).graph.snapshot(assembling) is None


def test_a_server_without_the_short_route_is_asked_for_whole_runs(target, client, monkeypatch):
    start, run_id = now(), daily_load()
    monkeypatch.setattr(run_ids, "_ROUTE", "/ui/flow_runs/of_another_version")
    assert list(run_ids.ended_run_ids(client, start, now())) == [[run_id]]


@task(name="standalone load")
def standalone_load() -> UUID:
    emit_writes([("standalone", "source")])
    return UUID(str(task_run.id))


def test_a_task_run_outside_any_flow_is_a_run(target, client):
    start, run_id = now(), standalone_load()
    stored(client, run_id)
    assemble(run_id)
    assert outputs(load(client, Window(start)), run_id) == ["shop.public.standalone"]


def test_runs_for_which_the_time_was_over_are_counted(target, client):
    start, run_ids_ = now(), [daily_load() for _ in range(3)]
    stored(client, *run_ids_)
    loaded = load(client, Window(start), read_seconds=0)
    assert len(loaded.graph) == 1
    (gap,) = loaded.gaps
    assert (gap.kind, gap.text) == ("left out", "2 runs not read from their events within 0 s")
    loaded.refresh()
    loaded.refresh()
    assert len(loaded.graph) == 3
    assert loaded.gaps == ()


def test_runs_whose_events_are_deleted_are_a_gap(target, client, monkeypatch):
    start, of_earlier_version, unknown = now(), daily_load(), no_load()
    assemble(of_earlier_version)
    publishing.delete_artifact(client, snapshot_id(client, of_earlier_version))
    ledger.update(client, replace(ledger.read(client, [of_earlier_version])[of_earlier_version], snapshot=None))
    monkeypatch.setattr(event_log, "oldest", lambda *_: None)
    loaded = load(client, Window(start))
    assert not len(loaded.graph)
    assert [gap.kind for gap in loaded.gaps] == ["beyond retention"] * 2
    assert str(of_earlier_version) in loaded.gaps[0].text
    assert loaded.gaps[1].text.startswith("1 runs have no stored lineage")
    assert str(unknown) not in loaded.gaps[1].text


def test_a_window_with_too_many_runs_has_the_newest(target, client, monkeypatch):
    start, ids = now(), [daily_load() for _ in range(3)]
    for run_id in ids:
        assemble(run_id)
    monkeypatch.setattr(listing, "MAX_RUNS", 2)
    loaded = load(client, Window(start))
    assert {snapshot.run.id for snapshot in loaded.graph.snapshots()} == set(ids[1:])
    assert [gap.kind for gap in loaded.gaps] == ["left out"]


def test_a_run_that_is_run_again_is_in_flight_again(target, client):
    start, run_id = now(), daily_load()
    assemble(run_id)
    loaded = load(client, Window(start))
    client.set_flow_run_state(run_id, Running(), force=True)
    assert client.read_flow_run(run_id).state_type == StateType.RUNNING
    assert run_id in loaded.refresh()
    assert loaded.graph.snapshot(run_id).run.state == "RUNNING"


def test_progress_is_reported(target, client):
    start, run_id = now(), daily_load()
    assemble(run_id)
    seen: list[Progress] = []
    load(client, Window(start), progress=seen.append)
    assert Progress("listing runs", 1) in seen
    assert Progress("reading snapshots", 1, 1) in seen


def test_an_empty_window_has_no_runs(target, client):
    start = now()
    loaded = load(client, Window(start, start))
    assert (len(loaded.graph), loaded.gaps) == (0, ())
    assert loaded.refresh() == frozenset()
