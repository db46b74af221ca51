"""psycopg's connections and pools that a program opens."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import psycopg_pool
import pytest
from psycopg import connect
from psycopg.rows import dict_row

from prefect_lineage_events import instrument, instrument_connection, uninstrument
from prefect_lineage_events.instrumentation.opening import left_alone
from tests.instrumentation.opened.conftest import Tracers, statements
from tests.services.postgres import Postgres

pytestmark = pytest.mark.usefixtures("instrumented")
CREATE = "CREATE TABLE t (a INTEGER)"


@pytest.fixture(scope="module")
def dsn(postgres: Postgres) -> str:
    return postgres.dsn(postgres.database("opened_psycopg"))


@pytest.fixture(autouse=True)
def no_tables(dsn: str) -> Iterator[None]:
    yield
    with left_alone(), psycopg.connect(dsn) as connection:
        connection.execute("DROP TABLE IF EXISTS t")


class Shop(psycopg.Connection[Any]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made = True

    def count(self) -> Any:
        return self.execute("SELECT count(*) FROM t").fetchone()


OPENERS: dict[str, Any] = {
    "module": psycopg.connect,
    "name": connect,
    "class": psycopg.Connection.connect,
    "subclass": Shop.connect,
}


@pytest.mark.parametrize("opener", OPENERS)
def test_connection_is_captured(opener: str, dsn: str, postgres: Postgres, tracers: Tracers) -> None:
    with OPENERS[opener](dsn) as connection:
        connection.execute(CREATE)
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO t VALUES (%s)", [(1,), (2,)])
            assert cursor.execute("SELECT a FROM t").fetchall() == [(1,), (2,)]
    assert tracers[0].kept == [CREATE, "INSERT INTO t VALUES (%s)", "SELECT a FROM t"]
    assert tracers[0].store.namespace == f"postgres://localhost:{postgres.port}"


def test_subclass_keeps_its_class_and_methods(dsn: str, tracers: Tracers) -> None:
    with Shop.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        connection.execute(CREATE)
        assert (connection.count(), connection.made) == ({"count": 0}, True)
        assert (type(connection) == Shop, connection.__class__) == (True, Shop)  # noqa: E721
    assert statements(tracers) == [CREATE, "SELECT count(*) FROM t"]


def test_refused_connection_raises_as_before(postgres: Postgres, tracers: Tracers) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres.dsn("no_such_database"))
    assert tracers == []


async def test_asynchronous_connection_is_captured(dsn: str, tracers: Tracers) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute(CREATE)
    assert tracers[0].kept == [CREATE]


def test_given_to_instrument_connection_it_is_captured_once(dsn: str, tracers: Tracers) -> None:
    with instrument_connection(psycopg.connect(dsn)) as connection:
        connection.execute(CREATE)
    assert statements(tracers) == [CREATE]


@pytest.mark.parametrize("cls", [psycopg_pool.ConnectionPool, psycopg_pool.NullConnectionPool])
def test_pool_is_captured(cls: Any, dsn: str, tracers: Tracers) -> None:
    with cls(dsn, min_size=0, max_size=2, check=psycopg_pool.ConnectionPool.check_connection) as pool:
        with pool.connection() as connection:
            connection.execute(CREATE)
        own = pool.getconn()
        own.execute("INSERT INTO t VALUES (1)")
        pool.putconn(own)  # which rolls back
        with pytest.raises(ZeroDivisionError), pool.connection() as connection:
            connection.execute("INSERT INTO t VALUES (2)")
            print(1 // 0)
    # The pool's check is an empty statement, which touches nothing.
    kept = [sql for tracer in tracers for sql in tracer.kept if sql]
    assert (kept, len(list(filter(None, statements(tracers))))) == ([CREATE], 3)


def test_threads_of_a_pool_are_captured(dsn: str, tracers: Tracers) -> None:
    with psycopg_pool.ConnectionPool(dsn, min_size=1, max_size=3, kwargs={"autocommit": True}) as pool:

        def work(number: int) -> None:
            with pool.connection() as connection:
                connection.execute(f"SELECT {number}".encode())

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(statements(tracers)) == [f"SELECT {number}" for number in range(6)]


@pytest.mark.parametrize("cls", [psycopg_pool.AsyncConnectionPool, psycopg_pool.AsyncNullConnectionPool])
async def test_asynchronous_pool_is_captured(cls: Any, dsn: str, tracers: Tracers) -> None:
    async with cls(dsn, min_size=0, max_size=2) as pool:
        async with pool.connection() as connection:
            await connection.execute(CREATE)

        async def work(number: int) -> None:
            async with pool.connection() as connection:
                await connection.execute(f"SELECT {number}".encode())

        await asyncio.gather(*map(work, range(3)))
    assert sorted(statements(tracers)) == [CREATE, "SELECT 0", "SELECT 1", "SELECT 2"]


@pytest.mark.parametrize("method", ["connection", "getconn"])
def test_pool_opened_before_switch_on_is_captured(method: str, dsn: str, tracers: Tracers) -> None:
    uninstrument()
    with psycopg_pool.ConnectionPool(dsn, min_size=1, max_size=1, kwargs={"autocommit": True}) as pool:
        pool.wait()
        instrument("databases")
        if method == "connection":
            with pool.connection() as connection:
                connection.execute(CREATE)
        else:
            connection = pool.getconn()
            connection.execute(CREATE)
            pool.putconn(connection)
    assert statements(tracers) == [CREATE]


async def test_asynchronous_pool_opened_before_switch_on_is_captured(dsn: str, tracers: Tracers) -> None:
    uninstrument()
    async with psycopg_pool.AsyncConnectionPool(dsn, min_size=1, max_size=1) as pool:
        await pool.wait()
        instrument("databases")
        async with pool.connection() as connection:
            await connection.execute(CREATE)
    assert statements(tracers) == [CREATE]


def test_uninstrument_restores_the_classes(dsn: str, tracers: Tracers) -> None:
    connect = psycopg.connect
    uninstrument()
    with connect(dsn) as connection:
        connection.execute(CREATE)
        assert type(connection) is psycopg.Connection
    assert tracers == []


def test_names_of_the_driver_are_pickled_as_before() -> None:
    for value in (psycopg.Connection, psycopg.Connection.connect, psycopg_pool.ConnectionPool):
        assert pickle.loads(pickle.dumps(value)) == value
