"""OpenMetadata's OpenLineage endpoint, as far as its published code shows it: a stand-in, proved against a record.

The record, with the commits of the files that were read, is tests/delivery/profiles/recorded/openmetadata.json. No real
OpenMetadata ran.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Version = Literal["1.12", "main"]
Named = tuple[str, str]


@dataclass
class OpenMetadata:
    """A receiver that knows these tables, by name, with their columns. `version`: that of its responses."""

    tables: dict[str, set[str]]
    version: Version = "main"
    off: bool = False
    edges: dict[Named, str] = field(default_factory=dict)
    columns: set[Named] = field(default_factory=set)

    def answer(self, event: Mapping[str, Any]) -> tuple[int, str, dict[str, str]]:
        status, body = self.receive(event)
        return status, json.dumps(body), {"Content-Type": "application/json"}

    def receive(self, event: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.off:
            return 503, {"status": "failure", "message": "OpenLineage API is disabled", "lineageEdgesCreated": 0}
        inputs, outputs = event.get("inputs") or [], event.get("outputs") or []
        if event.get("eventType") != "COMPLETE" or not inputs or not outputs:
            return 200, self._response(0, [])
        unknown = list(dict.fromkeys(d["name"] for d in (*inputs, *outputs) if d["name"] not in self.tables))
        parent = event["run"].get("facets", {}).get("parent", {}).get("job")
        pipeline = (parent or event["job"])["name"]
        drawn = sum(
            self._draw(source["name"], output, pipeline)
            for output in outputs
            for source in inputs
            if source["name"] in self.tables and output["name"] in self.tables
        )
        body = self._response(drawn, unknown if self.version == "main" else [])
        return (400 if body["status"] == "failure" else 200), body

    def _draw(self, source: str, output: Mapping[str, Any], pipeline: str) -> bool:
        target = output["name"]
        pairs = [pair for pair in self._column_edges(output) if pair[0][0] == source]
        if any(column not in self.tables[table] for pair in pairs for table, column in pair):
            return False  # LineageRepository validates columns, and the resource counts and logs the failure
        self.edges[source, target] = pipeline
        self.columns |= {(".".join(a), ".".join(b)) for a, b in pairs}
        return True

    def _column_edges(self, output: Mapping[str, Any]) -> Iterator[tuple[Named, Named]]:
        facet = output.get("outputFacets", {}).get("columnLineage")
        if facet is None and self.version == "main":
            facet = output.get("facets", {}).get("columnLineage")
        for column, into in (facet or {"fields": {}})["fields"].items():
            for one in into["inputFields"]:
                yield (one["name"], one["field"]), (output["name"], column)

    def _response(self, drawn: int, unknown: list[str]) -> dict[str, Any]:
        if self.version == "1.12":
            message = f"Created {drawn} lineage edge(s)" if drawn else "Event processed, no lineage edges created"
            return {"status": "success", "message": message, "lineageEdgesCreated": drawn}
        status = "success" if not unknown else "partial_success" if drawn else "failure"
        return {
            "status": status,
            "message": f"{drawn} edges, {len(unknown)} datasets could not be resolved",
            "lineageEdgesCreated": drawn,
            "unresolvedDatasets": [{"namespace": "n", "name": one, "reason": "TABLE_NOT_FOUND"} for one in unknown],
            "unresolvedJobs": [],
        }
