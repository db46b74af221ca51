"""The Snowflake block's own methods, awaited ones too: on our block, and on the plain one with `instrument()`."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import flow, task
from prefect_snowflake import SnowflakeConnector
from snowflake.connector import DictCursor
from snowflake_shop import connect

from prefect_lineage_events import SnowflakeLineage, instrument

instrument()


@flow(name="snowflake methods")
def methods(block_class: Any) -> None:
    with connect(block_class) as shop:
        shop.execute("CREATE OR REPLACE TABLE methods AS SELECT country FROM customers")
        shop.execute_many("INSERT INTO methods (country) VALUES (%(c)s)", [{"c": "NO"}, {"c": "FI"}])
        print(shop.fetch_one("SELECT amount FROM orders ORDER BY id"))
        print(shop.fetch_many("SELECT amount FROM orders ORDER BY id", size=2))
        print(shop.fetch_many("SELECT amount FROM orders ORDER BY id", size=2))
        print(shop.fetch_all("SELECT country FROM methods ORDER BY country", cursor_type=DictCursor)[0])
        shop.reset_cursors()


@task
async def fill(shop: Any) -> None:
    await shop.execute_async("CREATE OR REPLACE TABLE awaited AS SELECT country FROM customers")
    await shop.execute_many_async("INSERT INTO awaited (country) VALUES (%(c)s)", [{"c": "NO"}])


@task
async def look(shop: Any) -> None:
    await shop.fetch_one_async("SELECT status FROM orders")
    await shop.fetch_many_async("SELECT step FROM audit", size=1)
    print(len(await shop.fetch_all_async("SELECT country FROM awaited")))


@flow(name="snowflake awaited")
async def awaited(block_class: Any) -> None:
    with connect(block_class) as shop:
        await fill(shop)
        await look(shop)


@flow(name="snowflake run query")
async def run_query() -> None:
    with connect(SnowflakeLineage) as shop:
        rows = shop.run_query("SELECT id FROM customers WHERE country = %(c)s", {"c": "GB"})
        await shop.arun_query("INSERT INTO audit (step, rows_seen) VALUES (%s, %s)", ("seen", len(rows)))


if __name__ == "__main__":
    for kind in (SnowflakeLineage, SnowflakeConnector):
        methods(kind)
        asyncio.run(awaited(kind))
    asyncio.run(run_query())
