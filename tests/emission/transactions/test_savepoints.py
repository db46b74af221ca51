"""A rollback to a savepoint undoes later writes only, whichever way a driver makes the savepoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import create_async_engine

from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.emission.transactions.conftest import Capture
from tests.services.postgres import Postgres

psycopg = pytest.importorskip("psycopg")
psycopg2 = pytest.importorskip("psycopg2")
asyncpg = pytest.importorskip("asyncpg")

KEPT, FAILING, LATER = (
    "INSERT INTO kept SELECT 1",
    "INSERT INTO unique_ids SELECT 1 FROM generate_series(1, 2)",
    "INSERT INTO later SELECT 1",
)


@pytest.fixture
def database(postgres: Postgres) -> str:
    name = postgres.database("savepoints")
    with psycopg.connect(postgres.dsn(name), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (a INT); CREATE TABLE later (a INT); CREATE TABLE undone (a INT)")
        connection.execute("CREATE TABLE unique_ids (a INT PRIMARY KEY)")
    return name


@pytest.fixture(params=["psycopg", "psycopg2"])
def engine(request: pytest.FixtureRequest, postgres: Postgres, database: str) -> Iterator[sa.Engine]:
    engine = instrument_connection(sa.create_engine(postgres.url(database, request.param)))
    yield engine
    engine.dispose()


@pytest.fixture(params=["psycopg", "psycopg2"])
def connection(request: pytest.FixtureRequest, postgres: Postgres, database: str) -> Iterator[Any]:
    module = {"psycopg": psycopg, "psycopg2": psycopg2}[request.param]
    connection = instrument_connection(module.connect(postgres.dsn(database)))
    yield connection
    connection.close()


def test_engine_keeps_writes_before_a_failed_nested_block(engine: sa.Engine, capture: Capture) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(KEPT))
        with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
            connection.execute(sa.text("INSERT INTO undone SELECT 1"))
            connection.execute(sa.text(FAILING))
        connection.execute(sa.text(LATER))

    assert capture.writes() == ["savepoints.public.kept", "savepoints.public.later"]


def test_orm_session_keeps_writes_before_a_failed_nested_block(engine: sa.Engine, capture: Capture) -> None:
    with orm.Session(engine) as session:
        session.execute(sa.text(KEPT))
        with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
            session.execute(sa.text(FAILING))
        session.commit()

    assert capture.writes() == ["savepoints.public.kept"]


def test_writes_before_a_savepoint_set_by_a_statement_are_kept(connection: Any, capture: Capture) -> None:
    cursor = connection.cursor()
    for sql in (KEPT, "SAVEPOINT s", "INSERT INTO undone SELECT 1"):
        cursor.execute(sql)
    with pytest.raises(Exception, match="unique_ids"):
        cursor.execute(FAILING)
    cursor.execute("ROLLBACK TO SAVEPOINT s")
    cursor.execute(LATER)
    connection.commit()

    assert capture.writes() == ["savepoints.public.kept", "savepoints.public.later"]


def test_commit_by_a_statement_after_a_failure_keeps_nothing(
    postgres: Postgres, database: str, capture: Capture
) -> None:
    connection = instrument_connection(psycopg.connect(postgres.dsn(database), autocommit=True))
    connection.execute("BEGIN")
    connection.execute(KEPT)
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(FAILING)
    connection.execute("COMMIT")
    connection.execute(LATER)
    connection.close()

    assert capture.writes() == ["savepoints.public.later"]


def test_nested_blocks_of_psycopg(postgres: Postgres, database: str, capture: Capture) -> None:
    connection = instrument_connection(psycopg.connect(postgres.dsn(database)))
    with connection.transaction():
        connection.execute(KEPT)
        with pytest.raises(psycopg.errors.UniqueViolation), connection.transaction():
            connection.execute("INSERT INTO undone SELECT 1")
            connection.execute(FAILING)
        connection.execute(LATER)
    connection.close()

    assert capture.writes() == ["savepoints.public.kept", "savepoints.public.later"]


async def test_nested_blocks_of_asyncpg(postgres: Postgres, database: str, capture: Capture) -> None:
    connection = instrument_connection(await asyncpg.connect(postgres.plain_url(database)))
    async with connection.transaction():
        await connection.execute(KEPT)
        with pytest.raises(asyncpg.UniqueViolationError):
            async with connection.transaction():
                await connection.execute("INSERT INTO undone SELECT 1")
                await connection.execute(FAILING)
        await connection.execute(LATER)
    await connection.close()

    assert capture.writes() == ["savepoints.public.kept", "savepoints.public.later"]


async def test_savepoint_as_a_text_within_a_block_of_asyncpg(
    postgres: Postgres, database: str, capture: Capture
) -> None:
    connection = instrument_connection(await asyncpg.connect(postgres.plain_url(database)))
    async with connection.transaction():
        await connection.execute(KEPT)
        await connection.execute("SAVEPOINT s")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(FAILING)
        await connection.execute("ROLLBACK TO s")
    await connection.close()

    assert capture.writes() == ["savepoints.public.kept"]


async def test_a_parameter_that_asyncpg_itself_refuses_fails_no_transaction(
    postgres: Postgres, database: str, capture: Capture
) -> None:
    connection = instrument_connection(await asyncpg.connect(postgres.plain_url(database)))
    async with connection.transaction():
        await connection.execute(KEPT)
        with pytest.raises(asyncpg.DataError):
            await connection.execute("INSERT INTO later VALUES ($1)", "no number")
    await connection.close()

    assert capture.writes() == ["savepoints.public.kept"]


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_async_engine_keeps_writes_before_a_failed_nested_block(
    driver: str, postgres: Postgres, database: str, capture: Capture
) -> None:
    engine = instrument_connection(create_async_engine(postgres.url(database, driver)))
    async with engine.begin() as connection:
        await connection.execute(sa.text(KEPT))
        with pytest.raises(sa.exc.IntegrityError):
            async with connection.begin_nested():
                await connection.execute(sa.text(FAILING))
    await engine.dispose()

    assert capture.writes() == ["savepoints.public.kept"]


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_commit_of_a_failed_transaction_of_an_async_engine_keeps_nothing(
    driver: str, postgres: Postgres, database: str, capture: Capture
) -> None:
    engine = instrument_connection(create_async_engine(postgres.url(database, driver)))
    async with engine.connect() as connection:
        await connection.execute(sa.text(KEPT))
        with pytest.raises(sa.exc.IntegrityError):
            await connection.execute(sa.text(FAILING))
        await connection.commit()
        await connection.execute(sa.text(LATER))
        await connection.commit()
    await engine.dispose()

    assert capture.writes() == ["savepoints.public.later"]
