"""Statements that the stand-in refuses: tables that swap names, a result used again, several statements in one call."""

from __future__ import annotations

import snowflake_gaps  # noqa: F401  (answers them)
from prefect import flow
from snowflake_shop import connect

from prefect_lineage_events import SnowflakeLineage


@flow(name="snowflake swap")
def swap() -> None:
    with connect(SnowflakeLineage) as shop:
        shop.run_query("CREATE OR REPLACE TABLE revenue_new AS SELECT country, id AS total FROM customers")
        shop.run_query("ALTER TABLE revenue_new SWAP WITH revenue")
        shop.run_query("DROP TABLE revenue_new")


@flow(name="snowflake result again")
def result_again() -> None:
    with connect(SnowflakeLineage) as shop, shop.get_connection().cursor() as cursor:
        cursor.execute("SELECT country AS c FROM customers")
        cursor.execute("CREATE OR REPLACE TABLE again AS SELECT c FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))")


@flow(name="snowflake several")
def several() -> None:
    with connect(SnowflakeLineage) as shop, shop.get_connection().cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE TEMPORARY TABLE t AS SELECT amount FROM orders;"
            "INSERT INTO revenue (total) SELECT SUM(amount) FROM t;",
            num_statements=2,
        )
        cursor.execute(
            "BEGIN; INSERT INTO audit (step) SELECT name FROM customers; ROLLBACK",
            num_statements=3,
        )


if __name__ == "__main__":
    swap()
    result_again()
    several()
