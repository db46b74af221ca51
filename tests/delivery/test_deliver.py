"""Delivery of events to the configured targets."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events.delivery.deliver import TransientDeliveryError, deliver
from prefect_lineage_events.delivery.targets import Target, targets
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.settings import settings
from tests.openlineage.conftest import elt
from tests.openlineage.validation import faults
from tests.stitching.lineages import run

pytestmark = pytest.mark.usefixtures("nothing_configured")


@pytest.fixture
def events():
    return run_events(run(elt()), namespace="prefect://acme")


def the_target() -> Target:
    (target,) = targets()
    return target


def send(events, to: Target | None = None) -> list[str | None]:
    """Every target's refusals, None for each event that was taken."""
    return [refusal for target in ([to] if to else targets()) for refusal in deliver(events, target)]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_with_nothing_configured_events_go_to_a_file(events, tmp_path):
    to = the_target()
    assert (to.id, to.name, to.profile.name) == (f"file {tmp_path}/openlineage.jsonl", "openlineage.jsonl", "plain")
    assert send(events, to) == [None, None]
    assert [e["eventType"] for e in lines(tmp_path / "openlineage.jsonl")] == ["START", "COMPLETE"]


def test_file_is_that_of_the_setting(events, tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_FILE", "other.jsonl")
    settings.cache_clear()
    send(events)
    assert len(lines(tmp_path / "other.jsonl")) == 2


def test_file_does_not_depend_on_the_working_directory(events, tmp_path, monkeypatch):
    here = the_target()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert the_target() == here


def test_delivered_events_are_those_built(events, tmp_path):
    send(events)
    arrived = lines(tmp_path / "openlineage.jsonl")
    for sent, got in zip(events, arrived, strict=True):
        tags = got["run"]["facets"].pop("tags")["tags"]
        assert [t["key"] for t in tags] == ["openlineage_client_version"]
        assert _without_empty(got) == _without_empty(sent)


def test_delivered_events_follow_the_specification(events, tmp_path):
    send(events)
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
    send(tagged)
    got = lines(tmp_path / "openlineage.jsonl")[0]["run"]["facets"]["tags"]["tags"]
    assert [(t["key"], t["value"]) for t in got][:1] == [("gold", "true")]


def test_the_events_are_not_changed_by_sending_them(events):
    before = json.dumps(events)
    send(events)
    assert json.dumps(events) == before


def test_an_address_alone_means_http_in_marquez_shape(events, backend):
    server = backend()
    to = the_target()
    assert (to.id, to.profile.name) == (f"http {server.url}/api/v1/lineage", "marquez")
    send(events, to)
    assert server.types() == ["START", "COMPLETE"]
    assert server.headers[0]["path"] == "/api/v1/lineage"


def test_the_clients_file_decides(events, tmp_path):
    (tmp_path / "openlineage.yml").write_text(
        "transport: {type: file, log_file_path: " + str(tmp_path / "by-yaml.jsonl") + ", append: true}"
    )
    send(events)
    assert len(lines(tmp_path / "by-yaml.jsonl")) == 2


def test_nothing_is_sent_if_disabled(events, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    assert the_target().id == "noop"
    send(events)
    assert not (tmp_path / "openlineage.jsonl").exists()


@pytest.mark.parametrize("status", [400, 422, 413])
def test_refused_event_has_its_reason_and_the_next_is_sent(events, backend, status):
    server = backend(lambda event: (status if event["eventType"] == "START" else 201, "bad namespace", {}))
    assert send(events) == [f"HTTP {status}: bad namespace", None]
    assert server.types() == ["START", "COMPLETE"]


def test_unparsable_event_is_refused_at_once(events, backend):
    server = backend(lambda event: (500, '{"code": 400, "message": "Cannot deserialize"}', {}))
    assert all(refusal.startswith("HTTP 500") for refusal in send(events))
    assert server.types() == ["START", "COMPLETE"]


@pytest.mark.parametrize("status", [300, 302, 304, 305, 307, 308, 401, 403, 404, 408, 429, 500, 502, 503])
def test_transient_failure_raises(events, backend, status):
    server = backend(lambda event: (201 if event["eventType"] == "START" else status, "", {}))
    verdicts = deliver(events, the_target())
    assert next(verdicts) is None
    with pytest.raises(TransientDeliveryError, match=str(status)):
        next(verdicts)
    assert server.types() == ["START", "COMPLETE"]


@pytest.mark.parametrize(("status", "refusals"), [(201, [None, None]), (413, ["HTTP 413: cut"] * 2)])
def test_the_status_of_an_answer_that_breaks_off_counts(events, backend, status, refusals):
    backend(lambda event: (status, "cut", {"Content-Length": "1000", "Connection": "close"}))
    assert send(events) == refusals


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 206, 207])
def test_2xx_with_any_text_is_a_delivery(events, backend, status):
    backend(lambda event: (status, "" if status == 204 else '{"cut', {}))
    assert send(events) == [None, None]


def test_html_page_with_2xx_is_no_delivery(events, backend):
    page = "<!DOCTYPE html><title>Sign in</title>"
    backend(lambda event: (200, page, {"Content-Type": "text/html; charset=utf-8"}))
    with pytest.raises(TransientDeliveryError, match="this address responds with a web page") as caught:
        send(events)
    assert not caught.value.retry_soon


def test_text_with_the_type_html_is_a_delivery(events, backend):
    backend(lambda event: (200, "ok", {"Content-Type": "text/html"}))
    assert send(events) == [None, None]


@pytest.mark.parametrize(
    "body",
    [
        '{"status": 422, "message": "blank name"}',
        '[{"status": 200}, {"status": 400}]',
        '{"errors": ["blank name"]}',
        '{"status": "partial_success", "summary": {"received": 1, "failed": 1}}',
    ],
)
def test_207_with_a_failure_refuses_the_event(events, backend, body):
    backend(lambda event: (207, body, {}))
    assert send(events) == [f"HTTP 207: {body}"] * 2


def test_unreachable_target_is_transient_without_secrets(events, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", "http://etl:hunter2@127.0.0.1:9")
    with pytest.raises(TransientDeliveryError) as caught:
        send(events)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_file_that_cannot_be_written_is_transient(events, tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_FILE", str(tmp_path / "no" / "such" / "folder.jsonl"))
    settings.cache_clear()
    with pytest.raises(TransientDeliveryError):
        send(events)


def test_transport_that_cannot_be_opened_is_transient(events, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "http")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", "no address at all")
    with pytest.raises(TransientDeliveryError, match="it cannot be opened: ValueError: Need valid url") as caught:
        send(events)
    assert not caught.value.retry_soon


def fallbacks(monkeypatch, first: str, second: str) -> None:
    transport = {
        "type": "composite",
        "continue_on_success": False,
        "transports": [{"type": "http", "url": first, "name": "first"}, {"type": "http", "url": second}],
    }
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps(transport))


def test_fallback_takes_events_the_first_transport_cannot(events, backend, monkeypatch):
    first, second = backend(lambda event: (503, "", {})), backend()
    fallbacks(monkeypatch, first.url, second.url)
    assert send(events) == [None, None]
    assert (len(first.got), second.types()) == (2, ["START", "COMPLETE"])


def test_first_transport_is_enough(events, backend, monkeypatch):
    first, second = backend(), backend()
    fallbacks(monkeypatch, first.url, second.url)
    assert send(events) == [None, None]
    assert (first.types(), second.types()) == (["START", "COMPLETE"], [])


def test_refusal_by_one_while_others_are_away_is_transient(events, backend, monkeypatch):
    fallbacks(monkeypatch, backend(lambda event: (422, "", {})).url, backend(lambda event: (503, "", {})).url)
    with pytest.raises(TransientDeliveryError, match="503"):
        send(events)
    fallbacks(monkeypatch, backend(lambda event: (422, "a", {})).url, backend(lambda event: (400, "b", {})).url)
    assert send(events)[0] == "HTTP 422: a; HTTP 400: b"


APPENDS = """
import json, sys
from prefect_lineage_events.delivery.deliver import deliver
from prefect_lineage_events.delivery.targets import targets
event = json.load(open("event.json"))
for number in range(20):
    assert list(deliver([event], *targets())) == [None]
"""


def test_several_processes_append_whole_lines(events, tmp_path):
    big = events[1]
    big["job"]["facets"]["sql"]["query"] = "x" * 200_000
    (tmp_path / "event.json").write_text(json.dumps(big))
    writers = [subprocess.Popen([sys.executable, "-c", APPENDS], cwd=tmp_path) for _ in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    assert len(lines(tmp_path / "openlineage.jsonl")) == 60


def test_importing_the_package_leaves_the_client_alone():
    code = "import sys, prefect_lineage_events.delivery.deliver; sys.exit('openlineage.client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _without_empty(value: Any) -> Any:
    """The client adds empty dictionaries where a facet list is missing."""
    if isinstance(value, dict):
        return {k: _without_empty(v) for k, v in value.items() if v not in ({}, None)}
    return [_without_empty(v) for v in value] if isinstance(value, list) else value
