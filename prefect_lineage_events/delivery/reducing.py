"""Names of datasets in our facets, as the client's dataset reducer spells them.

With `dataset.reducing_enabled` in its configuration the client cuts dates and partitions off the names of inputs and
outputs (`/data/orders/dt=2026-11-28` becomes `/data/orders`). It knows columnLineage as an object of its own only, and
the facet `lineage` not at all: both would name datasets that the event no longer has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from prefect_lineage_events.openlineage.facets import Event

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient

Trim = Callable[[str], str]
Named = dict[str, Any]


def trimmer(client: OpenLineageClient) -> Trim | None:
    """The function by which the client cuts names of datasets; None if it cuts none."""
    config = client.config.dataset
    if not config.reducing_enabled:
        return None
    from openlineage.client.dataset import DatasetReducer

    reducer = DatasetReducer(config)

    def trim(name: str) -> str:
        trimmed, _ = reducer._trim(name)
        return str(trimmed)

    return trim


def reduced(event: Event, trim: Trim) -> Event:
    """The event with the names of its facets cut. The client cuts those of inputs and outputs itself."""
    job = event["job"]
    facets = {**job["facets"]}
    if lineage := facets.get("lineage"):
        facets["lineage"] = {**lineage, "entries": _entries(lineage["entries"], trim)}
    inputs = [{**one, "facets": _with_names(one["facets"], trim)} for one in event["inputs"]]
    outputs = [{**one, "facets": _with_columns(_with_names(one["facets"], trim), trim)} for one in event["outputs"]]
    return {**event, "job": {**job, "facets": facets}, "inputs": inputs, "outputs": outputs}


def _entries(entries: Iterable[Named], trim: Trim) -> list[Named]:
    """The entries of the facet `lineage`; those whose targets have one name now are one, with all of their inputs."""
    found: dict[tuple[Any, ...], Named] = {}
    for entry in entries:
        cut = _cut(entry, trim)
        same = found.setdefault(_identity(cut), {**cut, "inputs": []})
        same["inputs"] = _merged([*same["inputs"], *(_cut(source, trim) for source in entry["inputs"])])
    return list(found.values())


def _with_names(facets: dict[str, Any], trim: Trim) -> dict[str, Any]:
    """The facets with the dataset's own other names cut: those of its locations, and the one before a rename."""
    cut = {**facets}
    if symlinks := facets.get("symlinks"):
        identifiers = [
            {**one, "name": trim(one["name"])} if one["type"] == "LOCATION" else one for one in symlinks["identifiers"]
        ]
        cut["symlinks"] = {**symlinks, "identifiers": _merged(identifiers)}
    if previous := facets.get("lifecycleStateChange", {}).get("previousIdentifier"):
        renamed = {**previous, "name": trim(previous["name"])}
        cut["lifecycleStateChange"] = {**facets["lifecycleStateChange"], "previousIdentifier": renamed}
    return cut


def _with_columns(facets: dict[str, Any], trim: Trim) -> dict[str, Any]:
    lineage = facets.get("columnLineage")
    if not lineage:
        return facets
    cut = {**lineage}
    cut["fields"] = {
        name: {**field, "inputFields": _merged(_cut(source, trim) for source in field["inputFields"])}
        for name, field in lineage["fields"].items()
    }
    if "dataset" in lineage:
        cut["dataset"] = _merged(_cut(source, trim) for source in lineage["dataset"])
    return {**facets, "columnLineage": cut}


def _merged(sources: Iterable[Named]) -> list[Named]:
    """The sources, those of one name with all of their transformations."""
    found: dict[tuple[Any, ...], Named] = {}
    for source in sources:
        key = _identity(source)
        if key not in found:
            found[key] = source
            continue
        more = [one for one in source.get("transformations", ()) if one not in found[key].get("transformations", ())]
        if more:
            found[key] = {**found[key], "transformations": [*found[key].get("transformations", ()), *more]}
    return list(found.values())


def _cut(named: Named, trim: Trim) -> Named:
    """The dataset under its cut name. A job has none here."""
    is_dataset = "name" in named and named.get("type", "DATASET") == "DATASET"
    return {**named, "name": trim(named["name"])} if is_dataset else named


def _identity(named: Named) -> tuple[Any, ...]:
    return tuple(named.get(key) for key in ("type", "namespace", "name", "field", "runId"))
