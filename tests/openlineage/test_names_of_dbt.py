"""The names that dbt's integration (dbt-ol) gives tables are ours, or among our other names of them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import duckdb

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.instrumentation.drivers.generic import url_store
from prefect_lineage_events.openlineage.symlinks import symlinks
from prefect_lineage_events.stitching.model import DatasetUse
from tests.services import dbt

# A profile of dbt, the name that it has for a table, and the URL and parts by which a flow reaches this table.
_TABLES: list[tuple[dict[str, Any], str, str, tuple[str, ...]]] = [
    ({"type": "postgres", "host": "h", "port": 5432}, "shop.public.orders", "postgresql://u:p@h/shop", ("orders",)),
    ({"type": "snowflake", "account": "myorg-shop"}, "SHOP.PUBLIC.ORDERS", "snowflake://u:p@myorg-shop/SHOP/PUBLIC",
     ("ORDERS",)),
    ({"type": "snowflake", "account": "xy12345.eu-west-1"}, "SHOP.PUBLIC.ORDERS",
     "snowflake://u:p@xy12345.eu-west-1/SHOP/PUBLIC", ("ORDERS",)),
    ({"type": "bigquery"}, "project.sales.orders", "bigquery://project/sales", ("orders",)),
    ({"type": "redshift", "host": "shop.abc.eu-west-1.redshift.amazonaws.com", "port": 5439}, "dev.public.orders",
     "redshift+redshift_connector://u:p@shop.abc.eu-west-1.redshift.amazonaws.com/dev", ("orders",)),
    ({"type": "databricks", "host": "adb-1.azuredatabricks.net"}, "main.sales.orders",
     "databricks://token:x@adb-1.azuredatabricks.net?catalog=main&schema=sales", ("orders",)),
    ({"type": "trino", "host": "h", "port": 8080}, "hive.sales.orders", "trino://u@h/hive/sales", ("orders",)),
    ({"type": "clickhouse", "host": "h", "port": 8123}, "shop.orders", "clickhouse://h/shop", ("orders",)),
    ({"type": "clickhouse", "host": "h", "port": 9000}, "shop.orders", "clickhouse+native://h:9000/shop", ("orders",)),
    ({"type": "sqlserver", "server": "h", "port": 1433}, "shop.dbo.orders", "mssql+pyodbc://u:p@h/shop", ("orders",)),
    ({"type": "fabric", "server": "ws.datawarehouse.fabric.microsoft.com"}, "shop.dbo.orders",
     "mssql+pyodbc://u:p@ws.datawarehouse.fabric.microsoft.com/shop", ("orders",)),
    ({"type": "athena", "region_name": "eu-west-1"}, "awsdatacatalog.shop.orders",
     "awsathena+rest://@athena.eu-west-1.amazonaws.com/shop", ("orders",)),
    ({"type": "duckdb", "path": "/data/shop.duckdb"}, "shop.main.orders", "duckdb:////data/shop.duckdb", ("orders",)),
]  # fmt: skip

_NAMESPACES = """
import json, sys
from openlineage.common.provider.dbt.processor import Adapter, DbtArtifactProcessor
def namespace(profile):
    processor = DbtArtifactProcessor.__new__(DbtArtifactProcessor)
    processor.adapter_type = Adapter[profile["type"].upper()]
    return processor.extract_namespace(profile)
print(json.dumps([namespace(profile) for profile in json.load(sys.stdin)]))
"""


def our_names(dataset: Dataset, *aliases: str) -> set[tuple[str, str]]:
    use = DatasetUse(dataset, symlinks=tuple(Dataset(namespace, dataset.name) for namespace in aliases))
    facet = symlinks(use) or {"identifiers": []}
    return {(dataset.namespace, dataset.name), *((i["namespace"], i["name"]) for i in facet["identifiers"])}


def test_namespace_of_each_adapter_is_among_our_names() -> None:
    profiles = json.dumps([profile for profile, *_ in _TABLES])
    done = subprocess.run([dbt.python(), "-c", _NAMESPACES], input=profiles, capture_output=True, text=True, check=True)
    for (profile, name, url, parts), namespace in zip(_TABLES, json.loads(done.stdout), strict=True):
        store = url_store(url)
        assert (namespace, name) in our_names(store.table(parts), *store.aliases), profile


def test_tables_of_a_real_run_of_dbt_on_duckdb_are_among_our_names(tmp_path: Path) -> None:
    python = dbt.python()
    file, models = tmp_path / "shop.duckdb", tmp_path / "models"
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id")
    models.mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: shop\nversion: '1.0.0'\nprofile: shop\n")
    target = {"type": "duckdb", "path": str(file), "schema": "main"}
    (tmp_path / "profiles.yml").write_text(json.dumps({"shop": {"target": "dev", "outputs": {"dev": target}}}))
    sources = {"version": 2, "sources": [{"name": "raw", "schema": "main", "tables": [{"name": "orders"}]}]}
    (models / "sources.yml").write_text(json.dumps(sources))
    (models / "mart.sql").write_text("{{ config(materialized='table') }} select * from {{ source('raw', 'orders') }}")
    sent = tmp_path / "events.jsonl"
    transport = {"TYPE": "file", "LOG_FILE_PATH": str(sent), "APPEND": "true"}
    done = subprocess.run(
        [python.parent / "dbt-ol", "run", "--project-dir", tmp_path, "--profiles-dir", tmp_path],
        env={
            **os.environ,
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            **{f"OPENLINEAGE__TRANSPORT__{key}": value for key, value in transport.items()},
        },
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    events = [json.loads(line) for line in sent.read_text().splitlines()]
    named = {(d["namespace"], d["name"]) for e in events for d in (*e.get("inputs", []), *e.get("outputs", []))}
    store = url_store(f"duckdb:///{file}")
    assert named
    assert named <= our_names(store.table(["orders"])) | our_names(store.table(["mart"]))
