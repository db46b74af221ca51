"""The asynchronous block and engine: the same calls, awaited, several at a time."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from prefect import flow, task
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_lineage_events import AsyncSqlAlchemyLineage

URL = os.environ["SHOP_ASYNC_URL"]


@task
async def copy(shop: Any, source: str, target: str) -> None:
    async with shop.get_connection() as connection:
        await connection.execute(text(f"CREATE TABLE {target} AS SELECT * FROM {source}"))
        await connection.commit()


@flow(name="async copies")
async def copies() -> None:
    async with AsyncSqlAlchemyLineage(connection_info=URL) as shop:
        await asyncio.gather(copy(shop, "orders", "orders_copy"), copy(shop, "customers", "customers_copy"))


@flow(name="async block")
async def calls() -> None:
    async with AsyncSqlAlchemyLineage(connection_info=URL) as shop:
        await shop.execute("INSERT INTO audit (step, rows_seen) SELECT status, amount FROM orders")
        await shop.execute_many(
            "INSERT INTO revenue (country, total) VALUES (:country, :total)",
            seq_of_parameters=[{"country": "FR", "total": 1}, {"country": "IT", "total": 2}],
        )
        print("rows", len(await shop.fetch_all("SELECT * FROM audit")), await shop.fetch_one("SELECT 1"))


@flow(name="async session")
async def session() -> None:
    async with (
        AsyncSqlAlchemyLineage(connection_info=URL) as shop,
        AsyncSession(shop.get_engine()) as open_session,
    ):
        async for row in await open_session.stream(text("SELECT name FROM customers")):
            assert row.name
        await open_session.execute(text("DELETE FROM audit"))
        await open_session.rollback()


async def main() -> None:
    await copies()
    await calls()
    await session()


if __name__ == "__main__":
    asyncio.run(main())
