"""asyncpg's own connections: coroutines are statements, and failed or rolled-back ones are not kept."""

from __future__ import annotations

import gc
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.postgres import PASSWORD, Postgres

asyncpg = pytest.importorskip("asyncpg")
Tracers = list[RecordingTracer]


@pytest_asyncio.fixture
async def connection(postgres: Postgres, tracers: Tracers) -> AsyncIterator[Any]:
    """A traced connection to a database with one table `t` of two rows."""
    own = await asyncpg.connect(postgres.plain_url(postgres.database("native")))
    await own.execute("CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    yield instrument_connection(own)
    if not own.is_closed():
        await own.close()


def noted(tracers: Tracers) -> list[tuple[str, int | None]]:
    return [(reported.sql, reported.rows) for reported in tracers[0].reported]


async def test_statements_are_noted_with_their_rows(connection: Any, tracers: Tracers) -> None:
    assert await connection.execute("INSERT INTO t VALUES (3, 'z')") == "INSERT 0 1"
    await connection.executemany("INSERT INTO t VALUES ($1, 'm')", [(n,) for n in range(4, 9)])
    assert len(await connection.fetch("SELECT a, b FROM t WHERE a > $1", 0)) == 8
    assert (await connection.fetchrow("SELECT a FROM t ORDER BY a"))["a"] == 1
    assert await connection.fetchval("SELECT count(*) FROM t") == 8

    assert noted(tracers) == [
        ("INSERT INTO t VALUES (3, 'z')", 1),
        ("INSERT INTO t VALUES ($1, 'm')", 5),
        ("SELECT a, b FROM t WHERE a > $1", 8),
        ("SELECT a FROM t ORDER BY a", 1),
        ("SELECT count(*) FROM t", 1),
    ]
    assert list(tracers[0].reported[2].columns) == ["a", "b"]
    assert all(reported.autocommit for reported in tracers[0].reported)


async def test_failed_statement_is_not_noted_and_raises_as_before(connection: Any, tracers: Tracers) -> None:
    with pytest.raises(asyncpg.UndefinedTableError, match="missing"):
        await connection.execute("INSERT INTO missing VALUES (1)")
    with pytest.raises(TypeError):
        await connection.fetch()

    assert noted(tracers) == []


async def test_transaction_blocks_and_savepoints(connection: Any, tracers: Tracers) -> None:
    async with connection.transaction():
        await connection.execute("INSERT INTO t VALUES (3, 'kept')")
        with pytest.raises(ZeroDivisionError):
            async with connection.transaction():
                await connection.execute("INSERT INTO t VALUES (4, 'lost')")
                raise ZeroDivisionError
        async with connection.transaction():
            await connection.execute("INSERT INTO t VALUES (5, 'kept')")

    words = [step.partition(" ")[0] for step in tracers[0].steps]
    assert words == [
        "begin",
        "INSERT",
        "savepoint",
        "INSERT",
        "rollback_to",
        "savepoint",
        "INSERT",
        "release",
        "commit",
    ]
    assert [row["a"] for row in await connection.fetch("SELECT a FROM t WHERE a > 2 ORDER BY a")] == [3, 5]


async def test_transaction_by_its_own_methods(connection: Any, tracers: Tracers) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("INSERT INTO t VALUES (3, 'lost')")
    await transaction.rollback()
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("INSERT INTO t VALUES (4, 'kept')")
    await transaction.commit()

    assert tracers[0].kept == ["INSERT INTO t VALUES (4, 'kept')"]


async def test_commit_after_a_swallowed_error_keeps_nothing(connection: Any, tracers: Tracers) -> None:
    async with connection.transaction():
        await connection.execute("INSERT INTO t VALUES (3, 'undone')")
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.fetch("SELECT * FROM missing")

    assert await connection.fetchval("SELECT count(*) FROM t") == 2
    assert "INSERT INTO t VALUES (3, 'undone')" not in tracers[0].kept


async def test_commit_statement_that_the_server_refused_is_a_rollback(connection: Any, tracers: Tracers) -> None:
    await connection.execute("BEGIN")
    await connection.execute("INSERT INTO t VALUES (3, 'undone')")
    with pytest.raises(asyncpg.UndefinedTableError):
        await connection.fetch("SELECT * FROM missing")
    await connection.execute("COMMIT")

    assert [(reported.sql, reported.aborted) for reported in tracers[0].reported[1:]] == [
        ("INSERT INTO t VALUES (3, 'undone')", False),
        ("COMMIT", True),
    ]


async def test_prepared_statements_are_noted_when_they_run(connection: Any, tracers: Tracers) -> None:
    statement = await connection.prepare("SELECT a FROM t WHERE a > $1")
    assert noted(tracers) == []
    assert len(await statement.fetch(0)) == 2
    assert await statement.fetchval(1) == 2

    assert noted(tracers) == [("SELECT a FROM t WHERE a > $1", 2), ("SELECT a FROM t WHERE a > $1", 1)]


async def test_cursors_count_what_is_fetched(connection: Any, tracers: Tracers) -> None:
    async with connection.transaction():
        assert [row["a"] async for row in connection.cursor("SELECT a FROM t ORDER BY a")] == [1, 2]
        cursor = await connection.cursor("SELECT b FROM t ORDER BY a")
        assert len(await cursor.fetch(5)) == 2
        assert await cursor.fetchrow() is None
        half = await connection.cursor("SELECT a, b FROM t")
        assert len(await half.fetch(1)) == 1
    del half
    gc.collect()

    assert noted(tracers) == [
        ("SELECT a FROM t ORDER BY a", 2),
        ("SELECT b FROM t ORDER BY a", 2),
        ("SELECT a, b FROM t", 1),
    ]


async def test_copies_are_noted_as_the_statements_that_they_send(connection: Any, tracers: Tracers) -> None:
    await connection.copy_records_to_table("t", records=[(3, "z"), (4, "w")], columns=["a", "b"], schema_name="public")
    await connection.copy_to_table("t", source=io.BytesIO(b"5\tv\n"))
    await connection.copy_from_table("t", output=io.BytesIO())
    await connection.copy_from_query("SELECT a FROM t WHERE a > $1", 3, output=io.BytesIO())

    assert noted(tracers) == [
        ('COPY "public"."t" ("a", "b") FROM STDIN', 2),
        ('COPY "t" FROM STDIN', 1),
        ('COPY "t" TO STDOUT', 5),
        ("COPY (SELECT a FROM t WHERE a > $1) TO STDOUT", 2),
    ]


async def test_closing_loses_what_is_open(connection: Any, tracers: Tracers) -> None:
    await connection.execute("BEGIN")
    await connection.execute("INSERT INTO t VALUES (3, 'lost')")
    await connection.close()

    assert tracers[0].steps[-1] == "lost"
    assert tracers[0].kept == []


async def test_connection_of_a_pool_is_traced(postgres: Postgres, tracers: Tracers) -> None:
    async with asyncpg.create_pool(postgres.plain_url(postgres.database("pooled")), min_size=1, max_size=2) as pool:
        async with pool.acquire() as own:
            connection = instrument_connection(own)
            await connection.execute("CREATE TABLE p (a INTEGER)")
        connection = instrument_connection(await pool.acquire())
        await connection.fetch("SELECT a FROM p")
        await pool.release(connection)

    assert [tracer.statements for tracer in tracers] == [["CREATE TABLE p (a INTEGER)"], ["SELECT a FROM p"]]
    assert tracers[0].lookup is tracers[1].lookup


async def test_store_and_schema_of_the_connections_settings(postgres: Postgres, tracers: Tracers) -> None:
    url = postgres.plain_url(postgres.database("settings"))
    own = await asyncpg.connect(url, server_settings={"search_path": "mart, public"})
    instrument_connection(own)
    await own.close()

    store = tracers[0].store
    assert store.namespace == f"postgres://localhost:{postgres.port}"
    assert (store.database, store.schema) == ("settings", "mart")
    assert PASSWORD not in repr(tracers[0].lookup)


async def test_objects_look_like_the_drivers_own(connection: Any) -> None:
    own = connection.__wrapped__
    assert isinstance(connection, asyncpg.Connection)
    assert repr(connection) == repr(own)
    assert isinstance(await connection.prepare("SELECT 1"), asyncpg.prepared_stmt.PreparedStatement)
    assert isinstance(connection.transaction(), asyncpg.transaction.Transaction)


async def test_transaction_that_ends_without_the_proxy_is_noted_as_ended_unseen(
    connection: Any, tracers: Tracers
) -> None:
    own = connection.__wrapped__
    async with own.transaction():
        await connection.execute("INSERT INTO t VALUES (3, 'unknown')")
    await connection.execute("INSERT INTO t VALUES (4, 'kept')")

    assert tracers[0].steps[1] == "commit_lost"
    assert tracers[0].kept == ["INSERT INTO t VALUES (4, 'kept')"]


async def test_transaction_of_a_collected_proxy_is_noted_as_ended_unseen(connection: Any, tracers: Tracers) -> None:
    own = connection.__wrapped__
    async with own.transaction():
        other = instrument_connection(own)
        await other.execute("INSERT INTO t VALUES (3, 'unknown')")
    del other
    gc.collect()

    assert tracers[1].steps[-1] == "commit_lost"


async def test_proxy_is_kept_until_an_awaited_statement_is_noted(connection: Any, tracers: Tracers) -> None:
    await instrument_connection(connection.__wrapped__).execute("INSERT INTO t VALUES (3, 'z')")
    gc.collect()

    assert tracers[1].steps == ["INSERT INTO t VALUES (3, 'z')", "lost"]
