"""Commands about the assembler: status, refused events, replay, and events as sentences, on a Prefect server."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prefect import flow, get_client
from prefect.runtime import flow_run
from prefect.states import Scheduled

from prefect_lineage_events import cli, status
from prefect_lineage_events.assembler import outbox
from prefect_lineage_events.assembler.sweep_state import SweepState
from prefect_lineage_events.cli.sentences import sentence
from prefect_lineage_events.events import CLOSED_EVENT
from prefect_lineage_events.history import api
from tests.by_hand import emit_writes


@flow(name="observed load")
def load() -> str:
    emit_writes([("observed", "source")])
    return flow_run.id


class Backend:
    """A lineage backend with the answer of the moment."""

    def __init__(self) -> None:
        self.answer = 200
        self.events: list[dict] = []
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if backend.answer < 300:
                    backend.events.append(json.loads(body))
                self.send_response(backend.answer)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"no")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def serving() -> Iterator[Backend]:
    """A backend that takes requests."""
    found = Backend()
    thread = threading.Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def backend(monkeypatch) -> Iterator[Backend]:
    with serving() as found:
        monkeypatch.setenv("OPENLINEAGE_URL", found.url)
        yield found


def test_refused_run_is_listed_until_it_is_sent_again(prefect_server, backend, capsys, wait_for):
    backend.answer = 422
    run_id = load()
    assert cli.main(["assemble", run_id]) == 3
    capsys.readouterr()

    def listed() -> list[dict]:
        assert cli.main(["rejected", "--json"]) == 0
        return [one for one in json.loads(capsys.readouterr().out) if one["run"] == run_id]

    (one,) = wait_for(listed)
    assert (one["flow"], one["refused"]) == ("observed load", 2)
    assert "HTTP 422" in one["reasons"][0]
    assert [gap["kind"] for gap in _shown(run_id, capsys)["gaps"]] == ["refused"]
    assert cli.main(["status", "--json"]) in (0, 1)
    found = json.loads(capsys.readouterr().out)
    assert found["rejected"] >= 1
    assert run_id in {reason["run"] for reason in found["reasons"]}
    assert cli.main(["assemble", run_id]) == 3
    assert "2 events refused before (mend the target" in capsys.readouterr().out
    backend.answer = 200
    # Runs of other tests may wait for targets that are gone.
    cli.main(["rejected", "--retry", "--json"])
    sent = json.loads(capsys.readouterr().out)["runs"]
    assert [two["sent"] for two in sent if two["run"] == run_id] == [2]
    assert listed() == []
    cli.main(["status", "--json"])
    assert run_id not in {reason["run"] for reason in json.loads(capsys.readouterr().out)["reasons"]}
    assert _shown(run_id, capsys)["gaps"] == []


def _shown(name: str, capsys) -> dict:
    assert cli.main(["show", name, "--json", "--since", "1h"]) == 0
    return json.loads(capsys.readouterr().out)


def test_dry_backfill_leaves_no_run_behind(prefect_server, capsys):
    window = ["--start", "2026-01-01T00:00:00Z", "--end", "2026-01-01T00:00:01Z"]

    def runs() -> int:
        with get_client(sync_client=True) as client:
            return api.post(client, "/flow_runs/count", {"flows": {"name": {"any_": ["prefect-lineage-backfill"]}}})

    before = runs()
    assert cli.main(["backfill", *window, "--dry-run"]) == 0
    assert runs() == before


@flow(name="quiet flow")
def quiet() -> str:
    return flow_run.id


def test_run_without_lineage_is_shown_with_the_reason(prefect_server, capsys):
    run_id = quiet()
    found = _shown(run_id, capsys)
    assert (found["summary"]["run"]["flow"], found["summary"]["run"]["state"]) == ("quiet flow", "COMPLETED")
    assert {gap["kind"] for gap in found["gaps"]} == {"no lineage"}
    assert "nothing that is captured" in found["gaps"][-1]["text"]
    assert cli.main(["show", run_id, "--since", "2020-01-01", "--as-of", "2020-01-02"]) == 0
    assert "ended outside the window" in capsys.readouterr().out
    assert cli.main(["explain", run_id, "--since", "1h"]) == 0
    assert "no lineage" in capsys.readouterr().out
    assert cli.main(["show", "nothing-has-this-name", "--since", "1h"]) == 2


def test_run_that_has_not_begun_is_shown_with_its_state_alone(prefect_server, capsys):
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(quiet, name="still-waiting", state=Scheduled())
    assert cli.main(["show", str(run.id)]) == 0
    shown = capsys.readouterr().out
    assert f"\nscheduled  {run.id}\n" in shown
    assert "it did not begin: its state is scheduled" in shown
    assert cli.main(["explain", str(run.id)]) == 0
    assert "quiet flow / still-waiting (scheduled)\n" in capsys.readouterr().out


@pytest.fixture
def wait_for():
    import time

    def wait(found):
        for _ in range(120):
            if result := found():
                return result
            time.sleep(0.5)
        raise AssertionError("nothing was found in a minute")

    return wait


def test_replay_sends_each_event_once(backend, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-01T06:00:00Z",
        "producer": "https://example.org",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "0199c7f0-93d2-7c31-8f0f-2f1f0e6a7b11", "facets": {}},
        "job": {"namespace": "shop", "name": "load", "facets": {}},
        "inputs": [],
        "outputs": [],
    }
    file = tmp_path / "lineage.jsonl"
    file.write_text(f"{json.dumps(event)}\n{json.dumps(event)}\nnonsense\n")
    command = ["replay", str(file), "--to", backend.url, "--json"]
    assert cli.main([*command, "--dry-run"]) == 1
    assert backend.events == []
    capsys.readouterr()
    assert cli.main([*command, "--restart"]) == 1
    done = json.loads(capsys.readouterr().out)
    assert (done["taken"], done["repeated"], done["unreadable"]) == (1, 1, 1)
    assert [one["run"]["runId"] for one in backend.events] == [event["run"]["runId"]]
    assert cli.main(["replay", str(tmp_path / "none"), "--to", backend.url]) == 2


def test_run_that_was_not_assembled_is_counted_until_it_is(prefect_server, backend, wait_for):
    run_id = load()

    def ended() -> int:
        with get_client(sync_client=True) as client:
            return len(status._ended(client).unassembled)

    before = wait_for(ended)
    cli.main(["assemble", run_id])
    assert ended() < before


def test_run_that_a_target_did_not_take_waits(prefect_server, backend, monkeypatch, capsys, wait_for):
    run_id = load()
    monkeypatch.setattr(outbox, "RETRY_DELAYS", [])
    backend.answer = 503
    assert cli.main(["assemble", run_id]) != 0

    def waiting() -> list[dict]:
        capsys.readouterr()
        cli.main(["status", "--json"])
        reasons = json.loads(capsys.readouterr().out)["reasons"]
        return [one for one in reasons if one["run"] == run_id and one["kind"] == "waiting"]

    (one,) = wait_for(waiting)
    assert (one["flow"], one["text"][:31]) == ("observed load", "0 of 2 events are sent to http ")
    with serving() as other:
        monkeypatch.setenv("OPENLINEAGE_URL", other.url)
        cli.main(["assemble", run_id])
        wait_for(lambda: not waiting())
        assert len(other.events) == 2


NOW = dt.datetime(2026, 11, 1, 12, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize(
    ("assembler", "minutes", "waiting", "text"),
    [
        ("not deployed", [1], 0, "1 run ended with lineage and no assembler took it: no assembler is deployed"),
        ("no process runs it", [1, 90], 0, "2 runs ended with lineage and no assembler took them: no process runs"),
        ("paused", [], 3, "3 runs ended with lineage and no assembler took them: the assembler is paused"),
        ("ready", [1, 90], 0, "no sweep took them"),
        ("ready", [1], 3, ""),
        ("not deployed", [], 0, ""),
        (None, [90], 3, ""),
    ],
)
def test_status_says_that_no_assembler_takes_runs(assembler, minutes, waiting, text):
    ends = [NOW - dt.timedelta(minutes=one) for one in minutes]
    found = status._trouble(assembler, ends, waiting, NOW)
    assert text in found
    assert bool(text) == bool(found)


def test_count_of_a_full_page_is_a_lower_bound(prefect_server, monkeypatch, capsys):
    event = {"occurred": NOW.isoformat(), "payload": {}, "resource": {}}
    monkeypatch.setattr(status, "recent_events", lambda _, name: [event] * (50 if name == CLOSED_EVENT else 0))
    monkeypatch.setattr(status.sweep_state, "read_with_stale", lambda _: (SweepState(), ()))
    with get_client(sync_client=True) as client:
        assert status.read_status(client).at_least == ("unassembled",)
        seen = SweepState(mark=NOW)
        monkeypatch.setattr(status.sweep_state, "read_with_stale", lambda _: (seen, ()))
        assert status.read_status(client).at_least == ()
    found = status.Status(api="http://x", at=NOW, unassembled=50, rejected=0, at_least=("unassembled", "rejected"))
    monkeypatch.setattr(status, "read_status", lambda _: found)
    cli.main(["status"])
    shown = capsys.readouterr().out
    assert "at least 50 that ended" in shown
    assert "at least 0" not in shown


@pytest.mark.parametrize(("trouble", "code"), [("", 0), ("no assembler", 1)])
def test_status_exits_with_1_if_no_assembler_takes_runs(trouble, code, prefect_server, monkeypatch, capsys):
    found = status.Status(api="http://x", at=NOW, assembler="ready", unassembled=2, trouble=trouble)
    monkeypatch.setattr(status, "read_status", lambda _: found)
    assert cli.main(["status"]) == code
    assert "2 that ended since the last sweep" in capsys.readouterr().out


RELATED = [
    {
        "prefect.resource.id": "prefect.flow-run.1",
        "prefect.resource.role": "flow-run",
        "prefect.resource.name": "otter",
    },
    {"prefect.resource.id": "prefect.flow.1", "prefect.resource.role": "flow", "prefect.resource.name": "nightly"},
    {"prefect.resource.id": "x", "prefect.resource.role": "lineage-input", "prefect.resource.name": "orders"},
]


@pytest.mark.parametrize(
    ("name", "payload", "expected"),
    [
        ("lineage.write", {"summary": "3 rows were written"}, "nightly / otter: 3 rows were written"),
        ("lineage.closed", {"summary": "3 events\x1b[2J"}, r"nightly / otter: 3 events\x1b[2J"),
        ("lineage.rejected", {"summary": "load (otter): marquez refused"}, "load (otter): marquez refused"),
        ("lineage.write", None, "nightly / otter: write sales"),
        ("lineage.write", {"summary": 7}, "nightly / otter: write sales"),
    ],
)
def test_event_is_a_sentence(name, payload, expected):
    assert sentence(name, {"prefect.resource.name": "sales"}, RELATED, payload) == expected
