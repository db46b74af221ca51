"""The archive: a file for each run, written beside the delivery, and read when Prefect has nothing left."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import stat
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import fsspec
import pytest

from prefect_lineage_events.assembler import archive, archived_runs, file_store, ledger
from prefect_lineage_events.assembler.archive import Archive, ArchiveMark
from prefect_lineage_events.assembler.file_store import ArchiveError
from prefect_lineage_events.flows import assemble, backfill
from prefect_lineage_events.graph.archived import ArchivedRuns
from prefect_lineage_events.graph.graph import Window
from prefect_lineage_events.graph.loading import load
from prefect_lineage_events.history import event_log, reader
from prefect_lineage_events.settings import settings
from prefect_lineage_events.snapshots import Snapshot, snapshot_of
from tests.assembler.loads import daily_load, now, stored
from tests.recording import RecordingTarget, configure
from tests.services.moto import ACCESS_KEY, moto, moto_server
from tests.test_snapshots import FOUND, NOON

__all__ = ["moto", "moto_server"]
SNAPSHOT = snapshot_of(FOUND)
EVENTS = [{"eventType": "COMPLETE", "run": {"runId": str(FOUND.run.id)}}]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(archive, "_away_until", 0.0)
    archive._written.clear()
    archived_runs._histories.clear()


@pytest.fixture
def folder(monkeypatch, tmp_path) -> Path:
    """The archive of the settings: a folder."""
    return _archive_at(monkeypatch, tmp_path / "archive")


def _archive_at(monkeypatch, address) -> Path:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ARCHIVE", str(address))
    settings.cache_clear()
    return Path(address)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_run_is_read_as_it_was_written(tmp_path):
    opened = Archive(str(tmp_path))
    path = opened.write(SNAPSHOT, EVENTS)
    assert path == f"2026-11-29/{FOUND.run.id}.json.gz"
    (found,) = opened.read([path])
    assert (found.run_id, found.snapshot, list(found.events)) == (FOUND.run.id, SNAPSHOT, EVENTS)
    (short,) = opened.read([path], events=False)
    assert short.events == ()


def test_writing_again_replaces_the_file_by_equal_bytes(tmp_path):
    opened = Archive(str(tmp_path))
    opened.write(SNAPSHOT, EVENTS)
    (file,) = _files(tmp_path)
    before = file.read_bytes()
    opened.write(SNAPSHOT, EVENTS)
    assert _files(tmp_path) == [file]
    assert file.read_bytes() == before


def test_only_the_user_may_read_a_local_file(tmp_path):
    Archive(str(tmp_path)).write(SNAPSHOT, EVENTS)
    (file,) = _files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_the_earlier_file(tmp_path, monkeypatch):
    opened = Archive(str(tmp_path))
    path = opened.write(SNAPSHOT, EVENTS)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ArchiveError, match="No space left on device"):
        opened.write(SNAPSHOT, [])
    (found,) = opened.read([path])
    assert list(found.events) == EVENTS
    assert len(_files(tmp_path)) == 1


@pytest.fixture(params=["memory", "s3"])
def address(request) -> Iterator[str]:
    """The address of an empty archive in a store that is no local folder."""
    if request.param == "s3":
        bucket = request.getfixturevalue("moto").bucket("backups")
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        archive._opened.cache_clear()
        yield f"s3://{bucket}/lineage/runs"
    else:
        yield "memory://lineage-archive-test"
        fsspec.filesystem("memory").rm("/lineage-archive-test", recursive=True)


def test_any_store_of_fsspec_is_an_archive(address):
    opened = Archive(address)
    assert list(opened.list(NOON, NOON)) == []
    path = opened.write(SNAPSHOT, EVENTS)
    assert opened.write(SNAPSHOT, EVENTS) == path
    assert list(Archive(address).list(NOON, NOON)) == [(FOUND.run.id, path)]
    absent = f"2026-11-29/{uuid4()}.json.gz"
    (found,) = opened.read([absent, path])
    assert (found.snapshot, list(found.events)) == (SNAPSHOT, EVENTS)


def test_runs_are_archived_and_read_in_any_store(target, client, address, monkeypatch):
    _archive_at(monkeypatch, address)
    start, run_id = now(), daily_load()
    assemble(run_id)
    client.delete_flow_run(run_id)
    assert load(client, Window(start)).graph.snapshot(run_id).run.id == run_id


def test_a_store_that_refuses_is_said_without_its_keys(moto, monkeypatch):
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(ArchiveError) as raised:
        Archive("s3://no-such-bucket/lineage").write(SNAPSHOT, EVENTS)
    assert "no-such-bucket" in str(raised.value)
    assert ACCESS_KEY not in str(raised.value)


@pytest.mark.parametrize(("scheme", "local"), [("file", True), ("local", True), ("filecache::file", False)])
def test_only_a_folder_of_this_machine_is_checked_as_one(scheme, local, monkeypatch, tmp_path):
    checked: list[Path] = []
    monkeypatch.setattr(archive, "_check_local", checked.append)
    Archive(f"{scheme}://{tmp_path}").check()
    assert checked == [tmp_path] * local


def test_only_days_of_the_window_are_listed(tmp_path):
    opened = Archive(str(tmp_path))
    for day in ("2026-11-27", "2026-11-29", "2026-12-01", "notes"):
        (tmp_path / day).mkdir()
        (tmp_path / day / f"{FOUND.run.id}.json.gz").touch()
        (tmp_path / day / "README").touch()
    assert [path.partition("/")[0] for _, path in opened.list(NOON, NOON)] == ["2026-11-29"]


def test_an_archive_that_does_not_exist_yet_is_empty(tmp_path):
    assert list(Archive(str(tmp_path / "later")).list(NOON, NOON)) == []
    assert list(Archive(str(tmp_path / "later")).read(["2026-11-29/x.json.gz"])) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        gzip.compress(b"no json"),
        gzip.compress(b"[]"),
        gzip.compress(b"{}"),
        gzip.compress(b"[" * 100_000),
        archive.packed(SNAPSHOT, EVENTS)[:-20],
        archive.packed(replace(SNAPSHOT, run=replace(SNAPSHOT.run, id=UUID(int=1))), EVENTS),
    ],
    ids=["empty", "no gzip", "no JSON", "a list", "without a snapshot", "nested", "cut", "of another run"],
)
def test_a_file_that_is_no_archived_run_says_so(content):
    found = archive.unpacked(content, FOUND.run.id, "the path")
    assert found.snapshot is None
    assert found.fault.startswith("the path cannot be read")


def test_a_file_that_unpacks_to_too_much_is_not_read(monkeypatch):
    monkeypatch.setattr(archive, "_MAX_UNPACKED", 1_000)
    packed = zlib.compress(b" " * 10_000, wbits=zlib.MAX_WBITS | 16)
    assert "too large" in archive.unpacked(packed, FOUND.run.id, "the path").fault


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://bucket/lineage", "s3://bucket/lineage"),
        ("s3://key:secret@bucket/lineage?token=secret", "s3://bucket/lineage"),
        ("simplecache::s3://key:secret@bucket/a", "simplecache::s3://bucket/a"),
        ("/var/lineage", "/var/lineage"),
    ],
)
def test_an_address_is_shown_without_credentials(address, shown):
    assert file_store.shown(address) == shown


def test_an_error_holds_no_credentials(monkeypatch):
    class Store(fsspec.get_filesystem_class("memory")):
        def pipe_file(self, *_: object, **__: object) -> None:
            raise RuntimeError("denied for https://key:secret@bucket")

    opened = Archive("memory://x")
    opened._fs = Store()
    with pytest.raises(ArchiveError) as raised:
        opened.write(SNAPSHOT, EVENTS)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_an_unknown_kind_of_store_is_named():
    with pytest.raises(ArchiveError, match="nothing://x"):
        Archive("nothing://user:secret@x")


def test_a_store_that_hangs_is_left_alone(monkeypatch, folder):
    release = threading.Event()
    monkeypatch.setattr(archive, "_SECONDS", 0.05)
    monkeypatch.setattr(archive, "_write", lambda *_: release.wait())
    assert archive.store(SNAPSHOT, EVENTS, None).fault == "no response within 0.05 s"
    assert "not tried again" in archive.store(SNAPSHOT, EVENTS, None).fault
    release.set()


def test_an_edited_mark_in_the_ledger_counts_as_none():
    assert ArchiveMark.from_json("{}") is ArchiveMark.from_json("[") is None
    mark = ArchiveMark("p", "d", "fault")
    assert ArchiveMark.from_json(mark.to_json()) == mark


def test_an_assembled_run_is_archived_once(target, client, folder):
    run_id = daily_load()
    assemble(run_id)
    (file,) = _files(folder)
    assert file.name == f"{run_id}.json.gz"
    content = json.loads(gzip.decompress(file.read_bytes()))
    assert [event["eventType"] for event in content["events"]] == ["START", "COMPLETE"]
    assert content["events"] == target.of(run_id)
    before = file.stat().st_mtime_ns
    assemble(run_id)
    assert file.stat().st_mtime_ns == before


def test_nothing_is_archived_by_default(target, client, monkeypatch):
    monkeypatch.setattr(archive, "_write", lambda *_: pytest.fail("archived"))
    run_id = daily_load()
    assemble(run_id)
    assert ledger.read(client, [run_id])[run_id].archived is None


def test_a_broken_archive_is_never_in_the_way(target, client, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    _archive_at(monkeypatch, tmp_path / "file" / "archive")
    run_id = daily_load()
    assert assemble(run_id).outcome == "sent"
    assert target.types(run_id) == ["START", "COMPLETE"]
    assert "Not a directory" in ledger.read(client, [run_id])[run_id].archived.fault
    chosen = {"flow_run_id": {"any_": [str(run_id)]}, "type": {"any_": ["markdown"]}}
    (page,) = client.request("POST", "/artifacts/filter", json={"artifacts": chosen}).json()
    assert "Not archived:" in page["data"]
    monkeypatch.setattr(archive, "_away_until", 0.0)
    (tmp_path / "file").unlink()
    assert assemble(run_id).outcome == "nothing new"
    (page,) = client.request("POST", "/artifacts/filter", json={"artifacts": chosen}).json()
    assert "Not archived:" not in page["data"]
    assert len(_files(tmp_path / "file" / "archive")) == 1


def test_a_backfill_archives_runs_of_before(target, client, monkeypatch, tmp_path):
    start, run_id = now(), daily_load()
    stored(client, run_id)
    backfill(start, now())
    folder = _archive_at(monkeypatch, tmp_path / "archive")
    sent = list(target.events)
    backfill(start, now())
    assert [file.name for file in _files(folder)] == [f"{run_id}.json.gz"]
    assert target.events == sent
    assert backfill(start, now()).already_done == 1


def _beyond_retention(monkeypatch) -> None:
    """Prefect has no event any more."""
    monkeypatch.setattr("prefect_lineage_events.assembler.backfill._NO_MORE_THAN_CLOCKS", dt.timedelta(0))
    monkeypatch.setattr(event_log, "oldest", lambda *_: None)
    monkeypatch.setattr(event_log, "read", lambda *_, **__: event_log.EventLog())
    monkeypatch.setattr(event_log, "count", lambda *_, **__: 0)
    monkeypatch.setattr(reader, "_end_unrecorded", lambda *_: False)


def test_a_backfill_delivers_runs_beyond_retention_from_the_archive(target, client, monkeypatch, folder):
    start, run_id = now(), daily_load()
    assemble(run_id)
    second = RecordingTarget("second")
    configure(monkeypatch, target, second)
    _beyond_retention(monkeypatch)
    assert [o for _, _, o in backfill(start, now(), targets=["second"], dry_run=True).outcomes()] == ["would be sent"]
    summary = backfill(start, now(), targets=["second"])
    assert [a.outcome for a in summary.assembled] == ["sent"]
    assert not summary.deleted
    assert second.of(run_id) == target.of(run_id)
    assert backfill(start, now(), targets=["second"]).already_done == 1


def test_without_an_archive_runs_beyond_retention_are_counted(target, client, monkeypatch):
    start, run_id = now(), daily_load()
    assemble(run_id)
    configure(monkeypatch, target, RecordingTarget("second"))
    _beyond_retention(monkeypatch)
    assert [run.id for run in backfill(start, now(), targets=["second"]).deleted] == [run_id]


def test_a_backfill_delivers_deleted_runs_from_the_archive(target, client, monkeypatch, folder):
    start, run_id = now(), daily_load()
    assemble(run_id)
    client.delete_flow_run(run_id)
    second = RecordingTarget("second", profile="marquez")
    configure(monkeypatch, target, second)
    backfill(start, now(), targets=["second"])
    assert second.types(run_id) == ["START", "COMPLETE"]
    assert backfill(start, now(), targets=["second"]).already_done == 1
    assert second.types(run_id) == ["START", "COMPLETE"]


def test_an_unreadable_archive_leaves_a_backfill_as_it_was(target, client, monkeypatch, folder):
    start, run_id = now(), daily_load()
    assemble(run_id)
    (file,) = _files(folder)
    file.write_bytes(b"edited")
    configure(monkeypatch, target, RecordingTarget("second"))
    _beyond_retention(monkeypatch)
    assert [run.id for run in backfill(start, now(), targets=["second"]).deleted] == [run_id]


def test_a_graph_has_deleted_runs_of_the_archive(target, client, folder):
    start, run_id = now(), daily_load()
    assemble(run_id)
    loaded = load(client, Window(start))
    client.delete_flow_run(run_id)
    loaded.refresh()
    assert isinstance(loaded.graph.snapshot(run_id), Snapshot)
    assert load(client, Window(start)).graph.snapshot(run_id).run.id == run_id
    for file in _files(folder):
        file.write_bytes(b"edited")
    again = load(client, Window(start))
    assert again.graph.snapshot(run_id) is None
    assert [gap.kind for gap in again.gaps] == ["unreadable"]


def test_a_run_that_is_in_the_archive_twice_is_one_run(folder):
    """A run that was repeated under its id has a file for each day on which it ended."""
    opened, later = Archive(str(folder)), NOON + dt.timedelta(days=2)
    again = replace(SNAPSHOT, run=replace(SNAPSHOT.run, ended=later, state="FAILED"))
    opened.write(SNAPSHOT, EVENTS)
    opened.write(again, EVENTS)
    end = later + dt.timedelta(days=1)
    assert [run.state for run, _ in archived_runs.absent(NOON, end, ())] == ["FAILED"]
    assert list(ArchivedRuns(NOON, None).news(end, ())) == [again]
    assert [run.state for run, _ in archived_runs.absent(NOON, NOON + dt.timedelta(hours=1), ())] == ["COMPLETED"]


def test_a_run_in_prefect_and_in_the_archive_is_found_in_both(target, client, folder):
    start, run_id = now(), daily_load()
    assemble(run_id)
    snapshot = load(client, Window(start)).graph.snapshot(run_id)
    assert archived_runs.find(replace(FOUND.run, id=run_id, ended=snapshot.run.ended)).snapshot == snapshot
