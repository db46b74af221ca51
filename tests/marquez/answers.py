"""Rows as the JSON that Marquez shows. Reading a row checks its names.

A name that should not have been stored makes every response that contains it a 500: one bad event breaks lists for all
readers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.marquez import values
from tests.marquez.rows import (
    ColumnEdge,
    Dataset,
    DatasetVersion,
    Facet,
    Field,
    Job,
    JobVersion,
    Namespace,
    Run,
    Symlink,
)
from tests.marquez.store import Store
from tests.marquez.values import Failed, instant, namespace_name, not_blank

Json = dict[str, Any]

SHOWN_FACET_TYPES = ("DATASET", "UNKNOWN", "INPUT")


def identity(namespace: str, name: str) -> dict[str, str]:
    return {"namespace": namespace_name(namespace), "name": not_blank(name)}


def merged(facets: Iterable[Facet]) -> Json:
    """Facets merged in the order of the events' times: the later one takes precedence."""
    return {facet.name: facet.value for facet in sorted(facets, key=lambda facet: facet.event_time)}


def arrived(facets: Iterable[Facet]) -> Json:
    """Facets merged in the order of arrival: the later one takes precedence."""
    return {facet.name: facet.value for facet in facets}


def namespace(row: Namespace) -> Json:
    return {
        "name": namespace_name(row.name),
        "createdAt": instant(row.created_at),
        "updatedAt": instant(row.updated_at),
        "ownerName": "anonymous",
        "description": row.description,
        "isHidden": row.hidden,
    }


# runs


def run(store: Store, row: Run, *, facets: Json | None = None, dataset_facets: bool = True) -> Json:
    duration = None
    if row.started_at is not None and row.ended_at is not None:
        duration = (row.ended_at - row.started_at) // 1000
    outputs = store.outputs_of(row.uuid)
    return {
        "id": str(row.uuid),
        "createdAt": instant(row.created_at),
        "updatedAt": instant(row.updated_at),
        "nominalStartTime": instant(row.nominal_start),
        "nominalEndTime": instant(row.nominal_end),
        "state": row.state or "NEW",
        "startedAt": instant(row.started_at),
        "endedAt": instant(row.ended_at),
        "durationMs": duration,
        "args": row.args,
        "jobVersion": row.version
        and {**identity(row.job.namespace, row.job.name), "version": str(row.version.version)},
        "inputDatasetVersions": [_used_version(store, row, version, "INPUT", dataset_facets) for version in row.inputs],
        "outputDatasetVersions": [_used_version(store, row, version, "OUTPUT", dataset_facets) for version in outputs],
        "facets": merged(store.run_facets[row.uuid]) if facets is None else facets,
    }


def _used_version(store: Store, row: Run, version: DatasetVersion, kind: str, with_facets: bool) -> Json:
    facets = store.dataset_facets[version] if with_facets else ()
    return {
        "datasetVersionId": {**identity(version.namespace, version.name), "version": str(version.version)},
        "facets": {facet.name: facet.value for facet in facets if facet.run == row.uuid and facet.type == kind},
    }


def upstream_run(row: Run, inputs: Iterable[DatasetVersion]) -> Json:
    version = row.version and str(row.version.version)
    return {
        "job": {**identity(row.job.namespace, row.job.name), "version": version},
        "run": {
            "id": str(row.uuid),
            "start": instant(row.started_at),
            "end": instant(row.ended_at),
            "status": row.state,
        },
        "inputs": [
            {**identity(io.namespace, io.name), "version": str(io.version), "producedByRunId": str(io.run)}
            for io in inputs
        ],
    }


# jobs


def _job_head(row: Job) -> Json:
    return {
        "id": identity(row.namespace, row.name),
        "type": row.type,
        "name": row.name,
        "simpleName": row.simple_name,
        "parentJobName": row.parent and row.parent.name,
        "parentJobUuid": row.parent and str(row.parent.uuid),
        "createdAt": instant(row.created_at),
        "updatedAt": instant(row.updated_at),
        "namespace": row.namespace,
        "location": row.location if values.is_url(row.location) else None,
        "description": row.description,
    }


def job(store: Store, row: Job, *, listed: bool = False) -> Json:
    """A job. In a list it has the datasets of its latest run; requested by name, those of its current version."""
    latest = _latest_runs(store, row)
    facets = _facets_of_listed_job(store, row) if listed else _facets_of_job(store, row)
    kinds = facets.get("jobType") if isinstance(facets.get("jobType"), dict) else {}
    inputs: list[Json] = row.inputs  # type: ignore[assignment]
    outputs: list[Json] = []
    if latest:
        inputs = [identity(io.namespace, io.name) for io in latest[0].inputs]
        outputs = [identity(io.namespace, io.name) for io in store.outputs_of(latest[0].uuid)]
    if not listed:
        inputs = _current(store, row, "INPUT") or inputs
        outputs = _current(store, row, "OUTPUT") or outputs
    runs = [run(store, one) for one in latest]
    return {
        **_job_head(row),
        "inputs": _unique(inputs),
        "outputs": _unique(outputs),
        "latestRun": runs[0] if runs else None,
        "latestRuns": runs or None,
        "facets": facets,
        "currentVersion": row.current_version and str(row.current_version.version),
        "labels": [str(kinds[key]) for key in ("jobType", "integration") if kinds and key in kinds],
        "tags": [],
    }


def _latest_runs(store: Store, row: Job) -> list[Run]:
    def moment(one: Run) -> tuple[float, float]:  # a run that never had a state comes first, like null in PostgreSQL
        times = (one.transitioned_at, one.started_at)
        return tuple(float("inf") if time is None else time for time in times)  # type: ignore[return-value]

    return sorted(store.runs_of(row), key=moment, reverse=True)[:10]


def _facets_of_job(store: Store, row: Job) -> Json:
    if row.current_version is None:
        return {}
    return arrived(facet for facet in store.job_facets if facet.version is row.current_version)


def _facets_of_listed_job(store: Store, row: Job) -> Json:
    latest = row.current_version and row.current_version.latest_run
    return merged(store.job_facets_of_run(latest.uuid)) if latest else {}


def _current(store: Store, row: Job, io: str) -> list[Json]:
    """Inputs or outputs of the job's current version, even if a later event removed them from the graph."""
    rows = [
        mapping for mapping in store.io_of_job(row) if mapping.job_version is row.current_version and mapping.io == io
    ]
    return [identity(name.namespace, name.name) for mapping in rows for name in store.names_of(mapping.dataset)]


def _unique(items: list[Json]) -> list[Json]:
    return [item for index, item in enumerate(items) if item not in items[:index]]


def job_node(store: Store, row: Job, inputs: list[Symlink], outputs: list[Symlink]) -> Json:
    latest = store.runs.get(row.current_run) if row.current_run else None
    return {
        **_job_head(row),
        "currentRunUuid": row.current_run and str(row.current_run),
        "inputs": [identity(io.namespace, io.name) for io in inputs],
        "outputs": [identity(io.namespace, io.name) for io in outputs],
        "latestRun": run(store, latest) if latest else None,
    }


def job_version(store: Store, row: JobVersion) -> Json:
    sides = {
        io: [
            identity(name.namespace, name.name)
            for mapping in store.io_of_job(row.job)
            if mapping.job_version is row and mapping.io == io
            for name in store.names_of(mapping.dataset)
        ]
        for io in ("INPUT", "OUTPUT")
    }
    latest = row.latest_run
    facets = merged(store.job_facets_of_run(latest.uuid)) if latest else None
    version = {"version": str(row.version)}
    of_run = latest and {**identity(latest.job.namespace, latest.job.name), **version}
    return {
        "id": {**identity(row.job.namespace, row.job.name), **version},
        "name": row.job.name,
        "createdAt": instant(row.created_at),
        "version": str(row.version),
        "namespace": row.job.namespace,
        "location": row.location if values.is_url(row.location) else None,
        "inputs": sides["INPUT"],
        "outputs": sides["OUTPUT"],
        "latestRun": latest and {**run(store, latest, facets=facets, dataset_facets=False), "jobVersion": of_run},
    }


# datasets


def dataset_node(namespace: str, name: str, row: Dataset) -> Json:
    version = row.current_version
    return {
        "id": identity(namespace, name),
        "type": "DB_TABLE",
        "name": name,
        "physicalName": not_blank(row.physical_name),
        "createdAt": instant(row.created_at),
        "updatedAt": instant(row.updated_at),
        "namespace": namespace,
        "sourceName": not_blank(row.source),
        "fields": (version.fields if version else None) or [],
        "tags": [],
        "lastModifiedAt": None,
        "description": row.description,
        "lastLifecycleState": version.lifecycle if version else None,
    }


def dataset(store: Store, name: Symlink, row: Dataset, *, listed: bool = False, facets: bool = True) -> Json:
    """A dataset, under any of its names.

    Requested by name, facets are shown under the first name only. In a list, the facets that arrived last count,
    independent of the time of their events.
    """
    version = row.current_version
    own_name = (name.namespace, name.name) == (row.namespace, row.name)
    found = store.dataset_facets[version] if version and facets and (listed or own_name) else ()
    shown_facets = [facet for facet in found if facet.type in SHOWN_FACET_TYPES]
    shown = dataset_node(name.namespace, name.name, row)
    if version:
        shown["fields"] = [_field(field) for field in version.field_rows]
    return {
        **shown,
        "tags": [],
        "currentVersion": version and str(version.uuid),
        "columnLineage": _column_lineage(store, name, row) or None,
        "facets": arrived(shown_facets) if listed else merged(shown_facets),
        "deleted": row.deleted,
    }


def _field(row: Field) -> Json:
    return {"name": not_blank(row.name), "type": row.type, "tags": [], "description": row.description}


def check_column_lineage(store: Store, shown: list[tuple[Symlink, Dataset]]) -> None:
    """Raise where the original does: it finds column lineage under a dataset's first name, and that name is not shown.

    It looks for the first name in the namespace of the name that is shown.
    """
    names = {(name.namespace, name.name) for name, _ in shown}
    for name, row in shown:
        for edge in store.column_edges.values():
            output = edge.output_version
            first = store.symlinks.get((name.namespace, output.name))
            is_found = edge.output_field.dataset is row and first is not None and first.primary
            if is_found and (output.namespace, output.name) not in names:
                raise Failed("NoSuchElementException: No value present")


def _column_lineage(store: Store, name: Symlink, row: Dataset) -> list[Json]:
    """Of all edges ever stored, the newest between each two columns; the current version does not matter."""
    latest: dict[tuple[Field, Field], ColumnEdge] = {}
    for edge in store.column_edges.values():
        key = (edge.output_field, edge.input_field)
        if edge.output_field.dataset is row and (key not in latest or edge.updated_at >= latest[key].updated_at):
            latest[key] = edge
    columns: dict[tuple[str, str | None], list[Json]] = {}
    for edge in latest.values():
        if not name.primary or (edge.output_version.namespace, edge.output_version.name) != (name.namespace, name.name):
            continue
        source = edge.input_version
        shown = {
            "namespace": source.namespace,
            "dataset": source.name,
            "field": edge.input_field.name,
            "transformationDescription": edge.description,
            "transformationType": edge.type,
        }
        columns.setdefault((edge.output_field.name, edge.output_field.type), []).append(shown)
    return [
        {
            "name": column,
            "inputFields": _unique(sources),
            "transformationDescription": sources[0]["transformationDescription"],
            "transformationType": sources[0]["transformationType"],
        }
        for (column, _), sources in columns.items()
    ]


def dataset_version(store: Store, name: Symlink, version: DatasetVersion, *, listed: bool) -> Json:
    """One version of a dataset. Facets of outputs are shown when one version is requested, but not in a list."""
    facets = [facet for facet in store.dataset_facets[version] if not listed or facet.type in SHOWN_FACET_TYPES]
    created_by = store.runs.get(version.run) if version.run else None
    shown = dataset_node(name.namespace, name.name, version.dataset)
    del shown["lastModifiedAt"], shown["lastLifecycleState"], shown["updatedAt"]
    return {
        **shown,
        "createdAt": instant(version.created_at),
        "version": str(version.uuid),
        "fields": version.fields or [],
        "tags": [],
        "lifecycleState": version.lifecycle,
        "currentSchemaVersion": str(version.schema_version),
        "createdByRun": run(store, created_by) if created_by else None,
        "facets": merged(facets),
    }


# columns


def input_column(namespace: str, dataset: str, edge: ColumnEdge) -> Json:
    return {
        "namespace": namespace,
        "dataset": dataset,
        "datasetVersion": str(edge.input_version.uuid),
        "field": edge.input_field.name,
        "transformationDescription": edge.description,
        "transformationType": edge.type,
    }


def column_node(namespace: str, dataset: str, version: Any, name: str, kind: str | None, sources: list[Json]) -> Json:
    first = sources[0] if sources else {}
    return {
        "namespace": namespace,
        "dataset": dataset,
        "datasetVersion": str(version),
        "field": name,
        "fieldType": kind,
        "transformationDescription": first.get("transformationDescription"),
        "transformationType": first.get("transformationType"),
        "inputFields": sources,
    }


def source_column_node(source: Json) -> Json:
    return {
        **column_node(source["namespace"], source["dataset"], source["datasetVersion"], source["field"], "", []),
    }
