"""A Marquez for tests: the stand-in without a socket, or a real one over HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import httpx
import pytest

from prefect_lineage_events.openlineage.facets import Event
from tests.marquez.standin import Marquez

API = "/api/v1"
REAL = os.environ.get("MARQUEZ_URL")
needs_real_marquez = pytest.mark.skipif(not REAL, reason="MARQUEZ_URL names no Marquez")


class Server(Protocol):
    def post(self, event: Event) -> int:
        """Send an event; returns the status."""

    def get(self, path: str, **query: str) -> tuple[int, Any]:
        """Request a path below the API's root; returns the status and the JSON."""


class InMemory:
    def __init__(self, marquez: Marquez) -> None:
        self._marquez = marquez

    def post(self, event: Event) -> int:
        return self._marquez.post_event(json.dumps(event).encode())[0]

    def get(self, path: str, **query: str) -> tuple[int, Any]:
        return self._marquez.request("GET", f"{API}/{path}" + (f"?{urlencode(query)}" if query else ""))


class OverHttp:
    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=f"{url}{API}", timeout=120)

    def post(self, event: Event) -> int:
        return self._client.post("/lineage", json=event).status_code

    def get(self, path: str, **query: str) -> tuple[int, Any]:
        answer = self._client.get(f"/{path}" + (f"?{urlencode(query)}" if query else ""))
        is_json = answer.status_code == 200 and answer.content
        return answer.status_code, answer.json() if is_json else answer.text


def failing(server: Server, sent: Iterable[Event]) -> list[str]:
    """The lists and graphs of the events' names that do not respond with 200."""
    events = list(sent)
    jobs = {(e["job"]["namespace"], e["job"]["name"]) for e in events}
    datasets = {(d["namespace"], d["name"]) for e in events for d in (*e["inputs"], *e["outputs"])}
    columns = {
        (output["namespace"], output["name"], column)
        for event in events
        for output in event["outputs"]
        for column in output["facets"].get("columnLineage", {}).get("fields", {})
    }
    paths = ["namespaces", "jobs", "sources"]
    paths += [f"namespaces/{quote(ns, safe='')}/jobs" for ns, _ in jobs]
    paths += [f"namespaces/{quote(ns, safe='')}/jobs/{quote(name, safe='')}" for ns, name in jobs]
    paths += [f"namespaces/{quote(ns, safe='')}/datasets" for ns, _ in datasets]
    paths += [f"namespaces/{quote(ns, safe='')}/datasets/{quote(name, safe='')}" for ns, name in datasets]
    paths += [f"lineage?{urlencode({'nodeId': f'job:{ns}:{name}'})}" for ns, name in jobs]
    paths += [f"lineage?{urlencode({'nodeId': f'dataset:{ns}:{name}'})}" for ns, name in datasets]
    paths += [
        f"column-lineage?{urlencode({'nodeId': f'datasetField:{ns}:{name}:{column}'})}" for ns, name, column in columns
    ]
    return [path for path in sorted(set(paths)) if server.get(path)[0] != 200]
