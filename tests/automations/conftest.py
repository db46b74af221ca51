"""Automations on a real Prefect server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prefect import get_client

from prefect_lineage_events.automations import plan


@pytest.fixture
def client(prefect_server: object) -> Iterator[Any]:
    """A client of the server, without automations of ours before and after the test."""
    with get_client(sync_client=True) as client:
        _delete_ours(client)
        yield client
        _delete_ours(client)


def _delete_ours(client: Any) -> None:
    for _, found in plan.deployed(client):
        client.delete_automation(found.id)


def wait_for(what: str, ready: Callable[[], Any], seconds: float = 240) -> Any:
    """The first true answer of `ready`."""
    deadline = time.monotonic() + seconds
    while not (answer := ready()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.5)
    return answer
