"""SQLAlchemy's engines that a program makes itself, in every way."""

from __future__ import annotations

import asyncio
import pickle
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import psycopg
import psycopg2
import pytest
import sqlalchemy as sa
from prefect_sqlalchemy import SqlAlchemyConnector
from sqlalchemy import create_engine, event, orm, pool
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from prefect_lineage_events import SqlAlchemyLineage, instrument, instrument_connection, stores, uninstrument
from prefect_lineage_events.instrumentation.subclasses import ConnectionMixin
from tests.instrumentation.opened.conftest import Tracers, statements
from tests.services.postgres import Postgres

pytestmark = pytest.mark.usefixtures("instrumented")
CREATE = "CREATE TABLE t (a INTEGER)"
INSERT = "INSERT INTO t VALUES (1)"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/shop.db"


def use(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(CREATE))


def written(tracers: Tracers) -> list[str]:
    """The statements that change the database, of all connections."""
    return [sql for sql in statements(tracers) if sql.startswith(("CREATE", "INSERT", "DELETE", "DROP", "COPY"))]


MAKERS: dict[str, Callable[[str], sa.Engine]] = {
    "create_engine": create_engine,
    "engine_from_config": lambda url: sa.engine_from_config({"sqlalchemy.url": url}),
    "NullPool": lambda url: create_engine(url, poolclass=pool.NullPool),
    "StaticPool": lambda url: create_engine(url, poolclass=pool.StaticPool),
    "QueuePool": lambda url: create_engine(url, poolclass=pool.QueuePool, pool_pre_ping=True),
    "SingletonThreadPool": lambda url: create_engine(url, poolclass=pool.SingletonThreadPool),
    "creator": lambda url: create_engine("sqlite://", creator=lambda: sqlite3.connect(url.removeprefix("sqlite:///"))),
    "pool": lambda url: create_engine(
        "sqlite://", pool=pool.QueuePool(lambda: sqlite3.connect(url.removeprefix("sqlite:///")))
    ),
    "execution_options": lambda url: create_engine(url).execution_options(isolation_level="SERIALIZABLE"),
    "autocommit": lambda url: create_engine(url, isolation_level="AUTOCOMMIT"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_engine_of_any_maker_is_captured_once(name: str, url: str, tracers: Tracers) -> None:
    engine = MAKERS[name](url)
    use(engine)
    with engine.connect() as connection:
        connection.execute(sa.text(INSERT))
        connection.commit()

    assert written(tracers) == [CREATE, INSERT]
    assert {tracer.store for tracer in tracers} == {stores.sqlite(url.removeprefix("sqlite:///"))}


def test_engine_used_before_switch_on_is_captured(url: str, tracers: Tracers) -> None:
    uninstrument()
    engine = create_engine(url)
    use(engine)
    assert tracers == []
    instrument("databases")
    with engine.begin() as connection:
        connection.execute(sa.text(INSERT))
    assert written(tracers) == [INSERT]


def test_do_connect_listener_is_captured(url: str, tracers: Tracers) -> None:
    engine = create_engine("sqlite://", poolclass=pool.NullPool)
    event.listen(engine, "do_connect", lambda *_: sqlite3.connect(url.removeprefix("sqlite:///")))
    use(engine)
    assert (written(tracers), tracers[0].store) == ([CREATE], stores.sqlite(url.removeprefix("sqlite:///")))


def test_raw_connection_is_captured(url: str, tracers: Tracers) -> None:
    with closing(create_engine(url).raw_connection()) as connection:
        connection.cursor().execute(CREATE)
        connection.commit()
    assert written(tracers) == [CREATE]


class Base(orm.DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)


def test_orm_session_is_captured(url: str, tracers: Tracers) -> None:
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session, session.begin():
        session.add(Item(id=1))
    with orm.Session(engine) as session:
        assert session.query(Item).count() == 1
    assert any(sql.startswith("INSERT INTO items") for sql in statements(tracers))
    assert any("FROM items" in sql for sql in statements(tracers))


@pytest.mark.parametrize("form", ["engine", "url", "connection", "raw"])
def test_pandas_is_captured_once(form: str, url: str, tracers: Tracers) -> None:
    file = url.removeprefix("sqlite:///")
    engine = create_engine(url)
    target: Any = {"engine": engine, "url": url, "raw": sqlite3.connect(file), "connection": engine.connect()}[form]
    pd.DataFrame({"a": [1, 2]}).to_sql("frames", target, index=False)
    if form != "url":
        getattr(target, "commit", lambda: None)()
    frame = pd.read_sql("SELECT a FROM frames", target)

    assert len(frame) == 2
    reads = [reported for tracer in tracers for reported in tracer.reported if reported.sql == "SELECT a FROM frames"]
    assert ([reported.rows for reported in reads], [list(reported.columns) for reported in reads]) == ([2], [["a"]])
    assert sum(sql.lower().startswith("insert into") for sql in statements(tracers)) == 1
    if form != "url":
        target.close() if hasattr(target, "close") else target.dispose()


def test_polars_is_captured_once(url: str, tracers: Tracers) -> None:
    pl.DataFrame({"a": [1, 2]}).write_database("frames", url, engine="sqlalchemy")
    assert len(pl.read_database("SELECT a FROM frames", create_engine(url))) == 2
    assert statements(tracers).count("SELECT a FROM frames") == 1
    assert sum(sql.lower().startswith("insert into") for sql in statements(tracers)) == 1


@pytest.mark.parametrize("block", [SqlAlchemyConnector, SqlAlchemyLineage])
def test_engine_of_a_block_is_captured_once(block: Any, url: str, tracers: Tracers) -> None:
    instrument("blocks")
    with block(connection_info=url) as database:
        database.execute(CREATE)
    assert written(tracers) == [CREATE]


def test_engine_given_to_instrument_connection_is_captured_once(url: str, tracers: Tracers) -> None:
    use(instrument_connection(create_engine(url)))
    assert written(tracers) == [CREATE]


def test_engine_on_a_connection_of_the_programs_own_is_captured_with_it(tracers: Tracers) -> None:
    """The program goes on to use its connection itself, while it is not checked out."""
    own = sqlite3.connect(":memory:", check_same_thread=False)
    engine = create_engine("sqlite://", creator=lambda: own, poolclass=pool.StaticPool)
    use(engine)
    own.execute(INSERT)
    own.commit()
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM t"))
    assert written(tracers) == [CREATE, INSERT, "DELETE FROM t"]


def test_threads_that_share_an_engine_are_captured_once(url: str, tracers: Tracers) -> None:
    engine = create_engine(url, poolclass=pool.QueuePool, pool_size=8)
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait()
        with engine.connect() as connection:
            connection.execute(sa.text(f"SELECT {number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    selects = [sql for sql in statements(tracers) if sql.startswith("SELECT")]
    assert sorted(selects) == [f"SELECT {number}" for number in range(8)]


def test_uninstrument_lets_go_of_the_engine(url: str, tracers: Tracers) -> None:
    own = vars(sa.Engine)["raw_connection"]
    engine = create_engine(url)
    use(engine)
    uninstrument()
    assert vars(sa.Engine)["raw_connection"] is not own
    with engine.begin() as connection:
        connection.execute(sa.text(INSERT))
    use(create_engine("sqlite://"))
    assert written(tracers) == [CREATE]


def test_pool_keeps_the_drivers_own_connection(url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        own = connection.connection.driver_connection
        assert isinstance(own, sqlite3.Connection)
    with engine.connect() as connection:
        assert connection.connection.driver_connection is own
    assert pickle.loads(pickle.dumps(engine.url)) == engine.url


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_postgres_is_captured_once(driver: str, postgres: Postgres, tracers: Tracers) -> None:
    name = postgres.database("own_engine")
    connect = {"psycopg": psycopg.connect, "psycopg2": psycopg2.connect}[driver]
    dsn = postgres.dsn(name)
    for engine in (
        create_engine(postgres.url(name, driver)),
        create_engine(f"postgresql+{driver}://", creator=lambda: connect(dsn)),
    ):
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE t (a INTEGER)"))
        with engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE t"))
        engine.dispose()

    assert written(tracers) == [CREATE, "DROP TABLE t"] * 2
    assert not any("pg_catalog" in sql for sql in statements(tracers))
    assert {tracer.store.namespace for tracer in tracers} == {f"postgres://localhost:{postgres.port}"}


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg_async", "aiosqlite"])
async def test_async_engine_is_captured_once(driver: str, postgres: Postgres, tmp_path: Path, tracers: Tracers) -> None:
    name = postgres.database("own_async_engine")
    url = f"sqlite+aiosqlite:///{tmp_path}/x.db" if driver == "aiosqlite" else postgres.url(name, driver)
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(sa.text(CREATE))
    async with AsyncSession(engine) as session:
        await session.execute(sa.text(INSERT))
        await session.commit()
    await asyncio.gather(*(_count(engine) for _ in range(3)))
    await engine.dispose()

    assert written(tracers) == [CREATE, INSERT]
    assert statements(tracers).count("SELECT count(*) FROM t") == 3


async def _count(engine: Any) -> None:
    async with engine.connect() as connection:
        await connection.execute(sa.text("SELECT count(*) FROM t"))


@pytest.mark.parametrize("when", ["before", "after"])
async def test_engine_of_prefects_server_is_left_alone(when: str, tmp_path: Path, tracers: Tracers) -> None:
    from prefect.server.database.configurations import AioSqliteConfiguration

    server = AioSqliteConfiguration(f"sqlite+aiosqlite:///{tmp_path}/prefect.db")
    if when == "before":
        uninstrument()
    engine = await server.engine()
    if when == "before":
        instrument("databases")
    async with engine.begin() as connection:
        await connection.execute(sa.text(CREATE))
        raw = await connection.get_raw_connection()
        assert not isinstance(raw.driver_connection._conn, ConnectionMixin)  # type: ignore[union-attr]
    await engine.dispose()
    assert tracers == []
