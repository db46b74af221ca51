"""What is made of events for a target that cannot take everything: pure functions of events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest
from typing import Any

from prefect_lineage_events.delivery.profiles import marquez_names
from prefect_lineage_events.openlineage.facets import Event

_SPACE = re.compile(r"\s+")
# Parentheses that hold a length: not the fields of a struct.
_LENGTH = re.compile(r"(?<!\s)\s*\(\s*(?:[0-9]+|max)\s*(?:(?:byte|char)\s*)?(?:,\s*-?[0-9]+\s*)*\)", re.IGNORECASE)

# Synonyms of the SQL standard and of the stores that have them, by the name that is sent.
_SYNONYMS = {
    "BIGINT": ("INT8",),
    "BOOLEAN": ("BOOL",),
    "CHAR": ("CHARACTER", "BPCHAR"),
    "DECIMAL": ("DEC", "NUMERIC"),
    "DOUBLE": ("DOUBLE PRECISION", "FLOAT8"),
    "INTEGER": ("INT", "INT4"),
    "REAL": ("FLOAT4",),
    "SMALLINT": ("INT2",),
    "TIME": ("TIME WITHOUT TIME ZONE",),
    "TIME WITH TIME ZONE": ("TIMETZ",),
    "TIMESTAMP": ("TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP_NTZ", "TIMESTAMPNTZ"),
    "TIMESTAMP WITH TIME ZONE": ("TIMESTAMPTZ", "TIMESTAMP_TZ"),
    "VARCHAR": ("CHARACTER VARYING", "CHAR VARYING", "NVARCHAR"),
}
_CANONICAL = {synonym: name for name, synonyms in _SYNONYMS.items() for synonym in synonyms}


def type_name(spelled: str) -> str:
    """`int` and `INTEGER` are `INTEGER`; `varchar(16)[]` is `VARCHAR[]`.

    What is no known type stays, in capitals; what has types inside stays as it is, since names may be inside, too.
    """
    bare = _SPACE.sub(" ", _LENGTH.sub("", spelled)).strip()
    if any(mark in bare for mark in "(<"):
        return bare
    element, array = bare.upper(), ""
    while element.endswith("]") and (opened := element[:-1].rstrip()).endswith("["):
        element, array = opened[:-1].rstrip(), f"[]{array}"
    return _CANONICAL.get(element, element) + array


# Marquez needs 8-24 s for an event of 1,500 column edges, and half a minute for ten times as many.
MAX_COLUMN_EDGES = 1_500
MAX_LOCATION = 255
# An address as every URI parser reads it: scheme, perhaps host and port, perhaps a path.
_ADDRESS = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]*://([A-Za-z0-9][A-Za-z0-9.\-]*(:[0-9]{1,5})?|(?=/))(/[\w.\-@+/]*)?", re.ASCII
)

_Dataset = dict[str, Any]
_Name = tuple[str, str]
_Field = tuple[str, str, str]


def plain(events: Sequence[Event]) -> list[Event]:
    """The events as they are."""
    return list(events)


def marquez(events: Sequence[Event]) -> list[Event]:
    """Events that break none of Marquez's lists and graphs, with all it needs to keep its graph true.

    Names are made safe (`safe_names`). A column is sent with its one type (`type_name`) or not at all: without a type,
    each event adds it once more, and two types make its graph fail for good. So an empty type is no way out where
    nobody knows it today: on the day on which somebody does, it is the second one (tried on a 0.51.2). Edges of columns
    that are not sent, or beyond `MAX_COLUMN_EDGES`, are left out; the `prefect` run facet counts them. START goes
    without column edges, which would take the time twice for nothing.
    """
    return [_without_nul(_shaped(event)) for event in events]


def events_to_restore(sent: Iterable[Event], latest_completed: Iterable[Event]) -> list[Event]:
    """Return the events to send after `sent`, so that a graph of the last event received shows the latest run again.

    `latest_completed`: events of the job's latest completed run, in the same shape. Its end is sent again for each job
    of which `sent` holds another run: a failed run, or an older one of a backfill. This states nothing false: the run
    keeps its times, and it is the job's latest run. An end without inputs and outputs would only remove edges. A task
    that completed later, although its flow failed, is itself the latest completed run of its job.
    """
    told = {_job(event): event for event in sent}
    return [
        event
        for event in latest_completed
        if event["eventType"] == "COMPLETE"
        and (event["inputs"] or event["outputs"])
        and _job(event) in told
        and _hides(told[_job(event)], event)
    ]


def _hides(last: Event, good: Event) -> bool:
    """Is the job's last event one of another run, and no better news? One that touched nothing shows nothing."""
    if last["run"]["runId"] == good["run"]["runId"]:
        return False
    showing = last["eventType"] == "COMPLETE" and (last["inputs"] or last["outputs"])
    return not showing or str(last["eventTime"]) < str(good["eventTime"])


def _job(event: Event) -> _Name:
    return event["job"]["namespace"], event["job"]["name"]


# --- Marquez -------------------------------------------------------------------------------------------------------


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
    """The datasets of one event in Marquez's shape, and what had to be left out."""

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
        return {**_safe_dataset(dataset), "facets": facets}

    def _fields(self, name: _Name, fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
        typed = {field["name"]: self._types.get(_of(name, field["name"])) for field in fields}
        return [
            {"name": marquez_names.column_name(column), "type": its_type}
            for column, its_type in typed.items()
            if its_type is not None
        ]

    def _column_edges(self, event: Event) -> set[tuple[_Field, _Field]]:
        """Those that Marquez can store, each output's share being even when there are too many."""
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
    """Columns with the type known for them; the later dataset of an event (an output) has the last word."""
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


def _safe_end(entry: dict[str, Any]) -> dict[str, Any]:
    """One end of an explicit edge: a dataset, or the event's own job, which needs no name."""
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
    """Without name and address, Marquez's list of sources fails; one that Java cannot read makes the event fail."""
    safe = marquez_names.dataset_namespace(namespace)
    return {**facet, "name": safe, "uri": safe if _ADDRESS.fullmatch(safe) else f"urn:namespace:{safe}"}


def _run_facets(event: Event, left_out: dict[str, int]) -> dict[str, Any]:
    facets = dict(event["run"]["facets"])
    if parent := facets.get("parent"):
        if marquez_names.fits_job_name(event["job"]["name"]):
            root = {**parent["root"], "job": _safe_job(parent["root"]["job"])}
            facets["parent"] = {**parent, "job": _safe_job(parent["job"]), "root": root}
        else:
            # A name that had to be cut would be stored behind its parent's, beyond what can be stored.
            del facets["parent"]
    if left_out:
        facets["prefect"] = {**facets["prefect"], "leftOut": left_out}
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
    """PostgreSQL, under Marquez, has no NUL in any text."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return [_without_nul(item) for item in value] if isinstance(value, list) else value
