"""Other names of a dataset (OpenLineage's facet `symlinks`), so that events of other integrations meet ours.

Some follow by a rule from the dataset's own name; others only a connection knows, and its events state them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.openlineage.facets import Facet, facet
from prefect_lineage_events.stitching.model import DatasetUse

# Schemes whose datasets are named by their place.
_LOCATIONS = frozenset({"file", "s3", "gs", "abfss", "wasbs", "hdfs", "dbfs", "memory"})
_AZURE = re.compile(r"(?:abfss|wasbs)://(?P<container>[^@/]+)@(?P<account>[^/.]+)\.dfs\.(?P<suffix>core\.[a-z.]+)")
# learn.microsoft.com: Connectivity to data warehousing in Microsoft Fabric
_FABRIC = re.compile(r"mssql://(?P<host>[^/:]+\.fabric\.microsoft\.com):(?P<port>\d+)")


def symlinks(use: DatasetUse) -> Facet | None:
    """The facet with all other names of a dataset; None if there are none."""
    others = dict.fromkeys((*use.symlinks, *by_rule(use.dataset)))
    others.pop(use.dataset, None)
    if not others:
        return None
    identifiers = [{"namespace": other.namespace, "name": other.name, "type": _type(other)} for other in sorted(others)]
    return facet("1-0-1/SymlinksDatasetFacet", identifiers=identifiers)


def by_rule(dataset: Dataset) -> Iterator[Dataset]:
    """The names that other integrations make of the same dataset.

    dbt's (`openlineage.common.provider.dbt.processor`) names Databricks by dbt's adapter, a DuckDB table with its
    database, and Fabric by a scheme of its own. Spark's names SQL Server by the scheme of JDBC
    (`io.openlineage.client.utils.jdbc`), and a blob by the address in its URL, with another host than OpenLineage's
    naming page has.
    """
    scheme, _, rest = dataset.namespace.partition("://")
    if scheme == "unitycatalog":
        yield Dataset(f"databricks://{rest}", dataset.name)
    elif scheme == "duckdb" and rest.startswith("/"):
        # dbt-duckdb names the database by the file, without its extension
        yield Dataset(dataset.namespace, f"{PurePosixPath(rest).stem}.{dataset.name}")
    elif scheme == "mssql":
        yield Dataset(f"sqlserver://{rest}", dataset.name)
        if fabric := _FABRIC.fullmatch(dataset.namespace):
            yield Dataset(f"fabric-warehouse://{fabric['host']}", dataset.name)
            yield Dataset(f"fabric-warehouse://{fabric['host']}:{fabric['port']}", dataset.name)
    elif azure := _AZURE.fullmatch(dataset.namespace):
        place = f"{azure['container']}@{azure['account']}"
        yield Dataset(f"wasbs://{place}.blob.{azure['suffix']}", dataset.name)
        yield Dataset(f"abfss://{place}.dfs.{azure['suffix']}", dataset.name)


@lru_cache(maxsize=65_536)
def also_by_rule(dataset: Dataset) -> tuple[Dataset, ...]:
    """The names by rule that stay different from the dataset's own when they are read from events."""
    others = dict.fromkeys(other.canonical() for other in by_rule(dataset))
    return tuple(other for other in others if other != dataset)


def _type(dataset: Dataset) -> str:
    return "LOCATION" if dataset.namespace.partition(":")[0] in _LOCATIONS else "TABLE"
