"""A stand-in for Prefect's client: answers as a server of 3.8 does (recorded shapes), and counts what it was asked."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
from prefect.exceptions import PrefectHTTPStatusError

from prefect_lineage_events.events import CountEvent, LineageEvent, SchemaEvent

Event = LineageEvent | SchemaEvent | CountEvent


class Answer:
    def __init__(self, value: Any, date: dt.datetime | None = None):
        self.value = value
        self.headers = {"Date": format_datetime(date, usegmt=True)} if date else {}

    def json(self) -> Any:
        return self.value


class FakeApi:
    """`events` are (event, moment from which it is stored); `now` moves when something waits."""

    api_url = "http://prefect:4200/api/"

    def __init__(self, now: dt.datetime):
        self.now = now
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.stored: list[tuple[dict[str, Any], dt.datetime]] = []
        self.tasks: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.flows: dict[str, str] = {}
        self.deployments: dict[str, dict[str, Any]] = {}
        self.failures: list[int] = []
        self.asked_for: list[str] = []
        self.recorded_states: set[UUID] = set()
        self.oldest: dt.datetime | None = None

    def store(self, event: Event, late: float = 0.0, of: UUID | None = None) -> None:
        """Stored `late` seconds from now; `of` a run (None: of whichever is asked for)."""
        arguments = event.to_prefect()
        raw = {
            "id": str(arguments["id"]),
            "event": arguments["event"],
            "occurred": arguments["occurred"].isoformat(),
            "received": (self.now + dt.timedelta(seconds=late)).isoformat(),
            "resource": arguments["resource"],
            "related": arguments["related"],
            "payload": arguments["payload"],
            "of": f"prefect.flow-run.{of}" if of else None,
        }
        self.stored.append((raw, self.now + dt.timedelta(seconds=late)))

    def sleep(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)

    def asked(self, path: str) -> int:
        return sum(p == path for p, _ in self.calls)

    def request(
        self, method: str, path: str, json: dict[str, Any] | None = None, params: dict[str, Any] | None = None, **_: Any
    ) -> Answer:
        self.calls.append((path, json or params or {}))
        if self.failures:
            raise http_error(self.failures.pop(0))
        if path == "/events/filter" and "id" in json["filter"]:
            there = set(json["filter"]["id"]["id"]) & {str(id_) for id_ in self.recorded_states}
            return Answer({"events": [{"id": id_} for id_ in there]})
        if path == "/events/filter" and "related" not in json["filter"]:
            return Answer({"events": [{"occurred": self.oldest.isoformat()}] if self.oldest else []})
        if path == "/events/filter" and "role" in json["filter"]["related"]:
            return Answer({"events": self._of_roles(**json["filter"])})
        if path == "/events/filter":
            self.asked_for = json["filter"]["related"]["id"]
            return Answer(self._events(0, json["limit"]))
        if path == "/events/filter/next":
            return Answer(self._events(int(params["page-token"]), 50))
        if path == "/task_runs/filter" and "like_" in json.get("task_runs", {}).get("name", {}):
            begins = json["task_runs"]["name"]["like_"]
            found = [t for t in self.tasks if t["name"].startswith(begins)]
            found.sort(key=lambda t: t["end_time"], reverse=True)
            return Answer(found[json["offset"] : json["offset"] + json["limit"]])
        if path == "/task_runs/filter":
            mine = self._tasks_of(json.get("flow_runs", {}).get("id", {}).get("any_"))
            chosen = json.get("task_runs", {})
            if under := chosen.get("flow_run_id"):
                mine = [one for one in mine if (one.get("flow_run_id") is None) == under["is_null_"]]
            if ids := chosen.get("id"):
                mine = [one for one in mine if one["id"] in ids["any_"]]
            offset = json.get("offset", 0)
            return Answer(mine[offset : offset + json["limit"]])
        if path == "/flow_runs/filter":
            return Answer(self._flow_runs(json))
        if path == "/deployments/filter":
            named = json["deployments"]["name"]["any_"]
            return Answer([one for one in self.deployments.values() if one["name"] in named])
        if path == "/flows/filter":
            return Answer(self._flows(json.get("flows", {})))
        if path.startswith("/flow_runs/"):
            for run in self.runs:
                if run["id"] == path.rpartition("/")[2]:
                    return Answer(run)
        if path.startswith("/deployments/") and (deployment := self.deployments.get(path.rpartition("/")[2])):
            return Answer(deployment)
        raise http_error(404)

    def _events(self, offset: int, limit: int) -> dict[str, Any]:
        mine = (r for r, since in self.stored if since <= self.now and (not r.get("of") or r["of"] in self.asked_for))
        there = sorted(mine, key=lambda r: r["occurred"])
        page = there[offset : offset + limit]
        more = offset + limit < len(there)
        # The address is the server's own view of itself, which a client behind a proxy cannot use.
        following = f"http://inside:1/api/events/filter/next?page-token={offset + limit}" if more else None
        return {"events": page, "total": len(there), "next_page": following}

    def _of_roles(self, related: Any, event: Any, occurred: Any, **_: Any) -> list[dict[str, Any]]:
        return [
            raw
            for raw, since in self.stored
            if since <= self.now and raw["event"] in event["name"]
            if occurred["since"] <= raw["occurred"] <= occurred["until"]
            if {one["prefect.resource.role"] for one in raw["related"]} & set(related["role"])
        ]

    def _flows(self, chosen: dict[str, Any]) -> list[dict[str, Any]]:
        ids, names = (chosen.get(key, {}).get("any_") for key in ("id", "name"))
        return [
            {"id": id_, "name": name}
            for id_, name in self.flows.items()
            if (ids is None or id_ in ids) and (names is None or name in names)
        ]

    def _tasks_of(self, flow_run_ids: list[str] | None) -> list[dict[str, Any]]:
        """Tasks without a run named (`of`) are of whichever run is asked for."""
        return [t for t in self.tasks if "of" not in t or t["of"] in (flow_run_ids or ())]

    def _flow_runs(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        runs = self.runs
        chosen = body.get("flow_runs", {})
        if tasks := body.get("task_runs"):
            return [r for r in runs if set(r.get("task_run_ids", ())) & set(tasks["id"]["any_"])]
        if ids := chosen.get("id"):
            runs = [r for r in runs if r["id"] in ids["any_"]]
        if parents := chosen.get("parent_flow_run_id"):
            runs = [r for r in runs if r.get("parent") in parents["any_"]]
        if deployment := chosen.get("deployment_id"):
            runs = [r for r in runs if r["deployment_id"] in deployment.get("any_", [None])]
        if window := chosen.get("end_time"):
            after, before = (dt.datetime.fromisoformat(window[k]) for k in ("after_", "before_"))
            runs = [r for r in runs if r["end_time"] and after <= dt.datetime.fromisoformat(r["end_time"]) <= before]
            runs = sorted(runs, key=lambda r: r["end_time"], reverse=True)
        offset = body.get("offset", 0)
        return runs[offset : offset + body["limit"]]


def http_error(code: int) -> PrefectHTTPStatusError:
    request = httpx.Request("POST", "http://prefect:4200/api/")
    response = httpx.Response(code, json={"detail": "no"}, request=request)
    return PrefectHTTPStatusError("no", request=request, response=response)


def raw_run(
    ended: dt.datetime | None, *, state: str = "COMPLETED", id_: UUID | None = None, **more: Any
) -> dict[str, Any]:
    started = (ended or dt.datetime(2026, 5, 1, tzinfo=dt.timezone.utc)) - dt.timedelta(minutes=1)
    return {
        "id": str(id_ or uuid4()),
        "name": "busy-bee",
        "flow_id": str(uuid4()),
        "state": {"type": state, "name": state.title(), "message": None},
        "start_time": started.isoformat(),
        "end_time": ended.isoformat() if ended else None,
        "expected_start_time": started.isoformat(),
        "run_count": 1,
        "tags": [],
        "parameters": {},
        "parent_task_run_id": None,
        "deployment_id": None,
        **more,
    }
