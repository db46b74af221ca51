"""psycopg 3 and psycopg2 on their own connections: copies, transactions, savepoints, pipelines, cursors on the server."""

from __future__ import annotations

import asyncio
import contextlib
import os

import psycopg
import psycopg2
import psycopg2.extras
from prefect import flow

from prefect_lineage_events import instrument_connection

DSN = os.environ["SHOP_DSN"]


@flow(name="cursor")
def cursor() -> None:
    with instrument_connection(psycopg.connect(DSN)) as shop, shop.cursor() as cursor:
        cursor.execute("SELECT id, amount FROM orders WHERE status = %s", ("paid",))
        paid = [(f"order {number}", amount) for number, amount in cursor]
        cursor.executemany("INSERT INTO audit (step, rows_seen) VALUES (%s, %s)", paid)


@flow(name="copied through")
def copied_through() -> None:
    with instrument_connection(psycopg.connect(DSN)) as shop:
        shop.execute("CREATE TABLE names (name TEXT)")
        with shop.cursor() as out, out.copy("COPY (SELECT name FROM customers) TO STDOUT") as lines:
            data = b"".join(lines)
        with shop.cursor() as into, into.copy("COPY names (name) FROM STDIN") as target:
            target.write(data)


@flow(name="blocks in blocks")
def blocks_in_blocks() -> None:
    with instrument_connection(psycopg.connect(DSN, autocommit=True)) as shop:
        with shop.transaction():
            shop.execute("INSERT INTO revenue SELECT country, 0 FROM customers")
            with contextlib.suppress(ZeroDivisionError), shop.transaction():
                shop.execute("INSERT INTO audit SELECT status, 1 FROM orders")
                print(1 // 0)
        with contextlib.suppress(psycopg.Error), shop.transaction():
            shop.execute("DELETE FROM orders")
            shop.execute("SELECT * FROM no_such_table")


@flow(name="on the server")
def on_the_server() -> None:
    with instrument_connection(psycopg.connect(DSN)) as shop:
        with shop.cursor(name="big") as big:
            big.execute("SELECT name FROM customers ORDER BY name")
            print("named", [name for (name,) in big])
        with shop.pipeline():
            shop.execute("INSERT INTO audit SELECT 'a', amount FROM orders")
            shop.execute("INSERT INTO revenue SELECT 'FR', amount FROM orders")


@flow(name="asynchronous")
async def asynchronous() -> None:
    async with instrument_connection(await psycopg.AsyncConnection.connect(DSN)) as shop:
        async with shop.transaction(), shop.cursor() as cursor:
            await cursor.execute("CREATE TABLE paid AS SELECT id FROM orders WHERE status = 'paid'")
        await shop.execute("DELETE FROM customers")
        await shop.rollback()


@flow(name="psycopg2")
def by_psycopg2() -> None:
    shop = instrument_connection(psycopg2.connect(DSN))
    with shop, shop.cursor("half") as half:
        half.itersize = 2
        half.execute("SELECT country, id FROM customers")
        rows = [(country, number) for country, number in half]
    with shop, shop.cursor() as cursor:
        psycopg2.extras.execute_values(cursor, "INSERT INTO revenue (country, total) VALUES %s", rows)
    with contextlib.suppress(ZeroDivisionError), shop, shop.cursor() as cursor:
        cursor.execute("TRUNCATE orders")
        print(1 // 0)
    shop.close()


if __name__ == "__main__":
    for one in (cursor, copied_through, blocks_in_blocks, on_the_server):
        one()
    asyncio.run(asynchronous())
    by_psycopg2()
