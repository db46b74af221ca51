"""Stores: namespaces of servers and files, and the names of their tables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prefect_lineage_events import stores


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
    assert stores.snowflake(account).namespace == "snowflake://myorg-shop"


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
    assert stores.snowflake(account).namespace == namespace


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.2", "::1", "[::1]", "0:0:0:0:0:0:0:1", "", "localhost."]
)
def test_loopback_addresses_are_localhost(host: str) -> None:
    assert stores.server("postgres", host, None, "shop").namespace == "postgres://localhost:5432"


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
    assert stores.server("postgres", host, None, "shop").namespace == namespace


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
    store = stores.server(dialect, "db", None, "shop", "public")
    assert (store.namespace, store.table(["t"]).name) == (namespace, table)


@pytest.mark.parametrize("dialect", ["mysql", "clickhouse"])
def test_database_is_the_schema_of_two_part_names(dialect: str) -> None:
    store = stores.server(dialect, "db", None, "shop")
    assert store.table(["t"]).name == "shop.t"
    assert store.table(["other", "t"]).name == "other.t"


def test_missing_parts_of_a_name_come_from_the_store() -> None:
    store = stores.snowflake("myorg-shop", "SHOP", "PUBLIC")
    assert store.table(["T"]).name == "SHOP.PUBLIC.T"
    assert store.table(["S", "T"]).name == "SHOP.S.T"
    assert store.table(["D", "S", "T"]).name == "D.S.T"


def test_unknown_schema_is_left_out_of_a_name() -> None:
    assert stores.server("trino", "db", None, None).table(["t"]).name == "t"
    assert stores.server("trino", "db", None, "hive").table(["t"]).name == "hive.t"


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
    assert stores.server(kind, "db", None, database, user="Ann").table(["t"]).name == table


def test_table_of_a_linked_server_keeps_its_four_parts() -> None:
    assert stores.server("mssql", "db", None, "shop").table(["srv", "d", "dbo", "t"]).name == "srv.d.dbo.t"


@pytest.mark.parametrize("make", [stores.sqlite, stores.duckdb])
def test_relative_linked_and_absolute_paths_are_one_store(
    make: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    paths = ["data/shop.db", "./data/../data/shop.db", "link/shop.db", str(tmp_path / "data" / "shop.db")]

    found = {make(path) for path in paths}  # type: ignore[operator]
    assert len(found) == 1
    assert found.pop().namespace.endswith(f"://{os.path.realpath(tmp_path)}/data/shop.db")


def test_in_memory_databases_have_separate_namespaces() -> None:
    one, other = stores.sqlite("", memory_id="a1"), stores.sqlite("", memory_id="b2")
    assert one.namespace == "sqlite://memory/a1"
    assert one.table(["t"]) != other.table(["t"])
