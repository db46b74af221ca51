"""The client's transports: slow and truncated responses, redirects, keys."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from prefect.blocks.system import Secret

from prefect_lineage_events.delivery import transports
from prefect_lineage_events.delivery.configuration import endpoints
from prefect_lineage_events.delivery.deliver import TransientDeliveryError, deliver
from prefect_lineage_events.delivery.targets import targets
from prefect_lineage_events.delivery.transports import OpenTransport
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.settings import settings
from tests.openlineage.conftest import elt
from tests.stitching.lineages import run

pytestmark = pytest.mark.usefixtures("nothing_configured")
SETTING = "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_"


@pytest.fixture
def events():
    return run_events(run(elt()), namespace="prefect://acme")


def send(events) -> list[str | None]:
    return [refusal for target in targets() for refusal in deliver(events, target)]


def http(**config) -> OpenTransport:
    (endpoint,) = endpoints({"type": "http", "url": "http://marquez:5000", **config})
    return OpenTransport(endpoint)


def test_timeout_is_long_enough_for_large_events():
    assert http()._client.transport.timeout == 60.0


def test_configured_timeout_stays():
    assert http(timeout=7)._client.transport.timeout == 7


def test_asynchronous_transport_is_replaced():
    assert http(type="async_http")._client.transport.kind == "http"


@contextmanager
def raw_server(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Answers each connection with just these bytes, and closes it."""
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    got.append(connection.recv(1_000_000))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", got
        listening.shutdown(socket.SHUT_RDWR)


def test_truncated_body_with_2xx_is_a_delivery(events, monkeypatch):
    with raw_server(b"HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\nhalf") as (url, got):
        monkeypatch.setenv("OPENLINEAGE_URL", url)
        assert send(events[:1]) == [None]
        assert len(got) == 1


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 20", b"HTTP/1.1 503 Away\r\nContent-Length: 50\r\n\r\nhalf"])
def test_truncated_body_with_an_error_status_is_transient(events, monkeypatch, answer):
    with raw_server(answer) as (url, _):
        monkeypatch.setenv("OPENLINEAGE_URL", url)
        with pytest.raises(TransientDeliveryError) as caught:
            send(events)
        assert caught.value.retry_soon


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_would_lose_the_event_is_not_followed(events, backend, status):
    page = backend(lambda event: (200, "a login page", {}))
    server = backend(lambda event: (status, "", {"Location": page.url}))
    with pytest.raises(TransientDeliveryError, match=page.url):
        send(events)
    assert (len(server.got), page.got) == (1, [])


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_keeps_the_event_is_followed(events, backend, status):
    moved = backend()
    backend(lambda event: (status, "", {"Location": f"{moved.url}/api/v1/lineage"}))
    assert send(events) == [None, None]
    assert moved.types() == ["START", "COMPLETE"]


def test_datahub_receives_unchanged_events_with_its_token(events, backend, monkeypatch):
    server = backend()
    monkeypatch.setenv("OPENLINEAGE_ENDPOINT", "openapi/openlineage/api/v1/lineage")
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "hunter22")
    send(events)
    assert server.headers[0]["path"] == "/openapi/openlineage/api/v1/lineage"
    assert server.headers[0]["Authorization"] == "Bearer hunter22"
    assert server.got[-1]["outputs"][0]["facets"].keys() == events[-1]["outputs"][0]["facets"].keys()


def test_key_of_our_settings_is_for_the_target_without_one(events, backend, monkeypatch):
    server = backend()
    monkeypatch.setenv(f"{SETTING}API_KEY", "hunter22")
    settings.cache_clear()
    send(events)
    assert server.headers[0]["Authorization"] == "Bearer hunter22"
    assert "hunter22" not in repr(settings())


def test_key_of_the_client_precedes_ours(events, backend, monkeypatch):
    server = backend()
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "theirs")
    monkeypatch.setenv(f"{SETTING}API_KEY", "ours")
    settings.cache_clear()
    send(events)
    assert server.headers[0]["Authorization"] == "Bearer theirs"


def test_one_key_for_two_targets_raises(monkeypatch):
    parts = [{"type": "http", "url": f"http://{host}:5000"} for host in ("marquez", "datahub")]
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps({"type": "composite", "transports": parts}))
    monkeypatch.setenv(f"{SETTING}API_KEY", "hunter22")
    settings.cache_clear()
    with pytest.raises(ValueError, match="marquez:5000, datahub:5000 have no key of their own") as caught:
        targets()
    assert "hunter22" not in str(caught.value)


@pytest.fixture
def key_block(prefect_server) -> str:
    Secret(value="from-the-block").save("marquez-key", overwrite=True)
    return "marquez-key"


def test_a_key_may_be_in_a_secret_block(events, backend, monkeypatch, key_block):
    server = backend()
    monkeypatch.setenv(f"{SETTING}API_KEY_BLOCK", key_block)
    settings.cache_clear()
    assert "from-the-block" not in repr(targets())
    send(events)
    assert server.headers[0]["Authorization"] == "Bearer from-the-block"


def test_any_value_of_the_configuration_may_be_in_a_secret_block(events, backend, monkeypatch, key_block):
    server = backend()
    headers = {"X-Token": f"{{{{ prefect.blocks.secret.{key_block} }}}}"}
    transport = {"type": "http", "url": server.url, "custom_headers": headers}
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps(transport))
    send(events)
    assert server.headers[0]["X-Token"] == "from-the-block"


def test_missing_block_is_named_and_transient(events, backend, monkeypatch, prefect_server):
    backend()
    monkeypatch.setenv(f"{SETTING}API_KEY_BLOCK", "no-such-block")
    settings.cache_clear()
    with pytest.raises(TransientDeliveryError, match="no-such-block"):
        send(events)


@pytest.mark.parametrize(
    "secret",
    [
        {"url": "http://etl:hunter22@127.0.0.1:9"},
        {"auth": {"type": "api_key", "apiKey": "hunter22\nbroken"}},
        {"custom_headers": {"X-Api-Key": "hunter22\nbroken"}},
    ],
    ids=["in the address", "as the key", "in a header"],
)
def test_errors_and_logs_have_no_secret(events, monkeypatch, caplog, secret):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps({"type": "http", "url": "http://127.0.0.1:9", **secret}))
    with pytest.raises(TransientDeliveryError) as caught:
        send(events)
    assert "hunter22" not in "".join(traceback.format_exception(caught.value))
    assert "hunter22" not in "".join(r.getMessage() for r in caplog.records if r.name.startswith("prefect_lineage"))
    assert "hunter22" not in repr(targets())


@contextmanager
def dripping(head: bytes) -> Iterator[str]:
    """Answers with this, and then a space every tenth of a second for as long as a client listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.recv(1_000_000)
                connection.sendall(head)
                while True:
                    connection.sendall(b" ")
                    time.sleep(0.1)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def test_response_without_an_end_of_its_status_times_out(events, monkeypatch):
    monkeypatch.setattr(transports, "_TIMEOUTS", 0.01)
    with dripping(b"HTTP/1.1 20") as url:
        monkeypatch.setenv("OPENLINEAGE_URL", url)
        with pytest.raises(TransientDeliveryError, match=r"no complete response within 0\.6 s") as caught:
            send(events)
    assert not caught.value.retry_soon


@pytest.mark.parametrize(
    ("status", "refusals"), [(b"201 Created", [None]), (b"422 Unprocessable", ["HTTP 422: blank name"])]
)
def test_endless_body_is_read_up_to_a_limit(events, monkeypatch, status, refusals):
    monkeypatch.setattr(transports, "_BODY_SECONDS", 0.3)
    with dripping(b"HTTP/1.1 " + status + b"\r\nContent-Type: text/plain\r\n\r\nblank name") as url:
        monkeypatch.setenv("OPENLINEAGE_URL", url)
        assert send(events[:1]) == refusals


def test_endless_body_takes_no_memory(events, backend):
    backend(lambda event: (422, "x" * 3_000_000, {}))
    refused = send(events)
    assert all(one and len(one) < 1_000 for one in refused)


def test_long_body_is_cut(events, backend, monkeypatch):
    backend(lambda event: (500, '{"code": 400, "message": "' + "x" * 3_000_000 + '"}', {}))
    monkeypatch.setattr(transports, "_MAX_BODY", 1_000)
    with pytest.raises(TransientDeliveryError) as caught:
        send(events)
    assert caught.value.ambiguous


def test_one_connection_serves_for_all_events(events, backend):
    server = backend(lambda event: (201, "taken", {}))
    send(events * 5)
    assert len({headers["peer"] for headers in server.headers}) == 1
