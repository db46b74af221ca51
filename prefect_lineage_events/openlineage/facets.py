"""OpenLineage facets as plain dictionaries: each key with the schema version that its content follows.

Versions are the newest published ones of specification 2-0-2 (https://openlineage.io/docs/spec/facets).
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

Facet = dict[str, Any]
Event = dict[str, Any]

OWN_VERSION = version("prefect-lineage-events")
PRODUCER = f"https://github.com/prefect-lineage-events/prefect-lineage-events/{OWN_VERSION}"
RUN_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_SPEC = "https://openlineage.io/spec/facets"
_OURS = "https://github.com/prefect-lineage-events/prefect-lineage-events/spec/facets"

_SCHEMAS = {
    # run
    "parent": f"{_SPEC}/1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet",
    "nominalTime": f"{_SPEC}/1-0-1/NominalTimeRunFacet.json#/$defs/NominalTimeRunFacet",
    "errorMessage": f"{_SPEC}/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
    "externalQuery": f"{_SPEC}/1-0-2/ExternalQueryRunFacet.json#/$defs/ExternalQueryRunFacet",
    "extractionError": f"{_SPEC}/1-1-2/ExtractionErrorRunFacet.json#/$defs/ExtractionErrorRunFacet",
    "processing_engine": f"{_SPEC}/1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet",
    "run tags": f"{_SPEC}/1-0-0/TagsRunFacet.json#/$defs/TagsRunFacet",
    "prefect": f"{_OURS}/1-0-0/PrefectRunFacet.json#/$defs/PrefectRunFacet",
    # job
    "jobType": f"{_SPEC}/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
    "sql": f"{_SPEC}/1-1-0/SQLJobFacet.json#/$defs/SQLJobFacet",
    "job documentation": f"{_SPEC}/1-1-0/DocumentationJobFacet.json#/$defs/DocumentationJobFacet",
    "sourceCodeLocation": f"{_SPEC}/1-1-0/SourceCodeLocationJobFacet.json#/$defs/SourceCodeLocationJobFacet",
    "job ownership": f"{_SPEC}/1-0-1/OwnershipJobFacet.json#/$defs/OwnershipJobFacet",
    "job tags": f"{_SPEC}/1-0-0/TagsJobFacet.json#/$defs/TagsJobFacet",
    "lineage": f"{_SPEC}/1-0-0/LineageFacet.json#/$defs/LineageJobFacet",
    # dataset
    "schema": f"{_SPEC}/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
    "columnLineage": f"{_SPEC}/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet",
    "lifecycleStateChange": (
        f"{_SPEC}/1-0-1/LifecycleStateChangeDatasetFacet.json#/$defs/LifecycleStateChangeDatasetFacet"
    ),
    "datasetType": f"{_SPEC}/1-0-1/DatasetTypeDatasetFacet.json#/$defs/DatasetTypeDatasetFacet",
    "dataSource": f"{_SPEC}/1-0-1/DatasourceDatasetFacet.json#/$defs/DatasourceDatasetFacet",
    "prefect dataset": f"{_OURS}/1-0-0/PrefectDatasetFacet.json#/$defs/PrefectDatasetFacet",
    "dataset documentation": f"{_SPEC}/1-1-0/DocumentationDatasetFacet.json#/$defs/DocumentationDatasetFacet",
    "dataset ownership": f"{_SPEC}/1-0-1/OwnershipDatasetFacet.json#/$defs/OwnershipDatasetFacet",
    "inputStatistics": f"{_SPEC}/1-0-0/InputStatisticsInputDatasetFacet.json#/$defs/InputStatisticsInputDatasetFacet",
    "outputStatistics": (
        f"{_SPEC}/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet"
    ),
}


def facet(kind: str, **content: Any) -> Facet:
    """A facet of a kind in the table above, without values of None."""
    given = {key: value for key, value in content.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": _SCHEMAS[kind], **given}


def put(facets: dict[str, Facet], key: str, found: Facet | None) -> None:
    """Add a facet under its key, when there is one. Facets of one key differ by run, job and dataset (`run tags`)."""
    if found is not None:
        facets[key] = found
