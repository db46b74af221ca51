"""Where events go, and what becomes of them there."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events.openlineage import delivery
from prefect_lineage_events.openlineage.build import run_events
from prefect_lineage_events.openlineage.delivery import TransientDeliveryError, deliver, event_id, target
from prefect_lineage_events.settings import settings
from tests.assembly.pictures import run
from tests.openlineage.conftest import elt
from tests.openlineage.validation import faults

Answer = tuple[int, str, dict[str, str]]


class Backend(ThreadingHTTPServer):
    """A target that answers as `answer(event)` says, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self, answer: Callable[[dict[str, Any]], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def types(self) -> list[str]:
        return [event["eventType"] for event in self.got]


class _Handler(BaseHTTPRequestHandler):
    server: Backend

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append(event)
        self.server.headers.append({**self.headers, "path": self.path})
        status, body, headers = self.server.answer(event)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Tests want no access log."""


@pytest.fixture
def backend(monkeypatch) -> Iterator[Callable[..., Backend]]:
    started: list[Backend] = []

    def start(answer: Callable[[dict[str, Any]], Answer] = lambda event: (201, "", {})) -> Backend:
        server = Backend(answer)
        started.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        monkeypatch.setenv("OPENLINEAGE_URL", server.url)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch, tmp_path):
    """No configuration of the developer's, and none that the client leaves in the environment."""
    import os

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(delivery, "_memory", delivery._Memory())
    settings.cache_clear()
    before = set(os.environ)
    yield
    for name in set(os.environ) - before:
        del os.environ[name]
    settings.cache_clear()


@pytest.fixture
def events():
    return run_events(run(elt()), namespace="prefect://acme")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_with_nothing_configured_events_go_to_a_file(events, tmp_path):
    to = target()
    assert (to.id, to.profile) == (f"file {tmp_path}/openlineage.jsonl", "plain")
    assert deliver(events, to).accepted == tuple(map(event_id, events))
    assert [e["eventType"] for e in lines(tmp_path / "openlineage.jsonl")] == ["START", "COMPLETE"]


def test_the_file_is_the_settings(events, tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_FILE", "other.jsonl")
    settings.cache_clear()
    deliver(events, target())
    assert len(lines(tmp_path / "other.jsonl")) == 2


def test_what_arrives_is_what_was_built(events, tmp_path):
    deliver(events, target())
    arrived = lines(tmp_path / "openlineage.jsonl")
    for sent, got in zip(events, arrived, strict=True):
        tags = got["run"]["facets"].pop("tags")["tags"]
        assert [t["key"] for t in tags] == ["openlineage_client_version"]
        assert _without_empty(got) == _without_empty(sent)


def test_what_arrives_follows_the_specification(events, tmp_path):
    deliver(events, target())
    assert faults(lines(tmp_path / "openlineage.jsonl")) == []


def test_the_runs_tags_arrive_beside_the_clients(tmp_path):
    found = run(elt())
    tagged = run_events(found, namespace="prefect://acme")
    for event in tagged:
        event["run"]["facets"]["tags"] = {
            "_producer": "https://example.com",
            "_schemaURL": "https://openlineage.io/spec/facets/1-0-0/TagsRunFacet.json#/$defs/TagsRunFacet",
            "tags": [{"key": "gold", "value": "true", "source": "PREFECT"}],
        }
    deliver(tagged, target())
    got = lines(tmp_path / "openlineage.jsonl")[0]["run"]["facets"]["tags"]["tags"]
    assert [(t["key"], t["value"]) for t in got][:1] == [("gold", "true")]


def test_the_events_are_not_changed_by_sending_them(events):
    before = json.dumps(events)
    deliver(events, target())
    assert json.dumps(events) == before


def test_an_address_alone_means_http_in_marquez_shape(events, backend):
    server = backend()
    to = target()
    assert (to.id, to.profile) == (f"http {server.url}/api/v1/lineage", "marquez")
    deliver(events, to)
    assert server.types() == ["START", "COMPLETE"]
    assert server.headers[0]["path"] == "/api/v1/lineage"


def test_datahub_takes_events_as_they_are(monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", "http://gms:8080")
    monkeypatch.setenv("OPENLINEAGE_ENDPOINT", "openapi/openlineage/api/v1/lineage")
    assert target().profile == "plain"


def test_the_profile_can_be_set(monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", "http://gms:8080")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_PROFILE", "plain")
    settings.cache_clear()
    assert target().profile == "plain"


def test_a_key_is_sent_and_not_told(events, backend, monkeypatch):
    server = backend()
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "hunter2")
    to = target()
    deliver(events, to)
    assert server.headers[0]["Authorization"] == "Bearer hunter2"
    assert "hunter2" not in to.id


def test_credentials_in_an_address_are_not_told(monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", "http://etl:hunter2@marquez:5000")
    assert target().id == "http http://marquez:5000/api/v1/lineage"


def test_the_clients_file_decides(events, tmp_path):
    (tmp_path / "openlineage.yml").write_text(
        "transport: {type: file, log_file_path: " + str(tmp_path / "by-yaml.jsonl") + ", append: true}"
    )
    deliver(events, target())
    assert len(lines(tmp_path / "by-yaml.jsonl")) == 2


def test_switched_off_nothing_is_sent(events, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    assert target().id == "noop"
    deliver(events, target())
    assert not (tmp_path / "openlineage.jsonl").exists()


def composite(monkeypatch, file: Path, url: str, **more: str) -> None:
    prefix = "OPENLINEAGE__TRANSPORT__"
    for name, value in {
        "TYPE": "composite",
        "TRANSPORTS__FILE__TYPE": "file",
        "TRANSPORTS__FILE__LOG_FILE_PATH": str(file),
        "TRANSPORTS__FILE__APPEND": "true",
        "TRANSPORTS__MARQUEZ__TYPE": "http",
        "TRANSPORTS__MARQUEZ__URL": url,
        **more,
    }.items():
        monkeypatch.setenv(prefix + name, value)
    monkeypatch.delenv("OPENLINEAGE_URL", raising=False)


def test_a_composite_sends_to_each_of_its_parts(events, backend, tmp_path, monkeypatch):
    server = backend()
    composite(monkeypatch, tmp_path / "out.jsonl", server.url, CONTINUE_ON_FAILURE="false")
    assert target().profile == "marquez"
    deliver(events, target())
    assert len(lines(tmp_path / "out.jsonl")) == 2
    assert server.types() == ["START", "COMPLETE"]


@pytest.mark.parametrize("lenient", ["true", "false"])
def test_a_part_that_cannot_take_it_now_is_not_forgotten_and_the_others_get_nothing_twice(
    events, backend, tmp_path, monkeypatch, lenient
):
    busy = [(503, "", {})]
    server = backend(lambda event: busy.pop() if busy else (201, "", {}))
    composite(monkeypatch, tmp_path / "out.jsonl", server.url, CONTINUE_ON_FAILURE=lenient)
    with pytest.raises(TransientDeliveryError):
        deliver(events, target())
    deliver(events, target())
    assert [e["eventType"] for e in lines(tmp_path / "out.jsonl")] == ["START", "COMPLETE"]
    assert server.types() == ["START", "START", "COMPLETE"]


def test_large_events_have_time(monkeypatch):
    from prefect_lineage_events.openlineage import transports

    monkeypatch.setenv("OPENLINEAGE_URL", "http://marquez:5000")
    (outlet,) = transports.outlets(transports.configuration())
    assert outlet.client.transport.timeout == 60.0


def test_a_timeout_of_the_users_stays(monkeypatch):
    from prefect_lineage_events.openlineage import transports

    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "http")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", "http://marquez:5000")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TIMEOUT", "7")
    (outlet,) = transports.outlets(transports.configuration())
    assert outlet.client.transport.timeout == 7


@pytest.mark.parametrize("status", [400, 422, 413])
def test_a_refused_event_is_kept_with_the_reason_and_the_next_one_goes(events, backend, status):
    server = backend(lambda event: (status if event["eventType"] == "START" else 201, "bad namespace", {}))
    done = deliver(events, target())
    assert done.rejected == ((event_id(events[0]), f"HTTP {status}: bad namespace"),)
    assert done.accepted == (event_id(events[1]),)
    assert server.types() == ["START", "COMPLETE"]


def test_what_cannot_be_parsed_is_refused_at_once(events, backend):
    server = backend(lambda event: (500, '{"code": 400, "message": "Cannot deserialize"}', {}))
    assert len(deliver(events, target()).rejected) == 2
    assert server.types() == ["START", "COMPLETE"]


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503])
def test_what_the_target_cannot_take_now_is_not_lost(events, backend, status):
    server = backend(lambda event: (201 if event["eventType"] == "START" else status, "", {}))
    with pytest.raises(TransientDeliveryError, match=str(status)) as caught:
        deliver(events, target())
    assert caught.value.accepted == (event_id(events[0]),)
    assert server.types() == ["START", "COMPLETE"]


def test_a_busy_target_says_how_long_to_wait(events, backend):
    backend(lambda event: (429, "", {"Retry-After": "17"}))
    with pytest.raises(TransientDeliveryError) as caught:
        deliver(events, target())
    assert caught.value.retry_after == 17


def test_a_target_that_is_away_is_transient_and_no_secret_is_told(events, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", "http://etl:hunter2@127.0.0.1:9")
    with pytest.raises(TransientDeliveryError) as caught:
        deliver(events, target())
    assert "hunter2" not in str(caught.value)


def test_a_file_that_cannot_be_written_is_transient(events, tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_FILE", str(tmp_path / "no" / "such" / "folder.jsonl"))
    settings.cache_clear()
    with pytest.raises(TransientDeliveryError):
        deliver(events, target())


def test_an_event_that_fails_again_and_again_while_others_are_taken_is_refused(events, backend):
    backend(lambda event: (201 if event["eventType"] == "START" else 500, "<html>", {}))
    for _ in range(2):
        with pytest.raises(TransientDeliveryError):
            deliver(events, target())
    assert [name for name, _ in deliver(events, target()).rejected] == [event_id(events[1])]


def test_an_event_that_fails_while_nothing_is_taken_is_never_refused(events, backend):
    backend(lambda event: (500, "<html>", {}))
    for _ in range(5):
        with pytest.raises(TransientDeliveryError):
            deliver(events, target())


def test_sending_again_after_a_whole_delivery_sends_again(events, backend):
    server = backend()
    deliver(events, target())
    deliver(events, target())
    assert server.types() == ["START", "COMPLETE"] * 2


def test_events_for_another_target_are_not_sent(events, backend):
    to = target()
    server = backend()
    with pytest.raises(ValueError, match="configuration sends to"):
        deliver(events, to)
    assert server.types() == []


APPENDS = """
import json, sys
from prefect_lineage_events.openlineage.delivery import deliver, target
event = json.load(open("event.json"))
for number in range(20):
    deliver([event], target())
"""


def test_several_processes_append_whole_lines(events, tmp_path):
    big = events[1]
    big["job"]["facets"]["sql"]["query"] = "x" * 200_000
    (tmp_path / "event.json").write_text(json.dumps(big))
    writers = [subprocess.Popen([sys.executable, "-c", APPENDS], cwd=tmp_path) for _ in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    assert len(lines(tmp_path / "openlineage.jsonl")) == 60


def test_importing_the_package_leaves_the_client_alone():
    code = "import sys, prefect_lineage_events.openlineage.delivery; sys.exit('openlineage.client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _without_empty(value: Any) -> Any:
    """The client adds empty dictionaries where a facet list is missing."""
    if isinstance(value, dict):
        return {k: _without_empty(v) for k, v in value.items() if v not in ({}, None)}
    return [_without_empty(v) for v in value] if isinstance(value, list) else value
