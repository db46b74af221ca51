"""Names of tables on the whole way from a connection's URL to the dataset that is reported."""

from __future__ import annotations

import pytest

from prefect_lineage_events.instrumentation.drivers.generic import url_store
from tests.emission.test_analysis import Reader

# A URL, what `b` and `s.b` are called there, and what `b` is after a USE (or its like).
NAMES = [
    ("mssql+pyodbc://u:p@h/sales", "sales.dbo.b", "sales.s.b", ("use other", "other.dbo.b")),
    ("mssql+pyodbc://u:p@h", "dbo.b", "s.b", ("use other", "other.dbo.b")),
    ("postgresql+pg8000://u:p@h/sales", "sales.public.b", "sales.s.b", ("set search_path to x", "sales.x.b")),
    ("redshift+redshift_connector://u:p@h/sales", "sales.public.b", "sales.s.b", ("set search_path to x", "sales.x.b")),
    (
        "oracle+oracledb://ann:p@h/SALES",
        "SALES.ANN.B",
        "SALES.S.B",
        ("alter session set current_schema = x", "SALES.X.B"),
    ),
    ("oracle+oracledb://h/SALES", "SALES.B", "SALES.S.B", ("alter session set current_schema = x", "SALES.X.B")),
    ("trino://u@h/hive", "hive.b", "hive.s.b", ("use x", "hive.x.b")),
    ("trino://u@h/hive/mart", "hive.mart.b", "hive.s.b", ("use iceberg.x", "iceberg.x.b")),
    ("snowflake://u:p@org-acct/SALES", "SALES.PUBLIC.B", "SALES.S.B", ("use database other", "OTHER.PUBLIC.B")),
    ("snowflake://u:p@org-acct", "B", "S.B", ("use schema x", "X.B")),
    ("databricks://token:p@h/main", "main.default.b", "main.s.b", ("use catalog other", "other.default.b")),
    ("mysql+pymysql://u:p@h/sales", "sales.b", "s.b", ("use other", "other.b")),
    ("mysql+pymysql://u:p@h", "b", "s.b", ("use other", "other.b")),
    ("clickhouse://u:p@h/sales", "sales.b", "s.b", ("use other", "other.b")),
    ("clickhouse://u:p@h", "default.b", "s.b", ("use other", "other.b")),
    ("doris://u:p@h/sales", "sales.b", "s.b", ("use other", "other.b")),
    ("starrocks://u:p@h/sales", "sales.b", "s.b", ("use other", "other.b")),
    ("hive://h/sales", "sales.b", "s.b", ("use default", "default.b")),
    ("impala://h", "default.b", "s.b", ("use other", "other.b")),
    ("teradatasql://ann:p@h", "ann.b", "s.b", ("database other", "other.b")),
    ("exa+pyexasol://u:p@h/sales", "sales.B", "S.B", ("open schema x", "X.B")),
    ("db2+ibm_db://ann:p@h/SALES", "SALES.ANN.B", "SALES.S.B", ("set schema x", "SALES.X.B")),
    ("bigquery://project/dataset", "project.dataset.b", "project.s.b", ("", "")),
    ("sqlite:////data/shop.db", "b", "b", ("", "")),
    ("duckdb:////data/shop.db", "main.b", "s.b", ("", "")),
]


@pytest.mark.parametrize(("url", "bare", "qualified", "moved"), NAMES)
def test_every_table_has_one_name_and_no_part_of_it_twice(
    url: str, bare: str, qualified: str, moved: tuple[str, str]
) -> None:
    read = Reader(url_store(url))
    other = "main" if url.startswith("sqlite") else "s"
    for text, name in (("b", bare), (f"{other}.b", qualified)):
        (draft,) = read(f"insert into {text} select a from src")
        assert draft.output is not None
        assert draft.output.name == name
    if moved[0]:
        read(moved[0])
        (draft,) = read("insert into b select a from src")
        assert draft.output is not None
        assert draft.output.name == moved[1]


def test_a_table_of_a_linked_server_is_no_table_of_this_one() -> None:
    read = Reader(url_store("mssql+pyodbc://u:p@h/sales"))
    (draft,) = read("insert into b select a from srv.d..t")
    assert [i.name for i in draft.inputs] == ["srv.d.dbo.t"]


@pytest.mark.parametrize(
    ("url", "table"),
    [
        ("postgresql+pg8000://u:p@h/sales", "pg_orders"),
        ("duckdb:////data/shop.db", "duckdb_x"),
        ("sqlite:///x.db", "dual"),
    ],
)
def test_a_table_that_is_called_like_a_catalog_elsewhere_is_reported(url: str, table: str) -> None:
    (draft,) = Reader(url_store(url))(f"insert into b select a from {table}")
    assert [i.name.rpartition(".")[2] for i in draft.inputs] == [table]


def test_build_and_swap_names_the_mart_on_a_connection_with_a_default_schema() -> None:
    read = Reader(url_store("postgresql+pg8000://u:p@h/sales"))
    read("create table mart.x_new as select a from src")
    (draft,) = read("alter table mart.x_new rename to x")
    assert draft.renames == (("postgres://h:5432/sales/mart/x_new", "postgres://h:5432/sales/mart/x"),)
