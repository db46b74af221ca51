"""Requests of Prefect's own clients: never noted, even if the allow-list names the server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from prefect import get_client
from prefect.blocks.webhook import Webhook

from prefect_lineage_events import instrument, uninstrument
from prefect_lineage_events.instrumentation.http import allowed
from prefect_lineage_events.settings import PREFIX
from tests.conftest import PrefectServer
from tests.instrumentation.recording import RecordedNotes, recorded_notes

pytestmark = pytest.mark.server


@pytest.fixture
def notes(prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedNotes]:
    host = prefect_server.api_url.removesuffix("/api")
    monkeypatch.setenv(f"{PREFIX}HTTP_ENDPOINTS", json.dumps([host]))
    instrument("http")
    with recorded_notes(monkeypatch) as recorded:
        yield recorded
    uninstrument()


@pytest.mark.parametrize("by_address", [True, False])
async def test_clients_of_prefect_are_recognised_by_address_and_by_caller(
    by_address: bool, notes: RecordedNotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not by_address:
        monkeypatch.setattr(allowed, "is_of_prefect", lambda *_: False)
    with get_client(sync_client=True) as client:
        client.read_flows()
        client._client.get("/health")
    async with get_client() as client:
        await client.read_flows()
        await client.api_healthcheck()
    assert notes == []


def test_users_own_request_to_the_api_is_not_noted(notes: RecordedNotes, prefect_server: PrefectServer) -> None:
    assert httpx.get(f"{prefect_server.api_url}/health").status_code == 200
    assert notes == []


def test_other_page_of_the_server_is_noted(notes: RecordedNotes, prefect_server: PrefectServer) -> None:
    assert httpx.get(prefect_server.api_url.replace("/api", "/docs")).status_code == 200
    assert len(notes) == 1


async def test_webhook_block_is_the_users_request(notes: RecordedNotes, prefect_server: PrefectServer) -> None:
    url = prefect_server.api_url.replace("/api", "/docs")
    assert (await Webhook(method="GET", url=url, allow_private_urls=True).call()).status_code == 200
    assert len(notes) == 1
