"""asyncpg's connections and pools that a program opens."""

from __future__ import annotations

import asyncio
import gc
import inspect
from typing import Any

import asyncpg
import pytest
from asyncpg import connect, create_pool

from prefect_lineage_events import instrument, instrument_connection, uninstrument
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy
from tests.instrumentation.opened.conftest import Tracers, statements
from tests.services.postgres import Postgres

pytestmark = pytest.mark.usefixtures("instrumented")
CREATE = "CREATE TABLE IF NOT EXISTS t (a INTEGER)"
INSERT = "INSERT INTO t VALUES ($1)"


class Shop(asyncpg.Connection):  # type: ignore[type-arg]
    """A connection with methods that run statements, one of which overrides the driver's."""

    async def two(self) -> Any:
        two = await self.fetchval("SELECT 2")
        await self.fetch("SELECT 3")
        return two

    async def fetch(self, *args: Any, **kwargs: Any) -> Any:
        return await super().fetch(*args, **kwargs)


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    return postgres.plain_url(postgres.database("opened_asyncpg"))


@pytest.mark.parametrize("opener", [asyncpg.connect, connect], ids=["module", "name"])
async def test_connection_is_captured(opener: Any, url: str, postgres: Postgres, tracers: Tracers) -> None:
    connection = await opener(url)
    await connection.execute(CREATE)
    async with connection.transaction():
        await connection.execute(INSERT, 1)
    assert isinstance(connection, asyncpg.Connection)
    await connection.close()
    assert tracers[0].kept == [CREATE, INSERT]
    assert tracers[0].store.namespace == f"postgres://localhost:{postgres.port}"


async def test_pool_is_captured(url: str, tracers: Tracers) -> None:
    async with create_pool(url, min_size=1, max_size=2) as pool:
        async with pool.acquire() as connection:
            await connection.execute(CREATE)
        taken = await pool.acquire()
        await taken.executemany(INSERT, [(1,), (2,)])
        await pool.release(taken)
        await pool.execute("DELETE FROM t WHERE a = 2")
        assert len(await pool.fetch("SELECT a FROM t")) >= 1
        assert await pool.fetchval("SELECT 1") == 1
        assert (await pool.fetchrow("SELECT 2"))[0] == 2
        await pool.copy_records_to_table("t", records=[(5,)])
        with pytest.raises(asyncpg.InterfaceError, match="released"):
            await taken.execute("SELECT 3")
    assert statements(tracers) == [
        CREATE,
        INSERT,
        "DELETE FROM t WHERE a = 2",
        "SELECT a FROM t",
        "SELECT 1",
        "SELECT 2",
        'COPY "t" FROM STDIN',
    ]


async def test_pool_keeps_the_drivers_own_connections(url: str) -> None:
    async with create_pool(url, min_size=1, max_size=1) as pool:
        assert not isinstance(pool._holders[0]._con, ConnectionProxy)
        async with pool.acquire() as connection:
            assert type(connection._con) is asyncpg.Connection


async def test_init_and_setup_of_a_pool_are_called_as_before(url: str) -> None:
    seen: list[str] = []

    async def init(connection: Any) -> None:
        seen.append(type(connection).__name__)

    async with create_pool(url, min_size=1, max_size=1, init=init, setup=init) as pool:
        await pool.execute("SELECT 1")
    assert seen == ["Connection", "PoolConnectionProxy"]


async def test_pool_with_a_connection_class_and_a_timeout_is_captured(url: str, tracers: Tracers) -> None:
    pool = create_pool(url, min_size=0, max_size=1, connection_class=Shop)
    async with pool, pool.acquire(timeout=60) as connection:
        await connection.execute("SELECT 1")
        assert await connection.two() == 2
    assert statements(tracers) == ["SELECT 1", "SELECT 2", "SELECT 3"]


async def test_methods_of_the_programs_own_class_are_captured(url: str, tracers: Tracers) -> None:
    connection = await asyncpg.connect(url, connection_class=Shop)
    assert await connection.two() == 2
    assert (await connection.fetch("SELECT 4"), isinstance(connection, Shop)) == ([(4,)], True)
    await connection.close()
    assert statements(tracers) == ["SELECT 2", "SELECT 3", "SELECT 4"]


async def test_pool_made_before_switch_on_is_captured(url: str, tracers: Tracers) -> None:
    uninstrument()
    async with create_pool(url, min_size=1, max_size=1) as pool:
        instrument("databases")
        await pool.execute("SELECT 1")
    assert statements(tracers) == ["SELECT 1"]


async def test_released_connection_does_not_end_the_transaction_of_the_next(url: str, tracers: Tracers) -> None:
    async with create_pool(url, min_size=1, max_size=1) as pool:
        await pool.execute(CREATE)
        first = await pool.acquire()
        await first.execute("SELECT 1")
        await pool.release(first)
        async with pool.acquire() as second, second.transaction():
            await second.execute(INSERT, 7)
            del first
            gc.collect()
    assert [tracer.kept for tracer in tracers][-1] == [INSERT]
    assert [tracer.steps[-1] for tracer in tracers] == ["lost"] * 3


async def test_tasks_that_share_a_pool_are_captured(url: str, tracers: Tracers) -> None:
    async with create_pool(url, min_size=1, max_size=3) as pool:
        await asyncio.gather(*(pool.execute(f"SELECT {number}") for number in range(5)))
    assert sorted(statements(tracers)) == [f"SELECT {number}" for number in range(5)]


async def test_given_to_instrument_connection_it_is_captured_once(url: str, tracers: Tracers) -> None:
    connection = instrument_connection(await asyncpg.connect(url))
    await connection.execute("SELECT 1")
    await connection.close()
    async with create_pool(url, min_size=0, max_size=1) as pool, pool.acquire() as taken:
        await instrument_connection(taken).execute("SELECT 2")
    assert statements(tracers) == ["SELECT 1", "SELECT 2"]


async def test_uninstrument_restores_the_driver(url: str, tracers: Tracers) -> None:
    uninstrument()
    connection = await connect(url)
    assert type(connection) is asyncpg.Connection
    await connection.close()
    async with create_pool(url, min_size=0, max_size=1) as pool, pool.acquire() as taken:
        assert type(taken) is asyncpg.pool.PoolConnectionProxy
    assert tracers == []


def test_functions_are_the_drivers_own_to_other_code() -> None:
    assert inspect.iscoroutinefunction(asyncpg.pool.Pool.release)
    assert list(inspect.signature(asyncpg.pool.Pool.release).parameters) == ["self", "connection", "timeout"]
