"""Tables in which a store describes itself, by each store's rules."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql.analyze import analyze
from prefect_lineage_events.sql.catalogs import is_catalog
from prefect_lineage_events.sql.explain import explain
from prefect_lineage_events.sql.model import TableRef


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("DB.INFORMATION_SCHEMA.TABLES", "snowflake"),
        ("SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY", "snowflake"),
        ("ACCOUNT_USAGE.QUERY_HISTORY", "snowflake"),
        ("p.region-us.INFORMATION_SCHEMA.JOBS", "bigquery"),
        ("p.d.__TABLES__", "bigquery"),
        ("pg_catalog.pg_class", "postgres"),
        ("pg_class", "postgres"),
        ("shop.pg_catalog.pg_stat_activity", "postgres"),
        ("svv_table_info", "redshift"),
        ("sys_query_history", "redshift"),
        ("sqlite_master", "sqlite"),
        ("other.sqlite_master", "sqlite"),
        ("main.pragma_table_list", "sqlite"),
        ("p.d.__TABLES_SUMMARY__", "bigquery"),
        ("system.main.duckdb_tables", "duckdb"),
        ("dual", "snowflake"),
        ("pragma_table_info", "sqlite"),
        ("main.duckdb_tables", "duckdb"),
        ("DUAL", "oracle"),
        ("PUBLIC.DUAL", "oracle"),
        ("SYS.OBJ$", "oracle"),
        ("ALL_TABLES", "oracle"),
        ("V$SESSION", "oracle"),
        ("system.tables", "clickhouse"),
        ("mysql.user", "mysql"),
        ("sys.x", "mysql"),
        ("sales.sys.objects", "tsql"),
        ("sales.dbo.sysobjects", "tsql"),
        ("system.runtime.nodes", "trino"),
        ("hive.information_schema.tables", "trino"),
        ("t$partitions", "trino"),
        ("lake.mart.orders$snapshots", "athena"),
        ("dbc.tablesv", "teradata"),
        ("SYSIBM.SYSDUMMY1", "db2"),
        ("v_catalog.tables", "vertica"),
    ],
)
def test_the_catalog_of_a_store_is_known(name: str, dialect: str) -> None:
    assert is_catalog(TableRef(tuple(name.split("."))), dialect)


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("DB.S.T", "snowflake"),
        ("SALES.DUAL", "oracle"),
        ("t$x", "trino"),
        ("t$partitions", "postgres"),
        ("SALES.ALL_TABLES", "oracle"),
        ("SALES.V$SESSION", "oracle"),
        ("SALES.CAT", "oracle"),
        ("mart.pragma_table_info", "sqlite"),
        ("main.pragma_orders", "sqlite"),
        ("pragma_orders", "sqlite"),
        ("mart.sqlite_master", "duckdb"),
        ("mart.duckdb_tables", "duckdb"),
        ("shop.main.duckdb_tables", "duckdb"),
        ("main.pg_class", "duckdb"),
        ("SHOP.SALES.DUAL", "snowflake"),
        ("shop.dual", "mysql"),
        ("SALES.EXA_ALL_TABLES", "exasol"),
        ("MART.SYSDUMMY1", "db2"),
        ("mart.dual", "vertica"),
        ("sales.mart.sysobjects", "tsql"),
        ("sys.dbo.orders", "tsql"),
        ("INFORMATION_SCHEMA.S.T", "snowflake"),
        ("pg_orders", "mysql"),
        ("shop.mart.pg_settings", "postgres"),
        ("mart.svv_table_info", "redshift"),
        ("shop.public.pg_orders", "postgres"),
        ("main.pg_orders", "duckdb"),
        ("main.duckdb_x", "duckdb"),
        ("main.pragma_x", "duckdb"),
        ("public.pragma_x", "postgres"),
        ("public.sys_orders", "redshift"),
        ("public.dual", "postgres"),
        ("main.dual", "duckdb"),
        ("dual", "sqlite"),
        ("sales.dbo.dual", "tsql"),
        ("shop.sys.orders", "postgres"),
        ("SHOP.SYS.ORDERS", "snowflake"),
        ("SHOP.ACCOUNT_USAGE.ORDERS", "snowflake"),
        ("shop.account_usage.orders", "postgres"),
        ("shop.performance_schema.t", "postgres"),
        ("SALES.INFORMATION_SCHEMA", "oracle"),
        ("SALES.ALL_ORDERS", "oracle"),
        ("SALES.USER_ORDERS", "oracle"),
        ("SALES.DUAL_RATES", "oracle"),
        ("hive.system.orders", "trino"),
        ("system.t", "postgres"),
        ("mysql.t", "postgres"),
        ("sales.dbo.sys_orders", "tsql"),
    ],
)
def test_a_table_of_the_users_is_no_catalog(name: str, dialect: str) -> None:
    assert not is_catalog(TableRef(tuple(name.split("."))), dialect)


@pytest.mark.parametrize(
    ("dialect", "name"),
    [
        ("oracle", "dual"),
        ("oracle", "v$session"),
        ("sqlite", "pragma_table_list"),
        ("duckdb", "main.sqlite_master"),
        ("snowflake", "dual"),
        ("mysql", "dual"),
        ("tsql", "sysobjects"),
        ("postgres", "pg_settings"),
    ],
)
def test_a_name_of_the_catalog_is_not_completed(dialect: str, name: str) -> None:
    (statement,) = analyze(f"select * from {name}", dialect=dialect, database="shop", schema="mart")
    assert [is_catalog(table, dialect) for table in statement.inputs] == [True]


@pytest.mark.parametrize("dialect", ["oracle", "sqlite", "duckdb", "snowflake", "mysql", "tsql", "postgres"])
@pytest.mark.parametrize("name", ["dual", "pg_settings", "sysobjects", "v$session", "pragma_table_list", "tab"])
def test_a_table_that_is_made_is_no_catalog(dialect: str, name: str) -> None:
    (statement,) = analyze(f"create table {name} as select * from a", dialect=dialect, database="shop", schema="mart")
    assert [is_catalog(table, dialect) for table in statement.outputs] == [False]


def test_a_table_that_is_renamed_is_no_catalog() -> None:
    (statement,) = analyze("alter table sales.orders rename to tab", dialect="oracle", schema="SALES")
    assert [(old.name, new.name) for old, new in statement.renames] == [("SALES.ORDERS", "SALES.TAB")]
    assert [is_catalog(table, "oracle") for table in statement.outputs] == [False]


def test_a_table_that_the_session_made_takes_precedence_over_the_catalog() -> None:
    text = "create table tab as select * from a; insert into b select * from tab"
    *_, last = analyze(text, dialect="oracle", schema="SALES")
    assert [table.name for table in last.inputs] == ["SALES.TAB"]


def test_postgres_reads_its_catalog_before_a_table_that_the_session_made() -> None:
    text = "create table pg_settings as select * from a; insert into b select * from pg_settings"
    *_, last = analyze(text, dialect="postgres", schema="mart")
    assert [table.name for table in last.inputs] == ["pg_settings"]


def test_a_temporary_table_is_no_catalog() -> None:
    assert not is_catalog(TableRef(("main", "duckdb_tables"), temporary=True), "duckdb")


def test_a_file_is_no_catalog() -> None:
    assert not is_catalog(TableRef(kind="file", path="information_schema.csv"), "duckdb")


def test_explain_reports_catalog_tables() -> None:
    text = explain("select * from pg_orders, pg_class", "postgres")
    assert "reads pg_class (catalog, not reported)" in text
    assert "reads pg_orders\n" in text + "\n"
