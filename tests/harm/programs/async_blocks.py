"""The asynchronous connector, in coroutines, generators and task groups."""

import asyncio

from kit import AsyncConnector
from prefect import flow, task
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

URL = "sqlite+aiosqlite:///async.db"


@task
async def add(number):
    async with AsyncConnector(connection_info=URL) as database:
        await database.execute("INSERT INTO t VALUES (:a)", parameters={"a": number})
    return number


async def numbers(database):
    for low in (0, 5):
        yield await database.fetch_all("SELECT a FROM t WHERE a >= :low ORDER BY a", parameters={"low": low})


@flow
async def asynchronous():
    async with AsyncConnector(connection_info=URL) as database:
        await database.execute("CREATE TABLE t (a INTEGER UNIQUE)")
        for number in range(5):
            await add(number)
        async for rows in numbers(database):
            print(rows)
        print(await database.fetch_one("SELECT count(*) FROM t"))
        print(await database.fetch_many("SELECT a FROM t", size=3))
        async with database.get_connection() as connection:
            result = await connection.stream(text("SELECT a FROM t ORDER BY a"))
            print([row.a async for row in result])
        try:
            await database.execute("INSERT INTO t VALUES (1)")
        except IntegrityError as error:
            print(type(error.orig).__name__, error.orig, type(error.__cause__).__name__)
        reading = asyncio.create_task(database.fetch_all("SELECT * FROM t, t u, t v"))
        print(len(await reading))
        waiting = asyncio.create_task(asyncio.sleep(60))
        waiting.cancel()
        try:
            await waiting
        except asyncio.CancelledError:
            print("cancelled")
        await database.execute("INSERT INTO missing VALUES (1)")


asyncio.run(asynchronous())
