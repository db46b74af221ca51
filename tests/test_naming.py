"""Identity of datasets: captured, recorded, attached and asset names of one dataset are equal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_lineage_events.datasets import Dataset, parse_uri
from prefect_lineage_events.history.assets import dataset_of
from prefect_lineage_events.instrumentation.drivers.generic import url_store
from prefect_lineage_events.naming import SCHEMES, canonical, host_and_port, join_name, scheme_of
from prefect_lineage_events.stores import server

_POSTGRES = Dataset("postgres://localhost:5432", "shop.public.orders")
_SNOWFLAKE = Dataset("snowflake://myorg-shop", "SHOP.PUBLIC.ORDERS")
_SPELLINGS = {
    _POSTGRES: [
        "postgres://localhost:5432/shop/public/orders",
        "postgresql://u:p@127.0.0.1:5432/shop/public/orders",
        "postgresql+psycopg2://u:p@127.0.0.1/shop/public/orders",
        "postgresql+psycopg_async://[::1]:5432/shop.public.orders",
        "postgresql+asyncpg://LOCALHOST/shop/public/orders?ssl=true",
        "jdbc:postgresql://localhost/shop/public/orders",
        "postgres://localhost./SHOP/PUBLIC/ORDERS",
        'pg://localhost/"shop"/"public"/"orders"',
    ],
    Dataset("postgres://h:5432", "shop.public.orders"): [
        "pgsql://h/shop/public/orders",
        "timescaledb://h/shop.public.orders",
    ],
    Dataset("postgres://db.example.com:6432", "shop.Public.Orders"): [
        "postgresql://DB.example.com:6432/shop/Public/Orders",
    ],
    _SNOWFLAKE: [
        "snowflake://myorg-shop/SHOP/PUBLIC/ORDERS",
        "snowflake://MYORG-SHOP/shop/public/orders",
        "snowflake://user:secret@myorg-shop.snowflakecomputing.com/shop.public.orders",
        'snowflake://myorg-shop.privatelink/shop/public/"ORDERS"',
    ],
    Dataset("snowflake://myorg-shop", "SHOP.PUBLIC.orders"): [
        'snowflake://myorg-shop/shop/public/"orders"',
        "snowflake://myorg-shop/SHOP/PUBLIC/orders",
    ],
    Dataset("mysql://localhost:3306", "Shop.Orders"): [
        "mysql+pymysql://root@127.0.0.1/Shop/Orders",
        "mariadb+mariadbconnector://localhost:3306/Shop.Orders",
    ],
    Dataset("mssql://db:1433", "shop.dbo.orders"): [
        "mssql+pyodbc://sa:pw@db/shop/dbo/orders",
        "jdbc:sqlserver://DB:1433/shop/dbo/orders",
    ],
    Dataset("mssql://db:1433", "Shop.Sch.MixedCaseTable"): ["sqlserver://db/Shop/Sch/MixedCaseTable"],
    Dataset("oracle://db:1521", "SHOP.SALES.ORDERS"): ["oracle+oracledb://db/shop/sales/orders"],
    Dataset("redshift://shop.eu-west-1:5439", "dev.public.orders"): [
        "redshift+redshift_connector://u:p@shop.abc123.eu-west-1.redshift.amazonaws.com/dev/public/orders",
        "redshift://shop.eu-west-1:5439/dev/public/Orders",
    ],
    Dataset("unitycatalog://adb-1.azuredatabricks.net", "main.sales.orders"): [
        "databricks://token:dapi@adb-1.azuredatabricks.net:443/main/sales/orders",
        "unitycatalog://ADB-1.azuredatabricks.net/main.sales.Orders",
    ],
    Dataset("clickhouse://ch:8123", "shop.orders"): [
        "clickhouse+native://default@ch:9000/shop/orders",
        "clickhousedb://ch:8443/shop/orders",
        "clickhouse://ch/shop/orders",
    ],
    Dataset("bigquery", "project.sales.orders"): [
        "bigquery:project.sales.orders",
        "bigquery://project/sales/orders",
        "bigquery://project.sales.orders",
    ],
    Dataset("sqlite:///data/shop.db", "orders"): [
        "sqlite:///data/shop.db/orders",
        "sqlite+aiosqlite:////data/shop.db/Orders",
        "sqlite:///data/../data/shop.db/orders",
    ],
    Dataset("duckdb:///data/shop.duckdb", "main.orders"): [
        "duckdb:///data/shop.duckdb/main/orders",
        "duckdb:///data/shop.duckdb/main.Orders",
        "duckdb:////data/shop.duckdb/orders",
    ],
    Dataset("s3://bucket", "in/orders.csv"): [
        "s3://bucket/in/orders.csv",
        "s3a://key:secret@bucket/in/orders.csv",
        "https://bucket.s3.eu-west-1.amazonaws.com/in/orders.csv?X-Amz-Signature=secret",
        "https://s3.amazonaws.com/bucket/in/orders.csv",
    ],
    Dataset("gs://bucket", "in/orders.csv"): [
        "gcs://bucket/in/orders.csv",
        "https://storage.googleapis.com/bucket/in/orders.csv",
    ],
    Dataset("abfss://raw@acct.dfs.core.windows.net", "in/orders.csv"): [
        "abfss://raw@acct.dfs.core.windows.net/in/orders.csv",
        "abfs://raw@ACCT.dfs.core.windows.net/in/orders.csv",
        "abfs://raw@acct/in/orders.csv",
        "az://raw@acct.dfs.core.windows.net/in/orders.csv",
        "az://acct.blob.core.windows.net/raw/in/orders.csv",
        "azure://acct.blob.core.windows.net/raw/in/orders.csv",
        "abfss://acct.dfs.core.windows.net/raw/in/orders.csv",
        "https://acct.dfs.core.windows.net/raw/in/orders.csv?sig=secret",
        "https://acct.blob.core.windows.net/raw/in/orders.csv?sv=1&sig=secret",
        "https://acct-secondary.blob.core.windows.net/raw/in/orders.csv",
        "https://acct.privatelink.blob.core.windows.net:443/raw/in/orders.csv",
    ],
    Dataset("abfss://curated@acct.dfs.core.windows.net", "in/orders.csv"): [
        "abfss://curated@acct.dfs.core.windows.net/in/orders.csv",
        "https://acct.blob.core.windows.net/curated/in/orders.csv",
    ],
    Dataset("abfss://raw@acct.dfs.core.chinacloudapi.cn", "o.csv"): [
        "https://acct.blob.core.chinacloudapi.cn/raw/o.csv",
    ],
    Dataset("abfss://raw@acct.z01.dfs.storage.azure.net", "o.csv"): [
        "https://acct.z01.blob.storage.azure.net/raw/o.csv"
    ],
    Dataset("abfss://sales@onelake.dfs.fabric.microsoft.com", "shop.Lakehouse/Files/o.csv"): [
        "https://onelake.dfs.fabric.microsoft.com/sales/shop.Lakehouse/Files/o.csv",
        "https://onelake.blob.fabric.microsoft.com/sales/shop.Lakehouse/Files/o.csv",
    ],
    Dataset("abfss://raw", "in/orders.csv"): [
        "az://raw/in/orders.csv",
        "azure://raw/in/orders.csv",
        "abfs://raw/in/orders.csv",
    ],
    Dataset("wasbs://raw@acct.dfs.core.windows.net", "in/orders.csv"): [
        "wasb://raw@acct.blob.core.windows.net/in/orders.csv",
        "wasbs://acct.blob.core.windows.net/raw/in/orders.csv",
    ],
    Dataset("kafka://broker:9092", "orders"): ["kafka://Broker/orders", "kafka://broker:9092/orders"],
    Dataset("mongodb://db.example.com:27017", "shop.orders"): [
        "mongodb://db.example.com/shop.orders",
        "mongodb://u:secret@DB.example.com:27017/shop.orders",
        "mongo://db.example.com/shop.orders",
    ],
    Dataset("mongodb://a:27017,b:27018", "shop.orders"): ["mongodb://a,b:27018/shop.orders"],
    Dataset("elasticsearch://h:9200", "orders"): ["elasticsearch://h/orders", "elasticsearch://h:9200/orders"],
    Dataset("neo4j://h:7687", "orders"): ["bolt://h/orders", "neo4j+s://h:7687/orders"],
    Dataset("cassandra://h:9042", "shop.orders"): ["scylla://h/shop/orders", "cassandra://h:9042/shop.orders"],
    Dataset("greenplum://h:5432", "shop.public.orders"): [
        "greenplum://h/shop.public.orders",
        "greenplum://h/shop/public/orders",
    ],
    Dataset("https://api.example.com", "v1/orders"): [
        "https://api.example.com/v1/orders",
        "HTTPS://API.example.com:443/v1/orders?page=1",
    ],
    Dataset("http://localhost:8080", "v1/orders"): ["http://127.0.0.1:8080/v1/orders"],
    Dataset("file", "/data/orders.csv"): [
        "file:///data/orders.csv",
        "file:/data/orders.csv",
        "file://localhost/data/./orders.csv",
        "file://127.0.0.1/data/x/../orders.csv",
    ],
    Dataset("metabase://Dashboards", "Sales"): ["metabase://Dashboards/Sales"],
}


@pytest.mark.parametrize(("spelling", "dataset"), [(s, d) for d, spellings in _SPELLINGS.items() for s in spellings])
def test_spellings_of_one_dataset_are_equal(spelling: str, dataset: Dataset) -> None:
    assert Dataset.from_uri(spelling) == dataset


@pytest.mark.parametrize("dataset", list(_SPELLINGS), ids=str)
def test_canonical_dataset_survives_uri_and_asset_key(dataset: Dataset) -> None:
    assert dataset.canonical() == dataset
    assert parse_uri(dataset.uri) == dataset
    assert dataset_of(dataset.uri) == dataset


@pytest.mark.parametrize(
    ("engine", "parts", "recorded"),
    [
        ("postgresql+psycopg2://u:p@127.0.0.1/shop", ["public", "orders"], "postgresql://localhost/shop/public/orders"),
        ("postgresql://h:6432/shop", ["orders"], "postgres://h:6432/shop/public/orders"),
        ("mysql+pymysql://h/shop", ["orders"], "mariadb://h/shop/orders"),
        ("mssql+pyodbc://h/shop", ["dbo", "orders"], "sqlserver://h:1433/shop/dbo/orders"),
        ("snowflake://u:p@MYORG-shop/SHOP/PUBLIC", ["ORDERS"], "snowflake://myorg-shop/shop/public/orders"),
        ("clickhouse+native://h:9000/shop", ["orders"], "clickhouse://h/shop/orders"),
        ("databricks://token:x@h:443/main/sales", ["orders"], "databricks://h/main/sales/orders"),
        ("trino://u@h/hive/sales", ["orders"], "trino://h:8080/hive/sales/orders"),
        ("hive://h/shop", ["orders"], "hive://h:10000/shop/orders"),
        ("redshift+psycopg2://c.x.eu-west-1.redshift.amazonaws.com/dev", ["orders"],
         "redshift://c.eu-west-1:5439/dev/public/orders"),
        ("bigquery://project/sales", ["orders"], "bigquery:project.sales.orders"),
        ("sqlite:////data/shop.db", ["orders"], "sqlite:///data/shop.db/orders"),
        ("duckdb:////data/shop.duckdb", ["orders"], "duckdb:///data/shop.duckdb/main/orders"),
    ],
)  # fmt: skip
def test_table_of_an_engine_equals_its_recorded_uri(engine: str, parts: list[str], recorded: str) -> None:
    assert url_store(engine).table(parts) == Dataset.from_uri(recorded)


@pytest.mark.parametrize(
    "dataset",
    [
        Dataset("postgresql+psycopg2://u:p@127.0.0.1", "shop.public.orders"),
        Dataset("postgresql://localhost:5432", "SHOP.PUBLIC.ORDERS"),
    ],
)
def test_canonical_form_of_a_dataset_from_parts(dataset: Dataset) -> None:
    assert dataset.canonical() == _POSTGRES


def test_links_resolve_to_one_file(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "orders.csv")
    assert Dataset.from_uri(f"file://{tmp_path}/link.csv") == Dataset.from_uri(f"file://{tmp_path}/orders.csv")


@pytest.mark.parametrize("dataset", ["snowflake://DB/SCHEMA/T", "postgres://db/schema/t"])
def test_asset_key_with_a_database_in_place_of_a_server_is_unchanged(dataset: str) -> None:
    """`prefect-dbt` writes such keys; the run identifies the server."""
    assert dataset_of(dataset).namespace == dataset.rsplit("/", 2)[0]  # type: ignore[union-attr]


@pytest.mark.parametrize("table", ["a.b", 'a"b', "a b", "ä"])
def test_uri_keeps_dotted_and_quoted_parts(table: str) -> None:
    dataset = server("postgres", "h", None, "shop", "public").table([table])
    assert parse_uri(dataset.uri) == dataset


_AUTHORITIES = st.from_regex(r"([aB]{1,3}@)?[aB1_-]{1,4}(\.[a1]{1,3}){0,2}\.?(:[1-9][0-9]{0,3})?", fullmatch=True)


@given(
    st.sampled_from(sorted(SCHEMES)), _AUTHORITIES, st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=4)
)
def test_canonical_form_is_idempotent(scheme: str, authority: str, parts: list[str]) -> None:
    once = canonical(f"{scheme}://{authority}", join_name(parts))
    assert canonical(*once) == once


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("h", ("h", None)),
        ("h:1", ("h", 1)),
        ("[::1]:5432", ("[::1]", 5432)),
        ("::1", ("::1", None)),
        ("h:", ("h", None)),
        (r"h\instance", (r"h\instance", None)),
    ],
)
def test_host_and_port_are_split(text: str, parts: tuple[str, int | None]) -> None:
    assert host_and_port(text) == parts


def test_canonical_scheme_is_unchanged() -> None:
    assert {scheme_of(name) for name in SCHEMES} == set(SCHEMES)
