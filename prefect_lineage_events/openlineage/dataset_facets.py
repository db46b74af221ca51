"""Inputs and outputs of an event, with their facets."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.openlineage.facets import Facet, facet, put
from prefect_lineage_events.openlineage.run_facets import unknown_source
from prefect_lineage_events.stitching.model import Bundle, ColumnEdge, DatasetUse, Evidence, Lineage
from prefect_lineage_events.stitching.provenance import DIRECT

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`]+")
_TYPES = {"table": "TABLE", "view": "VIEW", "file": "FILE", "topic": "TOPIC", "stream": "STREAM", "stage": "STAGE"}

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
    told = []
    for use in lineage.outputs:
        output = _output(use, _documentation(written, use), columns[use.dataset])
        if source := unknown.get(use.dataset):
            output["facets"]["prefect"] = facet("prefect dataset", **unknown_source(source))
        told.append(output)
    return told


def explicit_lineage(lineage: Lineage) -> Facet | None:
    """Which input feeds which output. Without it a reader joins every input with every output.

    An output without sources is named too, with none; `description` says how an edge is known. Where one task fed very
    many outputs by very many inputs, these go by way of the job (its run is then the task's): inputs feed the job, the
    job feeds the outputs.
    """
    sources: dict[Dataset, list[Described]] = defaultdict(list)
    for edge in lineage.edges:
        sources[edge.target].append(_source(edge.source, edge.evidence))
    for bundle in lineage.bundles:
        for target in bundle.targets:
            sources[target].append(_by_way_of(bundle))
    entries = [{**_named(use.dataset), "type": "DATASET", "inputs": sources[use.dataset]} for use in lineage.outputs]
    entries += [
        {**_by_way_of(bundle), "inputs": [_source(dataset, evidence) for dataset, evidence in bundle.sources]}
        for bundle in lineage.bundles
    ]
    return facet("lineage", entries=entries) if entries else None


def _source(dataset: Dataset, evidence: Evidence) -> Described:
    known = {"type": "DIRECT", "description": f"known from: {evidence}"}
    return {**_named(dataset), "type": "DATASET", "transformations": [known]}


def _by_way_of(bundle: Bundle) -> Described:
    return {"type": "JOB", **({"runId": str(bundle.task_run_id)} if bundle.task_run_id else {})}


def _input(use: DatasetUse, documented: DatasetUse) -> Described:
    told: Described = {**_named(use.dataset), "facets": _facets(use, documented)}
    if use.rows is not None:
        told["inputFacets"] = {"inputStatistics": facet("inputStatistics", rowCount=use.rows)}
    return told


def _output(use: DatasetUse, documented: DatasetUse, columns: list[ColumnEdge]) -> Described:
    facets = _facets(use, documented)
    put(facets, "columnLineage", _column_lineage(columns))
    if use.lifecycle:
        previous = _named(use.renamed_from) if use.renamed_from else None
        facets["lifecycleStateChange"] = facet(
            "lifecycleStateChange", lifecycleStateChange=use.lifecycle, previousIdentifier=previous
        )
    told: Described = {**_named(use.dataset), "facets": facets}
    if use.rows is not None:
        told["outputFacets"] = {"outputStatistics": facet("outputStatistics", rowCount=use.rows)}
    return told


def _named(dataset: Dataset) -> Described:
    return {"namespace": dataset.namespace, "name": dataset.name}


def _written(lineage: Lineage) -> dict[Dataset, DatasetUse]:
    return {use.dataset: use for use in lineage.outputs}


def _documentation(written: Mapping[Dataset, DatasetUse], use: DatasetUse) -> DatasetUse:
    """The use that tells most of a dataset: a reader that says less than the writer would take it back."""
    if use.description or use.owners:
        return use
    return written.get(use.dataset, use)


def _facets(use: DatasetUse, documented: DatasetUse) -> dict[str, Facet]:
    namespace = use.dataset.namespace
    uri = namespace if _URI.fullmatch(namespace) else None
    facets = {
        "dataSource": facet("dataSource", name=namespace, uri=uri),
        "datasetType": facet("datasetType", datasetType=_TYPES.get(use.kind, use.kind.upper())),
    }
    if use.columns:
        fields = [{"name": c.name} if c.type is None else {"name": c.name, "type": c.type} for c in use.columns]
        facets["schema"] = facet("schema", fields=fields)
    if documented.description:
        facets["documentation"] = facet("dataset documentation", description=documented.description)
    if documented.owners:
        facets["ownership"] = facet("dataset ownership", owners=[{"name": name} for name in documented.owners])
    return facets


def _column_lineage(columns: list[ColumnEdge]) -> Facet | None:
    """DIRECT edges per column; what decided over rows (INDIRECT) concerns the whole dataset."""
    fields: dict[str, dict[tuple[Dataset, str], list[Described]]] = defaultdict(lambda: defaultdict(list))
    deciding: dict[tuple[Dataset, str], list[Described]] = defaultdict(list)
    for edge in columns:
        source = (edge.source, edge.source_column)
        if edge.transformation in DIRECT:
            fields[edge.target_column][source].append(_transformation(edge))
        else:
            deciding[source].append(_transformation(edge))
    if not fields and not deciding:
        return None
    told = {name: {"inputFields": [_field(*item) for item in sources.items()]} for name, sources in fields.items()}
    return facet("columnLineage", fields=told, dataset=[_field(*item) for item in deciding.items()] or None)


def _field(source: tuple[Dataset, str], transformations: list[Described]) -> Described:
    return {**_named(source[0]), "field": source[1], "transformations": transformations}


def _transformation(edge: ColumnEdge) -> Described:
    told = {"type": "DIRECT" if edge.transformation in DIRECT else "INDIRECT", "subtype": edge.transformation}
    return {**told, "description": "inferred from equal column names"} if edge.inferred else told
