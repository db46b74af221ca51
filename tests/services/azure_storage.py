"""The REST interface of Azure's blobs, as far as its clients need it here: blobs are kept in memory, at path-style URLs.

It answers azure-storage-blob and adlfs as an emulator does. https://learn.microsoft.com/rest/api/storageservices
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

ACCOUNT = "shopdata"
KEY = "c2VjcmV0LWtleS1vZi10aGUtYWNjb3VudA=="
_TIME = "Sat, 28 Nov 2026 00:00:00 GMT"


@dataclass
class AzureStorage:
    """A running stand-in. `blobs` are the contents by container and name, `targets` the requested URLs."""

    port: int
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    targets: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    @property
    def connection_string(self) -> str:
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.url};"

    def service(self) -> Any:
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient.from_connection_string(self.connection_string)


@contextmanager
def running() -> Iterator[AzureStorage]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.store, server.blocks = AzureStorage(server.server_port), {}  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.store  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def azure_storage() -> Iterator[AzureStorage]:
    with running() as store:
        yield store


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def _parsed(self) -> tuple[str, str, dict[str, list[str]], bytes]:
        self.server.store.targets.append(self.path)
        split = urlsplit(self.path)
        _, _, container, *rest = split.path.split("/", 3)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return unquote(container), unquote("".join(rest)), parse_qs(split.query), body

    def do_PUT(self) -> None:
        container, name, query, body = self._parsed()
        blobs, blocks = self.server.store.blobs, self.server.blocks
        kind, key = query.get("comp", [""])[0], (container, name)
        if "refused" in name:
            return self._error(403, "AuthorizationFailure")
        if source := self.headers.get("x-ms-copy-source"):
            body = blobs.get(tuple(unquote(urlsplit(source).path).split("/", 3)[2:]), b"")
        if kind == "block":
            blocks[(*key, query["blockid"][0])] = body
        elif kind == "blocklist":
            wanted = re.findall(rb"<(?:Latest|Uncommitted|Committed)>([^<]*)<", body)
            blobs[key] = b"".join(blocks[(*key, block.decode())] for block in wanted)
        elif kind == "appendblock":
            blobs[key] += body
        elif query.get("restype") != ["container"]:
            blobs[key] = body
        headers = {"x-ms-request-server-encrypted": "true", "x-ms-blob-append-offset": "0"}
        is_copy = source and not kind and "x-ms-blob-type" not in self.headers
        if is_copy:
            headers |= {"x-ms-copy-id": "copy-1", "x-ms-copy-status": "pending" if "later" in name else "success"}
        return self._send(202 if is_copy else 201, headers=headers)

    def do_GET(self) -> None:
        container, name, query, _ = self._parsed()
        blobs = self.server.store.blobs
        if query.get("comp") == ["list"]:
            return self._list(container, query.get("prefix", [""])[0])
        if (container, name) not in blobs:
            return self._error(404, "BlobNotFound")
        content = blobs[container, name]
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("x-ms-range") or self.headers.get("Range") or "")
        if wanted is None or not content:
            return self._send(200, content, self._properties(content))
        start, end = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        headers = {**self._properties(content), "Content-Range": f"bytes {start}-{end}/{len(content)}"}
        return self._send(206, content[start : end + 1], headers)

    def do_HEAD(self) -> None:
        container, name, _, _ = self._parsed()
        blobs = self.server.store.blobs
        if (container, name) not in blobs and name:
            return self._error(404, "BlobNotFound")
        content = blobs.get((container, name), b"")
        headers = self._properties(content)
        if "later" in name:
            headers |= {"x-ms-copy-id": "copy-1", "x-ms-copy-status": "success"}
        return self._send(200, headers={**headers, "Content-Length": str(len(content))})

    def do_DELETE(self) -> None:
        container, name, _, _ = self._parsed()
        if self.server.store.blobs.pop((container, name), None) is None:
            return self._error(404, "BlobNotFound")
        return self._send(202)

    def _list(self, container: str, prefix: str) -> None:
        names = sorted(n for c, n in self.server.store.blobs if c == container and n.startswith(prefix))
        blobs = "".join(
            f"<Blob><Name>{name}</Name><Properties><Last-Modified>{_TIME}</Last-Modified><Etag>1</Etag>"
            f"<Content-Length>{len(self.server.store.blobs[container, name])}</Content-Length>"
            "<Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType></Properties></Blob>"
            for name in names
        )
        body = f'<?xml version="1.0"?><EnumerationResults ContainerName="{container}"><Blobs>{blobs}</Blobs>'
        self._send(200, (body + "<NextMarker/></EnumerationResults>").encode(), {"Content-Type": "application/xml"})

    @staticmethod
    def _properties(content: bytes) -> dict[str, str]:
        return {
            "Content-Type": "application/octet-stream",
            "x-ms-blob-type": "BlockBlob",
            "x-ms-creation-time": _TIME,
            "Accept-Ranges": "bytes",
        }

    def _error(self, status: int, code: str) -> None:
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'.encode()
        self._send(status, body, {"x-ms-error-code": code, "Content-Type": "application/xml"})

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        defaults = {
            "ETag": '"1"',
            "Last-Modified": _TIME,
            "x-ms-version": "2026-02-06",
            "Content-Length": str(len(body)),
        }
        for name, value in {**defaults, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write no log: no test reads it."""
