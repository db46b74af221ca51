"""Tables in which a store describes itself, by each store's rules."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql.catalogs import is_catalog
from prefect_lineage_events.sql.explanation import explain
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
        ("pragma_table_info", "sqlite"),
        ("main.duckdb_tables", "duckdb"),
        ("DUAL", "oracle"),
        ("SALES.DUAL", "oracle"),
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


def test_a_file_is_no_catalog() -> None:
    assert not is_catalog(TableRef(kind="file", path="information_schema.csv"), "duckdb")


def test_explain_says_what_is_not_reported() -> None:
    text = explain("select * from pg_orders, pg_class", "postgres")
    assert "reads pg_class (catalog, not reported)" in text
    assert "reads pg_orders\n" in text + "\n"
