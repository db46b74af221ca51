"""Names of tables in lakes: Delta's and Iceberg's tables are named by their location."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.files.locations import locate
from prefect_lineage_events.naming import server_namespace

_HIVE_PORT = 9083


@dataclass(frozen=True, slots=True)
class LakeTable:
    """A table of a lake, with its names in catalogs."""

    dataset: Dataset
    symlinks: tuple[Dataset, ...] = ()


def delta_table(target: Any, options: Mapping[str, Any] | None = None) -> LakeTable | None:
    """The table that a path, a URI or a `DeltaTable` names."""
    if hasattr(target, "table_uri"):
        uri = target.table_uri
        target = uri() if callable(uri) else uri
    return _at(target, options)


def _at(location: Any, options: Mapping[str, Any] | None = None) -> LakeTable | None:
    if isinstance(location, str):
        location = location.rstrip("/")
    found = locate(location, options=options)
    return LakeTable(found[0].dataset) if len(found) == 1 else None


def iceberg_table(table: Any) -> LakeTable | None:
    """The table of a pyiceberg `Table`."""
    return iceberg_at(table.metadata, getattr(table, "catalog", None), table.name())


def iceberg_at(metadata: Any, catalog: Any, identifier: Sequence[str] | None) -> LakeTable | None:
    """An Iceberg table, by its location; its names in a REST, Hive or Glue catalog are further ones."""
    found = _at(metadata.location)
    if found is None:
        return None
    symlinks: tuple[Dataset, ...] = ()
    with guarded("naming a table in its catalog", count_loss):
        symlinks = tuple(_in_catalog(catalog, identifier)) if catalog is not None and identifier else ()
    return LakeTable(found.dataset, symlinks)


def _in_catalog(catalog: Any, identifier: Sequence[str]) -> list[Dataset]:
    properties = getattr(catalog, "properties", {})
    client = getattr(catalog, "glue", None)
    if client is not None:
        return _in_glue(str(properties.get("glue.id") or ""), client, identifier)
    uri = str(properties.get("uri") or "")
    name = ".".join(identifier)
    scheme, separator, rest = uri.partition("://")
    authority, _, path = rest.partition("?")[0].partition("/")
    authority = authority.rpartition("@")[2]
    if not separator or not authority:
        return []
    if scheme in ("http", "https"):  # as the OpenLineage integration of Spark names it
        return [Dataset(f"{scheme}://{authority}/{path}".rstrip("/"), name)]
    if scheme == "thrift":
        host, _, port = authority.partition(",")[0].partition(":")
        return [Dataset(server_namespace("hive", host, int(port or _HIVE_PORT)), name)]
    return []


def _in_glue(account: str, client: Any, identifier: Sequence[str]) -> list[Dataset]:
    """The name in AWS Glue, where the catalog's properties have the account; another one would be a request."""
    region = getattr(getattr(client, "meta", None), "region_name", None)
    if not account.isdecimal() or not isinstance(region, str) or len(identifier) != 2:
        return []
    return [Dataset(f"arn:aws:glue:{region}:{account}", f"table/{identifier[0]}/{identifier[1]}")]


def delta_target(target: Any, given: Mapping[str, Any]) -> LakeTable | None:
    """The table that a function's `target` names. `given` are its other arguments."""
    return delta_table(target, given.get("storage_options"))


def iceberg_target(target: Any, given: Mapping[str, Any]) -> LakeTable | None:
    """The table that a function's `target` names, a `Table`. The identifier of one in a catalog would be a request."""
    if hasattr(target, "metadata"):
        return iceberg_table(target)
    count_loss("an Iceberg table that is named by its identifier alone")
    return None
