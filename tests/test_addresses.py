"""Datasets by the parts of their addresses: the names that captured roads give, and mistakes found at construction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events import Dataset, stores


@pytest.mark.parametrize(
    ("made", "uri"),
    [
        (Dataset.snowflake("org-account", "SHOP", "PUBLIC", "ORDERS"), "snowflake://org-account/SHOP/PUBLIC/ORDERS"),
        (Dataset.snowflake("org-account", "shop.public.orders"), "snowflake://org-account/SHOP/PUBLIC/ORDERS"),
        (Dataset.snowflake("https://ORG-ACCOUNT.snowflakecomputing.com/", "a.b.c"), "snowflake://org-account/A/B/C"),
        (Dataset.snowflake("xy12345", "A", "B", "C"), "snowflake://xy12345.us-west-1.aws/A/B/C"),
        (
            Dataset.postgres("db.example.com", "shop", "public", "orders"),
            "postgres://db.example.com:5432/shop/public/orders",
        ),
        (Dataset.postgres("127.0.0.1:5433", "shop.public.orders"), "postgres://localhost:5433/shop/public/orders"),
        (Dataset.postgres("db", "SHOP", "PUBLIC", "ORDERS", port=6000), "postgres://db:6000/shop/public/orders"),
        (Dataset.postgres("db", "shop", "public", '"Orders"'), "postgres://db:5432/shop/public/Orders"),
        (Dataset.bigquery("my-project", "sales", "orders"), "bigquery://my-project/sales/orders"),
        (Dataset.bigquery("my-project.sales.orders"), "bigquery://my-project/sales/orders"),
        (Dataset.s3("lake", "raw/orders.csv"), "s3://lake/raw/orders.csv"),
        (Dataset.s3("lake", "/raw/orders/"), "s3://lake/raw/orders"),
        (Dataset.s3("lake", "räw/o r#1?.csv"), "s3://lake/räw/o r#1?.csv"),
        (Dataset.gcs("lake", "raw/orders.csv"), "gs://lake/raw/orders.csv"),
        (Dataset.file("/data/x.csv"), "file:///data/x.csv"),
        (Dataset.file(Path("/data/../data/x y.csv")), "file:///data/x y.csv"),
        (Dataset.file("/data/x.csv", host="nas"), "file://nas/data/x.csv"),
        (Dataset.http("https://api.example.com/orders/{id}"), "https://api.example.com/orders/{id}"),
        (Dataset.http("https://user:secret@api.example.com:443/orders?token=x"), "https://api.example.com/orders"),
        (Dataset.kafka("broker", "orders"), "kafka://broker:9092/orders"),
        (Dataset.kafka(["a:9092", "b:9093"], "orders"), Dataset.kafka("a:9092, b:9093", "orders").uri),
        (Dataset.topic("redis://cache:6379", "orders"), "redis://cache/orders"),
        (Dataset.topic("kafka://broker:9092", "orders"), Dataset.kafka("broker", "orders").uri),
        (Dataset.topic("pubsub", "topic:project:orders"), "pubsub://topic:project:orders"),
    ],
)
def test_a_dataset_by_its_parts(made: Dataset, uri: str) -> None:
    assert made.uri == uri


def test_a_dataset_by_its_parts_is_that_of_its_uri() -> None:
    assert Dataset.s3("lake", "raw/orders.csv") == Dataset.from_uri("s3a://lake/raw/orders.csv")
    assert Dataset.gcs("lake", "x") == Dataset.from_uri("gcs://lake/x")
    assert Dataset.azure("store", "raw", "a/b.csv") == Dataset.from_uri(
        "https://store.blob.core.windows.net/raw/a/b.csv"
    )
    assert Dataset.azure("https://store.dfs.core.windows.net", "raw", "x", endpoint="dfs") == Dataset.from_uri(
        "abfss://raw@store.dfs.core.windows.net/x"
    )


def test_containers_of_one_account_are_apart() -> None:
    assert Dataset.azure("store", "raw", "x") != Dataset.azure("store", "curated", "x")


def test_a_table_by_its_parts_is_that_of_a_connection() -> None:
    postgres = stores.server("postgresql", "DB", None, "shop", "public").table(["orders"])
    assert Dataset.postgres("db", "shop", "public", "orders") == postgres
    snowflake = stores.snowflake("org-account", "SHOP", "PUBLIC").table(["ORDERS"])
    assert Dataset.snowflake("org-account", "shop", "public", "orders") == snowflake
    assert Dataset.bigquery("p", "d", "t") == stores.bigquery("p", "d").table(["t"])


def test_a_name_with_dots_is_one_part() -> None:
    assert Dataset.bigquery("p", "d", "a.b").name == 'p.d."a.b"'


def test_a_relative_file_is_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.csv").symlink_to(tmp_path / "x.csv")
    assert Dataset.file("link.csv").uri == (tmp_path / "x.csv").resolve().as_uri()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dataset.snowflake("", "A", "B", "C"), "account is empty"),
        (lambda: Dataset.snowflake("a/b", "A", "B", "C"), "org-account"),
        (lambda: Dataset.snowflake("org-account", "A", "B"), "table missing: give database, schema, table"),
        (lambda: Dataset.snowflake("org-account", "A.B"), "or the full name 'database.schema.table' alone"),
        (lambda: Dataset.postgres("postgresql://u:hunter2@db/shop", "a.b.c"), "takes a host"),
        (lambda: Dataset.postgres("u:hunter2@db", "a.b.c"), "takes a host"),
        (lambda: Dataset.postgres("db", "a", "b", "c", port=0), "port must be a number"),
        (lambda: Dataset.postgres("db", "a", "b", "c", port=True), "port must be a number"),
        (lambda: Dataset.postgres("db", "a", "  ", "c"), "schema is empty"),
        (lambda: Dataset.bigquery("p", "d"), "table missing"),
        (lambda: Dataset.s3("s3://lake", "x"), "the bucket's name alone"),
        (lambda: Dataset.s3("lake", ""), "key is empty"),
        (lambda: Dataset.s3("lake", "/"), "key is empty"),
        (lambda: Dataset.s3("lake", "x?X-Amz-Signature=hunter2"), "the key alone"),
        (lambda: Dataset.gcs("lake", "https://storage.googleapis.com/x"), "the key alone"),
        (lambda: Dataset.azure("store", "raw/x", "y"), "container must be"),
        (lambda: Dataset.azure("my.store", "raw", "y"), "account must be"),
        (lambda: Dataset.azure("store", "raw", "y?sv=2024&sig=hunter2"), "the key alone"),
        (lambda: Dataset.azure("store", "raw", "y", endpoint="file"), "'blob' or 'dfs'"),
        (lambda: Dataset.file("~/x.csv"), "expanduser"),
        (lambda: Dataset.file("file:///x.csv"), "takes a path"),
        (lambda: Dataset.file("x.csv", host="nas"), "must be absolute"),
        (lambda: Dataset.file(""), "path is empty"),
        (lambda: Dataset.http("api.example.com/orders"), "takes a URL with a path"),
        (lambda: Dataset.http("https://api.example.com?token=hunter2"), "takes a URL with a path"),
        (lambda: Dataset.kafka("", "orders"), "host is empty"),
        (lambda: Dataset.kafka([], "orders"), "bootstrap servers"),
        (lambda: Dataset.kafka("kafka://broker", "orders"), "takes a host"),
        (lambda: Dataset.kafka("broker", ""), "topic is empty"),
        (lambda: Dataset.kafka("broker", "kafka://broker/orders"), "name alone"),
        (lambda: Dataset.topic("postgres://db", "orders"), "messaging system"),
        (lambda: Dataset.topic("broker:9092", "orders"), "messaging system"),
    ],
)
def test_a_mistake_says_what_to_give(make: Callable[[], Dataset], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda wrong: Dataset.snowflake(wrong, "a.b.c"),
        lambda wrong: Dataset.postgres("db", wrong),
        lambda wrong: Dataset.s3("lake", wrong),
        lambda wrong: Dataset.file(wrong),
        lambda wrong: Dataset.http(wrong),
        lambda wrong: Dataset.kafka([wrong], "orders"),
        lambda wrong: Dataset.topic("pubsub", wrong),
    ],
)
@pytest.mark.parametrize("wrong", [7, None, b"x"[0], object()])
def test_anything_but_a_text_is_refused(make: Callable[[Any], Dataset], wrong: Any) -> None:
    with pytest.raises(TypeError, match="is a text, not"):
        make(wrong)
