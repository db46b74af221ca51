"""The cache of snapshots on disk: used while it is current, and never in the way."""

from __future__ import annotations

import datetime as dt
import sqlite3
import stat
import threading
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.settings import PREFECT_HOME, temporary_settings

from prefect_lineage_events.assembler import ledger, publishing, snapshot_store
from prefect_lineage_events.assembler.snapshot_store import FoundSnapshot
from prefect_lineage_events.flows import assemble
from prefect_lineage_events.graph import cache
from prefect_lineage_events.graph.cache import SnapshotCache
from prefect_lineage_events.graph.graph import Window
from prefect_lineage_events.graph.loading import load
from prefect_lineage_events.snapshot_wire import encode
from prefect_lineage_events.snapshots import snapshot_of
from tests.assembler.loads import daily_load, now
from tests.test_snapshots import FOUND, NOON

API = "http://127.0.0.1:4200/api"


def _found(run_id: UUID | None = None) -> FoundSnapshot:
    snapshot = snapshot_of(replace(FOUND, run=replace(FOUND.run, id=run_id or uuid4())))
    return FoundSnapshot(snapshot.run.id, NOON, snapshot, data=encode(snapshot))


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "lineage-graph.sqlite"


def test_snapshots_are_read_as_they_were_written(path):
    first, second = _found(), _found()
    SnapshotCache(API, path).write([first, second], [first.run_id, second.run_id], NOON)
    found, current_at = SnapshotCache(API, path).read([first.run_id, uuid4()])
    assert [(one.run_id, one.snapshot, one.updated) for one in found] == [(first.run_id, first.snapshot, NOON)]
    assert current_at == NOON
    assert SnapshotCache("http://127.0.0.1:1/api", path).read([first.run_id]) == ([], None)


def test_the_oldest_row_says_from_when_on_changes_are_unknown(path):
    first, second = _found(), _found()
    opened, later = SnapshotCache(API, path), NOON + dt.timedelta(hours=1)
    opened.write([first], [first.run_id], NOON)
    opened.write([second], [second.run_id], later)
    assert opened.read([first.run_id, second.run_id])[1] == NOON
    opened.write([], [first.run_id], later)
    assert opened.read([first.run_id, second.run_id])[1] == later


def test_only_the_user_may_read_the_file(path):
    SnapshotCache(API, path).write([_found()], [], NOON)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_snapshot_that_cannot_be_read_any_more_leaves_the_cache(path):
    one = _found()
    opened = SnapshotCache(API, path)
    opened.write([one], [one.run_id], NOON)
    opened.write([FoundSnapshot(one.run_id, NOON, None, "edited")], [one.run_id], NOON)
    assert opened.read([one.run_id]) == ([], None)


def test_the_longest_unused_make_room(path, monkeypatch):
    monkeypatch.setattr(cache, "MAX_ROWS", 2)
    opened, rows = SnapshotCache(API, path), [_found() for _ in range(3)]
    for number, one in enumerate(rows):
        opened.write([one], [one.run_id], NOON + dt.timedelta(minutes=number))
    assert {one.run_id for one in opened.read([one.run_id for one in rows])[0]} == {one.run_id for one in rows[1:]}


@pytest.mark.parametrize("damage", ["text", "other version", "edited row", "other table"])
def test_a_damaged_file_is_not_used_and_made_again(path, damage):
    one, opened = _found(), SnapshotCache(API, path)
    opened.write([one], [one.run_id], NOON)
    if damage == "text":
        path.write_text("no database" * 1000)
    else:
        change = {
            "other version": "PRAGMA user_version = 99",
            "edited row": "UPDATE snapshot SET data = x'00', updated = 'never'",
            "other table": "DROP TABLE snapshot",
        }[damage]
        with sqlite3.connect(path) as connection:
            connection.execute(change)
    assert opened.read([one.run_id]) == ([], None)
    opened.write([one], [one.run_id], NOON)
    assert len(opened.read([one.run_id])[0]) == 1


def test_a_folder_that_is_missing_is_no_error(tmp_path):
    opened = SnapshotCache(API, tmp_path / "missing" / "file")
    opened.write([_found()], [], NOON)
    assert opened.read([uuid4()]) == ([], None)


def test_a_locked_file_is_not_waited_for_long(path, monkeypatch):
    monkeypatch.setattr(cache, "_LOCKED_SECONDS", 0.01)
    one, opened = _found(), SnapshotCache(API, path)
    opened.write([one], [one.run_id], NOON)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert opened.read([one.run_id]) == ([], None)
    opened.write([_found()], [], NOON)
    holder.execute("ROLLBACK")
    holder.close()
    assert len(opened.read([one.run_id])[0]) == 1


def test_several_writers_at_once_lose_nothing(path, monkeypatch):
    monkeypatch.setattr(
        cache, "_LOCKED_SECONDS", 60.0
    )  # on a busy machine, a lock may last longer than a user would wait
    rows = [_found() for _ in range(16)]
    threads = [
        threading.Thread(target=SnapshotCache(API, path).write, args=([one], [one.run_id], NOON)) for one in rows
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(SnapshotCache(API, path).read([one.run_id for one in rows])[0]) == 16


@pytest.fixture
def home(tmp_path):
    with temporary_settings({PREFECT_HOME: tmp_path}):
        yield tmp_path


def test_a_later_load_reads_only_what_changed(target, client, home, monkeypatch):
    start, run_ids = now(), [daily_load() for _ in range(3)]
    for run_id in run_ids:
        assemble(run_id)
    # Runs that other tests of this server left in flight are in each window.
    others = {one.run.id for one in load(client, Window(start)).graph.snapshots()} - set(run_ids)
    kept, changed, deleted = run_ids
    (found,) = snapshot_store.read(client, [changed])
    renamed = {**found.data, "run": {**found.data["run"], "name": "renamed"}}
    publishing.update_artifact(client, ledger.read(client, [changed])[changed].snapshot.artifact_id, data=renamed)
    client.delete_flow_run(deleted)
    new = daily_load()
    assemble(new)
    read: list[UUID] = []
    ask = snapshot_store.read
    monkeypatch.setattr(snapshot_store, "read", lambda client, ids: read.extend(ids) or ask(client, ids))
    loaded = load(client, Window(start))
    assert {snapshot.run.id for snapshot in loaded.graph.snapshots()} - others == {kept, changed, new}
    assert loaded.graph.snapshot(changed).run.name == "renamed"
    assert kept not in read
    read.clear()
    load(client, Window(start), cache=False)
    assert kept in read
