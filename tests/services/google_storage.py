"""Google Cloud Storage's JSON API, as far as its clients need it here: objects are kept in memory.

It answers google-cloud-storage and gcsfs. https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c
import pytest

_OBJECT = re.compile(r"(?:/download|/upload)?/storage/v1/b/([^/]+)/o(?:/([^/]+))?(?:/(\w+)(?:/b/([^/]+)/o/([^/]+))?)?")


@dataclass
class GoogleStorage:
    """A running stand-in. `objects` are the contents by bucket and name."""

    url: str
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def client(self) -> Any:
        """A client of the library's own class that uses the stand-in."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        return storage.Client("shop", AnonymousCredentials(), client_options={"api_endpoint": self.url})


@contextmanager
def running() -> Iterator[GoogleStorage]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    store = GoogleStorage(f"http://127.0.0.1:{server.server_port}")
    server.store, server.uploads = store, {}  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield store
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def google_storage() -> Iterator[GoogleStorage]:
    with running() as store:
        yield store


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    @property
    def _parts(self) -> tuple[Any, ...]:
        split = urlsplit(self.path)
        found = _OBJECT.fullmatch(split.path)
        parts = found.groups() if found else (None,) * 5
        return (*(unquote(part) if part else None for part in parts), parse_qs(split.query), split.path)

    def do_GET(self) -> None:
        bucket, name, _, _, _, query, path = self._parts
        objects = self.server.store.objects
        if path.startswith("/storage/v1/b/") and bucket is None:
            return self._answer({"kind": "storage#bucket", "name": path.rpartition("/")[2]})
        if name is None:
            prefix = query.get("prefix", [""])[0]
            items = [self._resource(*key) for key in sorted(objects) if key[0] == bucket and key[1].startswith(prefix)]
            return self._answer({"kind": "storage#objects", "items": items})
        if (bucket, name) not in objects:
            return self._answer({"error": {"code": 404, "message": "No such object"}}, 404)
        if query.get("alt") != ["media"] and not path.startswith("/download"):
            return self._answer(self._resource(bucket, name))
        return self._media(objects[bucket, name])

    def do_POST(self) -> None:
        bucket, name, action, to_bucket, to_name, query, path = self._parts
        if "upload_id" in query:
            return self.do_PUT()
        objects = self.server.store.objects
        body = self._body()
        if path == "/token":
            return self._answer({"access_token": "token", "expires_in": 3600, "token_type": "Bearer"})
        if path.startswith("/upload/"):
            return self._upload(bucket, query, body)
        if action == "compose":
            objects[bucket, name] = b"".join(objects[bucket, one["name"]] for one in json.loads(body)["sourceObjects"])
            return self._answer(self._resource(bucket, name))
        if (bucket, name) not in objects:
            return self._answer({"error": {"code": 404, "message": "No such object"}}, 404)
        if action == "moveTo":
            to_bucket, to_name = bucket, unquote(path.rpartition("/")[2])
        objects[to_bucket, to_name] = objects[bucket, name]
        resource = self._resource(to_bucket, to_name)
        size = str(len(objects[bucket, name]))
        if action == "rewriteTo":
            resource = {"done": True, "resource": resource, "totalBytesRewritten": size, "objectSize": size}
        return self._answer(resource)

    def _upload(self, bucket: str, query: dict[str, list[str]], body: bytes) -> None:
        if query["uploadType"] == ["resumable"]:
            name = json.loads(body or b"{}").get("name") or query["name"][0]
            identifier = str(len(self.server.uploads))
            self.server.uploads[identifier] = (bucket, name, b"")
            location = (
                f"{self.server.store.url}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={identifier}"
            )
            return self._answer({}, Location=location)
        if query["uploadType"] == ["media"]:
            return self._store(bucket, query["name"][0], body)
        boundary = re.search(r"boundary=[\"']?([^\"']+)", self.headers["Content-Type"])
        assert boundary is not None
        _, metadata, content, _ = re.split(rb"(?:\r?\n)?--" + re.escape(boundary[1].encode()) + rb"(?:\r?\n)?", body)
        name = json.loads(re.search(rb"\{.*\}", metadata, re.DOTALL)[0])["name"]  # type: ignore[index]
        return self._store(bucket, name, re.split(rb"\r?\n\r?\n", content, maxsplit=1)[1])

    def do_PUT(self) -> None:
        """A part of a resumable upload: the last part names the size of the whole."""
        identifier = parse_qs(urlsplit(self.path).query)["upload_id"][0]
        bucket, name, sent = self.server.uploads[identifier]
        sent += self._body()
        self.server.uploads[identifier] = (bucket, name, sent)
        if self.headers["Content-Range"].endswith("/*"):
            return self._answer({}, 308, Range=f"bytes=0-{len(sent) - 1}")
        return self._store(bucket, name, sent)

    def do_DELETE(self) -> None:
        bucket, name, *_ = self._parts
        self._body()
        if self.server.store.objects.pop((bucket, name), None) is None:
            return self._answer({"error": {"code": 404, "message": "No such object"}}, 404)
        return self._send(b"", "text/plain", 204, {})

    def _store(self, bucket: str, name: str, content: bytes) -> None:
        if "refused" in name:
            return self._answer({"error": {"code": 403, "message": "Forbidden"}}, 403)
        self.server.store.objects[bucket, name] = content
        return self._answer(self._resource(bucket, name))

    def _resource(self, bucket: str, name: str) -> dict[str, Any]:
        content = self.server.store.objects[bucket, name]
        return {
            "kind": "storage#object",
            "id": f"{bucket}/{name}/1",
            "bucket": bucket,
            "name": name,
            "size": str(len(content)),
            "generation": "1",
            "updated": "2026-11-28T00:00:00.000Z",
            "timeCreated": "2026-11-28T00:00:00.000Z",
            "md5Hash": b64encode(md5(content).digest()).decode(),
            "crc32c": b64encode(google_crc32c.Checksum(content).digest()).decode(),
        }

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _media(self, content: bytes) -> None:
        status, part = 200, content
        headers = {"X-Goog-Hash": f"md5={b64encode(md5(content).digest()).decode()}"}
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
            status, part = 206, content[start : end + 1]
            headers = {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
        self._send(part, "application/octet-stream", status, headers)

    def _answer(self, body: dict[str, Any], status: int = 200, **headers: str) -> None:
        self._send(json.dumps(body).encode(), "application/json", status, headers)

    def _send(self, data: bytes, kind: str, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Write no log: no test reads it."""
