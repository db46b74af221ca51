"""Replay: an archive, or JSON-lines files, sent to a target once, whatever interrupts it."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import pytest

from prefect_lineage_events.assembler import replay as replay_module
from prefect_lineage_events.assembler.archive import Archive
from prefect_lineage_events.assembler.replay import Fault, read_events, replay
from prefect_lineage_events.assembler.run_lineage import plain_events
from prefect_lineage_events.delivery.deliver import TransientDeliveryError
from prefect_lineage_events.delivery.targets import target_at, targets
from prefect_lineage_events.snapshots import snapshot_of
from tests.delivery.backend import running
from tests.delivery.conftest import nothing_configured  # noqa: F401
from tests.test_snapshots import FOUND

API = "http://127.0.0.1:4200/api"
EVENTS = plain_events(FOUND, API)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch, nothing_configured):  # noqa: F811
    monkeypatch.setattr(replay_module, "RETRY_DELAYS", [0.0, 0.0])


@pytest.fixture
def backend():
    with running() as server:
        yield server


@pytest.fixture
def archive(tmp_path) -> Path:
    Archive(str(tmp_path / "archive")).write(snapshot_of(FOUND), EVENTS)
    return tmp_path / "archive"


def _lines(path: Path, *events: object) -> Path:
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in events))
    return path


def _run(number: int) -> list[dict]:
    """The events of another run."""
    events = copy.deepcopy(EVENTS)
    for event in events:
        event["run"]["runId"] = f"00000000-0000-4000-8000-{number:012}"
    return events


def _to(server):
    return target_at(server.url)


def test_an_archive_is_sent_in_the_shape_of_the_target(archive, backend):
    result = replay(str(archive), target_at(f"{backend.url}/api/v1/lineage"))
    assert (result.taken, result.refused, result.unreadable) == (2, 0, 0)
    assert backend.types() == ["START", "COMPLETE"]
    assert backend.headers[0]["path"] == "/api/v1/lineage"
    shaped = target_at(backend.url).profile.shape(EVENTS)
    assert backend.got[1]["inputs"][0]["name"] == shaped[1]["inputs"][0]["name"]
    assert target_at(backend.url).profile.name == "marquez"


def test_a_single_file_of_an_archive_is_replayed(archive, backend):
    (file,) = archive.glob("*/*.json.gz")
    assert replay(str(file), _to(backend)).taken == 2


def test_an_address_of_fsspec_is_replayed(archive, backend):
    assert replay(f"file://{archive}", _to(backend)).taken == 2


def test_the_file_target_is_replayed(tmp_path, backend):
    from prefect_lineage_events.delivery.deliver import deliver

    (file_target,) = targets()
    assert list(deliver(EVENTS, file_target)) == [None, None]
    file = next(tmp_path.rglob("*.jsonl"))
    result = replay(str(file), _to(backend))
    assert (result.taken, result.unreadable) == (2, 0)
    assert backend.types() == ["START", "COMPLETE"]


def test_each_event_is_sent_once(tmp_path, backend):
    file = _lines(tmp_path / "a.jsonl", *EVENTS, *EVENTS, *_run(1))
    result = replay(str(file), _to(backend))
    assert (result.taken, result.repeated) == (4, 2)
    assert len(backend.got) == 4
    again = replay(str(file), _to(backend))
    assert (again.taken, again.before, again.repeated) == (0, 4, 2)
    assert replay(str(file), _to(backend), restart=True).taken == 4


def test_a_stopped_replay_goes_on_where_it_stopped(tmp_path):
    file = _lines(tmp_path / "a.jsonl", *EVENTS, *_run(1))
    away = []
    with running(lambda event: (503 if len(away) else 201, "", {})) as server:
        target = _to(server)
        with pytest.raises(TransientDeliveryError):
            replay(str(file), target, progress=lambda result: away.append(1) if result.taken == 3 else None)
        away.clear()
        server.got.clear()
        result = replay(str(file), target)
        assert (result.before, result.taken) == (3, 1)
        assert server.types() == ["COMPLETE"]


def test_a_short_absence_of_the_target_is_waited_for(tmp_path):
    answers = iter([201, 503, 503, 201])
    with running(lambda event: (next(answers), "", {})) as server:
        assert replay(str(_lines(tmp_path / "a.jsonl", *EVENTS)), _to(server)).taken == 2


def test_refused_events_are_named_and_do_not_stop_the_replay(tmp_path):
    def answer(event):
        return (400, "no", {}) if event["eventType"] == "START" else (201, "", {})

    with running(answer) as server:
        result = replay(str(_lines(tmp_path / "a.jsonl", *EVENTS, *_run(1))), _to(server))
        assert (result.taken, result.refused) == (2, 2)
        assert result.refusals[0][0] == f"{FOUND.run.id} START"
        assert "HTTP 400" in result.refusals[0][1]


def test_an_event_at_which_the_target_fails_is_refused_when_others_are_taken(tmp_path):
    def answer(event):
        bad = event["run"]["runId"].endswith("1") and event["run"]["runId"].startswith("0000")
        return (500, "", {}) if bad else (201, "", {})

    with running(answer) as server:
        result = replay(str(_lines(tmp_path / "a.jsonl", *EVENTS, *_run(1), *_run(2))), _to(server))
        assert (result.taken, result.refused) == (4, 2)


def test_a_target_that_fails_from_the_start_stops_the_replay(tmp_path):
    with running(lambda event: (500, "", {})) as server, pytest.raises(TransientDeliveryError):
        replay(str(_lines(tmp_path / "a.jsonl", *EVENTS)), _to(server))


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        '{"eventType": "START"}',
        '{"eventType": "START", "run": {"runId": 7}, "job": {"namespace": "n", "name": "m"}}',
        '{"eventType": "START", "run": {"runId": "r"}, "job": {"namespace": "n", "name": "m"}, "inputs": [7]}',
        '{"eventType": "START", "run": {"runId": "r"}, "job": {"namespace": "n", "name": "m"}, "inputs": {}}',
        '{"eventType": "START", "run": {"runId": "r"}, "job": {"namespace": "n", "name": "m"}}',
        "[" * 100_000,
    ],
)
def test_lines_that_are_no_events_are_named(tmp_path, backend, line):
    result = replay(str(_lines(tmp_path / "a.jsonl", line, "", *EVENTS)), _to(backend))
    assert (result.taken, result.unreadable) == (2, 1)
    assert backend.types() == ["START", "COMPLETE"]


def test_a_damaged_file_of_the_archive_is_named(archive, backend):
    (file,) = archive.glob("*/*.json.gz")
    file.write_bytes(b"edited")
    result = replay(str(archive), _to(backend))
    assert (result.taken, result.unreadable) == (0, 1)
    assert file.name in str(result.faults[0])


def test_a_folder_of_lines_is_replayed_file_by_file(tmp_path, backend):
    folder = tmp_path / "lines"
    folder.mkdir()
    _lines(folder / "b.jsonl", *_run(1))
    _lines(folder / "a.jsonl", *EVENTS)
    _lines(folder / "notes.txt", "no events")
    assert replay(str(folder), _to(backend)).taken == 4
    assert backend.got[0]["run"]["runId"] == str(FOUND.run.id)


def test_a_moved_archive_is_replayed_from_its_beginning(archive, backend, tmp_path):
    replay(str(archive), _to(backend))
    shutil.copytree(archive, tmp_path / "copy")
    assert replay(str(tmp_path / "copy"), _to(backend)).taken == 2


def test_a_dry_run_counts_and_sends_nothing(archive, backend):
    assert replay(str(archive), _to(backend), dry_run=True).taken == 2
    assert not backend.got
    assert replay(str(archive), _to(backend)).taken == 2


@pytest.mark.parametrize(("source", "expected"), [("missing", "no file or folder"), (".", "neither archived runs")])
def test_a_source_that_holds_nothing_is_named(tmp_path, source, expected):
    (tmp_path / "empty").mkdir()
    path = tmp_path / "empty" if source == "." else tmp_path / source
    with pytest.raises(ValueError, match=expected):
        list(read_events(str(path)))


def test_runs_of_an_archive_are_in_order_of_their_ends(tmp_path):
    from dataclasses import replace
    from datetime import timedelta
    from uuid import UUID

    opened = Archive(str(tmp_path / "archive"))
    for number, minutes in ((3, 0), (1, 5), (2, -5)):
        run = replace(FOUND.run, id=UUID(int=number), ended=FOUND.run.ended + timedelta(minutes=minutes))
        found = replace(FOUND, run=run)
        opened.write(snapshot_of(found), plain_events(found, API))
    events = [event for event in read_events(str(tmp_path / "archive")) if not isinstance(event, Fault)]
    assert [UUID(event["run"]["runId"]).int for event in events[::2]] == [2, 3, 1]


@pytest.mark.parametrize("url", ["marquez", "ftp://marquez", "http://", ""])
def test_an_address_that_is_no_backend_is_named(url):
    with pytest.raises(ValueError, match="expected the URL of a backend"):
        target_at(url)


def test_an_address_with_credentials_is_identified_without_them():
    assert "secret" not in str(target_at("http://user:secret@127.0.0.1:5000"))
