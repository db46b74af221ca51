"""The number of rows that a statement has read or written: correct on real stores, or not reported.

Each statement runs on a database with a table `orders` of ten rows and an empty one, `copies`, and is followed the whole
way from the driver to the event.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from prefect_lineage_events.emission.processor import NoteProcessor
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.events import LineageEvent, parse
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from prefect_lineage_events.settings import LineageSettings
from tests.emission.idle import Idle, idle_worker
from tests.instrumentation.drivers.stores import STORES, opened
from tests.services.postgres import Postgres

SETUP = """
    CREATE TABLE orders (a INTEGER);
    INSERT INTO orders VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10);
    CREATE TABLE copies (a INTEGER);
"""
COPY = "INSERT INTO copies SELECT a FROM orders"
RETURNING = COPY + " RETURNING a"
INSIDE = f"WITH i AS ({RETURNING}) SELECT count(*) FROM i"


@dataclass
class Counted:
    """The reported rows of the statements that wrote `copies`, or that read."""

    idle: Idle

    def __call__(self, operation: str = "write") -> list[int | None]:
        with ThreadPoolExecutor(1) as thread:  # not in the one of an event loop
            return thread.submit(self._row_counts, operation).result()

    def _row_counts(self, operation: str) -> list[int | None]:
        sent: list[dict[str, Any]] = []
        queue: NoteQueue = self.idle.queue
        processor = NoteProcessor(LineageSettings(schema_lookup=False), lambda e, _: sent.append(e) is None, queue)
        while (note := queue.get(0)) is not None:
            processor.process(note)
        processor.finish()
        events = [parse(e["event"], e["payload"]) for e in sent]
        return [e.statement.rows for e in events if isinstance(e, LineageEvent) and e.operation == operation]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    with idle_worker(monkeypatch) as idle:
        yield Counted(idle)


@pytest.fixture(params=STORES)
def connection(request: pytest.FixtureRequest) -> Iterator[Any]:
    own = opened(request, "rows", SETUP)
    request.getfixturevalue("counted")
    yield instrument_connection(own)
    own.close()


def executes(sql: str) -> Callable[[Any], Any]:
    return lambda cursor: cursor.execute(sql)


def fetches_one(sql: str) -> Callable[[Any], Any]:
    return lambda cursor: (cursor.execute(sql), cursor.fetchone())


def fetches_all(sql: str) -> Callable[[Any], Any]:
    return lambda cursor: (cursor.execute(sql), cursor.fetchall())


def twice(cursor: Any) -> None:
    """A statement with a known row count, and one whose row count is known after all of its rows are fetched."""
    cursor.execute(RETURNING)
    cursor.fetchall()
    cursor.execute(RETURNING)
    cursor.fetchone()


@pytest.mark.parametrize(
    ("program", "right"),
    [
        (executes(COPY), {10}),
        (executes(RETURNING), {10, None}),
        (fetches_one(RETURNING), {10, None}),
        (fetches_all(RETURNING), {10}),
        (executes(f"CREATE TABLE more AS {COPY[19:]}"), set()),
        (lambda cursor: cursor.executemany("INSERT INTO copies VALUES (%s)", [(1,), (2,), (3,)]), {3}),
        (lambda cursor: cursor.executemany("INSERT INTO copies SELECT a FROM orders WHERE a < %s", [(3,), (4,)]), {5}),
        (twice, {20, None}),
        (fetches_one("INSERT INTO copies VALUES (1) RETURNING a"), {1}),
        (fetches_all("INSERT INTO copies VALUES (1) RETURNING a"), {1}),
        (fetches_one("INSERT INTO copies VALUES (1), (2) RETURNING a"), {2, None}),
        (lambda c: (c.execute("INSERT INTO copies VALUES (1) RETURNING a"), c.fetchone(), c.fetchone()), {1}),
        (lambda c: (c.execute("INSERT INTO copies VALUES (1) RETURNING a"), c.fetchmany(1), c.fetchall()), {1}),
    ],
    ids=[
        *("execute", "returning", "fetchone", "fetchall", "create", "executemany", "executemany select", "twice"),
        *("one", "all of one", "one of two", "one and the end", "some of one"),
    ],
)
def test_rows_of_a_write_are_all_or_unknown(
    program: Callable[[Any], Any], right: set[int | None], connection: Any, counted: Counted
) -> None:
    program(_WithMarks(connection.cursor()))
    getattr(connection, "commit", lambda: None)() if "duckdb" not in type(connection).__module__ else None

    found = counted()
    assert set(found) <= right
    assert len(found) == bool(right)


class _WithMarks:
    """A cursor that takes `%s` in the place of its driver's own mark."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._mark = "%s" if "psycopg" in type(cursor).__module__ else "?"

    def execute(self, sql: str) -> Any:
        return self._cursor.execute(sql)

    def executemany(self, sql: str, sets: Any) -> Any:
        return self._cursor.executemany(sql.replace("%s", self._mark), sets)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


@pytest.mark.parametrize("sql", [f"SELECT 1; {COPY}; SELECT 2", f"{COPY}; SELECT 2", INSIDE, f"EXPLAIN ANALYZE {COPY}"])
def test_rows_of_something_else_are_not_those_of_a_write(sql: str, connection: Any, counted: Counted) -> None:
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        cursor.fetchall()
    except Exception as error:
        pytest.skip(f"the store does not take it: {error}")
    getattr(connection, "commit", lambda: None)() if "duckdb" not in type(connection).__module__ else None

    assert set(counted()) <= {None}


def test_rows_of_a_read_are_those_fetched(connection: Any, counted: Counted) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT a FROM orders")
    assert len(cursor.fetchall()) == 10

    assert counted("read") == [10]


def test_unknown_and_known_rows_together_are_unknown(counted: Counted) -> None:
    connection = instrument_connection(sqlite3.connect(":memory:", isolation_level=None))
    connection.executescript(SETUP)
    counted()
    kept = [connection.execute("SELECT a FROM orders"), connection.execute("SELECT a FROM orders")]
    kept[0].fetchall()

    assert counted("read") == [None]


@pytest_asyncio.fixture
async def awaited(postgres: Postgres, counted: Counted) -> AsyncIterator[Any]:
    asyncpg = pytest.importorskip("asyncpg")
    own = await asyncpg.connect(postgres.plain_url(postgres.database("rows")))
    await own.execute(SETUP)
    yield instrument_connection(own)
    await own.close()


@pytest.mark.parametrize(
    ("method", "sql", "right"),
    [
        ("execute", COPY, {10}),
        ("fetch", COPY, {None}),
        ("fetch", RETURNING, {10}),
        ("fetch", INSIDE, {None}),
        ("fetch", f"SELECT a INTO more FROM orders -- {COPY}", set()),
        ("fetchrow", COPY, {None}),
        ("fetchrow", RETURNING, {None}),
        ("fetchval", RETURNING, {None}),
        ("execute", f"{COPY}; SELECT 1", {None}),
    ],
)
async def test_asyncpg_reports_all_rows_or_none(
    method: str, sql: str, right: set[int | None], awaited: Any, counted: Counted
) -> None:
    await getattr(awaited, method)(sql)
    assert set(counted()) == right


@pytest.mark.parametrize(
    ("method", "sql", "right"),
    [("fetch", COPY, 10), ("fetch", RETURNING, 10), ("fetchrow", RETURNING, None), ("fetch", INSIDE, None)],
)
async def test_prepared_statements_of_asyncpg_report_the_rows_written(
    method: str, sql: str, right: int | None, awaited: Any, counted: Counted
) -> None:
    await getattr(await awaited.prepare(sql), method)()
    assert counted() == [right]


async def test_reads_of_asyncpg_count_the_fetched_rows(awaited: Any, counted: Counted) -> None:
    await awaited.fetch("SELECT a FROM orders")
    await awaited.fetchrow("SELECT a FROM orders WHERE a > 3")
    await (await awaited.prepare("SELECT a FROM orders WHERE a > 4")).fetch()

    assert counted("read") == [10, 7]  # the last two have the same shape
