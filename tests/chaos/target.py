"""A lineage target on HTTP that counts the events it accepted, and fails on request."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Event = dict[str, Any]
# The status of the response. None: the event is accepted, and the connection breaks before the response.
Answer = Callable[[Event], int | None]


class HttpTarget:
    """A target on a free loopback port, within a `with` block. `events` are the accepted ones, in the order of their
    arrival.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.answer: Answer = lambda _: 201

    def __enter__(self) -> HttpTarget:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.target = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that configure the OpenLineage client for this target."""
        return {"OPENLINEAGE_URL": self.url}

    def take(self, event: Event) -> int | None:
        status = self.answer(event)
        if status is None or status < 300:
            self.events.append(event)
        return status

    def types(self, flow_run_id: object) -> list[str]:
        """The event types of a run, as they arrived."""
        return [e["eventType"] for e in self.events if e["run"]["runId"] == str(flow_run_id)]

    def counts(self) -> Counter[tuple[str, str]]:
        """The number of times that each (run, event type) was accepted."""
        return Counter((e["run"]["runId"], e["eventType"]) for e in self.events)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        status = self.server.target.take(json.loads(body))
        self.close_connection = status is None
        if status is not None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Write no access log: no test reads it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    target: HttpTarget
