"""A stand-in for Marquez 0.51.2: its HTTP interface over a model of its database, in memory.

It responds as the real one did in the recordings (`test_against_recordings.py` lists the compared parts): it accepts
the same events, stores the same parts of refused ones, and shows the same runs, jobs, datasets, graphs and lists. It
has no batches, no deprecated write interface, no search by OpenSearch, and no tagging.

    with StandIn() as marquez:
        httpx.post(f"{marquez.url}/api/v1/lineage", json=event)
"""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.marquez import ingest, parsing
from tests.marquez.routes import Query, Refused
from tests.marquez.server_routes import ROUTES
from tests.marquez.store import Store
from tests.marquez.values import Failed, FailedStatement, NotFound, Unacceptable

LONGEST_TARGET = 8192
LONGEST_REQUEST_LINE = 8184
"""Bytes of them that Jetty reads."""

LOGGED = {
    "code": 500,
    "message": "There was an error processing your request. It has been logged (ID 0123456789abcdef).",
}
HTML = "<html>\n<head>\n<title>Error {status} {reason}</title>\n</head>\n<body><h2>HTTP ERROR {status} {reason}</h2></body>\n</html>\n"

Answer = tuple[int, Any]


class Marquez:
    """The server without the socket: it takes requests and returns responses."""

    def __init__(self) -> None:
        self.store = Store()
        self._lock = threading.Lock()

    def post_event(self, body: bytes) -> Answer:
        try:
            kind, event = parsing.parse(body)
        except parsing.Unparsable as error:
            return 500, {"code": 400, "message": str(error)}
        except parsing.Invalid as error:
            return 422, {"errors": error.errors}
        try:
            with self._lock:
                ingest.accept(self.store, kind, event)
        except Unacceptable:
            return 400, HTML.format(status=400, reason="Bad Request")
        except Failed:
            return 500, HTML.format(status=500, reason="Internal Server Error")
        return 201, ""

    def request(self, method: str, target: str) -> Answer:
        """Respond to any request except a posted event."""
        url = urlsplit(target)
        segments = url.path.removesuffix("/").split("/")[1:]
        query = Query(parse_qsl(url.query, keep_blank_values=True))
        known = [route for route in ROUTES if route.matches(segments)]
        try:
            for route in known:
                if route.method == method:
                    with self._lock:
                        return 200, route.answer(self.store, [unquote(segment) for segment in segments], query)
            refusal = (405, "HTTP 405 Method Not Allowed") if known else (404, "HTTP 404 Not Found")
        except NotFound as error:
            refusal = (404, str(error))
        except Refused as error:
            return error.status, error.body
        except FailedStatement as error:
            refusal = (500, f"org.postgresql.util.PSQLException: {error}")
        except (Failed, Unacceptable):
            return 500, LOGGED
        return refusal[0], {"code": refusal[0], "message": refusal[1]}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        if urlsplit(self.path).path.removesuffix("/") != "/api/v1/lineage":
            self._body()
            self._answer(*self.server.marquez.request("POST", self.path))
            return
        body = self._body()
        if self.headers.get_content_type() != "application/json" or "Content-Type" not in self.headers:
            self._answer(415, {"code": 415, "message": "HTTP 415 Unsupported Media Type"})
        elif not _accepts_json(self.headers.get("Accept", "*/*")):
            self._answer(406, {"code": 406, "message": "HTTP 406 Not Acceptable"})
        elif body is None:
            self._answer(500, LOGGED)
        else:
            self._answer(*self.server.marquez.post_event(body))

    def do_GET(self) -> None:
        self._body()
        if len(self.path) >= LONGEST_TARGET:
            self._answer(414, "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>")
        elif len(self.requestline) > LONGEST_REQUEST_LINE:
            self._answer(431, "<h1>Bad Message 431</h1><pre>reason: Request Header Fields Too Large</pre>")
        elif "%00" in urlsplit(self.path).path:
            self._answer(400, HTML.format(status=400, reason="Bad Request"))
        else:
            self._answer(*self.server.marquez.request(self.command, self.path))

    do_PUT = do_DELETE = do_GET

    def _body(self) -> bytes | None:
        """The body, or None if it does not match its encoding."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") != "gzip":
            return body
        try:
            return gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            return None

    def _answer(self, status: int, content: Any) -> None:
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(content, str) and content else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no access log: no test reads it."""


def _accepts_json(accept: str) -> bool:
    return any(kind.split(";")[0].strip() in ("*/*", "application/*", "application/json") for kind in accept.split(","))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    marquez: Marquez


class StandIn:
    """The server on a free loopback port, within a `with` block."""

    def __init__(self) -> None:
        self.marquez = Marquez()

    def __enter__(self) -> StandIn:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.marquez = self.marquez
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
