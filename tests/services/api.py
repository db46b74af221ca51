"""An HTTP server on this machine, whose paths answer as they say: `/status/404`, `/redirect/...`, `/slow`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

BODY = b'[{"id": 1, "amount": 5.0}, {"id": 2, "amount": 7.5}]'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        status, body = 200, BODY
        if url.path.startswith("/status/"):
            status = int(url.path.rpartition("/")[2])
        if url.path.startswith("/token/") and "Authorization" not in self.headers:
            status = 401
        if status in (204, 304):
            body = b""
        if target := parse_qs(url.query).get("to"):
            self.send_response(int(parse_qs(url.query).get("as", ["302"])[0]))
            self.send_header("Location", target[0])
            body = b""
        else:
            self.send_response(status)
        if url.path == "/broken":
            self.send_header("Content-Length", str(len(body) + 100))
        elif status != 204:
            self.send_header("Content-Length", str(len(body)))
        if url.path == "/broken":
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def http_server() -> Iterator[str]:
    """The address of a running server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def api_server() -> Iterator[str]:
    """The address of a server of the session."""
    with http_server() as address:
        yield address
