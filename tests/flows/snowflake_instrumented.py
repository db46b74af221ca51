"""The plain Snowflake connector, with `instrument()` at the top: its own methods, cursors and asynchronous statements."""

from __future__ import annotations

from prefect import flow
from prefect_snowflake import SnowflakeConnector
from snowflake_shop import connect

from prefect_lineage_events import instrument

instrument()


@flow(name="snowflake instrumented")
def snowflake_instrumented() -> None:
    with connect(SnowflakeConnector) as shop:
        shop.execute("CREATE OR REPLACE TABLE sent AS SELECT country FROM customers")
        shop.execute_many("INSERT INTO sent (country) VALUES (%(c)s)", [{"c": "NO"}, {"c": "FI"}])
        connection = shop.get_connection()
        connection.execute_string("CREATE OR REPLACE TABLE copied AS SELECT country FROM sent; SELECT 1;")
        cursor = connection.cursor()
        query_id = cursor.execute_async("SELECT country FROM copied")["queryId"]
        cursor.get_results_from_sfqid(query_id)
        print(len(cursor.fetchall()) > 2)


if __name__ == "__main__":
    snowflake_instrumented()
