"""Each store of OpenLineage's naming page (https://openlineage.io/docs/spec/naming) has its name there on our roads to it.

The expected names are those of `openlineage.client.naming`, which has a class for each store of the page.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openlineage.client.naming import dataset as page
from openlineage.client.naming.dataset import PubSubNaming, PubSubResourceType

from prefect_lineage_events import stores
from prefect_lineage_events.datasets import Dataset, file_at, local_file
from prefect_lineage_events.history.assets import dataset_of
from prefect_lineage_events.instrumentation.drivers.generic import url_store

Road = Callable[[], Dataset]


def uri(text: str) -> Road:
    return lambda: Dataset.from_uri(text)


def engine(url: str, *parts: str) -> Road:
    return lambda: url_store(url).table(parts)


_ROADS: list[tuple[Any, list[Road]]] = [
    (page.Athena("eu-west-1", "awsdatacatalog", "shop", "orders"), [
        uri("athena://athena.eu-west-1.amazonaws.com/awsdatacatalog/shop/orders"),
        engine("awsathena+rest://@athena.eu-west-1.amazonaws.com:443/shop?s3_staging_dir=s3://b/x", "orders"),
        engine("awsathena://athena.eu-west-1.amazonaws.com/?catalog_name=awsdatacatalog", "shop", "orders"),
    ]),
    (page.AWSGlue("eu-west-1", "123456789012", "shop", "orders"), [
        uri("arn:aws:glue:eu-west-1:123456789012/table/shop/orders"),
    ]),
    (page.AzureCosmosDB("acct.documents.azure.com", "shop", "orders"), [
        uri("azurecosmos://acct.documents.azure.com/dbs/shop/colls/orders"),
        lambda: Dataset("azurecosmos://ACCT.documents.azure.com", "dbs/shop/colls/orders").canonical(),
    ]),
    (page.AzureDataExplorer("cluster", "shop", "orders"), [uri("azurekusto://cluster.kusto.windows.net/shop/orders")]),
    (page.BigQuery("project", "sales", "orders"), [
        uri("bigquery:project.sales.orders"),
        uri("bigquery://project/sales/orders"),
        engine("bigquery://project/sales", "orders"),
        lambda: Dataset.bigquery("project", "sales", "orders"),
        lambda: stores.bigquery("project", "sales").table(["orders"]),
    ]),
    (page.Cassandra("h", "9042", "shop", "orders"), [
        uri("cassandra://h/shop/orders"), uri("scylla://h:9042/shop.orders"), engine("cassandra://h/shop", "orders"),
    ]),
    (page.MySQL("h", "3306", "shop", "orders"), [
        uri("mysql://h/shop/orders"), uri("mariadb+pymysql://root:x@H:3306/shop.orders"),
        engine("mysql+mysqldb://h/shop", "orders"), engine("mysql+aiomysql://h", "shop", "orders"),
    ]),
    (page.CrateDB("h", "4200", "crate", "doc", "orders"), [
        uri("crate://h:4200/crate/doc/orders"), engine("crate://h:4200", "orders"),
        engine("crate://h:4200", "doc", "orders"),
    ]),
    (page.DB2("h", "50000", "SHOP", "SALES", "ORDERS"), [
        uri("db2://h/shop/sales/orders"), engine("db2+ibm_db://u:p@h/shop", "SALES", "ORDERS"),
        engine("ibm_db_sa://sales:p@h:50000/shop", "ORDERS"),
    ]),
    (page.OceanBase("h", "2881", "shop", "orders"), [
        uri("oceanbase://h/shop/orders"), engine("oceanbase://h:2881/shop", "orders"),
        engine("mysql+oceanbase://root@h:2881/shop", "orders"),
    ]),
    (page.Oracle("h", "1521", "SHOP", "SALES", "ORDERS"), [
        uri("oracle://h/shop/sales/orders"), engine("oracle+oracledb://sales:p@h/?service_name=shop", "ORDERS"),
        engine("oracle+cx_oracle://u:p@h:1521/shop", "SALES", "ORDERS"),
    ]),
    (page.Postgres("h", "5432", "shop", "public", "orders"), [
        uri("postgresql://u:p@h/shop/public/orders"), engine("postgresql+psycopg://u:p@h/shop", "orders"),
        lambda: Dataset.postgres("h", "shop", "public", "orders"),
    ]),
    (page.Teradata("h", "1025", "shop", "orders"), [
        uri("teradata://h/shop/orders"), engine("teradatasql://u:p@h/?database=shop", "orders"),
        engine("teradatasql://u:p@h/shop", "orders"), engine("teradatasql://shop:p@h", "orders"),
    ]),
    (page.Redshift("shop", "eu-west-1", "5439", "dev", "public", "orders"), [
        uri("redshift://shop.abc123.eu-west-1.redshift.amazonaws.com/dev/public/orders"),
        uri("redshift://shop.eu-west-1:5439/dev/public/orders"),
        engine("redshift+redshift_connector://u:p@shop.abc123.eu-west-1.redshift.amazonaws.com:5439/dev", "orders"),
    ]),
    (page.Snowflake("myorg", "shop", "SHOP", "PUBLIC", "ORDERS"), [
        uri("snowflake://myorg-shop/shop/public/orders"), engine("snowflake://u:p@MYORG-SHOP/shop/public", "ORDERS"),
        lambda: Dataset.snowflake("myorg-shop", "SHOP", "PUBLIC", "ORDERS"),
    ]),
    (page.Trino("h", "8080", "hive", "sales", "orders"), [
        uri("trino://h/hive/sales/orders"), engine("trino://u@h:8080/hive/sales", "orders"),
    ]),
    (page.ABFSS("raw", "acct", "in/orders.csv"), [
        uri("abfss://raw@acct.dfs.core.windows.net/in/orders.csv"), uri("abfs://raw@acct/in/orders.csv"),
        uri("az://acct.blob.core.windows.net/raw/in/orders.csv"),
        uri("https://acct.blob.core.windows.net/raw/in/orders.csv?sv=1&sig=s3cret"),
        lambda: Dataset.azure("acct", "raw", "in/orders.csv"),
        lambda: Dataset.azure("acct", "raw", "in/orders.csv", endpoint="dfs"),
        lambda: file_at("azure://acct.blob.core.windows.net/raw/in/orders.csv").dataset,
    ]),
    (page.DBFS("adb-1.azuredatabricks.net", "/mnt/orders"), [uri("dbfs://adb-1.azuredatabricks.net/mnt/orders")]),
    (page.GCS("lake", "in/orders.csv"), [
        uri("gs://lake/in/orders.csv"), uri("gcs://lake/in/orders.csv"),
        uri("https://storage.googleapis.com/lake/in/orders.csv"),
        lambda: Dataset.gcs("lake", "in/orders.csv"), lambda: file_at("gs://lake/in/orders.csv").dataset,
    ]),
    (page.HDFS("h", "8020", "/in/orders.csv"), [
        uri("hdfs://h/in/orders.csv"), uri("hdfs://user@h:8020/in/orders.csv"),
        lambda: Dataset("hdfs://H", "in/orders.csv").canonical(), lambda: file_at("hdfs://h/in/orders.csv").dataset,
    ]),
    (page.Hive("h", "10000", "shop", "orders"), [
        uri("hive://h/shop/orders"), uri("jdbc:hive2://h:10000/shop/orders"), engine("hive://h/shop", "orders"),
    ]),
    (page.Kafka("h1", "9092", "orders"), [
        uri("kafka://h1/orders"), uri("kafka://h1:9092,h2:9092/orders"), lambda: Dataset.kafka("h1,h2", "orders"),
        lambda: Dataset.topic("kafka://h1:9092", "orders"),
    ]),
    (page.LocalFileSystem("/data/in/orders.csv"), [
        uri("file:///data/in/orders.csv"), uri("file:/data/in/../in/orders.csv"), uri("file://localhost/data/in/orders.csv"),
        lambda: local_file("/data/in/orders.csv"), lambda: Dataset.file("/data/in/orders.csv"),
        lambda: file_at("/data/in/orders.csv").dataset,
    ]),
    (page.RemoteFileSystem("h", "/data/orders.csv"), [
        uri("file://h/data/orders.csv"), lambda: Dataset.file("/data/orders.csv", host="h"),
    ]),
    (page.S3("lake", "in/orders.csv"), [
        uri("s3://lake/in/orders.csv"), uri("s3a://key:secret@lake/in/orders.csv"), uri("s3n://lake/in/orders.csv"),
        uri("https://lake.s3.eu-west-1.amazonaws.com/in/orders.csv?X-Amz-Signature=s3cret"),
        uri("arn:aws:s3:::lake/in/orders.csv"),
        lambda: Dataset.s3("lake", "in/orders.csv"), lambda: file_at("s3://lake/in/orders.csv").dataset,
    ]),
    (page.WASBS("raw", "acct", "in/orders.csv"), [
        uri("wasbs://raw@acct.dfs.core.windows.net/in/orders.csv"),
        uri("wasb://raw@acct.blob.core.windows.net/in/orders.csv"),
    ]),
    (PubSubNaming(PubSubResourceType.TOPIC, "project", "orders"), [
        uri("pubsub:topic:project:orders"), uri("pubsub://projects/project/topics/orders"),
        lambda: Dataset.topic("pubsub", "topic:project:orders"),
        lambda: Dataset("pubsub", "projects/project/topics/orders").canonical(),
    ]),
    (PubSubNaming(PubSubResourceType.SUBSCRIPTION, "project", "orders"), [
        uri("pubsub://projects/project/subscriptions/orders"),
    ]),
]  # fmt: skip

# Stores that we name otherwise on purpose, with the reason.
_DIFFERENT: list[tuple[Any, Dataset, Dataset, str]] = [
    (page.AzureSynapse("ws.sql.azuresynapse.net", "1433", "dbo", "orders"),
     url_store("mssql+pyodbc://u:p@ws.sql.azuresynapse.net:1433/shop").table(["orders"]),
     Dataset("mssql://ws.sql.azuresynapse.net:1433", "shop.dbo.orders"),
     "a workspace has several pools: without the database, the tables of two of them would be one dataset; "
     "the page's SQL Server has this form"),
    (page.Athena("eu-west-1", "AwsDataCatalog", "Shop", "Orders"),
     Dataset.from_uri("athena://athena.eu-west-1.amazonaws.com/AwsDataCatalog/Shop/Orders"),
     Dataset("awsathena://athena.eu-west-1.amazonaws.com", "awsdatacatalog.shop.orders"),
     "Athena compares without case: one table has one name"),
    (page.DB2("h", "50000", "shop", "sales", "orders"),
     Dataset.from_uri("db2://h/shop/sales/orders"), Dataset("db2://h:50000", "SHOP.SALES.ORDERS"),
     "Db2 keeps names without quotes in upper case"),
    (page.Oracle("h", "1521", "shop", "sales", "orders"),
     Dataset.from_uri("oracle://h/shop/sales/orders"), Dataset("oracle://h:1521", "SHOP.SALES.ORDERS"),
     "Oracle keeps names without quotes in upper case"),
]  # fmt: skip


def named(naming: Any) -> Dataset:
    return Dataset(naming.get_namespace(), naming.get_name())


@pytest.mark.parametrize(
    ("naming", "road"), [pytest.param(n, r, id=f"{type(n).__name__}-{i}") for n, rs in _ROADS for i, r in enumerate(rs)]
)
def test_each_road_gives_the_name_of_the_page(naming: Any, road: Road) -> None:
    assert road() == named(naming)


@pytest.mark.parametrize("naming", [n for n, _ in _ROADS], ids=lambda naming: type(naming).__name__)
def test_name_of_the_page_is_canonical_and_survives_uris_and_asset_keys(naming: Any) -> None:
    dataset = named(naming)
    assert dataset.canonical() == dataset
    assert Dataset.from_uri(dataset.uri) == dataset
    assert dataset_of(dataset.uri) == dataset


@pytest.mark.parametrize(
    ("naming", "found", "ours"), [pytest.param(n, f, o, id=reason) for n, f, o, reason in _DIFFERENT]
)
def test_name_that_differs_on_purpose(naming: Any, found: Dataset, ours: Dataset) -> None:
    assert found == ours != named(naming)


def test_every_class_of_the_client_is_in_a_table() -> None:
    classes = {
        name
        for name, found in inspect.getmembers(page, inspect.isclass)
        if hasattr(found, "get_namespace") and found is not page.DatasetNaming
    }
    assert {type(naming).__name__ for naming, *_ in (*_ROADS, *_DIFFERENT)} == classes
    assert len(classes) == 28


def test_page_of_names_has_the_names_of_this_table() -> None:
    text = (Path(__file__).parents[1] / "docs" / "naming.md").read_text(encoding="utf-8")
    for naming, _ in _ROADS:
        assert f"| `{naming.get_namespace()}` | `{naming.get_name()}` |" in text


@pytest.mark.parametrize(
    ("url", "alias"),
    [
        ("redshift://u:p@c.abc.eu-west-1.redshift.amazonaws.com/dev", "redshift://c.abc.eu-west-1.redshift.amazonaws.com:5439"),
        ("clickhouse+native://h:9000/shop", "clickhouse://h:9000"),
    ],
)  # fmt: skip
def test_address_in_the_profile_of_dbt_is_another_name_of_the_server(url: str, alias: str) -> None:
    assert url_store(url).aliases == (alias,)


def test_server_with_one_name_has_no_other() -> None:
    for url in ("postgresql://h/shop", "mysql://h:3306/shop", "databricks://token:x@h:443/main", "sqlite:////x.db"):
        assert url_store(url).aliases == ()


@pytest.mark.parametrize(
    ("account", "also", "aliases"),
    [
        ("xy12345.eu-central-1.snowflakecomputing.com", "myorg-shop", ("snowflake://myorg-shop",)),
        ("xy12345.eu-central-1.snowflakecomputing.com", "xy12345", ()),
        ("myorg-shop.snowflakecomputing.com", "MYORG-SHOP", ()),
        ("myorg-shop", None, ()),
    ],
)
def test_two_names_of_an_account_in_one_connection(account: str, also: str | None, aliases: tuple[str, ...]) -> None:
    assert stores.snowflake(account, "SHOP", also=also).aliases == aliases
