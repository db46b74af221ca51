"""Async engines: the adapters of asyncpg, psycopg's async connections and aiosqlite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from prefect_lineage_events.instrumentation.drivers.sqlalchemy import trace_engine
from tests.instrumentation.drivers.conftest import RecordingTracer

Tracers = list[RecordingTracer]


@pytest_asyncio.fixture(params=["aiosqlite", "asyncpg", "psycopg"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path, tracers: Tracers) -> AsyncIterator[AsyncEngine]:
    if request.param == "aiosqlite":
        url = f"sqlite+aiosqlite:///{tmp_path}/shop.db"
    else:
        server = request.getfixturevalue("postgres")
        url = server.url(server.database("async_drivers"), request.param)
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")
        await connection.exec_driver_sql("INSERT INTO t VALUES (1), (2)")
    trace_engine(engine.sync_engine)
    yield engine
    await engine.dispose()


async def test_committed_is_kept_and_rolled_back_is_not(engine: AsyncEngine, tracers: Tracers) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("INSERT INTO t VALUES (3)"))
    async with engine.connect() as connection:
        await connection.execute(sa.text("INSERT INTO t VALUES (4)"))
        await connection.rollback()

    [tracer] = tracers
    assert len(tracer.statements) == 2
    assert tracer.kept == ["INSERT INTO t VALUES (3)"]
    assert tracer.reported[0].rows == 1


async def test_read_counts_its_rows(engine: AsyncEngine, tracers: Tracers) -> None:
    async with engine.connect() as connection:
        result = await connection.execute(sa.text("SELECT a FROM t"))
        assert len(result.all()) == 2

    assert [(reported.sql, reported.rows) for reported in tracers[0].reported] == [("SELECT a FROM t", 2)]
    assert list(tracers[0].reported[0].columns) == ["a"]


async def test_streamed_rows_are_counted(engine: AsyncEngine, tracers: Tracers) -> None:
    async with engine.connect() as connection:
        result = await connection.stream(sa.text("SELECT a FROM t"))
        rows = [row.a async for row in result]

    assert rows == [1, 2]
    assert tracers[0].reported[0].rows == 2


async def test_autocommit_isolation_keeps_its_writes(engine: AsyncEngine, tracers: Tracers) -> None:
    async with engine.connect() as connection:
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(sa.text("INSERT INTO t VALUES (5)"))

    assert tracers[0].kept == ["INSERT INTO t VALUES (5)"]


async def test_orm_session_is_traced(engine: AsyncEngine, tracers: Tracers) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(sa.text("INSERT INTO t VALUES (6)"))
        await session.commit()

    assert tracers[0].kept == ["INSERT INTO t VALUES (6)"]


async def test_driver_connection_is_the_drivers_own(engine: AsyncEngine, tracers: Tracers) -> None:
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        package = type(raw.driver_connection).__module__.partition(".")[0]

    assert package == engine.dialect.driver


async def test_store_is_that_of_the_sync_drivers(engine: AsyncEngine, tracers: Tracers, tmp_path: Path) -> None:
    async with engine.connect() as connection:
        await connection.execute(sa.text("SELECT 1"))

    expected = (
        f"sqlite://{tmp_path}/shop.db" if engine.dialect.name == "sqlite" else f"postgres://localhost:{engine.url.port}"
    )
    assert tracers[0].store.namespace == expected
    assert tracers[0].store.database == (None if engine.dialect.name == "sqlite" else "async_drivers")


async def test_columns_are_looked_up_on_another_connection(engine: AsyncEngine, tracers: Tracers) -> None:
    import asyncio

    async with engine.connect() as connection:
        await connection.execute(sa.text("SELECT 1"))

    found = await asyncio.to_thread(tracers[0].lookup, [("t",), ("missing",)])
    assert {
        table: {name: str(type_).lower() for name, type_ in columns.items()} for table, columns in found.items()
    } == {("t",): {"a": "integer"}}
