"""A stand-in for Prefect's API in the memory of a test: as much of it as flows need to run.

Flows, flow runs and their states are kept; events, logs and artifacts are accepted and forgotten. Blocks, variables and
deployments do not exist here. A test that needs them runs within Prefect's own `prefect_test_harness`.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import prefect
import prefect.context
from prefect.client import base
from prefect.events.clients import NullEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_KEY, PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED

from prefect_lineage_events.testing.kept_settings import kept_settings

JSON = dict[str, Any]

HOST = "memory.prefect.invalid"  # RFC 2606: no name ends so
_CLIENTS = (base.PrefectHttpxSyncClient, base.PrefectHttpxAsyncClient)
_ROUTE = "_transport_for_url"


class MemoryApi:
    """The flows and runs of a test, and the routes of Prefect's API that read and change them."""

    def __init__(self) -> None:
        self._flows: dict[str, JSON] = {}
        self._flow_runs: dict[str, JSON] = {}
        self.task_runs: dict[str, JSON] = {}
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Any]]] = [
            (method, re.compile(f"/api{path}/?"), answer)
            for method, path, answer in (
                ("GET", "/admin/version", lambda _: prefect.__version__),
                ("GET", "/health", lambda _: True),
                ("POST", "/flows", self._create_flow),
                (
                    "GET",
                    "/flows/([^/]+)",
                    lambda _, id_: next((f for f in self._flows.values() if f["id"] == id_), None),
                ),
                ("POST", "/flow_runs", lambda body: self._create(self._flow_runs, body)),
                ("POST", "/flow_runs/filter", self._filter),
                ("GET", "/flow_runs/([^/]+)", lambda _, id_: self._flow_runs.get(id_)),
                ("PATCH", "/flow_runs/([^/]+)(?:/labels)?", lambda body, id_: self._update(self._flow_runs, id_, body)),
                ("POST", "/flow_runs/([^/]+)/set_state", lambda body, id_: self._set_state(self._flow_runs, id_, body)),
                ("POST", "/task_runs", lambda body: self._create(self.task_runs, body)),
                ("GET", "/task_runs/([^/]+)", lambda _, id_: self.task_runs.get(id_)),
                ("PATCH", "/task_runs/([^/]+)", lambda body, id_: self._update(self.task_runs, id_, body)),
                ("POST", "/task_runs/([^/]+)/set_state", lambda body, id_: self._set_state(self.task_runs, id_, body)),
                ("POST", "/(?:logs|events|artifacts)", lambda _: {}),
                (
                    "POST",
                    "/v2/concurrency_limits/increment-with-lease",
                    lambda _: {**_new(), "lease_id": str(uuid4()), "limits": []},
                ),
                ("POST", "/(?:v2/)?concurrency_limits/.*", lambda _: []),
            )
        ]

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The response to a request."""
        body = json.loads(request.content) if request.content else {}
        for method, path, answer in self._routes:
            if request.method == method and (found := path.fullmatch(request.url.path)):
                content = answer(body, *found.groups())
                if content is not None:
                    return httpx.Response(200, json=content)
        return httpx.Response(
            404, json={"detail": f"the testing kit has no {request.url.path}: use prefect_test_harness"}
        )

    def _create_flow(self, body: JSON) -> JSON:
        return self._flows.setdefault(body["name"], {**_new(), **body, "labels": {}, "tags": []})

    def _create(self, runs: dict[str, JSON], body: JSON) -> JSON:
        run = {**_new(), **{name: value for name, value in body.items() if value is not None}}
        run.setdefault("name", f"run-{run['id'][:8]}")
        runs[run["id"]] = run
        if body.get("state"):
            self._set_state(runs, run["id"], {"state": body["state"]})
        return run

    def _update(self, runs: dict[str, JSON], id_: str, body: JSON) -> JSON | None:
        if id_ in runs:
            runs[id_] |= body
        return runs.get(id_)

    def _set_state(self, runs: dict[str, JSON], id_: str, body: JSON) -> JSON | None:
        run = runs.get(id_)
        if run is None:
            return None
        again = runs is self._flow_runs and body["state"]["type"] == "FAILED" and _may_retry(run)
        now = _now()
        state = {"id": str(uuid4()), "timestamp": now, **(_retry(run) if again else body["state"])}
        run |= {"state": state, "state_id": state["id"], "state_type": state["type"], "state_name": state.get("name")}
        if state["type"] == "RUNNING":
            run["run_count"] = run.get("run_count", 0) + 1
            run.setdefault("start_time", now)
        if again:
            return {"state": state, "status": "REJECT", "details": {"type": "reject_details", "reason": "Retrying"}}
        return {"state": state, "status": "ACCEPT", "details": {"type": "accept_details"}}

    def _filter(self, body: JSON) -> list[JSON]:
        """The runs that a parent's task run stands for: what Prefect asks before it calls a subflow."""
        wanted = ((body.get("flow_runs") or {}).get("parent_task_run_id") or {}).get("any_") or []
        return [run for run in self._flow_runs.values() if run.get("parent_task_run_id") in wanted]


def _may_retry(flow_run: JSON) -> bool:
    """Return whether a failed flow run is run again: Prefect's server decides that, by the policy of the run."""
    policy: JSON = flow_run.get("empirical_policy") or {}
    return int(flow_run.get("run_count") or 0) <= int(policy.get("retries") or 0)


def _retry(flow_run: JSON) -> JSON:
    delay = float((flow_run.get("empirical_policy") or {}).get("retry_delay") or 0)
    at = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=delay)
    return {"type": "SCHEDULED", "name": "AwaitingRetry", "state_details": {"scheduled_time": at.isoformat()}}


def _now() -> str:
    return dt.datetime.now(dt.timezone.utc).isoformat()


def _new() -> JSON:
    now = _now()
    return {"id": str(UUID(int=uuid4().int)), "created": now, "updated": now}


@contextmanager
def memory_api() -> Iterator[MemoryApi]:
    """A block in which Prefect's clients in this process use an API in memory."""
    api = MemoryApi()
    transport = httpx.MockTransport(api.answer)
    override = EventsWorker._client_override
    with ExitStack() as stack:
        for client in _CLIENTS:
            stack.callback(_route(client, transport))
        stack.enter_context(
            kept_settings(
                {PREFECT_API_URL: f"http://{HOST}/api", PREFECT_LOGGING_TO_API_ENABLED: False},
                restore_defaults={PREFECT_API_KEY},
            )
        )
        # Tests of coroutines may run in a context that was copied before.
        everywhere = getattr(prefect.context, "_temporary_global_settings_context", None)
        if everywhere is not None:
            stack.enter_context(everywhere(prefect.context.get_settings_context()))
        EventsWorker.set_client_override(NullEventsClient)
        try:
            yield api
        finally:
            EventsWorker._client_override = override


def _route(client: Any, transport: httpx.MockTransport) -> Callable[[], None]:
    """Send a client's requests to the API in memory to the transport. Returns the function that undoes it."""
    original = getattr(client, _ROUTE)

    def routed(self: Any, url: httpx.URL) -> Any:
        return transport if url.host == HOST else original(self, url)

    setattr(client, _ROUTE, routed)
    return lambda: delattr(client, _ROUTE)
