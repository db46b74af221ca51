"""A value of a single row that was read is found among the binds of a later statement, whatever the driver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from prefect_lineage_events.emission import value_matching
from prefect_lineage_events.emission.notes import StatementNote
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.emission.conftest import FLOW_RUN
from tests.emission.idle import idle_worker
from tests.instrumentation.drivers.stores import STORES, opened
from tests.services.postgres import Postgres

SETUP = "CREATE TABLE orders (a INTEGER); INSERT INTO orders VALUES (5), (412); CREATE TABLE log (step TEXT, n INTEGER)"
MAX = "SELECT max(a) FROM orders"


@pytest.fixture
def origins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """The texts of the statements whose rows the statements with binds took values of."""
    with idle_worker(monkeypatch) as idle:

        def found() -> list[str]:
            notes = list(iter(lambda: idle.queue.get(0), None))
            return [origin.sql for note in notes if isinstance(note, StatementNote) for origin in note.value_origins]

        yield found
        value_matching.discard(FLOW_RUN)


@pytest.fixture(params=STORES)
def connection(request: pytest.FixtureRequest) -> Iterator[Any]:
    own = opened(request, "single_rows", SETUP)
    request.getfixturevalue("origins")
    yield instrument_connection(own)
    own.close()


def log(connection: Any, cursor: Any, value: object) -> None:
    mark = "%s" if "psycopg" in type(cursor).__module__ else "?"
    cursor.execute(f"INSERT INTO log VALUES ({mark}, {mark})", ("load", value))


@pytest.mark.parametrize(
    "take",
    [
        lambda cursor: cursor.fetchone()[0],
        lambda cursor: cursor.fetchall()[0][0],
        lambda cursor: cursor.fetchmany(5)[0][0],
    ],
    ids=["fetchone", "fetchall", "fetchmany"],
)
def test_a_value_that_was_fetched_is_found(take: Any, connection: Any, origins: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(MAX)
    log(connection, cursor, take(cursor))

    assert origins() == [MAX]


def test_a_value_of_an_iteration_is_found(connection: Any, origins: Any) -> None:
    cursor = connection.cursor()
    if "duckdb" in type(cursor).__module__:
        pytest.skip("its cursors are not iterated")
    cursor.execute(MAX)
    log(connection, cursor, next(iter(cursor))[0])

    assert origins() == [MAX]


def test_a_watermark_beside_other_values_is_not_found(connection: Any, origins: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(MAX)
    log(connection, cursor, cursor.fetchone()[0] + 1)

    assert origins() == []


def test_rows_of_a_longer_result_are_not_compared(connection: Any, origins: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT a FROM orders")
    log(connection, cursor, cursor.fetchall()[1][0])

    assert origins() == []


def test_execute_of_a_connection_is_reported(connection: Any, origins: Any) -> None:
    if not hasattr(connection, "execute"):
        pytest.skip("it does not")
    mark = "%s" if "psycopg" in type(connection).__module__ else "?"
    row = connection.execute(MAX).fetchone()
    connection.execute(f"INSERT INTO log VALUES ('load', {mark})", row)

    assert origins() == [MAX]


@pytest_asyncio.fixture
async def awaited(postgres: Postgres, origins: Any) -> AsyncIterator[Any]:
    asyncpg = pytest.importorskip("asyncpg")
    own = await asyncpg.connect(postgres.plain_url(postgres.database("single_rows")))
    await own.execute(SETUP)
    yield instrument_connection(own)
    await own.close()


@pytest.mark.parametrize("method", ["fetchval", "fetchrow", "fetch"])
async def test_values_fetched_from_asyncpg_are_found(method: str, awaited: Any, origins: Any) -> None:
    await getattr(awaited, method)(MAX)
    await awaited.execute("INSERT INTO log VALUES ($1, $2)", "load", 412)
    await (await awaited.prepare("INSERT INTO log VALUES ($1, $2)")).fetch("load", 412)

    assert origins() == [MAX, MAX]


def test_values_fetched_from_a_relation_of_duckdb_are_found(origins: Any) -> None:
    duckdb = pytest.importorskip("duckdb")
    connection = instrument_connection(duckdb.connect(":memory:"))
    connection.execute(SETUP)
    [row] = connection.sql(MAX).fetchall()
    connection.execute("INSERT INTO log VALUES ('load', ?)", row)
    connection.close()

    assert len(origins()) == 1
