"""OpenLineage facets as plain dictionaries: each with the schema that its content follows, at a stated version.

Versions are the newest published ones of specification 2-0-2 (https://openlineage.io/docs/spec/facets).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from prefect_lineage_events.credentials import without_credentials

Facet = dict[str, Any]
Event = dict[str, Any]

OWN_VERSION = version("prefect-lineage-events")
# The beginning of the producer in events of our own, of any version.
OWN_PRODUCER = "https://github.com/prefect-lineage-events/prefect-lineage-events/"
PRODUCER = f"{OWN_PRODUCER}{OWN_VERSION}"
RUN_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_ANY_RUN_FACET = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunFacet"
_SPEC = "https://openlineage.io/spec/facets"
_OWN_SPEC = "https://github.com/prefect-lineage-events/prefect-lineage-events/spec/facets"

# The type of descriptions in Prefect, of deployments and of assets.
MARKDOWN = "text/markdown"
# Keys of our own facets: `{prefix}_{name}` (https://openlineage.io/docs/spec/facets/custom-facets).
RUN_KEY = "prefect_run"
DATASET_KEY = "prefect_dataset"
# The earlier key of both, in events of files and archives.
EARLIER_KEY = "prefect"
# The definitions are called as those of the specification: its compatibility tests know a custom facet by
# `$defs/RunFacet` or `$defs/DatasetFacet` in the address of its schema.
RUN_SCHEMA = "2-0-0/PrefectRunFacet.json#/$defs/RunFacet"
DATASET_SCHEMA = "2-0-0/PrefectDatasetFacet.json#/$defs/DatasetFacet"


def facet(schema: str, **content: Any) -> Facet:
    """A facet that follows a schema of the specification, as `VERSION/NAME`; without values of None."""
    return _facet(_SPEC, schema, content)


def own_facet(schema: str, **content: Any) -> Facet:
    """A facet that follows a schema of ours, in the folder `spec`."""
    return _facet(_OWN_SPEC, schema, content)


def with_schema(content: Mapping[str, Any]) -> Facet:
    """A run facet of a user's. One without a schema of its own follows that of all run facets."""
    return {"_producer": PRODUCER, "_schemaURL": _ANY_RUN_FACET, **content}


def run_key(facets: Mapping[str, Facet]) -> str:
    """The key of our own facet in the run facets of an event, which an earlier version may have built."""
    return RUN_KEY if RUN_KEY in facets or EARLIER_KEY not in facets else EARLIER_KEY


def put(facets: dict[str, Facet], key: str, found: Facet | None) -> None:
    """Add a facet under its key, when there is one."""
    if found is not None:
        facets[key] = found


def owner_list(names: Iterable[str]) -> list[dict[str, str]]:
    """Owners by their names, which people have written in tags and assets."""
    return [{"name": without_credentials(name)} for name in names]


def _facet(base: str, schema: str, content: Facet) -> Facet:
    """`VERSION/NAME` stands for `VERSION/NAME.json#/$defs/NAME`."""
    path = schema if ".json" in schema else f"{schema}.json#/$defs/{schema.rpartition('/')[2]}"
    known = {key: value for key, value in content.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": f"{base}/{path}", **known}
