"""Cursors of a Snowflake connection: several statements in one text, rows as dictionaries and frames."""

from __future__ import annotations

from contextlib import suppress
from io import StringIO
from typing import Any

import pandas as pd
from prefect import flow, task
from prefect_snowflake import SnowflakeConnector
from snowflake.connector import DictCursor, ProgrammingError
from snowflake_shop import connect

from prefect_lineage_events import SnowflakeLineage, instrument

instrument()


@flow(name="snowflake texts")
def texts(block_class: Any) -> None:
    with connect(block_class) as shop:
        connection = shop.get_connection()
        connection.execute_string(
            "CREATE OR REPLACE TABLE first AS SELECT id, country FROM customers;\n"
            "CREATE OR REPLACE TABLE second AS SELECT country FROM first;"
        )
        script = "DELETE FROM second WHERE country = 'a;b'; INSERT INTO second (country) SELECT status FROM orders;"
        for cursor in connection.execute_stream(StringIO(script)):
            print(cursor.rowcount)


@flow(name="snowflake cursors")
def cursors(block_class: Any) -> None:
    with connect(block_class) as shop, shop.get_connection().cursor(DictCursor) as cursor:
        cursor.execute("CREATE OR REPLACE TABLE bulk (country VARCHAR, n INT)")
        cursor.executemany("INSERT INTO bulk (country, n) VALUES (%s, %s)", [("NO", n) for n in range(500)])
        print(cursor.execute("SELECT MAX(amount) AS top FROM orders").fetchone())
        cursor.describe("SELECT step FROM audit")
        with suppress(ProgrammingError):
            cursor.execute("INSERT INTO revenue (country, total) SELECT country, nothing FROM customers")


@task
def frames(shop: Any) -> int:
    with shop.get_connection().cursor() as cursor:
        whole = cursor.execute("SELECT id, amount FROM orders").fetch_pandas_all()
        parts = list(cursor.execute("SELECT name FROM customers").fetch_pandas_batches())
        arrow = cursor.execute("SELECT country FROM revenue").fetch_arrow_all(force_return_table=True)
    read = pd.read_sql("SELECT step FROM audit", shop.get_connection())
    return len(whole) + sum(map(len, parts)) + len(arrow) + len(read)


@flow(name="snowflake frames")
def read_frames(block_class: Any) -> None:
    with connect(block_class) as shop:
        print("frames", frames(shop))


if __name__ == "__main__":
    for kind in (SnowflakeLineage, SnowflakeConnector):
        texts(kind)
        cursors(kind)
        read_frames(kind)
