"""Asynchronous statements of a Snowflake connection: each counts when its status or its result has been requested."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect_snowflake import SnowflakeConnector
from snowflake_shop import connect

from prefect_lineage_events import SnowflakeLineage, instrument

instrument()


@flow(name="snowflake asynchronous")
def asynchronous(block_class: Any) -> None:
    with connect(block_class) as shop:
        connection = shop.get_connection()
        cursor = connection.cursor()
        made = cursor.execute_async("CREATE OR REPLACE TABLE ahead AS SELECT country FROM customers")["queryId"]
        while connection.is_still_running(connection.get_query_status_throw_if_error(made)):
            pass
        read = cursor.execute_async("SELECT country FROM ahead")["queryId"]
        cursor.get_results_from_sfqid(read)
        print(len(cursor.fetchall()))


if __name__ == "__main__":
    for kind in (SnowflakeLineage, SnowflakeConnector):
        asynchronous(kind)
