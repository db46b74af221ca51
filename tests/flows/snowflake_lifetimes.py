"""Lifetimes of Snowflake's tables: transactions, temporary ones, clones, renamed ones, views, MERGE, statements that fail."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from prefect import flow, task
from snowflake.connector import ProgrammingError
from snowflake_shop import connect

from prefect_lineage_events import SnowflakeLineage


@flow(name="snowflake transactions")
def transactions() -> None:
    with connect(SnowflakeLineage) as shop, shop.get_connection().cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO audit (step, rows_seen) SELECT name, id FROM customers")
        cursor.execute("ROLLBACK")
        cursor.execute("BEGIN TRANSACTION")
        cursor.execute("INSERT INTO revenue (country, total) SELECT status, amount FROM orders")
        cursor.execute("COMMIT")
        cursor.execute("BEGIN")
        cursor.execute("CREATE OR REPLACE TABLE stays AS SELECT country FROM customers")
        shop.get_connection().rollback()


@flow(name="snowflake autocommit off")
def autocommit_off() -> None:
    with connect(SnowflakeLineage) as shop, shop.get_connection().cursor() as cursor:
        shop.get_connection().autocommit(False)
        cursor.execute("INSERT INTO audit (step, rows_seen) SELECT name, id FROM customers")
        shop.get_connection().rollback()
        cursor.execute("INSERT INTO revenue (country, total) SELECT status, amount FROM orders")
        shop.get_connection().commit()
        shop.execute("ALTER SESSION SET AUTOCOMMIT = TRUE")
        shop.execute("INSERT INTO revenue (country) SELECT step FROM audit")
        shop.execute("ALTER SESSION SET AUTOCOMMIT = FALSE")
        cursor.execute("INSERT INTO audit (step) SELECT country FROM customers")


@task
def through_tmp(source: str, column: str, target: str) -> None:
    with connect(SnowflakeLineage) as shop:
        shop.run_query(f"CREATE OR REPLACE TEMPORARY TABLE tmp AS SELECT {column} AS x FROM {source}")
        shop.run_query(f"CREATE OR REPLACE TABLE {target} AS SELECT x FROM tmp")


@flow(name="snowflake temporary")
def temporary() -> None:
    through_tmp("customers", "country", "countries")
    through_tmp("orders", "status", "statuses")


@flow(name="snowflake schemas")
def schemas() -> None:
    with connect(SnowflakeLineage) as shop:
        shop.run_query("CREATE SCHEMA IF NOT EXISTS mart")
        shop.run_query("USE SCHEMA mart")
        shop.run_query("CREATE OR REPLACE TABLE in_mart AS SELECT country FROM public.customers")
        shop.run_query("USE SCHEMA public")
        shop.run_query("INSERT INTO revenue (country) SELECT country FROM flows_shop.mart.in_mart")


@flow(name="snowflake copies")
def copies() -> None:
    with connect(SnowflakeLineage) as shop:
        shop.run_query("CREATE OR REPLACE TABLE cloned CLONE orders")
        shop.run_query("CREATE OR REPLACE TABLE built AS SELECT amount FROM orders")
        shop.run_query("ALTER TABLE built RENAME TO renamed")
        shop.run_query("CREATE OR REPLACE TRANSIENT TABLE passing AS SELECT name FROM customers")
        shop.run_query("INSERT INTO audit (step) SELECT name FROM passing")
        shop.run_query("DROP TABLE passing")


@flow(name="snowflake merge")
def merge() -> None:
    with connect(SnowflakeLineage) as shop:
        shop.run_query("CREATE OR REPLACE VIEW paid AS SELECT customer_id, amount FROM orders WHERE status = 'paid'")
        shop.run_query(
            "MERGE INTO revenue r USING (SELECT c.country, SUM(p.amount) AS total FROM paid p "
            "JOIN customers c ON c.id = p.customer_id GROUP BY c.country) s ON r.country = s.country "
            "WHEN MATCHED THEN UPDATE SET total = s.total "
            "WHEN NOT MATCHED THEN INSERT (country, total) VALUES (s.country, s.total)"
        )


@task
def fails(shop: Any) -> None:
    shop.execute("INSERT INTO revenue (country, total) SELECT country, id FROM missing")


@flow(name="snowflake failing")
def failing() -> None:
    with connect(SnowflakeLineage) as shop:
        shop.execute("INSERT INTO audit (step) SELECT country FROM customers")
        fails(shop)


if __name__ == "__main__":
    transactions()
    autocommit_off()
    temporary()
    schemas()
    copies()
    merge()
    with suppress(ProgrammingError):
        failing()
