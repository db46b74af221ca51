"""A server, and the notes of requests to it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from prefect_lineage_events import instrument, uninstrument
from prefect_lineage_events.settings import PREFIX
from tests.instrumentation.recording import RecordedNotes, recorded_notes
from tests.services.api import http_server


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http_server() as address:
        yield address


@pytest.fixture
def base(server: str) -> str:
    """The namespace of the server's datasets."""
    return server.replace("127.0.0.1", "localhost")


@pytest.fixture
def notes(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedNotes]:
    entries = [server, f"{server}/orders/{{id}}", f"POST {server}/search -> read", f"POST {server}/login -> ignore"]
    monkeypatch.setenv(f"{PREFIX}HTTP_ENDPOINTS", json.dumps(entries))
    instrument("http")
    with recorded_notes(monkeypatch) as recorded:
        yield recorded
    uninstrument()
