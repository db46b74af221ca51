"""psycopg2's connections and pools that a program opens."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import psycopg2.extensions
import psycopg2.extras
import pytest
from psycopg2 import connect
from psycopg2.pool import SimpleConnectionPool, ThreadedConnectionPool

from prefect_lineage_events import instrument, instrument_connection, uninstrument
from prefect_lineage_events.instrumentation.drivers.postgres import opened
from prefect_lineage_events.instrumentation.opening import left_alone
from tests.instrumentation.opened.conftest import Tracers, statements
from tests.services.postgres import Postgres

pytestmark = pytest.mark.usefixtures("instrumented")
CREATE = "CREATE TABLE t (a INTEGER)"


@pytest.fixture(scope="module")
def dsn(postgres: Postgres) -> str:
    return postgres.dsn(postgres.database("opened_psycopg2"))


@pytest.fixture(autouse=True)
def no_tables(dsn: str) -> Iterator[None]:
    yield
    with left_alone(), psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS t")


@pytest.mark.parametrize("opener", [psycopg2.connect, connect], ids=["module", "name"])
def test_connection_is_captured(opener: Any, dsn: str, postgres: Postgres, tracers: Tracers) -> None:
    with opener(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(CREATE)
        psycopg2.extras.execute_values(cursor, "INSERT INTO t VALUES %s", [(1,), (2,)])
    assert [sql.split(" VALUES")[0] for sql in tracers[0].kept] == [CREATE, "INSERT INTO t"]
    assert tracers[0].store.namespace == f"postgres://localhost:{postgres.port}"


class Shop(psycopg2.extensions.connection):
    pass


def test_factories_are_captured(dsn: str, tracers: Tracers) -> None:
    factories: Any = {"connection_factory": Shop, "cursor_factory": psycopg2.extras.RealDictCursor}
    with closing(psycopg2.connect(dsn, **factories)) as connection:
        assert (type(connection) == Shop, isinstance(connection, Shop)) == (True, True)  # noqa: E721
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 AS a")
            assert (cursor.fetchall(), type(cursor) == psycopg2.extras.RealDictCursor) == ([{"a": 1}], True)  # noqa: E721
    assert statements(tracers) == ["SELECT 1 AS a"]


@pytest.mark.parametrize("cls", [SimpleConnectionPool, ThreadedConnectionPool])
def test_pool_is_captured(cls: Any, dsn: str, tracers: Tracers) -> None:
    pool = cls(1, 2, dsn)
    connection = pool.getconn()
    with connection, connection.cursor() as cursor:
        cursor.execute(CREATE)
    pool.putconn(connection)
    again = pool.getconn("key")
    with again.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
    pool.putconn(again, "key")  # which rolls back
    assert again is connection
    pool.closeall()
    assert [tracer.kept for tracer in tracers if tracer.statements] == [[CREATE]]
    assert len(statements(tracers)) == 2


@pytest.mark.parametrize("cls", [SimpleConnectionPool, ThreadedConnectionPool])
def test_pool_opened_before_switch_on_is_captured(cls: Any, dsn: str, tracers: Tracers) -> None:
    uninstrument()
    pool = cls(1, 2, dsn)
    instrument("databases")
    connection = pool.getconn()
    with connection, connection.cursor() as cursor:
        cursor.execute(CREATE)
    pool.putconn(connection)
    pool.closeall()
    assert statements(tracers) == [CREATE]


def test_asynchronous_connection_is_counted_as_lost(
    dsn: str, tracers: Tracers, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[str] = []
    monkeypatch.setattr(opened, "count_untraced", lost.append)
    with closing(psycopg2.connect(dsn, async_=True)) as connection:
        psycopg2.extras.wait_select(connection)
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        psycopg2.extras.wait_select(connection)
        assert cursor.fetchall() == [(1,)]
    assert (len(lost), tracers) == (1, [])


def test_given_to_instrument_connection_it_is_captured_once(dsn: str, tracers: Tracers) -> None:
    with instrument_connection(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(CREATE)
    assert statements(tracers) == [CREATE]


def test_uninstrument_restores_the_module(dsn: str, tracers: Tracers) -> None:
    uninstrument()
    with closing(connect(dsn)) as connection:
        assert type(connection) is psycopg2.extensions.connection
    assert tracers == []
    assert pickle.loads(pickle.dumps(psycopg2.connect)) is psycopg2.connect
