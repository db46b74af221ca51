"""BigQuery's REST interface, as far as the client library needs it: every statement succeeds, unless it contains
`missing`.

Queries find two rows, DML changes three, loads write four. Nothing is stored: the purpose is to run the library's own
code. https://cloud.google.com/bigquery/docs/reference/rest
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest

PROJECT = "shop-project"
_FIELDS = [{"name": "a", "type": "INTEGER"}, {"name": "b", "type": "STRING"}]
_ROWS = [{"f": [{"v": "1"}, {"v": "x"}]}, {"f": [{"v": "2"}, {"v": "y"}]}]
_DML = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
_QUERY = re.compile(r"\s*(?:SELECT|WITH)\b", re.IGNORECASE)


@dataclass(frozen=True)
class BigQueryStandIn:
    """A running stand-in."""

    url: str

    def client(self, **more: Any) -> Any:
        """A client of the library's own class that uses the stand-in."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        return bigquery.Client(PROJECT, AnonymousCredentials(), client_options={"api_endpoint": self.url}, **more)

    def service_account(self) -> dict[str, str]:
        """The service account of a `GcpCredentials` block; its tokens come from here as well."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": "etl@shop-project.iam.gserviceaccount.com",
            "token_uri": f"{self.url}/token",
        }


@pytest.fixture
def bigquery_server() -> Iterator[BigQueryStandIn]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.jobs, server.numbers = {}, count(1)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield BigQueryStandIn(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/token":
            return self._answer({"access_token": "token", "expires_in": 3600, "token_type": "Bearer"})
        if self.path.startswith("/upload/"):
            sent = re.search(rb"\{.*\}", sent.split(b"\r\n--")[0], re.DOTALL)[0]  # type: ignore[index]
        body = json.loads(sent or b"{}")
        path = self.path.partition("?")[0]
        if "missing" in json.dumps(body.get("configuration", body)):
            return self._answer({"error": {"code": 404, "message": "Not found: missing"}}, 404)
        if path.endswith("/queries"):
            return self._answer(self._results(self._job({"query": {"query": body["query"]}})))
        if path.endswith("/insertAll"):
            return self._answer({"insertErrors": self._insert_errors(body)})
        if path.endswith("/jobs"):
            return self._answer(self._job(body["configuration"], body.get("jobReference")))
        return self._answer(body)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        name = path.rpartition("/")[2]
        if "/queries/" in path:
            return self._answer(self._results(self.server.jobs[name]))
        if "/jobs/" in path:
            return self._answer(self.server.jobs[name])
        if path.endswith("/data"):
            return self._answer({"rows": _ROWS, "totalRows": "2"})
        if name == "missing":
            return self._answer({"error": {"code": 404, "message": "Not found: missing"}}, 404)
        _, _, _, _, project, _, dataset, _, table = path.split("/")
        reference = {"projectId": project, "datasetId": dataset, "tableId": table}
        return self._answer({"tableReference": reference, "schema": {"fields": _FIELDS}, "numRows": "2"})

    def do_DELETE(self) -> None:
        self._answer({})

    def _job(self, configuration: dict[str, Any], reference: dict[str, Any] | None = None) -> dict[str, Any]:
        reference = {"projectId": PROJECT, "location": "EU", "jobId": f"job-{next(self.server.numbers)}"} | (
            reference or {}
        )
        sql = configuration.get("query", {}).get("query", "")
        if "query" in configuration:
            anonymous = {"projectId": PROJECT, "datasetId": "_anonymous", "tableId": "t"}
            configuration["query"].setdefault("destinationTable", anonymous)
        statistics: dict[str, Any] = {"load": {"outputRows": "4"}} if "load" in configuration else {}
        if _DML.match(sql):
            statistics = {"query": {"numDmlAffectedRows": "3"}}
        job = {
            "jobReference": reference,
            "configuration": configuration,
            "status": {"state": "DONE"},
            "statistics": statistics,
        }
        self.server.jobs[reference["jobId"]] = job
        return job

    def _results(self, job: dict[str, Any]) -> dict[str, Any]:
        sql = job["configuration"]["query"]["query"]
        answer = {"jobComplete": True, "jobReference": job["jobReference"], "totalRows": "0", "schema": {"fields": []}}
        if _DML.match(sql):
            return answer | {"numDmlAffectedRows": "3"}
        return answer | ({"totalRows": "2", "schema": {"fields": _FIELDS}, "rows": _ROWS} if _QUERY.match(sql) else {})

    @staticmethod
    def _insert_errors(body: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"index": index, "errors": [{"reason": "invalid"}]}
            for index, row in enumerate(body["rows"])
            if "wrong" in row["json"]
        ]

    def _answer(self, body: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Write no log: no test reads it."""
