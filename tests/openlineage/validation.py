"""OpenLineage events against the specification's JSON schemas (`tests/schemas`), each facet by its `_schemaURL`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

import prefect_lineage_events.openlineage as package

SPEC = Path(__file__).parents[1] / "schemas"
OWN_SPEC = Path(package.__file__).parent / "spec"
# The folder has schemas of other formats too.
SPEC_FILES = (SPEC / "OpenLineage.json", *sorted((SPEC / "facets").glob("*.json")))
_OFFICIAL = "https://openlineage.io/spec/"
_CUSTOM_KEY = re.compile(r"[a-z][A-Za-z0-9]*_[a-z][A-Za-z0-9_]*")
_ENDS = {"COMPLETE", "FAIL", "ABORT"}


@cache
def registry() -> Registry:
    files = [*SPEC_FILES, *OWN_SPEC.glob("*.json")]
    schemas = [json.loads(path.read_text()) for path in files]
    return Registry().with_resources([(s["$id"], Resource.from_contents(s)) for s in schemas])


@cache
def validator(reference: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": reference}, registry=registry(), format_checker=FormatChecker())


def faults(events: Iterable[dict[str, Any]]) -> list[str]:
    """Faults of events: by the core schema, by the schema of each facet, and in the order of a run's events."""
    events = list(events)
    return [fault for event in events for fault in _faults(event)] + list(_lifecycle_faults(events))


def _faults(event: dict[str, Any]) -> Iterator[str]:
    yield from _against(event["schemaURL"], event, event["eventType"])
    for path, facet in _facets(event):
        key = path.rpartition("/")[2]
        if not facet["_schemaURL"].startswith(_OFFICIAL) and not _CUSTOM_KEY.fullmatch(key):
            yield f"{event['eventType']} {path}: the key of a facet of one's own is `prefix_name`"
        yield from _against(facet["_schemaURL"], facet, f"{event['eventType']} {path}")


def _against(reference: str, value: Any, where: str) -> Iterator[str]:
    for error in validator(reference).iter_errors(value):
        yield f"{where}/{'/'.join(map(str, error.absolute_path))}: {error.message}"


def _facets(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    holders = [("run", event["run"]), ("job", event["job"])]
    holders += [(f"inputs/{n}", d) for n, d in enumerate(event["inputs"])]
    holders += [(f"outputs/{n}", d) for n, d in enumerate(event["outputs"])]
    for path, holder in holders:
        for key in ("facets", "inputFacets", "outputFacets"):
            for name, facet in holder.get(key, {}).items():
                yield f"{path}/{name}", facet


def _lifecycle_faults(events: list[dict[str, Any]]) -> Iterator[str]:
    for run_id in dict.fromkeys(e["run"]["runId"] for e in events):
        mine = [e for e in events if e["run"]["runId"] == run_id]
        types = [e["eventType"] for e in mine]
        if types[0] != "START" or types.count("START") != 1 or sum(t in _ENDS for t in types) > 1:
            yield f"run {run_id}: {types}"
        if [e["eventTime"] for e in mine] != sorted(e["eventTime"] for e in mine):
            yield f"run {run_id}: times are not in order"
        if len({(e["job"]["namespace"], e["job"]["name"]) for e in mine}) != 1:
            yield f"run {run_id}: several jobs"
