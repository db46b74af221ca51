"""DataHub's profile: names that become URNs, types in its words, and no facet that would overwrite what it knows. Pure.

DataHub makes URNs of names and replaces whole aspects of an entity (`OpenLineagePlatformResolver`,
`OpenLineageDatasetMapper`, `OpenLineageRunMapper` of datahub-project/datahub; the commits are in
tests/delivery/profiles/recorded/datahub.json).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from prefect_lineage_events.delivery.profiles.base import Profile
from prefect_lineage_events.delivery.profiles.datahub_types import type_name
from prefect_lineage_events.openlineage.facets import Event, Facet, run_key

_PATH = "/openapi/openlineage/api/v1/lineage"
# An address that `java.net.URI` can parse; a dataset with another one is lost without a word.
_URI = re.compile(r"(?:[A-Za-z0-9._~:/?@!$&'*+;=\-]|%[0-9A-Fa-f]{2})+", re.ASCII)
# docs/what/urn.md: these characters separate the parts of a URN. DataHub's own sources encode them like this.
_RESERVED = str.maketrans({",": "%2C", "(": "%28", ")": "%29", "\u241f": "%E2%90%9F"})
# Platforms by the scheme of a namespace (`PLATFORM_MAP`, `HdfsPlatform`). The scheme is the platform elsewhere.
_PLATFORMS = {
    "awsathena": "athena",
    "sqlserver": "mssql",
    "s3a": "s3",
    "s3n": "s3",
    "gs": "gcs",
    "abfs": "abs",
    "abfss": "abs",
    "wasb": "abs",
    "wasbs": "abs",
}
_STORES_OF_FILES = frozenset({"s3", "gcs", "abs", "dbfs", "file"})
# `UrnValidationUtil.URN_NUM_BYTES_LIMIT`, for the URN in URL encoding: a longer one makes the whole event fail.
_MAX_URN = 512
_URN = "urn:li:dataset:(urn:li:dataPlatform:{},{},NON_PROD)"
# DataHub's Snowflake source writes names of tables and columns in lower case, by default.
_LOWER_CASE = "snowflake://"
# Facets that DataHub stores in the place of what its own sources know, or reads as something else: `dataSource` and
# `catalog` as the platform's instance, `symlinks` as a Hive table in the place of the dataset.
_DROPPED = frozenset({"dataSource", "catalog", "storage", "version", "symlinks", "hierarchy"})
_GLUE = ("arn:aws:glue:", "aws:glue:")

_Dataset = dict[str, Any]


class DataHub(Profile):
    """DataHub draws a job with the inputs and outputs of the last event received."""

    name = "datahub"
    shows_last_event = True
    # A run that goes on would replace the edges of its job by those known so far.
    accepts_running = False

    def matches(self, address: str) -> bool:
        return address.rstrip("/").endswith(_PATH)

    def shape(self, events: Sequence[Event]) -> list[Event]:
        """Return events of which DataHub loses nothing, and that overwrite nothing its own sources know.

        The `parent` facet is left out: DataHub would draw the parent, as a job of an unknown orchestrator, above the
        run. The first part of the job's name is its DataFlow anyway.
        """
        return [_shaped(event) for event in events]


DATAHUB = DataHub()


def _shaped(event: Event) -> Event:
    run_facets = {key: value for key, value in event["run"]["facets"].items() if key != "parent"}
    if "jobDependencies" in run_facets:
        run_facets["jobDependencies"] = _dependencies(run_facets["jobDependencies"])
    if "tags" in run_facets:
        run_facets["tags"] = _tags(run_facets["tags"])
    left_out = sum(not _fits(one) for one in (*event["inputs"], *event["outputs"]))
    if left_out and (key := run_key(run_facets)) in run_facets:
        run_facets[key] = {**run_facets[key], "leftOut": {"datasets": left_out}}
    return {
        **event,
        "run": {**event["run"], "facets": run_facets},
        "job": {**_job(event["job"]), "facets": _job_facets(event["job"]["facets"])},
        "inputs": [_dataset(one) for one in event["inputs"] if _fits(one)],
        "outputs": [_dataset(one) for one in event["outputs"] if _fits(one)],
    }


def _job(job: dict[str, Any]) -> dict[str, Any]:
    """The job by a name that is part of a URN. What is before its first dot names the DataFlow, and is not empty."""
    name = _encoded(str(job["name"]))
    return {**job, "namespace": _encoded(str(job["namespace"])), "name": f"_{name}" if name.startswith(".") else name}


def _job_facets(facets: dict[str, Facet]) -> dict[str, Facet]:
    return {key: _tags(value) if key == "tags" else value for key, value in facets.items() if key != "lineage"}


def _tags(facet: Facet) -> Facet:
    return {**facet, "tags": [{**tag, "key": _encoded(str(tag["key"]))} for tag in facet["tags"]]}


def _dependencies(facet: Facet) -> Facet:
    shaped = dict(facet)
    for side in ("upstream", "downstream"):
        if side in facet:
            shaped[side] = [{**one, "job": _job(one["job"])} for one in facet[side]]
    return shaped


def _named(dataset: Mapping[str, Any]) -> dict[str, str]:
    """The namespace and name of which DataHub makes the URN that its own source gives this dataset.

    Where the two are no address together, the namespace is the bare platform, which DataHub does not parse.
    """
    namespace, name = str(dataset["namespace"]), str(dataset["name"])
    if namespace.startswith(_LOWER_CASE):
        name = name.lower()
    scheme, separator, authority = namespace.partition("://")
    if not separator:
        return {"namespace": namespace, "name": _encoded(name)}
    if _URI.fullmatch(f"{authority}/{name}"):
        return {"namespace": namespace, "name": name}
    platform = _PLATFORMS.get(scheme, scheme)
    if platform in _STORES_OF_FILES:
        name = f"{authority}/{name}".replace("//", "/").strip("/") if authority else name
    return {"namespace": platform, "name": _encoded(name).replace("://", ":%2F%2F")}


def _fits(dataset: Mapping[str, Any]) -> bool:
    """Return whether the dataset's URN is short enough."""
    named = _named(dataset)
    scheme, _, authority = named["namespace"].partition("://")
    platform = _PLATFORMS.get(scheme, scheme)
    path = f"{authority}/{named['name']}" if authority and platform in _STORES_OF_FILES else named["name"]
    return len(quote_plus(_URN.format(platform, path))) <= _MAX_URN


def _dataset(dataset: _Dataset) -> _Dataset:
    facets = {key: value for key, value in dataset.get("facets", {}).items() if key not in _DROPPED}
    spelled: Callable[[str], str] = str.lower if str(dataset["namespace"]).startswith(_LOWER_CASE) else str
    if fields := facets.pop("schema", {}).get("fields"):
        columns = {spelled(field["name"]): field for field in reversed(fields) if field["name"].strip()}
        schema = [_column(name, columns[name]) for name in reversed(columns)]
        facets["schema"] = {**dataset["facets"]["schema"], "fields": schema}
    if edges := facets.pop("columnLineage", None):
        fields = {_encoded(spelled(column)): _into(into) for column, into in edges["fields"].items()}
        if fields := {column: into for column, into in fields.items() if into["inputFields"]}:
            facets["columnLineage"] = {**{k: v for k, v in edges.items() if k != "dataset"}, "fields": fields}
    if previous := facets.get("lifecycleStateChange", {}).get("previousIdentifier"):
        facets["lifecycleStateChange"] = {**facets["lifecycleStateChange"], "previousIdentifier": _named(previous)}
    if glue := _glue(dataset):
        facets["symlinks"] = glue
    return {**dataset, **_named(dataset), "facets": facets}


def _column(name: str, field: dict[str, Any]) -> dict[str, Any]:
    """A column with DataHub's word for its type. A missing type is an error to older versions."""
    described = {key: value for key, value in field.items() if key not in ("name", "type")}
    return {"name": name, "type": type_name(str(field.get("type") or "unknown")), **described}


def _into(into: dict[str, Any]) -> dict[str, Any]:
    return {**into, "inputFields": [_field(one) for one in into["inputFields"] if _fits(one)]}


def _field(one: dict[str, Any]) -> dict[str, Any]:
    column = one["field"].lower() if str(one["namespace"]).startswith(_LOWER_CASE) else one["field"]
    return {**one, **_named(one), "field": _encoded(column)}


def _glue(dataset: _Dataset) -> Facet | None:
    """The table's name in AWS Glue, the one symlink by which DataHub finds the right dataset."""
    facet = dataset.get("facets", {}).get("symlinks", {})
    kept = [one for one in facet.get("identifiers", []) if str(one["namespace"]).startswith(_GLUE)]
    return {**facet, "identifiers": kept} if kept else None


def _encoded(text: str) -> str:
    return text.translate(_RESERVED)
