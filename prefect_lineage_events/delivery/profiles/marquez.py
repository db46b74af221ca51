"""Marquez's profile: the shape of events that its lists and graphs can take. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest
from typing import Any

from prefect_lineage_events.delivery.profiles import marquez_names
from prefect_lineage_events.delivery.profiles.base import Profile
from prefect_lineage_events.openlineage.facets import Event, run_key

_SPACE = re.compile(r"\s+")
# Parentheses around a length, and not around the fields of a struct.
_LENGTH = re.compile(r"(?<!\s)\s*\(\s*(?:[0-9]+|max)\s*(?:(?:byte|char)\s*)?(?:,\s*-?[0-9]+\s*)*\)", re.IGNORECASE)

# Arrow's and numpy's times, with their unit and zone: `timestamp[us]`, `date32[day]`, `timestamp[us, tz=UTC]`.
_WITH_UNIT = re.compile(
    r"(?P<type>timestamp|datetime64|date32|date64|time32|time64)\[(?:day|s|ms|us|ns)(?P<zone>,[^\]]*)?\]", re.IGNORECASE
)

# Synonyms of the SQL standard, of stores, and of Arrow and polars, by the name that is sent. The library that reads a
# file decides how the types of its columns are spelled.
_SYNONYMS = {
    "BIGINT": ("INT8", "INT64", "LONG"),
    "BOOLEAN": ("BOOL",),
    "CHAR": ("CHARACTER", "BPCHAR"),
    "DECIMAL": ("DEC", "NUMERIC"),
    "DATE": ("DATE32", "DATE64"),
    "DOUBLE": ("DOUBLE PRECISION", "FLOAT8", "FLOAT64"),
    "INTEGER": ("INT", "INT4", "INT32"),
    "REAL": ("FLOAT4", "FLOAT32"),
    "SMALLINT": ("INT2", "INT16"),
    "TIME": ("TIME WITHOUT TIME ZONE", "TIME32", "TIME64"),
    "TIME WITH TIME ZONE": ("TIMETZ",),
    "TIMESTAMP": ("TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP_NTZ", "TIMESTAMPNTZ", "DATETIME64"),
    "TIMESTAMP WITH TIME ZONE": ("TIMESTAMPTZ", "TIMESTAMP_TZ"),
    "VARCHAR": ("CHARACTER VARYING", "CHAR VARYING", "NVARCHAR", "STRING", "LARGE_STRING", "STRING_VIEW", "UTF8"),
}
_CANONICAL = {synonym: name for name, synonyms in _SYNONYMS.items() for synonym in synonyms}


def type_name(spelled: str) -> str:
    """Return the canonical name of a type: `int` and `INTEGER` give `INTEGER`, `varchar(16)[]` gives `VARCHAR[]`.

    An unknown type stays, in capitals. A type that contains types stays as it is, since it may contain names as well.
    """
    bare = _SPACE.sub(" ", _LENGTH.sub("", spelled)).strip()
    if time := _WITH_UNIT.fullmatch(bare):
        bare = "TIMESTAMP WITH TIME ZONE" if time["zone"] else time["type"]
    if any(mark in bare for mark in "(<"):
        return bare
    element, array = bare.upper(), ""
    while element.endswith("]") and (opened := element[:-1].rstrip()).endswith("["):
        element, array = opened[:-1].rstrip(), f"[]{array}"
    return _CANONICAL.get(element, element) + array


# Marquez needs 8-24 s for an event of 1,500 column edges, and half a minute for ten times as many.
MAX_COLUMN_EDGES = 1_500
MAX_LOCATION = 255
_PATH = "/api/v1/lineage"
_DATAHUB_PATH = "openapi/openlineage"
# An address with one reading by every URI parser: scheme, perhaps host and port, perhaps a path.
_ADDRESS = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]*://([A-Za-z0-9][A-Za-z0-9.\-]*(:[0-9]{1,5})?|(?=/))(/[\w.\-@+/]*)?", re.ASCII
)

_Dataset = dict[str, Any]
_Name = tuple[str, str]
_Field = tuple[str, str, str]


class Marquez(Profile):
    """Marquez breaks on names, types and runs that the specification allows, and shows the last event received."""

    name = "marquez"
    # A run whose parent is unknown makes up that parent with the child's state.
    needs_parents_first = True
    shows_last_event = True
    # A START without an end removes the edges of the run's job.
    accepts_running = False

    def matches(self, address: str) -> bool:
        """Marquez takes events at this path. Other targets have paths of their own, and take events as they are."""
        return address.rstrip("/").endswith(_PATH) and _DATAHUB_PATH not in address

    def shape(self, events: Sequence[Event]) -> list[Event]:
        """Return events that break none of Marquez's lists and graphs, with all it needs to keep its graph true.

        Names are made safe (`marquez_names`). A column is sent with its one type (`type_name`) or not at all: without a
        type, each event adds the column once more, and two types make the graph fail for good. So an empty type is no
        substitute for an unknown one: once the type is known, it is the second (tried on 0.51.2). Edges of columns that
        are not sent, or beyond `MAX_COLUMN_EDGES`, are left out; the facet `prefect_run` counts them. START has no
        column edges, which would take the time twice for nothing.
        """
        return [_without_nul(_shaped(event)) for event in events]


MARQUEZ = Marquez()


def _shaped(event: Event) -> Event:
    shape = _Shape(event)
    inputs = [shape.dataset(dataset) for dataset in event["inputs"]]
    outputs = [shape.dataset(dataset) for dataset in event["outputs"]]
    return {
        **event,
        "run": {**event["run"], "facets": _run_facets(event, shape.left_out)},
        "job": {**_safe_job(event["job"]), "facets": _job_facets(event["job"]["facets"])},
        "inputs": inputs,
        "outputs": outputs,
    }


class _Shape:
    """The datasets of one event in Marquez's shape, and counts of what had to be left out."""

    def __init__(self, event: Event) -> None:
        self._types = dict(_typed_fields(chain(event["inputs"], event["outputs"])))
        self._read = {_name(dataset) for dataset in event["inputs"]}
        self._kept = set() if event["eventType"] == "START" else self._column_edges(event)
        everything = list(_all_column_edges(event))
        self.left_out: dict[str, int] = {}
        if untyped := sum(1 for field in _all_fields(event) if field not in self._types):
            self.left_out["columns"] = untyped
        if event["eventType"] != "START" and len(everything) > len(self._kept):
            self.left_out["columnEdges"] = len(everything) - len(self._kept)

    def dataset(self, dataset: _Dataset) -> _Dataset:
        name = _name(dataset)
        facets = dict(dataset["facets"])
        facets["dataSource"] = _data_source(facets["dataSource"], dataset["namespace"])
        if "schema" in facets:
            facets["schema"] = {**facets["schema"], "fields": self._fields(name, facets["schema"]["fields"])}
        if "columnLineage" in facets:
            facets["columnLineage"] = self._column_lineage(name, facets["columnLineage"])
            if not facets["columnLineage"]["fields"] and not facets["columnLineage"].get("dataset"):
                del facets["columnLineage"]
        if previous := facets.get("lifecycleStateChange", {}).get("previousIdentifier"):
            facets["lifecycleStateChange"] = {
                **facets["lifecycleStateChange"],
                "previousIdentifier": _safe_dataset(previous),
            }
        if identifiers := _safe_symlinks(dataset):
            facets["symlinks"] = {**facets["symlinks"], "identifiers": identifiers}
        else:
            facets.pop("symlinks", None)
        return {**_safe_dataset(dataset), "facets": facets}

    def _fields(self, name: _Name, fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
        typed = {field["name"]: self._types.get(_of(name, field["name"])) for field in fields}
        return [
            {"name": marquez_names.column_name(column), "type": its_type}
            for column, its_type in typed.items()
            if its_type is not None
        ]

    def _column_edges(self, event: Event) -> set[tuple[_Field, _Field]]:
        """Column edges that Marquez can store; where there are too many, each output has an equal share."""
        per_output = [[edge for edge in _column_edges(output) if self._storable(edge)] for output in event["outputs"]]
        in_turn = (edge for turn in zip_longest(*per_output) for edge in turn if edge is not None)
        return {edge for edge, _ in zip(in_turn, range(MAX_COLUMN_EDGES), strict=False)}

    def _storable(self, edge: tuple[_Field, _Field]) -> bool:
        source, target = edge
        return source[:2] in self._read and source in self._types and target in self._types

    def _column_lineage(self, output: _Name, facet: dict[str, Any]) -> dict[str, Any]:
        fields = {}
        for column, into in facet["fields"].items():
            kept = [f for f in into["inputFields"] if (_field(f), _of(output, column)) in self._kept]
            if kept:
                fields[marquez_names.column_name(column)] = {**into, "inputFields": [_safe_field(f) for f in kept]}
        shaped = {**facet, "fields": fields}
        if "dataset" in facet:
            shaped["dataset"] = [_safe_field(f) for f in facet["dataset"][:MAX_COLUMN_EDGES]]
        return shaped


def _typed_fields(datasets: Iterable[_Dataset]) -> Iterator[tuple[_Field, str]]:
    """Columns with their known type; of two types, the later dataset's (an output's) counts."""
    for dataset in datasets:
        for field in dataset["facets"].get("schema", {}).get("fields", []):
            if field.get("type") is not None:
                yield _of(_name(dataset), field["name"]), type_name(field["type"])


def _all_fields(event: Event) -> set[_Field]:
    return {
        _of(_name(dataset), field["name"])
        for dataset in chain(event["inputs"], event["outputs"])
        for field in dataset["facets"].get("schema", {}).get("fields", [])
    }


def _all_column_edges(event: Event) -> Iterator[tuple[_Field, _Field]]:
    return chain.from_iterable(map(_column_edges, event["outputs"]))


def _column_edges(output: _Dataset) -> Iterator[tuple[_Field, _Field]]:
    for column, into in output["facets"].get("columnLineage", {}).get("fields", {}).items():
        for source in into["inputFields"]:
            yield _field(source), _of(_name(output), column)


def _name(dataset: _Dataset) -> _Name:
    return dataset["namespace"], dataset["name"]


def _of(dataset: _Name, column: str) -> _Field:
    return dataset[0], dataset[1], column


def _field(field: dict[str, Any]) -> _Field:
    return field["namespace"], field["name"], field["field"]


def _safe_dataset(dataset: _Dataset) -> _Dataset:
    return {
        **dataset,
        "namespace": marquez_names.dataset_namespace(dataset["namespace"]),
        "name": marquez_names.dataset_name(dataset["name"]),
    }


# Marquez lists no versions of any dataset that is named like a second name of some dataset. Names that dbt's events
# have are worth it; Spark's old names of the same places and tables are not.
_HIDE_VERSIONS = ("abfss://", "wasbs://", "sqlserver://")


def _safe_symlinks(dataset: _Dataset) -> list[dict[str, Any]]:
    """Other names of the dataset that break none of Marquez's lists, each once.

    A namespace that Marquez refuses there breaks its list of namespaces. A second name in the dataset's own namespace
    breaks each page of the namespace's datasets that has the second name without the first: Marquez finds the column
    lineage of the first name there, and no dataset to add it to (`ColumnLineageService.enrichWithColumnLineage`).
    """
    known = {_name(_safe_dataset(dataset))}
    kept = []
    for identifier in dataset["facets"].get("symlinks", {}).get("identifiers", []):
        hides = identifier["name"] == dataset["name"] and identifier["namespace"].startswith(_HIDE_VERSIONS)
        in_own_namespace = identifier["namespace"] == dataset["namespace"]
        safe = _safe_dataset(identifier)
        if not hides and not in_own_namespace and _name(safe) not in known:
            known.add(_name(safe))
            kept.append(safe)
    return kept


def _safe_end(entry: dict[str, Any]) -> dict[str, Any]:
    """One end of an explicit edge: a dataset, or the event's own job, which has no name to make safe."""
    return _safe_dataset(entry) if entry["type"] == "DATASET" else entry


def _safe_field(field: dict[str, Any]) -> dict[str, Any]:
    return {**_safe_dataset(field), "field": marquez_names.column_name(field["field"])}


def _safe_job(job: dict[str, Any]) -> dict[str, Any]:
    return {
        **job,
        "namespace": marquez_names.job_namespace(job["namespace"]),
        "name": marquez_names.job_name(job["name"]),
    }


def _data_source(facet: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The facet with name and address: without them Marquez's list of sources fails.

    An address that Java cannot parse makes the event fail.
    """
    safe = marquez_names.dataset_namespace(namespace)
    return {**facet, "name": safe, "uri": safe if _ADDRESS.fullmatch(safe) else f"urn:namespace:{safe}"}


def _run_facets(event: Event, left_out: dict[str, int]) -> dict[str, Any]:
    facets = dict(event["run"]["facets"])
    if parent := facets.get("parent"):
        if marquez_names.fits_job_name(event["job"]["name"]):
            root = {**parent["root"], "job": _safe_job(parent["root"]["job"])}
            facets["parent"] = {**parent, "job": _safe_job(parent["job"]), "root": root}
        else:
            # Marquez stores a cut name with its parent's name before it, which is longer than it can store.
            del facets["parent"]
    if left_out:
        key = run_key(facets)
        facets[key] = {**facets[key], "leftOut": left_out}
    return facets


def _job_facets(facets: dict[str, Any]) -> dict[str, Any]:
    shaped = dict(facets)
    if len(facets.get("sourceCodeLocation", {}).get("url", "")) > MAX_LOCATION:
        del shaped["sourceCodeLocation"]
    if lineage := facets.get("lineage"):
        entries = [
            {**_safe_end(entry), "inputs": [_safe_end(source) for source in entry["inputs"]]}
            for entry in lineage["entries"]
        ]
        shaped["lineage"] = {**lineage, "entries": entries}
    return shaped


def _without_nul(value: Any) -> Any:
    """The value without NULs, which PostgreSQL under Marquez cannot store in a text."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return [_without_nul(item) for item in value] if isinstance(value, list) else value
