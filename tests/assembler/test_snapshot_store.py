"""The snapshot of a run in Prefect: written with its ledger entry, hidden, repaired, and never in the way."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import pytest
from prefect import flow
from prefect.events import emit_event
from prefect.exceptions import PrefectHTTPStatusError
from prefect.runtime import flow_run

from prefect_lineage_events.assembler import ledger, publishing, snapshot_store
from prefect_lineage_events.assembler.snapshot_store import StoredSnapshot
from prefect_lineage_events.events import RunInfo
from prefect_lineage_events.flows import assemble, backfill
from prefect_lineage_events.history import api
from prefect_lineage_events.snapshots import Snapshot
from tests.assembler.loads import daily_load, no_load, now, stored
from tests.by_hand import closing, current_run, emit_writes, write


def artifact_of(client, run_id: UUID):
    """The one artifact that is the run's snapshot; None if there is none."""
    chosen = {"flow_run_id": {"any_": [str(run_id)]}, "type": {"any_": [snapshot_store.TYPE]}}
    rows = api.post(client, "/artifacts/filter", {"artifacts": chosen})
    found = [row for row in rows if snapshot_store.is_snapshot(row)]
    assert len(found) <= 1
    return found[0] if found else None


def snapshot(client, run_id: UUID) -> Snapshot:
    (found,) = snapshot_store.read(client, [run_id])
    assert found.run_id == run_id
    assert found.snapshot
    return found.snapshot


def test_an_assembled_run_has_its_snapshot(target, client):
    run_id = daily_load()
    assemble(run_id)
    found = snapshot(client, run_id)
    assert (found.run.id, found.run.flow_name, found.run.state) == (run_id, "daily load", "COMPLETED")
    assert [use.dataset.name for use in found.lineage.outputs] == ["shop.public.loaded"]
    assert found.complete
    entry = ledger.read(client, [run_id])[run_id]
    assert entry.snapshot == StoredSnapshot(UUID(artifact_of(client, run_id)["id"]), entry.snapshot.digest)


def test_a_snapshot_is_not_on_the_run_s_page(target, client):
    run_id = daily_load()
    assemble(run_id)
    # The filters by which both UIs ask for the artifacts of a run's page.
    chosen = {"operator": "and_", "flow_run_id": {"any_": [str(run_id)]}, "type": {"not_any_": ["result"]}}
    shown = api.post(client, "/artifacts/filter", {"artifacts": chosen})
    assert [row["type"] for row in shown] == ["markdown"]
    assert artifact_of(client, run_id)["key"] is None


def test_an_unchanged_snapshot_is_not_written_again(target, client):
    run_id = daily_load()
    assemble(run_id)
    before = artifact_of(client, run_id)
    assemble(run_id)
    assert artifact_of(client, run_id)["updated"] == before["updated"]


def test_a_deleted_snapshot_is_created_again(target, client):
    run_id = daily_load()
    assemble(run_id)
    publishing.delete_artifact(client, UUID(artifact_of(client, run_id)["id"]))
    assert assemble(run_id).outcome == "nothing new"
    assert snapshot(client, run_id).run.id == run_id
    assert ledger.read(client, [run_id])[run_id].snapshot.artifact_id == UUID(artifact_of(client, run_id)["id"])


def test_an_edited_snapshot_is_written_again(target, client):
    run_id = daily_load()
    assemble(run_id)
    publishing.update_artifact(client, UUID(artifact_of(client, run_id)["id"]), data={"version": 1, "shape": "edited"})
    (edited,) = snapshot_store.read(client, [run_id])
    assert edited.snapshot is None
    assert edited.fault
    assemble(run_id)
    assert snapshot(client, run_id).run.id == run_id


def test_a_backfill_makes_missing_snapshots(target, client):
    start, deleted, of_earlier_version, whole = now(), daily_load(), daily_load(), daily_load()
    stored(client, deleted, of_earlier_version, whole)
    backfill(start, now())
    before = artifact_of(client, whole)["updated"]
    publishing.delete_artifact(client, UUID(artifact_of(client, deleted)["id"]))
    publishing.delete_artifact(client, UUID(artifact_of(client, of_earlier_version)["id"]))
    entry = ledger.read(client, [of_earlier_version])[of_earlier_version]
    ledger.update(client, replace(entry, snapshot=None))
    sent = list(target.events)
    summary = backfill(start, now())
    assert {a.flow_run_id: a.outcome for a in summary.assembled} == dict.fromkeys(
        (deleted, of_earlier_version), "nothing new"
    )
    assert target.events == sent
    for run_id in (deleted, of_earlier_version, whole):
        assert snapshot(client, run_id).run.id == run_id
    assert artifact_of(client, whole)["updated"] == before
    assert backfill(start, now()).already_done == 3


def test_a_dry_run_makes_no_snapshot(target, client):
    start, run_id = now(), daily_load()
    assemble(run_id)
    publishing.delete_artifact(client, UUID(artifact_of(client, run_id)["id"]))
    assert [outcome for *_, outcome in backfill(start, now(), dry_run=True).outcomes()] == ["nothing new"]
    assert artifact_of(client, run_id) is None


def test_a_run_that_touched_nothing_has_no_snapshot(target, client):
    run_id = no_load()
    assemble(run_id)
    assert artifact_of(client, run_id) is None


@flow(name="broken load")
def broken_load() -> UUID:
    emitter, run, at = uuid4(), current_run(), now()
    sent = closing(emitter, 1, run=run, at=at).to_prefect()
    emit_event(**sent)
    emit_event(**{**sent, "id": uuid4(), "event": "lineage.write", "payload": {"schema_version": 1, "nonsense": True}})
    return UUID(flow_run.id)


def test_a_run_with_gaps_alone_has_a_snapshot_that_names_them(target, client):
    run_id = broken_load()
    assert assemble(run_id).outcome == "no lineage"
    found = snapshot(client, run_id)
    assert found.lineage.empty
    assert not found.complete
    assert found.missing


@flow(name="late load")
def late_load(emitter: UUID) -> RunInfo:
    emit_event(**closing(emitter, 1, run=current_run(), at=now()).to_prefect())
    emit_writes([("loaded", "source")])
    return current_run()


def test_a_snapshot_follows_events_that_arrive_late(target, client, monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_COMPLETENESS_TIMEOUT", "0")
    emitter = uuid4()
    run = late_load(emitter)
    stored(client, run.flow_run_id, complete=False)
    assemble(run.flow_run_id)
    assert "events 0" in " ".join(snapshot(client, run.flow_run_id).missing)
    first = artifact_of(client, run.flow_run_id)
    emit_event(**write("late", run=run, emitter=emitter, at=now()).to_prefect())
    stored(client, run.flow_run_id)
    assemble(run.flow_run_id)
    found = snapshot(client, run.flow_run_id)
    assert found.complete
    assert {use.dataset.name for use in found.lineage.outputs} == {"shop.public.loaded", "shop.public.late"}
    assert artifact_of(client, run.flow_run_id)["id"] == first["id"]


@pytest.mark.parametrize("status", [413, 422])
def test_a_refused_snapshot_leaves_the_delivery_alone(target, client, monkeypatch, status):
    run_id, create = daily_load(), publishing.create_artifact
    tries = []

    def refuse(client, **fields):
        if fields["type"] != snapshot_store.TYPE:
            return create(client, **fields)
        tries.append(fields)

        request = httpx.Request("POST", "http://127.0.0.1/artifacts/")
        error = httpx.HTTPStatusError("", request=request, response=httpx.Response(status, request=request))
        raise PrefectHTTPStatusError.from_httpx_error(error)

    monkeypatch.setattr(publishing, "create_artifact", refuse)
    assert assemble(run_id).outcome == "sent"
    assert ledger.read(client, [run_id])[run_id].snapshot.artifact_id is None
    assert assemble(run_id).outcome == "nothing new"
    assert len(tries) == 1


def test_other_results_of_a_run_are_no_snapshots(target, client):
    run_id = daily_load()
    publishing.create_artifact(client, type="result", data={"a": 1}, flow_run_id=run_id)
    assert list(snapshot_store.read(client, [run_id])) == []
    assemble(run_id)
    assert snapshot(client, run_id).run.id == run_id


def test_the_last_written_of_several_snapshots_counts(target, client):
    run_id = daily_load()
    assemble(run_id)
    row = artifact_of(client, run_id)
    stale = {**row["data"], "run": {**row["data"]["run"], "name": "stale"}}
    publishing.create_artifact(client, type=row["type"], data=stale, metadata_=row["metadata_"], flow_run_id=run_id)
    publishing.update_artifact(client, UUID(row["id"]), data=row["data"])
    assert snapshot(client, run_id).run.name != "stale"


def test_a_snapshot_of_another_run_is_not_taken_for_this_one(target, client):
    run_id, other = daily_load(), daily_load()
    assemble(run_id)
    assemble(other)
    data = artifact_of(client, other)["data"]
    publishing.update_artifact(client, UUID(artifact_of(client, run_id)["id"]), data=data)
    (found,) = snapshot_store.read(client, [run_id])
    assert (found.snapshot, found.fault) == (None, "the snapshot is of another run")


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '{"artifact": "x", "digest": "d"}', '{"digest": "d"}', "[" * 100_000]
)
def test_an_edited_mark_in_the_ledger_counts_as_no_snapshot(text):
    assert StoredSnapshot.from_json(text) is None


@pytest.mark.parametrize("snapshot", [StoredSnapshot(uuid4(), "d1"), StoredSnapshot(None, "d1")])
def test_the_ledger_reads_what_it_wrote(snapshot):
    assert StoredSnapshot.from_json(snapshot.to_json()) == snapshot
