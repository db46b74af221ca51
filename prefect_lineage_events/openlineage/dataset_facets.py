"""Inputs and outputs of an event, with their facets."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from prefect_lineage_events.credentials import LOOKED_AT, without_credentials
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import STAR
from prefect_lineage_events.openlineage.facets import (
    DATASET_KEY,
    DATASET_SCHEMA,
    MARKDOWN,
    Facet,
    facet,
    own_facet,
    owner_list,
    put,
)
from prefect_lineage_events.openlineage.run_facets import unknown_source
from prefect_lineage_events.openlineage.symlinks import symlinks
from prefect_lineage_events.stitching.model import Bundle, Column, ColumnEdge, DatasetUse, Evidence, Lineage
from prefect_lineage_events.stitching.provenance import DIRECT

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`]+")
TYPES = {"table": "TABLE", "view": "VIEW", "file": "FILE", "topic": "TOPIC", "stream": "STREAM", "stage": "STAGE"}

# Descriptions, which `reading` finds again.
KNOWN_FROM = "known from: "
INFERRED = "inferred from equal column names"
READS = "reads "

_SUBSET = "1-0-0/BaseSubsetDatasetFacet.json#/$defs/"
_FILE = re.compile(r"\.(?:parquet|csv|tsv|txt|json[l]?|ndjson|avro|orc|feather|arrow|ipc)(?:\.\w+)?\Z", re.IGNORECASE)
_PATTERN = re.compile(r"[*?\[\]{}]")

Described = dict[str, Any]


def inputs(lineage: Lineage) -> list[Described]:
    written = _written(lineage)
    return [_input(use, _documentation(written, use)) for use in lineage.inputs]


def outputs(lineage: Lineage) -> list[Described]:
    columns: dict[Dataset, list[ColumnEdge]] = defaultdict(list)
    for edge in lineage.columns:
        columns[edge.target].append(edge)
    written = _written(lineage)
    unknown = {source.target: source for source in lineage.unknown}
    described = []
    for use in lineage.outputs:
        output = _output(use, _documentation(written, use), columns[use.dataset])
        if source := unknown.get(use.dataset):
            output["facets"][DATASET_KEY] = own_facet(DATASET_SCHEMA, **unknown_source(source))
        described.append(output)
    return described


def explicit_lineage(lineage: Lineage) -> Facet | None:
    """The `lineage` facet: the inputs of each output. Without it a reader joins every input with every output.

    An output without sources is named too; `description` states the evidence of an edge. Where one task has very many
    inputs and outputs, the edges pass through the job (its run is then the task's): from inputs to the job, and from
    the job to the outputs.
    """
    sources: dict[Dataset, list[Described]] = defaultdict(list)
    for edge in lineage.edges:
        sources[edge.target].append(_source(edge.source, edge.evidence))
    for bundle in lineage.bundles:
        for target in bundle.targets:
            sources[target].append(_through_job(bundle))
    entries = [{**_named(use.dataset), "type": "DATASET", "inputs": sources[use.dataset]} for use in lineage.outputs]
    entries += [
        {**_through_job(bundle), "inputs": [_source(dataset, evidence) for dataset, evidence in bundle.sources]}
        for bundle in lineage.bundles
    ]
    return facet("1-0-0/LineageFacet.json#/$defs/LineageJobFacet", entries=entries) if entries else None


def _source(dataset: Dataset, evidence: Evidence) -> Described:
    known = {"type": "DIRECT", "description": f"{KNOWN_FROM}{evidence}"}
    return {**_named(dataset), "type": "DATASET", "transformations": [known]}


def _through_job(bundle: Bundle) -> Described:
    return {"type": "JOB", **({"runId": str(bundle.task_run_id)} if bundle.task_run_id else {})}


def _input(use: DatasetUse, documented: DatasetUse) -> Described:
    described: Described = {**_named(use.dataset), "facets": _facets(use, documented)}
    facets: dict[str, Facet] = {}
    put(facets, "inputStatistics", _statistics("1-0-0/InputStatisticsInputDatasetFacet", use))
    if use.subset:
        facets["subset"] = facet(f"{_SUBSET}InputSubsetInputDatasetFacet", inputCondition=_condition(use))
    return {**described, "inputFacets": facets} if facets else described


def _output(use: DatasetUse, documented: DatasetUse, columns: list[ColumnEdge]) -> Described:
    facets = _facets(use, documented)
    put(facets, "columnLineage", _column_lineage(columns))
    if use.lifecycle:
        previous = _named(use.renamed_from) if use.renamed_from else None
        facets["lifecycleStateChange"] = facet(
            "1-0-1/LifecycleStateChangeDatasetFacet", lifecycleStateChange=use.lifecycle, previousIdentifier=previous
        )
    described: Described = {**_named(use.dataset), "facets": facets}
    its: dict[str, Facet] = {}
    put(its, "outputStatistics", _statistics("1-0-2/OutputStatisticsOutputDatasetFacet", use))
    if use.subset:
        its["subset"] = facet(f"{_SUBSET}OutputSubsetOutputDatasetFacet", outputCondition=_condition(use))
    return {**described, "outputFacets": its} if its else described


def _statistics(schema: str, use: DatasetUse) -> Facet | None:
    counts = {"rowCount": use.rows, "size": use.size, "fileCount": use.files}
    return facet(schema, **counts) if any(count is not None for count in counts.values()) else None


def _condition(use: DatasetUse) -> Described:
    """The condition of a subset: partitions, if all parts are such (`dt=2026-11-28/country=de`), or else locations.

    Locations are names in the dataset's namespace, as in the client's own subsets (`openlineage.client.dataset`).
    """
    partitions = [_partition(part) for part in use.subset]
    if all(partitions):
        named = [
            {"identifier": part, "dimensions": dimensions}
            for part, dimensions in zip(use.subset, partitions, strict=True)
        ]
        return {"type": "partition", "partitions": named}
    root = use.dataset.name.rstrip("/")
    return {"type": "location", "locations": [f"{root}/{part.lstrip('/')}" for part in use.subset]}


def _partition(part: str) -> dict[str, str]:
    """The values of a partition by its columns, as Hive's layout of directories writes them; none for other parts."""
    pairs = [segment.partition("=") for segment in part.strip("/").split("/")]
    if _FILE.search(part) or not all(name and equals and not _PATTERN.search(value) for name, equals, value in pairs):
        return {}
    return {unquote(name): unquote(value) for name, _, value in pairs}


def _named(dataset: Dataset) -> Described:
    return {"namespace": dataset.namespace, "name": dataset.name}


def _written(lineage: Lineage) -> dict[Dataset, DatasetUse]:
    return {use.dataset: use for use in lineage.outputs}


def _documentation(written: Mapping[Dataset, DatasetUse], use: DatasetUse) -> DatasetUse:
    """The use with the documentation: an input without the output's documentation would remove it at a target."""
    if use.description or use.owners:
        return use
    return written.get(use.dataset, use)


def _facets(use: DatasetUse, documented: DatasetUse) -> dict[str, Facet]:
    namespace = use.dataset.namespace
    uri = namespace if _URI.fullmatch(namespace) else None
    facets = {
        "dataSource": facet("1-0-1/DatasourceDatasetFacet", name=namespace, uri=uri),
        "datasetType": facet("1-0-1/DatasetTypeDatasetFacet", datasetType=TYPES.get(use.kind, use.kind.upper())),
    }
    put(facets, "symlinks", symlinks(use))
    if use.columns:
        fields = [_schema_field(column, at <= use.ordered and at) for at, column in enumerate(use.columns, 1)]
        facets["schema"] = facet("1-2-0/SchemaDatasetFacet", fields=fields)
    if documented.description:
        text = without_credentials(documented.description, LOOKED_AT)
        facets["documentation"] = facet("1-1-0/DocumentationDatasetFacet", description=text, contentType=MARKDOWN)
    if documented.owners:
        facets["ownership"] = facet("1-0-1/OwnershipDatasetFacet", owners=owner_list(documented.owners))
    return facets


def _schema_field(column: Column, position: int) -> Described:
    """A column with what is known of it. `position` is 0 if its place in the table is not known."""
    typed = {"name": column.name} if column.type is None else {"name": column.name, "type": column.type}
    return {**typed, "ordinal_position": position} if position else typed


def _column_lineage(columns: list[ColumnEdge]) -> Facet | None:
    """Edges of each column: of its values, and of what decides over its values (CASE, WINDOW).

    What decides over rows (JOIN, FILTER, ...) concerns the whole dataset.
    """
    fields: dict[str, dict[tuple[Dataset, str], list[Described]]] = defaultdict(lambda: defaultdict(list))
    of_rows: dict[tuple[Dataset, str], list[Described]] = defaultdict(list)
    for edge in columns:
        source = (edge.source, edge.source_column)
        if edge.target_column != STAR:
            fields[edge.target_column][source].append(_transformation(edge))
        else:
            of_rows[source].append(_transformation(edge))
    if not fields and not of_rows:
        return None
    by_field = {name: {"inputFields": [_field(*item) for item in sources.items()]} for name, sources in fields.items()}
    return facet(
        "1-2-0/ColumnLineageDatasetFacet", fields=by_field, dataset=[_field(*item) for item in of_rows.items()] or None
    )


def _field(source: tuple[Dataset, str], transformations: list[Described]) -> Described:
    return {**_named(source[0]), "field": source[1], "transformations": transformations}


def _transformation(edge: ColumnEdge) -> Described:
    kind = {"type": "DIRECT" if edge.transformation in DIRECT else "INDIRECT", "subtype": edge.transformation}
    notes = [INFERRED] if edge.inferred else []
    notes += [f"{READS}{edge.source_part}"] if edge.path else []
    return {**kind, "description": "; ".join(notes)} if notes else kind
