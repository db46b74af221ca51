"""Files of events, as a file target writes them, read as history: by the graph, by a backfill, and while they grow."""

from __future__ import annotations

import copy
import datetime as dt
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import fsspec
import pytest

from prefect_lineage_events.assembler import archive, archived_runs, event_history
from prefect_lineage_events.assembler.archive import Archive
from prefect_lineage_events.assembler.event_files import EventFiles
from prefect_lineage_events.assembler.event_history import EventHistory, gap_texts
from prefect_lineage_events.assembler.file_store import ArchiveError
from prefect_lineage_events.encoding import EPOCH
from prefect_lineage_events.flows import assemble, backfill
from prefect_lineage_events.graph.archived import ArchivedRuns
from prefect_lineage_events.graph.graph import Window
from prefect_lineage_events.graph.loading import load
from prefect_lineage_events.graph.walks import upstream
from prefect_lineage_events.settings import settings
from prefect_lineage_events.snapshots import snapshot_of
from tests.assembler.loads import daily_load, now
from tests.events_read import held_by_events
from tests.services.moto import moto, moto_server
from tests.test_event_snapshots import EVENTS, OURS, foreign

__all__ = ["moto", "moto_server"]
RUN = OURS.run.id
LATER = dt.datetime(2199, 1, 1, tzinfo=dt.timezone.utc)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(archive, "_away_until", 0.0)
    archive._written.clear()
    archived_runs._histories.clear()


def _archive_at(monkeypatch, address: object) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ARCHIVE", str(address))
    settings.cache_clear()


def text_of(*events: object) -> str:
    return "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in events)


def another(number: int, events: list[dict[str, Any]] = EVENTS) -> list[dict[str, Any]]:
    """The events of another run."""
    found = copy.deepcopy(events)
    for event in found:
        event["run"]["runId"] = str(UUID(int=number))
    return found


def read(address: object, start: dt.datetime = EPOCH, end: dt.datetime | None = None) -> EventHistory:
    history = EventHistory(EventFiles(str(address)), start, end)
    history.refresh()
    return history


def runs_in(history: EventHistory) -> set[UUID]:
    return set(history.own_runs())


def texts(history: EventHistory) -> str:
    return "\n".join(text for text, _ in gap_texts(history))


def _lines(folder: Path) -> str:
    (folder / "events.jsonl").write_text(text_of(*EVENTS))
    return str(folder / "events.jsonl")


def _packed(folder: Path) -> str:
    (folder / "events.jsonl.gz").write_bytes(gzip.compress(text_of(*EVENTS).encode()))
    return str(folder / "events.jsonl.gz")


def _rotated(folder: Path) -> str:
    (folder / "events.jsonl.1").write_text(text_of(EVENTS[0]))
    (folder / "events.jsonl").write_text(text_of(EVENTS[1]))
    return str(folder)


def _single(folder: Path) -> str:
    for number, event in enumerate(EVENTS):
        (folder / f"ol-20261129-12000{number}.json").write_text(text_of(event))
    return str(folder)


def _pretty(folder: Path) -> str:
    for number, event in enumerate(EVENTS):
        (folder / f"ol-{number}-COMPLETE.json").write_text(json.dumps(event, indent=2))
    return str(folder)


@pytest.mark.parametrize("form", [_lines, _packed, _rotated, _single, _pretty])
def test_a_file_target_is_read_in_each_of_its_forms(form, tmp_path):
    history = read(form(tmp_path))
    snapshot = history.snapshot(RUN)
    assert held_by_events(snapshot) == held_by_events(snapshot_of(OURS))
    assert list(history.events(RUN)) == EVENTS
    assert texts(history) == ""


@pytest.fixture(params=["memory", "s3"])
def address(request) -> Iterator[str]:
    if request.param == "s3":
        bucket = request.getfixturevalue("moto").bucket("events")
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        yield f"s3://{bucket}/ol/events.jsonl"
    else:
        yield "memory://lineage-events-test/events.jsonl"
        fsspec.filesystem("memory").rm("/lineage-events-test", recursive=True)


def test_a_file_of_events_is_read_in_any_store(address):
    fs, path = fsspec.core.url_to_fs(address)
    fs.pipe_file(path, text_of(*EVENTS).encode())
    for one in (address, address.rpartition("/")[0]):
        assert EventFiles(one).exist()
        assert runs_in(read(one)) == {RUN}


def test_only_what_was_added_is_read_again(tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text(text_of(*EVENTS))
    history = read(file)
    assert history.refresh() == set()
    with file.open("a") as end:
        end.write(text_of(*another(1), another(2)[0])[:-30])
    assert history.refresh() == {UUID(int=1)}
    assert "half written" in texts(history)
    file.write_text(text_of(*EVENTS, *another(1), *another(2)))
    assert history.refresh() == {UUID(int=2)}
    assert texts(history) == ""


def test_a_file_that_was_replaced_is_read_from_its_beginning(tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text(text_of(*EVENTS))
    history = read(file)
    file.write_text(text_of(*another(1), *another(2), *another(3)))
    assert history.refresh() == {UUID(int=1), UUID(int=2), UUID(int=3)}


def test_files_that_were_rotated_away_belong_to_the_file_of_the_setting(address, monkeypatch):
    fs, path = fsspec.core.url_to_fs(address)
    fs.pipe_file(path, text_of(*EVENTS).encode())
    _archive_at(monkeypatch, address)
    history = EventHistory(archive.event_files(), EPOCH)
    history.refresh()
    fs.mv(path, f"{path}.1")
    assert history.refresh() == {RUN}
    fs.pipe_file(path, text_of(*another(1)).encode())
    fs.pipe_file(f"{path}.2.gz", gzip.compress(text_of(*another(2)).encode()))
    fs.pipe_file(f"{path}.bak", text_of(*another(3)).encode())
    fs.pipe_file(f"{path.rpartition('/')[0]}/other.jsonl.1", b"no JSON")
    assert history.refresh() == {UUID(int=2), UUID(int=1)}
    assert list(history.events(RUN)) == EVENTS
    assert texts(history) == ""
    # A replay sends the file that it is given.
    assert runs_in(read(address)) == {UUID(int=1)}


def test_a_broken_line_of_a_rotated_file_is_named_by_its_file(tmp_path, monkeypatch):
    (tmp_path / "events.jsonl").write_text(text_of(*EVENTS))
    (tmp_path / "events.jsonl.1").write_text(text_of("no JSON"))
    _archive_at(monkeypatch, tmp_path / "events.jsonl")
    history = EventHistory(archive.event_files(), EPOCH)
    history.refresh()
    assert f"{tmp_path}/events.jsonl.1, line 1: it is no JSON" in texts(history)


def test_broken_lines_are_counted_and_named(tmp_path):
    file = tmp_path / "events.jsonl"
    static = {"eventTime": "2026-11-29T12:00:00Z", "job": {"namespace": "a", "name": "b"}}
    file.write_text(text_of("no JSON", "[]", "", {"run": {}}, static, *EVENTS, "[" * 100_000, *another(1)) + '{"run')
    history = read(file)
    assert runs_in(history) == {RUN, UUID(int=1)}
    assert history.lacks.unreadable == 4
    for line in (1, 2, 4, 8, 11):
        assert f"events.jsonl, line {line}: " in texts(history)
    assert "1 events in" in texts(history)
    assert "of no run" in texts(history)


def test_a_line_that_is_too_long_is_named_and_the_next_one_read(tmp_path, monkeypatch):
    monkeypatch.setattr("prefect_lineage_events.assembler.event_files.MAX_LINE", 1_000_000)
    file = tmp_path / "events.jsonl"
    file.write_text(text_of("x" * 2_500_000, *EVENTS))
    history = read(file)
    assert runs_in(history) == {RUN}
    assert "line 1: it is longer than" in texts(history)


def _cut(data: bytes) -> bytes:
    return data[:-300]


def _damaged(data: bytes) -> bytes:
    """The data with a first block of the reserved type (RFC 1951, 3.2.3)."""
    return data[:10] + b"\x07" + data[11:]


@pytest.mark.parametrize("spoil", [_cut, _damaged])
@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.gz"])
def test_a_spoiled_file_of_gzip_is_named_and_the_next_one_read(spoil, name, tmp_path):
    data = gzip.compress(text_of(*(another(n)[1] for n in range(200))).encode())
    (tmp_path / name).write_bytes(spoil(data))
    for number, event in enumerate(EVENTS):
        (tmp_path / f"b{number}.{name[2:].removesuffix('.gz')}").write_text(json.dumps(event))
    history = read(tmp_path)
    assert f"{name}: it is cut, damaged" in texts(history)
    assert RUN in runs_in(history)


def test_runs_outside_the_window_are_not_kept(tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text(text_of(*EVENTS))
    ended = OURS.run.ended
    hour = dt.timedelta(hours=1)
    assert runs_in(read(file, ended - hour, ended + hour)) == {RUN}
    assert runs_in(read(file, ended + hour)) == set()
    assert runs_in(read(file, EPOCH, ended - hour)) == set()


def test_files_that_were_written_last_before_the_window_are_not_read(tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text(text_of("no JSON"))
    os.utime(file, (0, 0))
    assert texts(read(file, now())) == ""
    assert "no JSON" in texts(read(file))


def test_of_too_many_runs_the_newest_are_kept_and_the_others_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(event_history, "MAX_RUNS", 10)
    file = tmp_path / "events.jsonl"
    events = [another(number, [foreign()])[0] for number in range(12)]
    for number, event in enumerate(events):
        event["eventTime"] = f"2026-11-29T12:{number:02}:00Z"
    file.write_text(text_of(*events))
    history = read(file)
    assert [number for number in range(12) if UUID(int=number) not in history] == [0, 1]
    assert "only the newest 10 runs" in texts(history)


def test_a_file_that_does_not_exist_is_said_and_never_made(tmp_path, monkeypatch):
    _archive_at(monkeypatch, tmp_path / "later.jsonl")
    found = ArchivedRuns(EPOCH, None)
    assert list(found.news(LATER, ())) == []
    assert "No such file" in found.gaps[0].text
    assert not archive.is_written()


@pytest.mark.parametrize("content", ["", "root:x:0:0\n"], ids=["empty", "of something else"])
def test_a_file_without_events_holds_no_run(content, tmp_path):
    file = tmp_path / "passwd"
    file.write_text(content)
    history = read(file)
    assert runs_in(history) == set()
    assert (texts(history) != "") == bool(content)


def test_an_archive_stays_one_beside_other_files(tmp_path, monkeypatch):
    (tmp_path / "package.json").write_text('{"name": "shop"}')
    _archive_at(monkeypatch, tmp_path)
    assert archive.event_files() is None
    assert archive.is_written()
    archive._written.clear()
    (tmp_path / "events.jsonl").write_text(text_of(*another(1)))
    assert not archive.is_written()
    archive._written.clear()
    Archive(str(tmp_path)).write(snapshot_of(OURS), EVENTS)
    assert archive.is_written()
    assert {one.run.id for one in ArchivedRuns(EPOCH, None).news(LATER, ())} == {RUN, UUID(int=1)}


def test_a_folder_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.ls", refuse)
    with pytest.raises(ArchiveError, match="Permission denied"):
        EventFiles(str(tmp_path)).exist()


def test_a_file_is_named_without_credentials():
    fsspec.filesystem("memory").pipe_file("/key-test/events.jsonl", b"no JSON\n")
    files = EventFiles("simplecache::memory://user:secret@key-test/events.jsonl?token=secret")
    assert "secret" not in files.name


@pytest.fixture
def file(monkeypatch, tmp_path) -> Path:
    """The file target, which is the archive of the settings as well."""
    file = tmp_path / "openlineage.jsonl"
    for option, value in {"TYPE": "file", "LOG_FILE_PATH": str(file), "APPEND": "true"}.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{option}", value)
    _archive_at(monkeypatch, file)
    return file


def test_a_deleted_run_is_read_from_the_file_and_once(file, client):
    start, run_id = now(), daily_load()
    assemble(run_id)
    stored = load(client, Window(start)).graph
    assert [one.run.id for one in stored.snapshots()] == [run_id]
    before = stored.snapshot(run_id)
    assert list(file.parent.iterdir()) == [file]
    client.delete_flow_run(run_id)
    found = load(client, Window(start)).graph.snapshot(run_id)
    assert held_by_events(found) == held_by_events(before)


def test_a_refresh_reads_events_of_other_producers(file, client):
    at = now()
    event = foreign(eventTime=(at + dt.timedelta(seconds=1)).isoformat())
    file.write_text("")
    loaded = load(client, Window(at))
    file.write_text(text_of(event))
    run_id = UUID(event["run"]["runId"])
    assert run_id in loaded.refresh()
    edges = upstream(loaded.graph, loaded.graph.snapshot(run_id).lineage.outputs[0].dataset).edges
    assert {how for edge in edges for how in edge.how} == {"as dbt said"}


def test_a_backfill_sends_deleted_runs_of_the_file_once(target, client, tmp_path, monkeypatch):
    start, run_id = now(), daily_load()
    assemble(run_id)
    other = foreign(eventTime=now().isoformat())
    (tmp_path / "events.jsonl").write_text(text_of(*target.events, other))
    sent = list(target.events)
    _archive_at(monkeypatch, tmp_path / "events.jsonl")
    client.delete_flow_run(run_id)
    target.events.clear()
    end = now()
    backfill(start, end)
    # Those of other producers are not Prefect's: `replay` sends them.
    assert target.events == sent
    backfill(start, end)
    assert target.events == sent


def test_a_backfill_sends_nothing_back_to_the_file_itself(file, client):
    start, run_id = now(), daily_load()
    assemble(run_id)
    sent = file.read_text()
    client.delete_flow_run(run_id)
    backfill(start, now())
    assert file.read_text() == sent
