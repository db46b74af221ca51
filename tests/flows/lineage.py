"""A run's OpenLineage events as a lineage, in the short names of the expectations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]


@dataclass(slots=True)
class SentLineage:
    """The lineage in the last event of a run. Tables have their last part as a name, files their file name, in lower
    case.
    """

    run_id: str
    job: str
    end: str
    parent: str | None
    error: str | None
    description: str | None
    file: str | None
    inputs: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)
    edges: set[tuple[str, str]] = field(default_factory=set)
    known: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    columns: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    rows: dict[str, int | None] = field(default_factory=dict)
    lifecycle: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def sent_lineage(events: list[Event]) -> list[SentLineage]:
    """The lineage of each run, in the order of their first events."""
    last = {event["run"]["runId"]: event for event in events}
    return [_lineage_of(last[run_id]) for run_id in dict.fromkeys(event["run"]["runId"] for event in events)]


def short(dataset: Event) -> str:
    """`shop.public.Orders` is `orders`; `/tmp/x/orders.csv` is `orders.csv`."""
    name = str(dataset["name"]).replace('"', "").casefold()
    return name.rpartition("/")[2] if "/" in name else name.rpartition(".")[2]


def _lineage_of(event: Event) -> SentLineage:
    facets = event["run"]["facets"]
    lineage = SentLineage(
        event["run"]["runId"],
        event["job"]["name"],
        event["eventType"],
        facets.get("parent", {}).get("job", {}).get("name"),
        facets.get("errorMessage", {}).get("message"),
        event["job"]["facets"].get("documentation", {}).get("description"),
        event["job"]["facets"].get("sourceCodeLocation", {}).get("path", "").rpartition("/")[2],
        {short(d) for d in event["inputs"]},
        {short(d) for d in event["outputs"]},
    )
    for entry in event["job"]["facets"].get("lineage", {}).get("entries", []):
        for source in entry.get("inputs", []):
            lineage.edges.add((short(source), short(entry)))
            lineage.known[short(entry)].update(_ways(source))
    for output in event["outputs"]:
        for column, source in _column_edges(output):
            lineage.columns[f"{short(output)}.{column}"].add(source)
        if "lifecycleStateChange" in output["facets"]:
            lineage.lifecycle[short(output)] = output["facets"]["lifecycleStateChange"]["lifecycleStateChange"]
    for dataset in (*event["inputs"], *event["outputs"]):
        lineage.names[short(dataset)].add(dataset["name"])
        lineage.kinds[short(dataset)] = dataset["facets"]["datasetType"]["datasetType"]
        counted = {**dataset.get("inputFacets", {}), **dataset.get("outputFacets", {})}
        for name, facet in counted.items():
            if name.endswith("Statistics"):
                lineage.rows[short(dataset)] = facet.get("rowCount")
    return lineage


def _ways(source: Event) -> Iterator[str]:
    for transformation in source.get("transformations", []):
        yield from transformation["description"].removeprefix("known from: ").split(", ")


def _column_edges(output: Event) -> Iterator[tuple[str, str]]:
    for column, facet in output["facets"].get("columnLineage", {}).get("fields", {}).items():
        for source in facet["inputFields"]:
            if any(t["type"] == "DIRECT" for t in source.get("transformations", [])):
                yield column.casefold(), f"{short(source)}.{source['field'].casefold()}"
