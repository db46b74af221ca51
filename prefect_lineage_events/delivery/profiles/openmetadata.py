"""OpenMetadata's profile: one event for each output, and the reading of its responses. Pure.

OpenMetadata joins every input of an event with every output, and reads nothing but the parts that are named here
(`OpenLineageMapper`, `OpenLineageEntityResolver` and `openLineageFacets.json` of open-metadata/OpenMetadata; the
commits are in tests/delivery/profiles/recorded/openmetadata.json).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prefect_lineage_events.credentials import without_credentials
from prefect_lineage_events.delivery.profiles.base import Profile
from prefect_lineage_events.openlineage.facets import Event, Facet

_PATH = "/v1/openlineage/lineage"
_NOT_ITS_OWN = "the response is not one of OpenMetadata's: see OPENLINEAGE_URL and OPENLINEAGE_ENDPOINT"
_MAX_NAMED = 5
_MAX_MESSAGE = 300
# The parts of each facet that the target's schema has; others would be unknown to it.
_READ: Mapping[str, tuple[str, ...]] = {
    "symlinks": ("identifiers",),
    "documentation": ("description",),
    "ownership": ("owners",),
}

_Dataset = dict[str, Any]
_Name = tuple[str, str]


class OpenMetadata(Profile):
    """OpenMetadata draws edges between tables that it knows, and responds with 200 if it has drawn none."""

    name = "openmetadata"
    # It skips all events but COMPLETE.
    accepts_running = False

    def matches(self, address: str) -> bool:
        return address.rstrip("/").endswith(_PATH)

    def shape(self, events: Sequence[Event]) -> list[Event]:
        """Return an event for each output of a completed run, with the inputs of this output only.

        Events without an edge are left out, since OpenMetadata skips them: START, FAIL, ABORT, outputs without a known
        source. So is an edge from a table to itself. The job is the pipeline of the edges; with the `parent` facet it
        would be the parent's. The text of a query is kept if the run has one output: it is stated for all edges.
        """
        return [one for event in events if event["eventType"] == "COMPLETE" for one in _for_each_output(event)]

    def unplaced(self, event: Event, status: int, content: Any) -> str | None:
        """Return the reason for which it has not drawn all edges of the event; None if it has."""
        found = content if isinstance(content, dict) else {}
        word, drawn = str(found.get("status", "")).lower(), found.get("lineageEdgesCreated")
        drawn = drawn if isinstance(drawn, int) else 0
        if status == 400:
            # Versions since `OpenLineageResponses` refuse an event of which they have drawn nothing.
            return _reason(event, found, drawn) if word == "failure" and "unresolvedDatasets" in found else None
        if not 200 <= status < 300:
            return None
        if not word:
            return _NOT_ITS_OWN
        return None if word == "success" and drawn >= len(event["inputs"]) else _reason(event, found, drawn)


OPENMETADATA = OpenMetadata()


def _reason(event: Event, found: Mapping[str, Any], drawn: int) -> str:
    into = ", ".join(str(output["name"]) for output in event["outputs"])
    message = without_credentials(str(found.get("message") or "no message"), _MAX_MESSAGE)
    unresolved = found.get("unresolvedDatasets")
    named = [one for one in unresolved if isinstance(one, dict)] if isinstance(unresolved, list) else []
    unknown = "; ".join(without_credentials(_unresolved(one), _MAX_MESSAGE) for one in named[:_MAX_NAMED])
    text = f"{drawn} of {len(event['inputs'])} edges into {into} are drawn, as OpenMetadata must know both ends"
    return f"{text} ({message}{f': {unknown}' if unknown else ''})"


def _unresolved(one: Mapping[str, Any]) -> str:
    return f"{one.get('namespace')} {one.get('name')} {one.get('reason')}"


def _for_each_output(event: Event) -> Iterator[Event]:
    known = {_name(dataset): dataset for dataset in event["inputs"]}
    sources = _sources(event)
    job = _job(event["job"], with_query=len(event["outputs"]) == 1)
    for output in event["outputs"]:
        target = _name(output)
        of_target = [source for source in sources.get(target, known) if source != target]
        if of_target:
            inputs = [_dataset(known.get(name, {"namespace": name[0], "name": name[1]})) for name in of_target]
            run = {"runId": event["run"]["runId"], "facets": _run_facets(event["run"]["facets"])}
            yield {**event, "run": run, "job": job, "inputs": inputs, "outputs": [_output(output, of_target)]}


def _sources(event: Event) -> dict[_Name, list[_Name]]:
    """The sources of each output by the explicit edges (facet `lineage`), also of those that pass through the job."""
    entries = event["job"]["facets"].get("lineage", {}).get("entries", [])
    through: dict[str, list[_Name]] = {}
    for entry in entries:
        if entry["type"] == "JOB":
            through[str(entry.get("runId"))] = [_name(one) for one in entry["inputs"] if one["type"] == "DATASET"]
    found: dict[_Name, list[_Name]] = {}
    for entry in entries:
        if entry["type"] == "DATASET":
            found[_name(entry)] = list(dict.fromkeys(_ends(entry["inputs"], through)))
    return found


def _ends(inputs: Iterable[dict[str, Any]], through: Mapping[str, list[_Name]]) -> Iterator[_Name]:
    for one in inputs:
        if one["type"] == "JOB":
            yield from through.get(str(one.get("runId")), [])
        else:
            yield _name(one)


def _job(job: dict[str, Any], *, with_query: bool) -> dict[str, Any]:
    facets: dict[str, Facet] = {}
    if with_query and "sql" in job["facets"]:
        facets["sql"] = _only(job["facets"]["sql"], "query")
    if "ownership" in job["facets"]:
        facets["ownership"] = _only(job["facets"]["ownership"], "owners")
    return {"namespace": job["namespace"], "name": job["name"], "facets": facets}


def _run_facets(facets: dict[str, Facet]) -> dict[str, Facet]:
    engine = facets.get("processing_engine")
    kept = ("version", "name", "openlineageAdapterVersion")
    return {"processing_engine": _only(engine, *kept)} if engine else {}


def _dataset(dataset: _Dataset) -> _Dataset:
    facets = dataset.get("facets", {})
    kept = {key: _only(facets[key], *parts) for key, parts in _READ.items() if key in facets}
    if columns := [_column(one) for one in facets.get("schema", {}).get("fields", []) if one.get("type")]:
        kept["schema"] = {**_only(facets["schema"]), "fields": columns}
    return {"namespace": dataset["namespace"], "name": dataset["name"], "facets": kept}


def _column(column: dict[str, Any]) -> dict[str, Any]:
    return {key: column[key] for key in ("name", "type", "description") if column.get(key) is not None}


def _output(output: _Dataset, sources: Sequence[_Name]) -> _Dataset:
    """The output, with its column edges where each version reads them: 1.12 in `outputFacets`, later ones in both."""
    described = _dataset(output)
    columns = output["facets"].get("columnLineage")
    fields = _column_edges(columns["fields"], set(sources)) if columns else {}
    if not columns or not fields:
        return described
    facet = {**_only(columns), "fields": fields}
    return {
        **described,
        "facets": {**described["facets"], "columnLineage": facet},
        "outputFacets": {"columnLineage": facet},
    }


def _column_edges(fields: dict[str, Any], sources: set[_Name]) -> dict[str, Any]:
    edges: dict[str, Any] = {}
    for column, into in fields.items():
        kept = [one for one in into["inputFields"] if _name(one) in sources]
        if kept:
            kinds = {str(how.get("subtype") or how["type"]) for one in kept for how in one.get("transformations", ())}
            edges[column] = {
                "inputFields": [{key: one[key] for key in ("namespace", "name", "field")} for one in kept],
                **({"transformationDescription": ", ".join(sorted(kinds))} if kinds else {}),
            }
    return edges


def _only(facet: Facet, *parts: str) -> Facet:
    return {key: facet[key] for key in ("_producer", "_schemaURL", *parts) if facet.get(key) is not None}


def _name(dataset: Mapping[str, Any]) -> _Name:
    return dataset["namespace"], dataset["name"]
