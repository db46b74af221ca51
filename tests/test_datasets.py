"""Naming: one thing has one identity, on every path that reaches it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_lineage_events import datasets
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.naming import join_name, split_name


@pytest.mark.parametrize(
    "account",
    [
        "myorg-shop",
        "MYORG-SHOP",
        "myorg-shop.privatelink",
        "myorg-shop.snowflakecomputing.com",
        "myorg-shop.snowflakecomputing.cn",
        "https://myorg-shop.privatelink.snowflakecomputing.com/",
    ],
)
def test_forms_of_a_snowflake_account_by_organisation(account: str) -> None:
    assert datasets.snowflake(account).namespace == "snowflake://myorg-shop"


@pytest.mark.parametrize(
    ("account", "namespace"),
    [
        ("xy12345", "snowflake://xy12345.us-west-1.aws"),
        ("XY12345.us-east-2", "snowflake://xy12345.us-east-2.aws"),
        ("xy12345.us-east-2.aws", "snowflake://xy12345.us-east-2.aws"),
        ("xy12345.west-europe.azure", "snowflake://xy12345.west-europe.azure"),
        ("xy12345.us-east-2.privatelink", "snowflake://xy12345.us-east-2.aws"),
        ("xy12345.privatelink", "snowflake://xy12345.us-west-1.aws"),
        ("myorg-my_shop", "snowflake://myorg-my-shop"),
    ],
)
def test_forms_of_a_snowflake_account_by_locator(account: str, namespace: str) -> None:
    assert datasets.snowflake(account).namespace == namespace


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.2", "::1", "[::1]", "0:0:0:0:0:0:0:1", "", "localhost."]
)
def test_this_machine_is_localhost(host: str) -> None:
    assert datasets.server("postgres", host, None, "shop").namespace == "postgres://localhost:5432"


@pytest.mark.parametrize(
    ("host", "namespace"),
    [
        ("DB.example.com", "postgres://db.example.com:5432"),
        ("db.example.com.", "postgres://db.example.com:5432"),
        ("10.0.0.7", "postgres://10.0.0.7:5432"),
        ("2001:0db8::0001", "postgres://[2001:db8::1]:5432"),
        ("[2001:db8::1]", "postgres://[2001:db8::1]:5432"),
    ],
)
def test_hosts_have_one_spelling(host: str, namespace: str) -> None:
    assert datasets.server("postgres", host, None, "shop").namespace == namespace


@pytest.mark.parametrize(
    ("dialect", "namespace", "table"),
    [
        ("postgres", "postgres://db:5432", "shop.public.t"),
        ("redshift", "redshift://db:5439", "shop.public.t"),
        ("tsql", "mssql://db:1433", "shop.public.t"),
        ("oracle", "oracle://db:1521", "shop.public.t"),
        ("trino", "trino://db:8080", "shop.public.t"),
        ("databricks", "unitycatalog://db", "shop.public.t"),
    ],
)
def test_servers_by_the_naming_page_of_openlineage(dialect: str, namespace: str, table: str) -> None:
    store = datasets.server(dialect, "db", None, "shop", "public")
    assert (store.namespace, store.table(["t"]).name) == (namespace, table)


@pytest.mark.parametrize("dialect", ["mysql", "clickhouse"])
def test_database_is_the_schema_where_names_have_two_parts(dialect: str) -> None:
    store = datasets.server(dialect, "db", None, "shop")
    assert store.table(["t"]).name == "shop.t"
    assert store.table(["other", "t"]).name == "other.t"


def test_statement_completes_what_its_table_leaves_out() -> None:
    store = datasets.snowflake("myorg-shop", "SHOP", "PUBLIC")
    assert store.table(["T"]).name == "SHOP.PUBLIC.T"
    assert store.table(["S", "T"]).name == "SHOP.S.T"
    assert store.table(["D", "S", "T"]).name == "D.S.T"


def test_table_without_known_schema_has_the_parts_that_are_known() -> None:
    assert datasets.server("trino", "db", None, None).table(["t"]).name == "t"
    assert datasets.server("trino", "db", None, "hive").table(["t"]).name == "hive.t"


@pytest.mark.parametrize(
    ("kind", "database", "table"),
    [
        ("postgres", "shop", "shop.public.t"),
        ("redshift", "shop", "shop.public.t"),
        ("mssql", "Shop", "shop.dbo.t"),
        ("oracle", "SHOP", "SHOP.ANN.t"),
        ("db2", "SHOP", "SHOP.ANN.t"),
        ("databricks", "main", "main.default.t"),
        ("hive", None, "default.t"),
        ("clickhouse", None, "default.t"),
        ("teradata", None, "ann.t"),
        ("vertica", "shop", "shop.public.t"),
    ],
)
def test_connection_begins_in_the_stores_own_default_schema(kind: str, database: str | None, table: str) -> None:
    assert datasets.server(kind, "db", None, database, user="Ann").table(["t"]).name == table


def test_table_of_a_linked_server_keeps_its_four_parts() -> None:
    assert datasets.server("mssql", "db", None, "shop").table(["srv", "d", "dbo", "t"]).name == "srv.d.dbo.t"


@pytest.mark.parametrize("make", [datasets.sqlite, datasets.duckdb])
def test_relative_linked_and_absolute_files_are_one(
    make: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    paths = ["data/shop.db", "./data/../data/shop.db", "link/shop.db", str(tmp_path / "data" / "shop.db")]

    stores = {make(path) for path in paths}  # type: ignore[operator]
    assert len(stores) == 1
    assert stores.pop().namespace.endswith(f"://{os.path.realpath(tmp_path)}/data/shop.db")


def test_memory_database_is_only_itself() -> None:
    one, other = datasets.sqlite("", memory_id="a1"), datasets.sqlite("", memory_id="b2")
    assert one.namespace == "sqlite://memory/a1"
    assert one.table(["t"]) != other.table(["t"])


@pytest.mark.parametrize(
    "dataset",
    [
        datasets.snowflake("myorg-shop", "SHOP", "PUBLIC").table(["T"]),
        datasets.server("postgres", "db", None, "shop", "public").table(["t"]),
        datasets.server("mysql", "db", None, "shop").table(["t"]),
        datasets.sqlite("/data/shop.db").table(["t"]),
        datasets.duckdb("/data/shop.db").table(["t"]),
        datasets.sqlite("", memory_id="a1").table(["t"]),
        datasets.bigquery("project", "dataset").table(["t"]),
        Dataset("s3://bucket", "path/to/key.csv"),
        Dataset("https://api.example.com", "v1/orders"),
        Dataset("file", "/data/x.csv"),
    ],
    ids=str,
)
def test_uri_names_its_dataset(dataset: Dataset) -> None:
    assert Dataset.from_uri(dataset.uri) == dataset


@pytest.mark.parametrize(
    ("uri", "namespace", "name"),
    [
        ("s3a://bucket/path/key", "s3://bucket", "path/key"),
        ("gcs://bucket/key", "gs://bucket", "key"),
        ("postgresql://user:secret@db:5432/shop/public/t?sslmode=require", "postgres://db:5432", "shop.public.t"),
        ("s3://AKIA:sec/ret@bucket/key.csv", "s3://bucket", "key.csv"),
        ("s3://bucket/key@v1.csv", "s3://bucket", "key@v1.csv"),
        ("kafka://broker:9092/topic@2", "kafka://broker:9092", "topic@2"),
        ("https://user:secret@api.example.com/v1/orders?token=secret#top", "https://api.example.com", "v1/orders"),
        ("file:///data/my%20file.csv", "file", "/data/my file.csv"),
        ("kafka://broker:9092/topic", "kafka://broker:9092", "topic"),
    ],
)
def test_uris_lose_aliases_and_secrets(uri: str, namespace: str, name: str) -> None:
    assert Dataset.from_uri(uri) == Dataset(namespace, name)


@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        ("orders.csv", "is not a dataset URI: give scheme and path"),
        (r"C:\data\x.csv", "is not a dataset URI: give scheme and path"),
        ("s3:bucket/key", "'//' is missing"),
        ("s3://bucket", "names no dataset"),
        ("file:///", "names no file"),
        ("sqlite:///shop.db", "names no table"),
    ],
)
def test_what_names_nothing_is_refused_with_what_is_expected(uri: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        Dataset.from_uri(uri)


@pytest.mark.parametrize(("namespace", "name"), [("", "t"), ("  ", "t"), ("s3://bucket", " ")])
def test_dataset_without_namespace_or_name_is_refused(namespace: str, name: str) -> None:
    with pytest.raises(ValueError, match="needs a"):
        Dataset(namespace, name)


def test_paths_in_statements_are_files_or_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert datasets.location("s3://bucket/key.parquet") == Dataset("s3://bucket", "key.parquet")
    assert datasets.location("out.csv") == Dataset("file", f"{tmp_path}/out.csv")


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_joined_names_split_into_their_parts(parts: list[str]) -> None:
    assert split_name(join_name(parts)) == parts


@pytest.mark.parametrize(
    "text",
    [
        "host=db user=u password=s3cret",
        "postgres:u:s3cret@h/db/s/t",
        "u:s3cret@h",
        "sqlite:///shop.db?key=s3cret",
        "s3://bucket?sig=s3cret",
        "db;Password=s3cret",
    ],
)
def test_an_error_repeats_nothing_from_where_a_secret_may_stand(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a dataset URI|names no") as caught:
        Dataset.from_uri(text)
    assert "s3cret" not in str(caught.value)


def test_parameters_behind_a_path_are_no_part_of_the_name() -> None:
    assert Dataset.from_uri("sftp://h/in/a.csv;password=s3cret") == Dataset("sftp://h", "in/a.csv")
    assert Dataset.from_uri("s3://b/a;b.csv") == Dataset("s3://b", "a;b.csv")
