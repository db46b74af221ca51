"""Storage of the datasets of an event: names, schema, versions and column lineage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from tests.marquez import values
from tests.marquez.rows import Dataset, DatasetVersion, Facet, Field
from tests.marquez.store import Store
from tests.marquez.values import Failed, not_blank, safe_namespace

Event = dict[str, Any]

TYPED_DATASET_FACETS = (
    "documentation",
    "schema",
    "lifecycleStateChange",
    "dataSource",
    "columnLineage",
    "symlinks",
    "description",
)
FACET_TYPES = {
    "dataQualityMetrics": "INPUT",
    "dataQualityAssertions": "INPUT",
    "outputStatistics": "OUTPUT",
    **dict.fromkeys((*TYPED_DATASET_FACETS, "version", "ownership"), "DATASET"),
    "symlinks": "UNKNOWN",
}


@dataclass(slots=True)
class Context:
    """The context of all steps of storing one event."""

    store: Store
    now: int
    """The event's time, which Marquez takes for the time of everything the event brings."""
    event_type: str | None = None
    run: UUID | None = None


@dataclass(slots=True)
class Io:
    dataset: Dataset
    version: DatasetVersion


def facets_of(owner: Event, typed: tuple[str, ...]) -> list[tuple[str, Any]]:
    """The facets of an object, typed ones first. A typed facet that is null counts as missing."""
    facets = owner.get("facets") or {}
    first = [(name, facets[name]) for name in typed if facets.get(name) is not None]
    return first + [(name, value) for name, value in facets.items() if name not in typed]


def put_dataset(context: Context, sent: Event, *, is_input: bool) -> Io:
    stored = _put_dataset_row(context, sent, is_input=is_input)
    store, version = context.store, stored.version
    for name, value in facets_of(sent, TYPED_DATASET_FACETS):
        facet = Facet(name, value, context.now, FACET_TYPES.get(name, "UNKNOWN"), context.run, version=version)
        store.put_dataset_facet(facet, context.event_type)
    side = ("inputFacets", "INPUT") if is_input else ("outputFacets", "OUTPUT")
    for name, value in (sent.get(side[0]) or {}).items():
        store.put_dataset_facet(
            Facet(name, value, context.now, side[1], context.run, version=version), context.event_type
        )
    return stored


def _put_dataset_row(context: Context, sent: Event, *, is_input: bool) -> Io:
    """A write creates a new version. A read refers to the current version, and creates one only if there is none."""
    facets = sent.get("facets") or {}
    namespace = context.store.put_namespace(sent["namespace"], context.now).name
    source = _put_source(context, facets.get("dataSource"))
    lifecycle = (facets.get("lifecycleStateChange") or {}).get("lifecycleStateChange") or ""
    dataset = _put_dataset_and_names(context, sent, namespace, source, deleted=lifecycle.upper() == "DROP")
    fields = (facets.get("schema") or {}).get("fields")
    rows = [context.store.put_field(dataset, f["name"], f.get("type"), f.get("description")) for f in fields or ()]
    version = dataset.current_version if is_input else None
    if version is None:
        version = _new_version(
            context, dataset, namespace, source, sent["name"], lifecycle, fields, rows, is_input=is_input
        )
    version.field_rows.extend(row for row in rows if row not in version.field_rows)
    if is_input:
        _note_read(context, dataset, version)
    else:
        _put_column_lineage(context, facets, rows, version)
    return Io(dataset, version)


def _put_source(context: Context, facet: Event | None) -> str:
    if not facet:
        return context.store.put_source("default", "", context.now, default=True).name
    url = values.connection_url(facet.get("uri"))
    return context.store.put_source(facet.get("name"), url, context.now, default=False).name


def _put_dataset_and_names(context: Context, sent: Event, namespace: str, source: str, *, deleted: bool) -> Dataset:
    """The dataset belongs to its namespace in the safe spelling, its names to the namespace as it was sent."""
    store, now, facets = context.store, context.now, sent.get("facets") or {}
    stored_namespace = store.put_namespace(safe_namespace(sent["namespace"]), now).name
    symlink = store.put_symlink(uuid4(), namespace, sent["name"], primary=True)
    for other in (facets.get("symlinks") or {}).get("identifiers") or ():
        other_namespace = store.put_namespace(other["namespace"], now).name
        store.put_symlink(symlink.dataset_uuid, other_namespace, other["name"], primary=False)
    description = (facets.get("documentation") or {}).get("description")
    return store.put_dataset(
        symlink.dataset_uuid, stored_namespace, sent["name"], source, description, deleted=deleted, now=now
    )


def _note_read(context: Context, dataset: Dataset, version: DatasetVersion) -> None:
    if context.run is None:
        return
    inputs = context.store.runs[context.run].inputs
    if version not in inputs:
        inputs.append(version)
    if dataset.current_version is None:
        dataset.current_version, dataset.updated_at = version, context.now


def _new_version(
    context: Context,
    dataset: Dataset,
    namespace: str,
    source: str,
    name: str,
    lifecycle: str,
    fields: list[Event] | None,
    rows: list[Field],
    *,
    is_input: bool,
) -> DatasetVersion:
    """The id of a version. Two writes are one version if run, schema and lifecycle are the same; types are compared in
    upper case.
    """
    described = sorted(
        {
            ":".join(
                part
                for part in (f["name"], (f.get("type") or "").upper() or None, f.get("description"))
                if part is not None
            )
            for f in fields or ()
        }
    )
    version = values.version_of(
        namespace, source, name, dataset.physical_name, ":".join(described), lifecycle, context.run
    )
    schema = values.version_of(
        dataset.namespace,
        dataset.name,
        *sorted({f"{row.name}:{row.type}" if row.type is not None else row.name for row in rows}),
    )
    shown = fields and [
        {"name": not_blank(f["name"]), "type": f.get("type"), "tags": [], "description": f.get("description")}
        for f in fields
    ]
    run = None if is_input else context.run
    new = DatasetVersion(dataset, version, schema, namespace, name, lifecycle, shown, context.now, run)
    return context.store.put_version(new)


def _put_column_lineage(context: Context, facets: Event, rows: list[Field], version: DatasetVersion) -> None:
    """Store the column edges whose output column is in this event's schema, and whose input column is in a known schema
    of the run's inputs.

    All others are dropped silently.
    """
    columns = (facets.get("columnLineage") or {}).get("fields") or {}
    known = _input_fields(context)
    for name, column in columns.items():
        output = next((row for row in rows if row.name == name), None)
        if column is None or output is None:
            continue
        sources = [
            (input_version, row)
            for dataset_namespace, dataset_name, input_version, row in known
            if any(
                _equals(given.get("namespace"), dataset_namespace)
                and _equals(given.get("name"), dataset_name)
                and _equals(given.get("field"), row.name)
                for given in present(column.get("inputFields"))
            )
        ]
        if sources:
            context.store.put_column_edges(
                (version, output),
                sources,
                column.get("transformationDescription"),
                column.get("transformationType"),
                context.now,
            )


def present(value: Any) -> Any:
    """Return the value, or raise like Java, which fails on a null where it expects none."""
    if value is None:
        raise Failed("NullPointerException")
    return value


def _equals(given: str | None, known: str) -> bool:
    return bool(present(given) == known)


def _input_fields(context: Context) -> list[tuple[str, str, DatasetVersion, Field]]:
    if context.run is None:
        return []
    return [
        (symlink.namespace, symlink.name, version, row)
        for version in context.store.runs[context.run].inputs
        for symlink in context.store.names_of(version.dataset)
        for row in version.field_rows
    ]
