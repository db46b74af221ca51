"""Pools of psycopg, psycopg2 and asyncpg, shared by threads and coroutines, in a program without one word of lineage."""

from __future__ import annotations

import asyncio
import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import asyncpg
from prefect import flow, task
from psycopg import connect
from psycopg.rows import dict_row
from psycopg2.extras import RealDictCursor
from psycopg2.pool import ThreadedConnectionPool
from psycopg_pool import AsyncConnectionPool, ConnectionPool

DSN = os.environ["SHOP_DSN"]
POOL = ConnectionPool(DSN, min_size=1, max_size=3, open=True)


def copy_country(country: str) -> None:
    with POOL.connection() as shop:
        shop.execute(
            "INSERT INTO revenue (country, total) SELECT country, 1 FROM customers WHERE country = %s", (country,)
        )


@flow(name="threads of a pool")
def threads_of_a_pool() -> None:
    with ThreadPoolExecutor(3) as workers:
        list(workers.map(copy_country, ("GB", "US")))
    thread = Thread(target=copy_country, args=("DE",))
    thread.start()
    thread.join()
    with contextlib.suppress(ZeroDivisionError), POOL.connection() as shop:
        shop.execute("DELETE FROM orders")
        print(1 // 0)
    taken = POOL.getconn()
    taken.execute("TRUNCATE audit")
    POOL.putconn(taken)  # which rolls back


@task
def paid() -> list[tuple[str, int]]:
    with POOL.connection() as shop, shop.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SELECT id, amount FROM orders WHERE status = 'paid'")
        return [(f"order {row['id']}", row["amount"]) for row in cursor]


@task
def audit(rows: list[tuple[str, int]]) -> None:
    with connect(DSN) as shop, shop.cursor() as cursor:
        cursor.executemany("INSERT INTO audit (step, rows_seen) VALUES (%s, %s)", rows)


@flow(name="tasks of a pool")
def tasks_of_a_pool() -> None:
    audit.submit(paid.submit()).wait()


@flow(name="pool of psycopg2")
def pool_of_psycopg2() -> None:
    pool = ThreadedConnectionPool(1, 2, DSN, cursor_factory=RealDictCursor)
    shop = pool.getconn()
    with shop, shop.cursor() as cursor:
        cursor.execute("CREATE TABLE names AS SELECT name FROM customers")
    pool.putconn(shop)
    pool.closeall()


@flow(name="asynchronous pools")
async def asynchronous_pools() -> None:
    async with AsyncConnectionPool(DSN, min_size=1, max_size=2) as pool, pool.connection() as shop:
        await shop.execute("CREATE TABLE big AS SELECT id FROM orders WHERE amount > 10")
    url = os.environ["SHOP_ASYNC_URL"].replace("+asyncpg", "")
    async with asyncpg.create_pool(url, min_size=1, max_size=2) as other:
        await asyncio.gather(*(other.fetch("SELECT name FROM names") for _ in range(3)))
        async with other.acquire() as taken, taken.transaction():
            await taken.execute("CREATE TABLE small AS SELECT id FROM orders WHERE amount < 8")


if __name__ == "__main__":
    threads_of_a_pool()
    tasks_of_a_pool()
    pool_of_psycopg2()
    asyncio.run(asynchronous_pools())
    POOL.close()
