"""Checks of a Marquez that has the shop's flows.

Each check takes the address of a Marquez and the shop, and asserts. The same checks test the stand-in and a real
server.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from tests.marquez.known_faults import KNOWN_FAULTS
from tests.marquez.shop import Shop
from tests.marquez.walk import walk
from tests.openlineage.on_marquez import OverHttp


@dataclass(frozen=True)
class Asked:
    """A client that reads from a Marquez."""

    url: str

    def get(self, path: str, **query: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=query, timeout=120)
        assert answer.status_code == 200, f"{answer.status_code} for {path} {query}: {answer.text[:300]}"
        return answer.json()

    def job(self, namespace: str, name: str) -> Any:
        return self.get(f"namespaces/{quote(namespace, safe='')}/jobs/{quote(name, safe='')}")

    def job_names(self, namespace: str) -> list[str]:
        return sorted(job["name"] for job in self.get(f"namespaces/{quote(namespace, safe='')}/jobs")["jobs"])

    def run(self, run_id: UUID) -> Any:
        return self.get(f"jobs/runs/{run_id}")

    def dataset(self, dataset: dict[str, str]) -> Any:
        return self.get(f"namespaces/{quote(dataset['namespace'], safe='')}/datasets/{quote(dataset['name'], safe='')}")

    def edges(self, namespace: str, job: str, depth: int = 0) -> set[tuple[str, str]]:
        """The edges of the graph around a job: pairs of job names and last parts of table names."""
        graph = self.get("lineage", nodeId=f"job:{namespace}:{job}", depth=str(depth))["graph"]
        names = {node["id"]: _short(node) for node in graph}
        return {
            (names[e["origin"]], names[e["destination"]])
            for node in graph
            for e in [*node["inEdges"], *node["outEdges"]]
        }


def _short(node: dict[str, Any]) -> str:
    name = str(node["data"]["name"])
    return name if node["type"] == "JOB" else name.rpartition(".")[2]


def check_job_graph(url: str, shop: Shop) -> None:
    marquez = Asked(url)
    assert marquez.edges(shop.namespace, "load-orders") == {("load-orders", "customers"), ("load-orders", "orders")}
    assert marquez.edges(shop.namespace, "daily-totals") == {
        ("orders", "daily-totals"),
        ("customers", "daily-totals"),
        ("daily-totals", "totals"),
    }


def check_graph_across_jobs(url: str, shop: Shop) -> None:
    edges = Asked(url).edges(shop.namespace, "load-orders", depth=5)
    assert {("load-orders", "orders"), ("orders", "daily-totals"), ("daily-totals", "totals")} <= edges
    assert {("totals", "daily-totals.pick-best"), ("daily-totals.pick-best", "best")} <= edges


def check_subflow_under_its_parent(url: str, shop: Shop) -> None:
    marquez = Asked(url)
    child = marquez.job(shop.namespace, "daily-totals.pick-best")
    assert (child["simpleName"], child["parentJobName"]) == ("pick-best", "daily-totals")
    assert marquez.job(shop.namespace, "daily-totals")["parentJobName"] is None


def check_jobs_are_the_flows_and_no_others(url: str, shop: Shop) -> None:
    jobs = [
        "check-totals",
        "daily-totals",
        "daily-totals.pick-best",
        "import-prices",
        "load-orders",
        "mirror-customers",
        "stock-up",
        "stock-up.fill_shelves",
    ]
    assert Asked(url).job_names(shop.namespace) == jobs


def check_run_states(url: str, shop: Shop) -> None:
    marquez = Asked(url)
    states = {run: marquez.run(run)["state"] for run in (shop.loading, shop.totals, shop.best, shop.failed)}
    assert states == {
        shop.loading: "COMPLETED",
        shop.totals: "COMPLETED",
        shop.best: "COMPLETED",
        shop.failed: "FAILED",
    }
    for run in states:
        shown = marquez.run(run)
        started, ended = (
            dt.datetime.fromisoformat(shown[key].replace("Z", "+00:00")) for key in ("startedAt", "endedAt")
        )
        assert ended >= started, shown


def check_runs_belong_to_their_jobs(url: str, shop: Shop) -> None:
    marquez = Asked(url)
    runs = {"load-orders": shop.loading, "daily-totals": shop.totals, "daily-totals.pick-best": shop.best}
    for name, run in runs.items():
        found = marquez.get(f"namespaces/{quote(shop.namespace, safe='')}/jobs/{quote(name, safe='')}/runs")["runs"]
        assert [one["id"] for one in found] == [str(run)]


def check_failed_run_keeps_what_it_did(url: str, shop: Shop) -> None:
    marquez = Asked(url)
    assert marquez.edges(shop.namespace, "check-totals") == {("totals", "check-totals"), ("check-totals", "checked")}
    assert "ten" in marquez.get(f"jobs/runs/{shop.failed}/facets", type="run")["facets"]["errorMessage"]["message"]


def check_edges_stay_after_a_failed_run(url: str, shop: Shop) -> None:
    """A failed run shows only its own work; the graph shows that of the last successful run."""
    marquez = Asked(url)
    assert marquez.edges(shop.namespace, "mirror-customers") == {
        ("customers", "mirror-customers"),
        ("mirror-customers", "mirror"),
    }
    assert marquez.run(shop.mirrored)["state"] == "COMPLETED"
    broken = marquez.run(shop.broken)
    assert broken["state"] == "FAILED"
    assert [_table(used["datasetVersionId"]) for used in broken["inputDatasetVersions"]] == ["customers"]
    assert broken["outputDatasetVersions"] == []


def check_tasks_as_jobs_of_their_own(url: str, shop: Shop) -> None:
    """With granularity `task`, a task shows its own lineage, and the flow above it only statements of no task."""
    marquez = Asked(url)
    child = marquez.job(shop.namespace, "stock-up.fill_shelves")
    assert (child["simpleName"], child["parentJobName"]) == ("fill_shelves", "stock-up")
    assert child["latestRun"]["state"] == marquez.run(shop.by_task)["state"] == "COMPLETED"
    assert marquez.edges(shop.namespace, "stock-up.fill_shelves") == {
        ("customers", "stock-up.fill_shelves"),
        ("stock-up.fill_shelves", "shelves"),
    }
    assert marquez.edges(shop.namespace, "stock-up") == set()


def check_schemas(url: str, shop: Shop) -> None:
    marquez = Asked(url)
    outputs = {_table(output): output for output in marquez.job(shop.namespace, "load-orders")["outputs"]}
    fields = {field["name"]: field["type"] for field in marquez.dataset(outputs["orders"])["fields"]}
    assert {name: kind.upper() for name, kind in fields.items()} == {"customer_id": "INTEGER", "amount": "REAL"}


def check_column_lineage(url: str, shop: Shop) -> None:
    """Column lineage is stored with the dataset, and is the same in the graph of columns."""
    marquez = Asked(url)
    (best,) = marquez.job(shop.namespace, "daily-totals.pick-best")["outputs"]
    stored = {
        column["name"]: {(_table({"name": source["dataset"]}), source["field"]) for source in column["inputFields"]}
        for column in marquez.dataset(best)["columnLineage"]
    }
    assert stored["name"] >= {("totals", "name")}
    assert stored["total"] >= {("totals", "total")}
    graph = marquez.get("column-lineage", nodeId=f"dataset:{best['namespace']}:{best['name']}", depth="5")["graph"]
    columns = {(_table({"name": node["data"]["dataset"]}), node["data"]["field"]) for node in graph}
    assert {("best", "total"), ("totals", "total"), ("orders", "amount")} <= columns


def check_versions(url: str, shop: Shop) -> None:
    """START and end carry the same tables, so each has one version, which is the current one."""
    marquez = Asked(url)
    for output in marquez.job(shop.namespace, "load-orders")["outputs"]:
        path = f"namespaces/{quote(output['namespace'], safe='')}/datasets/{quote(output['name'], safe='')}"
        versions = marquez.get(f"{path}/versions")["versions"]
        assert [version["createdByRun"]["id"] for version in versions] == [str(shop.loading)]
        assert marquez.get(path)["currentVersion"] == versions[0]["version"]


def lists_that_answer(url: str) -> tuple[str, ...]:
    """The lists of all objects that respond. On a shared server, events of other users may have broken some before."""
    lists = ("namespaces", "jobs", "sources", "events/lineage")
    return tuple(path for path in lists if httpx.get(f"{url}/api/v1/{path}", timeout=120).status_code == 200)


def check_lists_still_answer(url: str, shop: Shop) -> None:
    marquez = Asked(url)
    assert lists_that_answer(url) == shop.lists_before
    marquez.get(f"namespaces/{quote(shop.namespace, safe='')}/jobs")
    for output in marquez.job(shop.namespace, "load-orders")["outputs"]:
        marquez.get(f"namespaces/{quote(output['namespace'], safe='')}/datasets")


def check_all_addresses_respond(url: str, shop: Shop) -> None:
    """Each list, object and graph responds, but for the faults that Marquez has for any producer; it has all of them."""
    found = walk(OverHttp(url), shop.namespace)
    assert not found.unknown, "\n".join(map(str, found.unknown))
    assert found.known == set(KNOWN_FAULTS)
    kinds = "column graph, dataset, dataset version, graph, job, job version, list of datasets, list of events, list of jobs"
    kinds += ", list of namespaces, list of runs, list of sources, list of versions, namespace, run, run facets, search"
    assert sorted(found.requests) == sorted(f"{kinds}, source, stats, tags, upstream runs".split(", "))


def check_all_was_taken(url: str, shop: Shop) -> None:
    outcomes = {run: assembled.outcome for run, assembled in shop.assembled.items()}
    assert set(outcomes.values()) == {"sent"}
    assert [assembled.rejected for assembled in shop.assembled.values()] == [()] * len(shop.assembled)


def _table(dataset: dict[str, str]) -> str:
    return dataset["name"].rpartition(".")[2]


CHECKS = [check for name, check in sorted(globals().items()) if name.startswith("check_")]
