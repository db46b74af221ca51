"""The addresses of Marquez, except the one that accepts events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.marquez import answers, graphs, values
from tests.marquez.node_ids import NodeId, is_node_id, parse_node_id
from tests.marquez.parsing import RUN_EVENT, completed
from tests.marquez.rows import Dataset, Job, Run, Symlink
from tests.marquez.store import Store
from tests.marquez.values import Failed, NotFound, Unacceptable, instant, parse_time

STATES = ("NEW", "RUNNING", "COMPLETED", "ABORTED", "FAILED", "OTHER")


class Refused(Exception):
    """A refusal with a response of its own."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status, body)
        self.status, self.body = status, body


class Query:
    """The query parameters of a request."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def get(self, name: str, default: str | None = None) -> str | None:
        return next(iter(self.all(name)), default)

    def required(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise Refused(400, {"errors": [f"query param {name} must not be null"]})
        return value

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.get(name, str(default)) or "")
        except ValueError:
            raise NotFound("HTTP 404 Not Found") from None

    def page(self, items: list[Any]) -> list[Any]:
        offset = self.number("offset", 0)
        return items[offset : offset + self.number("limit", 100)]


@dataclass(frozen=True)
class Route:
    method: str
    pattern: str
    handler: Callable[..., Any]

    def matches(self, segments: list[str]) -> bool:
        wanted = self.pattern.split("/")
        return len(wanted) == len(segments) and all(
            part == segment or part.startswith("{") for part, segment in zip(wanted, segments, strict=True)
        )

    def answer(self, store: Store, segments: list[str], query: Query) -> Any:
        names = [s for part, s in zip(self.pattern.split("/"), segments, strict=True) if part.startswith("{")]
        return self.handler(store, query, *names)


ROUTES: list[Route] = []


def route(method: str, pattern: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        ROUTES.append(Route(method, f"api/v1/{pattern}", handler))
        return handler

    return register


# names in requests


def _namespace(store: Store, name: str) -> str:
    """The namespace in an address. An invalid name gives the same response as an unknown address."""
    if not values.NAMESPACE.fullmatch(name):
        raise NotFound("HTTP 404 Not Found")
    if name not in store.namespaces:
        raise NotFound(f"Namespace '{name}' not found.")
    return name


def _name(name: str) -> str:
    try:
        return values.not_blank(name)
    except Unacceptable:
        raise NotFound("HTTP 404 Not Found") from None


def _job(store: Store, namespace: str, name: str) -> Job:
    _namespace(store, namespace)
    job = store.find_job(namespace, name)
    _name(name) if job is None or not name else values.not_blank(name)
    if job is None:
        raise NotFound(f"Job '{name}' not found.")
    return job


def _dataset(store: Store, namespace: str, name: str) -> tuple[Symlink, Dataset]:
    _namespace(store, namespace)
    found = store.find_dataset(namespace, _name(name))
    if found is None:
        raise NotFound(f"Dataset '{name}' not found.")
    return found


def _run(store: Store, run_id: str) -> Run:
    uuid = values.parse_uuid(run_id) if len(run_id) == 36 else None
    if uuid is None:
        raise NotFound("HTTP 404 Not Found")
    if uuid not in store.runs:
        raise NotFound(f"Run '{uuid}' not found.")
    return store.runs[uuid]


def _node(query: Query, *, versioned: bool = False) -> NodeId:
    value = query.required("nodeId")
    if not is_node_id(value):
        raise NotFound("HTTP 404 Not Found")
    values.text(value)
    return parse_node_id(value, versioned=versioned)


# graphs


@route("GET", "lineage")
def lineage(store: Store, query: Query) -> Any:
    return graphs.lineage(store, _node(query), query.number("depth", 20))


@route("GET", "column-lineage")
def column_lineage(store: Store, query: Query) -> Any:
    downstream = query.get("withDownstream") == "true"
    if downstream and "#" in query.required("nodeId"):
        raise Refused(400, "")
    return graphs.column_lineage(store, _node(query, versioned=True), query.number("depth", 20), downstream)


@route("GET", "runlineage/upstream")
def upstream(store: Store, query: Query) -> Any:
    return graphs.upstream_runs(store, _run(store, query.required("runId")).uuid, query.number("depth", 20))


# namespaces


@route("GET", "namespaces")
def list_namespaces(store: Store, query: Query) -> Any:
    rows = sorted(store.namespaces.values(), key=lambda row: row.name)
    return {"namespaces": [answers.namespace(row) for row in query.page(rows)]}


@route("GET", "namespaces/{namespace}")
def get_namespace(store: Store, query: Query, namespace: str) -> Any:
    return answers.namespace(store.namespaces[_namespace(store, namespace)])


@route("DELETE", "namespaces/{namespace}")
def delete_namespace(store: Store, query: Query, namespace: str) -> Any:
    """Hide the namespace and all its content, until it is used again."""
    row = store.namespaces[_namespace(store, namespace)]
    shown = answers.namespace(row)
    row.hidden = True
    for dataset in [dataset for dataset in store.datasets.values() if dataset.namespace == namespace]:
        dataset.hidden = True
    for job in [job for job in store.jobs.values() if job.namespace == namespace]:
        job.hidden = True
    return shown


# jobs and runs


@route("GET", "jobs")
def list_all_jobs(store: Store, query: Query) -> Any:
    return _list_jobs(store, query, [job for job in store.jobs.values() if not job.hidden])


@route("GET", "namespaces/{namespace}/jobs")
def list_jobs(store: Store, query: Query, namespace: str) -> Any:
    if not values.NAMESPACE.fullmatch(namespace):
        raise NotFound("HTTP 404 Not Found")
    return _list_jobs(
        store, query, [job for job in store.jobs.values() if not job.hidden and job.namespace == namespace]
    )


def _list_jobs(store: Store, query: Query, jobs: list[Job]) -> Any:
    wanted = query.all("lastRunStates") or STATES
    latest = {job: store.runs.get(job.current_run) if job.current_run else None for job in jobs}
    shown = [job for job in jobs if latest[job] is None or latest[job].state in wanted]  # type: ignore[union-attr]
    shown.sort(key=lambda job: job.updated_at, reverse=True)
    return {"jobs": [answers.job(store, job, listed=True) for job in query.page(shown)], "totalCount": len(jobs)}


@route("GET", "namespaces/{namespace}/jobs/{job}")
def get_job(store: Store, query: Query, namespace: str, job: str) -> Any:
    return answers.job(store, _job(store, namespace, job))


@route("DELETE", "namespaces/{namespace}/jobs/{job}")
def delete_job(store: Store, query: Query, namespace: str, job: str) -> Any:
    row = _job(store, namespace, job)
    shown = answers.job(store, row)
    row.hidden = True
    return shown


@route("GET", "namespaces/{namespace}/jobs/{job}/runs")
def list_runs(store: Store, query: Query, namespace: str, job: str) -> Any:
    runs = store.runs_of(_job(store, namespace, job))
    runs = sorted(runs, key=lambda run: float("-inf") if run.started_at is None else run.started_at, reverse=True)
    return {"runs": [answers.run(store, run) for run in query.page(runs)], "totalCount": len(runs)}


@route("GET", "namespaces/{namespace}/jobs/{job}/versions")
def list_job_versions(store: Store, query: Query, namespace: str, job: str) -> Any:
    row = _job(store, namespace, job)
    versions = [version for version in store.job_versions.values() if version.job is row]
    versions.sort(key=lambda version: version.created_at, reverse=True)
    return {"versions": [answers.job_version(store, version) for version in query.page(versions)]}


@route("GET", "namespaces/{namespace}/jobs/{job}/versions/{version}")
def get_job_version(store: Store, query: Query, namespace: str, job: str, version: str) -> Any:
    row = _job(store, namespace, job)
    for found in store.job_versions.values():
        if found.job is row and str(found.version) == version:
            return answers.job_version(store, found)
    raise NotFound(f"Job version '{version}' not found.")


@route("GET", "jobs/runs/{run}")
def get_run(store: Store, query: Query, run: str) -> Any:
    return answers.run(store, _run(store, run))


@route("GET", "jobs/runs/{run}/facets")
def get_run_facets(store: Store, query: Query, run: str) -> Any:
    kind = query.required("type").lower()
    row = _run(store, run)
    facets = {"run": store.run_facets[row.uuid], "job": store.job_facets_of_run(row.uuid)}.get(kind)
    return "" if not facets else {"runId": str(row.uuid), "facets": answers.merged(facets)}


# datasets


@route("GET", "namespaces/{namespace}/datasets")
def list_datasets(store: Store, query: Query, namespace: str) -> Any:
    """List the datasets. Only the first ten have their facets."""
    _namespace(store, namespace)
    rows = [(name, dataset) for name, dataset in store.visible_datasets() if name.namespace == namespace]
    rows.sort(key=lambda row: row[0].name)
    page = query.page(rows)
    answers.check_column_lineage(store, page)
    return {
        "datasets": [answers.dataset(store, *row, listed=True, facets=index < 10) for index, row in enumerate(page)],
        "totalCount": len(rows),
    }


@route("GET", "namespaces/{namespace}/datasets/{dataset}")
def get_dataset(store: Store, query: Query, namespace: str, dataset: str) -> Any:
    row = _dataset(store, namespace, dataset)
    answers.check_column_lineage(store, [row])
    return answers.dataset(store, *row)


@route("DELETE", "namespaces/{namespace}/datasets/{dataset}")
def delete_dataset(store: Store, query: Query, namespace: str, dataset: str) -> Any:
    name, row = _dataset(store, namespace, dataset)
    shown = answers.dataset(store, name, row)
    row.hidden = True
    return shown


@route("GET", "namespaces/{namespace}/datasets/{dataset}/versions")
def list_dataset_versions(store: Store, query: Query, namespace: str, dataset: str) -> Any:
    """List the versions of a dataset, by the name under which they were written. A second name of any dataset hides
    them.
    """
    _dataset(store, namespace, dataset)
    versions = [v for v in store.versions.values() if (v.namespace, v.name) == (namespace, dataset)]
    versions.sort(key=lambda version: version.created_at, reverse=True)
    second_names = {name.name for name in store.symlinks.values() if not name.primary}
    rows = [(name, v) for v in versions for name in store.names_of(v.dataset) if name.name not in second_names]
    shown = [answers.dataset_version(store, *row, listed=True) for row in query.page(rows)]
    return {"versions": shown, "totalCount": len(versions)}


@route("GET", "namespaces/{namespace}/datasets/{dataset}/versions/{version}")
def get_dataset_version(store: Store, query: Query, namespace: str, dataset: str, version: str) -> Any:
    """One version. The original finds it once for each name of its dataset, and allows one."""
    name, row = _dataset(store, namespace, dataset)
    for found in store.versions.values():
        if found.dataset is row and version in (str(found.uuid), str(found.version)):
            if len(list(store.names_of(row))) > 1:
                raise Failed("IllegalStateException: Multiple values for optional")
            return answers.dataset_version(store, name, found, listed=False)
    raise NotFound(f"Dataset version '{version}' not found.")


# events and search


@route("GET", "events/lineage")
def list_events(store: Store, query: Query) -> Any:
    before = parse_time(query.get("before", "2030-01-01T00:00:00+00:00") or "")
    after = parse_time(query.get("after", "1970-01-01T00:00:00+00:00") or "")
    within = [raw for raw in store.raw_events if after <= raw.event_time < before]
    newest_first = (query.get("sortDirection") or "desc").lower() == "desc"
    runs = sorted(
        (raw for raw in within if raw.kind == "RUN_EVENT"), key=lambda raw: raw.event_time, reverse=newest_first
    )
    return {"events": [completed(raw.event, RUN_EVENT) for raw in query.page(runs)], "totalCount": len(within)}


@route("GET", "search")
def search(store: Store, query: Query) -> Any:
    text, wanted, namespace = query.required("q").lower(), query.get("filter"), query.get("namespace")
    rows = [("DATASET", name.namespace, name.name, dataset.updated_at) for name, dataset in store.visible_datasets()]
    rows += [("JOB", job.namespace, job.name, job.updated_at) for job in store.jobs.values() if not job.hidden]
    found = [row for row in rows if text in row[2].lower() and wanted in (None, row[0]) and namespace in (None, row[1])]
    results = [
        {
            "type": kind,
            "name": name,
            "updatedAt": instant(updated_at),
            "namespace": where,
            "nodeId": str(NodeId(kind.lower(), values.namespace_name(where), values.not_blank(name))),
        }
        for kind, where, name, updated_at in found[: query.number("limit", 10)]
    ]
    return {"totalCount": len(results), "results": results}
