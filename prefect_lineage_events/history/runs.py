"""Reads flow runs from Prefect's API: one run with its parents and deployment, and the runs of a window."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID
from weakref import WeakKeyDictionary

from prefect_lineage_events.events import OWN_FLOW_PREFIX
from prefect_lineage_events.history import api, standalone_tasks
from prefect_lineage_events.history.api import JSON
from prefect_lineage_events.history.model import END_STATES, FlowRun, ParentRun, Trigger
from prefect_lineage_events.history.source_code import source_code
from prefect_lineage_events.history.triggers import triggering_run

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# The names of all our own flows begin so. Their runs have no lineage of their own and are never assembled.
_OWNER_TAG = "owner:"
_MAX_LEVELS = 50
_flow_names: WeakKeyDictionary[SyncPrefectClient, dict[str, str]] = WeakKeyDictionary()
_known_deployments: WeakKeyDictionary[SyncPrefectClient, dict[str, str]] = WeakKeyDictionary()


class UnknownFlowRunError(ValueError):
    """There is no flow run of that id on this Prefect API."""


def read_run(client: SyncPrefectClient, flow_run_id: UUID) -> FlowRun:
    """The run with its parents, flow and deployment: three to five requests, and one per level of subflows.

    A task run outside any flow counts as a run. Raises UnknownFlowRunError for an id that this API does not know.
    """
    raw: JSON | None = api.get(client, f"/flow_runs/{flow_run_id}")
    if raw is None and (task := standalone_tasks.read(client, flow_run_id)):
        return task
    if raw is None:
        raise UnknownFlowRunError(
            f"there is no flow run {flow_run_id} at {client.api_url}: check the id and PREFECT_API_URL"
        )
    parents = _chain(client, list(_parents(client, raw)))
    name = flow_names(client, [raw["flow_id"]]).get(raw["flow_id"], "")
    deployment = api.get(client, f"/deployments/{raw['deployment_id']}") if raw.get("deployment_id") else None
    return replace(_flow_run(raw, name, parents, deployment or {}), trigger=_trigger(client, raw))


def ended_runs(
    client: SyncPrefectClient, start: dt.datetime, end: dt.datetime, flows: Sequence[str] | None = None
) -> Iterator[list[FlowRun]]:
    """The runs that ended in [start, end], newest first, up to 200 at a time; runs of our own flows are left out.

    Task runs outside any flow follow the flow runs; `flows` are the names of flows or such tasks (None: all). The runs
    have no parents and no deployment, which `read_run` adds. Paging is by end time, so runs that end meanwhile shift
    nothing.
    """
    body: JSON = {"sort": "END_TIME_DESC", "limit": api.PAGE}
    if flows:
        body["flows"] = {"name": {"any_": list(flows)}}
    names: dict[str, str] = {}
    seen: set[str] = set()
    before, offset = end, 0
    while True:
        window = {"after_": start.isoformat(), "before_": before.isoformat()}
        chosen = {"end_time": window, "state": {"type": {"any_": sorted(END_STATES)}}}
        rows: list[JSON] = api.post(client, "/flow_runs/filter", {**body, "flow_runs": chosen, "offset": offset})
        new = [r for r in rows if r["id"] not in seen]
        seen.update(r["id"] for r in new)
        names |= flow_names(client, [r["flow_id"] for r in new if r["flow_id"] not in names])
        runs = [_flow_run(r, names.get(r["flow_id"], ""), (), {}) for r in new]
        if runs:
            yield [r for r in runs if not r.flow_name.startswith(OWN_FLOW_PREFIX)]
        if len(rows) < api.PAGE:
            break
        last = api.time_of(rows[-1]["end_time"]) or before
        # More runs than fit on a page ended at one instant: use the offset within it.
        before, offset = (last, 0) if last < before else (before, offset + api.PAGE)
    yield from standalone_tasks.ended(client, start, end, flows)


def runs_by_id(client: SyncPrefectClient, flow_run_ids: Sequence[UUID]) -> list[FlowRun]:
    """The runs of these ids that exist, without parents and deployment: two requests per 200."""
    runs: list[FlowRun] = []
    for start in range(0, len(flow_run_ids), api.PAGE):
        ids = [str(id_) for id_ in flow_run_ids[start : start + api.PAGE]]
        body = {"flow_runs": {"id": {"any_": ids}}, "limit": api.PAGE}
        rows: list[JSON] = api.post(client, "/flow_runs/filter", body)
        names = flow_names(client, [row["flow_id"] for row in rows])
        runs += [_flow_run(row, names.get(row["flow_id"], ""), (), {}) for row in rows]
    return runs


def parent_ids(client: SyncPrefectClient, task_run_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The flow run of each of these task runs: one request per 200.

    For a task run that stands for a subflow, it is the parent run.
    """
    found: dict[UUID, UUID] = {}
    for start in range(0, len(task_run_ids), api.PAGE):
        ids = [str(id_) for id_ in task_run_ids[start : start + api.PAGE]]
        rows: list[JSON] = api.post(
            client, "/task_runs/filter", {"task_runs": {"id": {"any_": ids}}, "limit": api.PAGE}
        )
        found |= {UUID(row["id"]): UUID(row["flow_run_id"]) for row in rows if row.get("flow_run_id")}
    return found


def existing_flows(client: SyncPrefectClient, names: Sequence[str] | None = None) -> list[str]:
    """The names of all flows (None), or those of `names` that exist. Sorted."""
    body: JSON = {"flows": {"name": {"any_": list(names)}}} if names is not None else {}
    return sorted(row["name"] for rows in api.pages(client, "/flows/filter", body) for row in rows)


def completed_runs(
    client: SyncPrefectClient, job: FlowRun, limit: int = 20, *, of_deployment: bool = False
) -> list[FlowRun]:
    """The newest completed runs of a job, newest first; without parents and deployment.

    `job` is one of its runs, of a flow or of a task outside any. `of_deployment`: only runs of the deployment of `job`,
    or of no deployment if `job` has none.
    """
    if job.kind == "task-run":
        return standalone_tasks.completed(client, job, limit)
    chosen: JSON = {"state": {"type": {"any_": ["COMPLETED"]}}}
    if of_deployment:
        chosen["deployment_id"] = {"any_": [str(job.deployment_id)]} if job.deployment_id else {"is_null_": True}
    body = {
        "flows": {"id": {"any_": [str(job.flow_id)]}},
        "flow_runs": chosen,
        "sort": "START_TIME_DESC",
        "limit": limit,
    }
    rows: list[JSON] = api.post(client, "/flow_runs/filter", body)
    return [_flow_run(row, "", (), {}) for row in rows]


def unended_runs(client: SyncPrefectClient, started_before: dt.datetime, limit: int = api.PAGE) -> list[FlowRun]:
    """Runs that started before then and are running according to Prefect: long ones, or killed without a trace."""
    chosen = {
        "start_time": {"before_": started_before.isoformat()},
        "state": {"type": {"any_": ["RUNNING", "CANCELLING"]}},
    }
    rows: list[JSON] = api.post(
        client, "/flow_runs/filter", {"flow_runs": chosen, "sort": "START_TIME_DESC", "limit": limit}
    )
    names = flow_names(client, [r["flow_id"] for r in rows])
    runs = [_flow_run(r, names.get(r["flow_id"], ""), (), {}) for r in rows]
    return [r for r in runs if not r.flow_name.startswith(OWN_FLOW_PREFIX)]


def descendants(client: SyncPrefectClient, flow_run_id: UUID) -> Iterator[list[UUID]]:
    """The subflow runs below a run, level by level."""
    level = [flow_run_id]
    for _ in range(_MAX_LEVELS):
        children: list[UUID] = []
        for start in range(0, len(level), api.PAGE):
            parents = [str(id_) for id_ in level[start : start + api.PAGE]]
            body = {"flow_runs": {"parent_flow_run_id": {"any_": parents}}, "sort": "ID_DESC"}
            for rows in api.pages(client, "/flow_runs/filter", body):
                children += [UUID(r["id"]) for r in rows]
        if not children:
            return
        yield children
        level = children


def flow_names(client: SyncPrefectClient, flow_ids: Sequence[str]) -> dict[str, str]:
    """The names of flows, by id. A flow never changes its name, so each is requested once per client."""
    known = _flow_names.setdefault(client, {})
    wanted = sorted(set(flow_ids) - known.keys())
    for start in range(0, len(wanted), api.PAGE):
        page = wanted[start : start + api.PAGE]
        rows: list[JSON] = api.post(client, "/flows/filter", {"flows": {"id": {"any_": page}}, "limit": api.PAGE})
        known |= {r["id"]: r["name"] for r in rows}
    return {id_: known[id_] for id_ in flow_ids if id_ in known}


def _deployment_names(client: SyncPrefectClient, ids: Sequence[str]) -> dict[str, str]:
    """The names of the deployments that exist, by id. A deployment never changes its name."""
    known = _known_deployments.setdefault(client, {})
    for id_ in sorted(set(ids) - known.keys()):
        if (deployment := api.get(client, f"/deployments/{id_}")) is not None:
            known[id_] = deployment["name"]
    return {id_: known[id_] for id_ in ids if id_ in known}


def _chain(client: SyncPrefectClient, runs: Sequence[JSON]) -> tuple[ParentRun, ...]:
    """These runs, with the names of their flows and deployments."""
    names = flow_names(client, [run["flow_id"] for run in runs])
    deployments = _deployment_names(client, [run["deployment_id"] for run in runs if run.get("deployment_id")])
    return tuple(
        ParentRun(UUID(run["id"]), names.get(run["flow_id"], ""), deployments.get(run.get("deployment_id") or ""))
        for run in runs
    )


def _trigger(client: SyncPrefectClient, raw: JSON) -> Trigger | None:
    """The run whose event made an automation start this one; none of our own flows."""
    found = triggering_run(client, raw)
    above: JSON | None = api.get(client, f"/flow_runs/{found[0]}") if found else None
    if found is None or above is None:
        return None
    runs = _chain(client, [above, *_parents(client, above)])
    return None if runs[0].flow_name.startswith(OWN_FLOW_PREFIX) or not runs[0].flow_name else Trigger(found[1], runs)


def _parents(client: SyncPrefectClient, raw: JSON) -> Iterator[JSON]:
    """The parent runs of a subflow run, nearest first: each is found through the task run that stands for its child."""
    for _ in range(_MAX_LEVELS):
        if not raw.get("parent_task_run_id"):
            return
        body = {"task_runs": {"id": {"any_": [raw["parent_task_run_id"]]}}, "limit": 1}
        rows: list[JSON] = api.post(client, "/flow_runs/filter", body)
        if not rows:
            return
        raw = rows[0]
        yield raw


def _flow_run(raw: JSON, flow_name: str, parents: tuple[ParentRun, ...], deployment: JSON) -> FlowRun:
    state: JSON = raw.get("state") or {}
    tags = tuple(raw.get("tags") or ())
    version: JSON = deployment.get("version_info") or {}
    return FlowRun(
        id=UUID(raw["id"]),
        name=raw["name"],
        flow_id=UUID(raw["flow_id"]),
        flow_name=flow_name,
        state=state.get("type") or raw.get("state_type") or "PENDING",
        state_id=UUID(raw["state_id"]) if raw.get("state_id") else None,
        state_name=state.get("name") or raw.get("state_name") or "",
        message=state.get("message"),
        started=api.time_of(raw.get("start_time")),
        ended=api.time_of(raw.get("end_time")),
        expected_start=api.time_of(raw.get("expected_start_time")),
        run_count=raw.get("run_count") or 0,
        tags=tags,
        parameters=raw.get("parameters") or {},
        parents=parents,
        deployment_id=UUID(raw["deployment_id"]) if raw.get("deployment_id") else None,
        deployment_name=deployment.get("name"),
        deployment_description=_description(deployment),
        deployment_version=version.get("version") or raw.get("deployment_version") or deployment.get("version"),
        deployment_entrypoint=deployment.get("entrypoint"),
        schedule=_schedule(deployment),
        owners=_owners([*tags, *(deployment.get("tags") or ())]),
        source=source_code(deployment),
        work_pool=raw.get("work_pool_name") or deployment.get("work_pool_name"),
        work_queue=raw.get("work_queue_name") or deployment.get("work_queue_name"),
        parent_task_run_id=UUID(raw["parent_task_run_id"]) if raw.get("parent_task_run_id") else None,
    )


def _description(deployment: JSON) -> str | None:
    """The deployment's description. Prefect's client writes the text `None` where there is none."""
    text = str(deployment.get("description") or "").strip()
    return text if text not in ("", "None") else None


def _schedule(deployment: JSON) -> str | None:
    """The deployment's active schedules in words: a cron line, `every 3600 s`, or an RRULE."""
    texts = []
    for entry in deployment.get("schedules") or ():
        schedule: JSON = entry.get("schedule") or {}
        if entry.get("active", True) and schedule:
            seconds = schedule.get("interval")
            text = schedule.get("cron") or schedule.get("rrule") or (f"every {float(seconds):g} s" if seconds else "")
            texts.append(f"{text} {schedule.get('timezone') or ''}".strip())
    return ", ".join(t for t in texts if t) or None


def _owners(tags: Sequence[str]) -> tuple[str, ...]:
    """The owners in tags `owner:<name>` of the run or its deployment: Prefect has no owners of flows."""
    return tuple(dict.fromkeys(t.removeprefix(_OWNER_TAG).strip() for t in tags if t.startswith(_OWNER_TAG)))
