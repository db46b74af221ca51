"""psycopg's asynchronous connections: the same description as for the others, awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.postgres import Postgres

psycopg = pytest.importorskip("psycopg")
Tracers = list[RecordingTracer]


@pytest_asyncio.fixture
async def connection(postgres: Postgres, tracers: Tracers) -> AsyncIterator[Any]:
    """A traced connection to a database with one table `t` of two rows."""
    own = await psycopg.AsyncConnection.connect(postgres.dsn(postgres.database("awaited")))
    await own.execute("CREATE TABLE t (a INTEGER, b TEXT)")
    await own.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    await own.commit()
    yield instrument_connection(own)
    await own.close()


async def test_committed_is_kept_and_rolled_back_is_not(connection: Any, tracers: Tracers) -> None:
    await connection.execute("INSERT INTO t VALUES (3, 'kept')")
    await connection.commit()
    async with connection.cursor() as cursor:
        await cursor.execute("INSERT INTO t VALUES (4, 'lost')")
    await connection.rollback()

    assert tracers[0].kept == ["INSERT INTO t VALUES (3, 'kept')"]
    assert [reported.rows for reported in tracers[0].reported] == [1, 1]


async def test_block_without_an_error_commits_and_closes(connection: Any, tracers: Tracers) -> None:
    async with connection as entered:
        assert entered is connection
        await connection.execute("INSERT INTO t VALUES (3, 'kept')")

    assert tracers[0].kept == ["INSERT INTO t VALUES (3, 'kept')"]
    assert connection.closed


async def test_block_left_with_an_error_keeps_nothing(connection: Any, tracers: Tracers) -> None:
    with pytest.raises(ZeroDivisionError):
        async with connection:
            await connection.execute("INSERT INTO t VALUES (3, 'lost')")
            raise ZeroDivisionError

    assert tracers[0].kept == []


async def test_failed_statement_is_not_noted_and_fails_the_transaction(connection: Any, tracers: Tracers) -> None:
    await connection.execute("INSERT INTO t VALUES (3, 'undone')")
    with pytest.raises(psycopg.errors.UndefinedTable, match="missing"):
        await connection.execute("SELECT * FROM missing")
    await connection.commit()

    assert tracers[0].statements == ["INSERT INTO t VALUES (3, 'undone')"]
    assert tracers[0].kept == []


async def test_reads_are_counted_however_they_are_fetched(connection: Any, tracers: Tracers) -> None:
    cursor = await connection.execute("SELECT a FROM t ORDER BY a")
    assert [row async for row in cursor] == [(1,), (2,)]
    async with connection.cursor("named") as named:
        await named.execute("SELECT generate_series(1, 7)")
        assert await named.fetchone() == (1,)
        assert len(await named.fetchmany(2)) == 2
        assert len(await named.fetchall()) == 4
    assert len([row async for row in connection.cursor().stream("SELECT b FROM t")]) == 2

    assert [reported.rows for reported in tracers[0].reported] == [2, 7, 2]


async def test_stream_that_is_closed_early_has_ended(connection: Any, tracers: Tracers) -> None:
    rows = connection.cursor().stream("SELECT generate_series(1, 1000)")
    await anext(rows)
    await rows.aclose()

    assert connection.info.transaction_status is not psycopg.pq.TransactionStatus.ACTIVE
    assert [reported.rows for reported in tracers[0].reported] == [1]


async def test_transaction_blocks_and_savepoints(connection: Any, tracers: Tracers) -> None:
    async with connection.transaction():
        await connection.execute("INSERT INTO t VALUES (3, 'kept')")
        with pytest.raises(ZeroDivisionError):
            async with connection.transaction():
                await connection.execute("INSERT INTO t VALUES (4, 'lost')")
                raise ZeroDivisionError

    words = [step.partition(" ")[0] for step in tracers[0].steps]
    assert words == ["begin", "INSERT", "savepoint", "INSERT", "rollback_to", "commit"]


async def test_copy_is_noted_when_its_block_is_left(connection: Any, tracers: Tracers) -> None:
    async with connection.cursor() as cursor:
        async with cursor.copy("COPY t FROM STDIN") as copy:
            await copy.write_row((3, "z"))
        with pytest.raises(ZeroDivisionError):
            async with cursor.copy("COPY t FROM STDIN") as copy:
                raise ZeroDivisionError

    assert [(reported.sql, reported.rows) for reported in tracers[0].reported] == [("COPY t FROM STDIN", 1)]


async def test_pipeline_that_fails_keeps_nothing(connection: Any, tracers: Tracers) -> None:
    await connection.set_autocommit(True)
    async with connection.pipeline():
        await connection.execute("INSERT INTO t VALUES (3, 'kept')")
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with connection.pipeline():
            await connection.execute("INSERT INTO t VALUES (4, 'lost')")
            await connection.execute("INSERT INTO missing VALUES (5)")

    assert tracers[0].kept == ["INSERT INTO t VALUES (3, 'kept')"]
    cursor = await connection.execute("SELECT a FROM t WHERE a > 2")
    assert await cursor.fetchall() == [(3,)]
