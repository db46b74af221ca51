"""asyncpg on its own connection: statuses, fetches, prepared statements, cursors, copies, transactions."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

import asyncpg
from prefect import flow

from prefect_lineage_events import instrument_connection

URL = os.environ["SHOP_ASYNC_URL"].replace("+asyncpg", "")


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[asyncpg.Connection]:
    shop = instrument_connection(await asyncpg.connect(URL))
    try:
        yield shop
    finally:
        await shop.close()


@flow(name="statements")
async def statements() -> None:
    async with connected() as shop:
        await shop.execute("CREATE TABLE paid AS SELECT id, amount FROM orders WHERE status = 'paid'")
        await shop.execute("INSERT INTO revenue SELECT country, 0 FROM customers WHERE id < $1", 3)


@flow(name="rows by hand")
async def rows_by_hand() -> None:
    async with connected() as shop:
        records = await shop.fetch("SELECT name, id FROM customers")
        await shop.executemany("INSERT INTO audit (step, rows_seen) VALUES ($1, $2)", [tuple(r) for r in records])


@flow(name="records")
async def records() -> None:
    async with connected() as shop:
        prepared = await shop.prepare("SELECT country, id FROM customers WHERE id >= $1")
        rows = [tuple(record) for record in await prepared.fetch(2)]
        await shop.copy_records_to_table("revenue", records=rows, columns=["country", "total"])


@flow(name="taken back")
async def taken_back() -> None:
    async with connected() as shop:
        with contextlib.suppress(ZeroDivisionError):
            async with shop.transaction():
                await shop.execute("DELETE FROM orders")
                print(1 // 0)
        async with shop.transaction():
            await shop.execute("INSERT INTO audit SELECT name, 1 FROM customers")
            with contextlib.suppress(asyncpg.PostgresError):
                async with shop.transaction():
                    await shop.execute("INSERT INTO revenue SELECT status, 1 FROM orders")
                    await shop.execute("SELECT * FROM no_such_table")


@flow(name="by cursor")
async def by_cursor() -> None:
    async with connected() as shop, shop.transaction():
        total = 0
        async for record in shop.cursor("SELECT amount FROM orders"):
            total += record["amount"]
        print("total", total)


async def main() -> None:
    for one in (statements, rows_by_hand, records, taken_back, by_cursor):
        await one()


if __name__ == "__main__":
    asyncio.run(main())
