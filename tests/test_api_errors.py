"""Commands report a wrong PREFECT_API_URL in one line, with its cause and a remedy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from prefect_lineage_events import api_errors, cli
from tests.services.process import free_port

COMMANDS = {
    "assemble": ["assemble", str(UUID(int=1))],
    "sweep": ["sweep"],
    "backfill": ["backfill", "--start", "2026-01-01T00:00:00Z", "--end", "2026-01-02T00:00:00Z"],
    "deploy": ["deploy"],
    "automation": ["deploy", "--print-automation"],
    "undeploy": ["undeploy"],
    "serve": ["serve"],
    "register": ["register"],
    "convert": ["convert", "sqlalchemy-connector/warehouse"],
}
REFUSED = json.dumps({"detail": "no"})
ANSWERS = {
    "401": (401, REFUSED, "answered 401 (no) -> check PREFECT_API_KEY"),
    "403": (403, REFUSED, "this PREFECT_API_KEY may not do that"),
    "404": (404, REFUSED, "set PREFECT_API_URL to the address of a Prefect API"),
    "407": (407, "", "HTTPS_PROXY"),
    "409": (409, REFUSED, "try again"),
    "422": (422, REFUSED, "is the server of version 3.8 or newer?"),
    "a web page": (200, "<!DOCTYPE html><title>Sign in</title>", "does not respond as a Prefect API"),
    "JSON that breaks off": (200, '"3.', "does not respond as a Prefect API"),
    "something else": (200, "{}", "does not respond as a Prefect API"),
    "a version that is none": (200, '"latest"', "does not respond as a Prefect API"),
    "an old version": (200, '"2.20.3"', "has version 2.20.3 -> use 3.8 or newer"),
}


class Stub(ThreadingHTTPServer):
    """An API that sends the same response to every request."""

    daemon_threads = True
    answer: tuple[int, str] = (200, "")

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api_url = f"http://127.0.0.1:{self.server_address[1]}/api"


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Write no access log: no test reads it."""


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with Stub() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("command", COMMANDS)
def test_unusable_response_ends_command_with_one_line(
    stub: Stub, command: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, body, message = ANSWERS[answer]
    stub.answer = (status, body)
    with temporary_settings({PREFECT_API_URL: stub.api_url}):
        assert cli.main(COMMANDS[command]) == 1
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown
    assert len(shown.splitlines()) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_command_does_not_wait_for_a_busy_api(stub: Stub, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    stub.answer = (status, REFUSED)
    with temporary_settings({PREFECT_API_URL: stub.api_url}):
        assert cli.main(["sweep"]) == 1
    assert f"answered {status} (no) ->" in capsys.readouterr().err


@pytest.mark.parametrize("answer", ANSWERS)
def test_doctor_names_the_server_that_responds(stub: Stub, answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, body, message = ANSWERS[answer]
    stub.answer = (status, body)
    with temporary_settings({PREFECT_API_URL: stub.api_url}):
        assert cli.main(["doctor"]) == 1
    finding = next(line for line in capsys.readouterr().out.splitlines() if "Prefect API:" in line)
    assert finding.startswith("NOT")
    assert message.removeprefix("answered ") in finding


def test_message_completes_address_without_api_path() -> None:
    assert "set PREFECT_API_URL=http://host:4200/api" in api_errors.address_advice("http://host:4200/")


@pytest.mark.parametrize(
    "address",
    ["http://prefect.invalid/api", f"https://127.0.0.1:{free_port()}/api", "ftp://127.0.0.1/api"],
    ids=["unknown host", "nothing there", "another protocol"],
)
def test_message_names_unreachable_address(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with temporary_settings({PREFECT_API_URL: address}):
        assert cli.main(["sweep"]) == 1
    shown = capsys.readouterr().err
    assert address in shown
    assert len(shown.splitlines()) == 1


def test_unreadable_prefect_settings_end_command_with_one_line() -> None:
    command = str(Path(sys.executable).parent / "prefect-lineage")
    environment = {**os.environ, "PREFECT_API_URL": "http://[::1/api"}
    done = subprocess.run([command, "sweep"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    # Prefect logs a line of its own before.
    line = done.stderr.splitlines()[-1]
    assert "Prefect's settings cannot be read" in line
    assert "Invalid IPv6 URL" in line


def test_message_names_api_without_tls(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    address = stub.api_url.replace("http:", "https:")
    with temporary_settings({PREFECT_API_URL: address}):
        assert cli.main(["sweep"]) == 1
    assert f"no Prefect API answers at {address}" in capsys.readouterr().err


def test_message_names_slow_response() -> None:
    assert "did not answer in time" in api_errors.explain(httpx.ReadTimeout("timed out"))
