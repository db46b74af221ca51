"""A walk through all that a Marquez shows: each list, object and graph is requested once, page by page.

    python -m tests.marquez.walk http://127.0.0.1:5000 [JOB_NAMESPACE ...]

The walk starts at the jobs, of the given namespaces or of all, and goes on to each run, version, dataset, column,
source and namespace that a response names. It prints the responses that are errors, with their addresses, and those
that any producer would meet with their reason (`known_faults.py`). The exit code is 0 if there are no others.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from tests.marquez.known_faults import (
    HIDDEN_VERSIONS,
    NO_COLUMNS,
    RETYPED_COLUMN,
    SECOND_NAME,
    UNWRITTEN_INPUT,
    KnownFault,
)

PAGE = 20
"""As many as Marquez's own pages show of jobs and datasets."""
PERIODS = ("DAY", "WEEK")


class Reader(Protocol):
    def get(self, path: str, **query: str) -> tuple[int, Any]:
        """Request a path below the API's root; returns the status and the JSON."""


@dataclass(frozen=True)
class Fault:
    """A response that is an error, or a list that has other items than it says."""

    path: str
    status: int
    message: str
    known: KnownFault | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.path}: {self.known.reason if self.known else self.message}"


@dataclass
class Walk:
    """The faults that a walk found, and the number of its requests."""

    faults: list[Fault] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    """Counted by kind."""

    @property
    def unknown(self) -> list[Fault]:
        return [fault for fault in self.faults if fault.known is None]

    @property
    def known(self) -> set[KnownFault]:
        return {fault.known for fault in self.faults if fault.known}


def walk(server: Reader, *namespaces: str) -> Walk:
    """Request everything about the jobs of these namespaces; about all jobs if none is given."""
    walker = _Walker(server)
    walker.lists_of_all()
    for job in walker.pages("jobs"):
        if not namespaces or job["namespace"] in namespaces:
            walker.add("job", job["namespace"], job["name"])
            walker.add("jobs of namespace", job["namespace"])
    return walker.visit_all()


Known = tuple[KnownFault, Callable[[], bool]]
"""A fault, and whether it applies. That is asked at the end, when everything has been shown."""


class _Walker:
    def __init__(self, server: Reader) -> None:
        self._found = Walk()
        self._shown = _Shown()
        self._faults: list[tuple[Fault, Known | None]] = []
        self._server = server
        self._seen: set[tuple[str, ...]] = set()
        self._ahead: deque[tuple[str, ...]] = deque()
        self._visit: dict[str, Callable[..., None]] = {
            "jobs of namespace": self._jobs_of_namespace,
            "job": self._job,
            "run": self._run,
            "datasets of namespace": self._datasets_of_namespace,
            "dataset": self._dataset,
            "source": self._source,
        }

    def add(self, *subject: str) -> None:
        """Visit this later, once: a kind and the parts of a name."""
        if subject not in self._seen:
            self._seen.add(subject)
            self._ahead.append(subject)

    def visit_all(self) -> Walk:
        while self._ahead:
            kind, *name = self._ahead.popleft()
            self._visit[kind](*name)
        for fault, known in self._faults:
            applies = known and known[0].status == fault.status and known[1]()
            self._found.faults.append(replace(fault, known=known[0]) if known and applies else fault)
        return self._found

    # requests

    def ask(self, kind: str, path: str, known: Known | None = None, **query: str) -> Any:
        """The JSON of a response; an empty object after an error."""
        self._found.requests[kind] += 1
        status, answer = self._server.get(path, **query)
        if status in (200, 204) and not (isinstance(answer, dict) and {"errors", "code"} & answer.keys()):
            return answer or {}
        self._faults.append((Fault(f"{path}?{urlencode(query)}", status, str(answer)[:200]), known))
        return {}

    def pages(self, path: str, rows: str = "", known: Known | None = None, **query: str) -> list[Any]:
        """All items of a list. A list that says how many it has must have as many."""
        rows = rows or path.rpartition("/")[2]
        items: list[Any] = []
        while True:
            page = self.ask(f"list of {rows}", path, limit=str(PAGE), offset=str(len(items)), **query)
            items += page.get(rows, [])
            if len(page.get(rows, [])) < PAGE:
                break
        if (total := page.get("totalCount", len(items))) != len(items):
            self._faults.append((Fault(path, 200, f"{len(items)} of {total} {rows}"), known))
        return items

    # all

    def lists_of_all(self) -> None:
        self.ask("tags", "tags")
        for counted in ("lineage-events", "jobs", "datasets", "sources"):
            for period in PERIODS:
                self.ask("stats", f"stats/{counted}", period=period, timezone="UTC")
        self.pages("namespaces")
        for source in self.pages("sources"):
            self.add("source", source["name"])
        for direction in ("asc", "desc"):
            for event in self.pages("events/lineage", "events", sortDirection=direction):
                for dataset in (*event.get("inputs", []), *event.get("outputs", [])):
                    self._shown.types_of(dataset)

    def _source(self, name: str) -> None:
        self.ask("source", f"sources/{_part(name)}")

    # jobs and runs

    def _jobs_of_namespace(self, namespace: str) -> None:
        self.ask("namespace", f"namespaces/{_part(namespace)}")
        self.pages(f"namespaces/{_part(namespace)}/jobs")

    def _job(self, namespace: str, name: str) -> None:
        path = f"namespaces/{_part(namespace)}/jobs/{_part(name)}"
        self._add_datasets(self.ask("job", path))
        for version in self.pages(f"{path}/versions"):
            self._add_datasets(self.ask("job version", f"{path}/versions/{version['version']}"))
        runs = self.pages(f"{path}/runs")
        for run in runs:
            self.add("run", run["id"])
        latest = max(runs, key=lambda run: str(run["createdAt"]), default={"outputDatasetVersions": []})
        written = {_name(used["datasetVersionId"]) for used in latest["outputDatasetVersions"]}
        self._graph(f"job:{namespace}:{name}")
        self._column_graph(f"job:{namespace}:{name}", lambda: not written & self._shown.with_columns)
        self.ask("search", "search", q=name)

    def _run(self, run: str) -> None:
        shown = self.ask("run", f"jobs/runs/{run}")
        for side in ("inputDatasetVersions", "outputDatasetVersions"):
            self._add_datasets({"inputs": [used["datasetVersionId"] for used in shown.get(side, [])]})
        for kind in ("run", "job"):
            self.ask("run facets", f"jobs/runs/{run}/facets", type=kind)
        self._shown.reads[run] = {_name(used["datasetVersionId"]) for used in shown.get("inputDatasetVersions", [])}
        known = (UNWRITTEN_INPUT, lambda: self._shown.reads_unwritten(run))
        for above in self.ask("upstream runs", "runlineage/upstream", known, runId=run).get("runs", []):
            self.add("run", above["run"]["id"])
            self._add_datasets(above)

    # datasets

    def _add_datasets(self, of: dict[str, Any]) -> None:
        for dataset in (*of.get("inputs", []), *of.get("outputs", [])):
            self.add("dataset", *_name(dataset))
            self.add("datasets of namespace", dataset["namespace"])

    def _datasets_of_namespace(self, namespace: str) -> None:
        self.ask("namespace", f"namespaces/{_part(namespace)}")
        self.pages(f"namespaces/{_part(namespace)}/datasets")

    def _dataset(self, *name: str) -> None:
        path, node = _path_of(*name), ":".join(("dataset", *name))
        shown = self.ask("dataset", path)
        columns = [column["name"] for column in shown.get("fields", [])]
        if columns:
            self._shown.with_columns.add(name)
        for column in columns:
            known = (RETYPED_COLUMN, lambda column=column: self._shown.is_retyped(name, column))
            self.ask("column graph", "column-lineage", known, nodeId=":".join(("datasetField", *name, column)))
        second_names = shown.get("facets", {}).get("symlinks", {}).get("identifiers", [])
        if second_names:
            self._shown.with_several_names |= {name, *map(_name, second_names)}
        for second in second_names:
            self.add("dataset", *_name(second))
            self._shown.first_names[_name(second)] = name
            self._shown.second_names.add(second["name"])
        self._versions(name, path, shown.get("currentVersion"))
        self._graph(node)
        self._column_graph(node, lambda: not columns)
        self._column_graph(node, lambda: not columns, withDownstream="true")
        self.ask("search", "search", q=name[1])

    def _versions(self, name: tuple[str, ...], path: str, current: str | None) -> None:
        known = (HIDDEN_VERSIONS, lambda: name[1] in self._shown.second_names)
        versions = self.pages(f"{path}/versions", known=known)
        for version in versions:
            has_columns = bool(version["fields"])
            self._column_graph(":".join(("dataset", *name)) + f"#{version['version']}", lambda has=has_columns: not has)
            writer = version["createdByRun"]
            self._shown.writers[name].add(writer and writer["id"])
            if writer:
                self.add("run", writer["id"])
        for id_ in {*(version["version"] for version in versions), current} - {None}:
            known = (SECOND_NAME, lambda: name in self._shown.with_several_names)
            self.ask("dataset version", f"{path}/versions/{id_}", known)

    def _graph(self, node: str) -> None:
        """Request a graph; its jobs and datasets are visited as well."""
        for shown in self.ask("graph", "lineage", nodeId=node).get("graph", []):
            if shown["type"] == "JOB":
                self.add("job", *_name(shown["data"]))
            else:
                self._add_datasets({"inputs": [shown["data"]]})

    def _column_graph(self, node: str, without_columns: Callable[[], bool], **query: str) -> None:
        known = (NO_COLUMNS, without_columns)
        for shown in self.ask("column graph", "column-lineage", known, nodeId=node, **query).get("graph", []):
            self.add("dataset", shown["data"]["namespace"], shown["data"]["dataset"])


class _Shown:
    """Facts from responses on which known faults depend. Datasets are pairs of namespace and name."""

    def __init__(self) -> None:
        self.with_columns: set[tuple[str, ...]] = set()
        self.with_several_names: set[tuple[str, ...]] = set()
        self.second_names: set[str] = set()
        self.first_names: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.types: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        """Of a column, in all events."""
        self.reads: dict[str | None, set[tuple[str, ...]]] = {}
        self.writers: defaultdict[tuple[str, ...], set[str | None]] = defaultdict(set)
        """The runs that wrote the versions of a dataset; None for a version that no run wrote."""

    def types_of(self, dataset: dict[str, Any]) -> None:
        """Note the types of an event's columns."""
        schema = (dataset.get("facets") or {}).get("schema") or {}
        for column in schema.get("fields") or ():
            self.types[(*_name(dataset), column["name"])].add(column.get("type"))

    def is_retyped(self, dataset: tuple[str, ...], column: str) -> bool:
        names = {dataset, self.first_names.get(dataset, dataset)}
        return any(len(self.types[(*name, column)]) > 1 for name in names)

    def reads_unwritten(self, run: str) -> bool:
        """Return whether the run, or one that wrote for it, read a dataset that no run wrote."""
        seen: set[str | None] = set()
        ahead: set[str | None] = {run}
        while ahead and None not in ahead:
            seen |= ahead
            read = {dataset for one in ahead for dataset in self.reads.get(one, ())}
            ahead = {writer for dataset in read for writer in self.writers[dataset]} - seen
        return None in ahead


def _path_of(namespace: str, dataset: str) -> str:
    return f"namespaces/{_part(namespace)}/datasets/{_part(dataset)}"


def _name(dataset: dict[str, str]) -> tuple[str, ...]:
    return dataset["namespace"], dataset["name"]


def _part(name: str) -> str:
    return quote(name, safe="")


def main() -> int:
    from tests.openlineage.on_marquez import OverHttp

    found = walk(OverHttp(sys.argv[1].rstrip("/")), *sys.argv[2:])
    for fault in sorted(found.faults, key=str):
        print(f"{'known' if fault.known else 'UNKNOWN'}: {fault}")
    asked = ", ".join(f"{kind}: {count}" for kind, count in sorted(found.requests.items()))
    print(f"{found.requests.total()} requests ({asked}); {len(found.faults)} errors, {len(found.unknown)} unknown")
    return 1 if found.unknown else 0


if __name__ == "__main__":
    sys.exit(main())
