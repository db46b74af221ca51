"""Connections, pools and engines that a program opens itself, and what it asks of them and of the drivers' functions."""

import asyncio
import copy
import gc
import inspect
import os
import pickle
import sqlite3
import types
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from sqlite3 import connect as opens

import adbc_driver_sqlite.dbapi
import aiosqlite
import asyncpg
import connectorx
import duckdb
import pandas as pd
import polars as pl
import psycopg
import psycopg2
import psycopg2.extensions
import psycopg2.extras
import sqlalchemy as sa
from kit import attempt
from prefect import flow, task
from psycopg2.pool import SimpleConnectionPool, ThreadedConnectionPool
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

DSN = os.environ["HARM_POSTGRES"]
FUNCTIONS = [
    sqlite3.connect, opens, sqlite3.dbapi2.connect, psycopg.connect, psycopg2.connect, asyncpg.connect,
    asyncpg.create_pool, aiosqlite.connect, adbc_driver_sqlite.dbapi.connect, connectorx.read_sql, sa.create_engine,
    psycopg.Connection.__init__, ConnectionPool.getconn, SimpleConnectionPool.getconn,
    asyncpg.pool.Pool.release, asyncpg.pool.Pool.acquire, sa.Engine.raw_connection,
]  # fmt: skip


class Shop(sqlite3.Connection):
    def total(self):
        return self.execute("SELECT count(*) FROM t").fetchone()[0]


class Audited(psycopg2.extensions.connection):
    def cursor(self, *args, **kwargs):
        print("own cursor")
        return super().cursor(*args, **kwargs)


class Tidy(psycopg.Connection):
    def close(self):
        print("own close")
        super().close()


def asked(function):
    return (
        function.__name__,
        function.__module__,
        (function.__doc__ or "")[:20],
        inspect.isfunction(function),
        inspect.isbuiltin(function),
        inspect.iscoroutinefunction(function),
        isinstance(function, types.FunctionType),
        callable(function),
        copy.copy(function) is function,
        pickle.loads(pickle.dumps(function)) == function,
        str(inspect.signature(function))[:200],
    )


def asked_of(thing, kind):
    return (
        isinstance(thing, kind),
        thing.__class__ is kind,
        type(thing) == kind,  # noqa: E721
        type(thing).__name__,
        type(thing).__module__,
        repr(thing).split(" at ")[0].split(" (")[0],
        hash(thing) == hash(thing),
        thing == thing,
        bool(thing),
    )


def count(file):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT count(*) FROM t").fetchone()


@task
def in_task(file):
    return count(file)


def by_sqlite():
    with closing(sqlite3.connect("o.db", isolation_level=None)) as connection:
        attempt("sqlite", lambda: asked_of(connection, sqlite3.Connection))
        connection.execute("CREATE TABLE t (a INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        attempt("isolation", lambda: (connection.isolation_level, connection.in_transaction, connection.total_changes))
        attempt("pickle", lambda: pickle.dumps(connection))
        with closing(opens(":memory:")) as target:
            attempt("backup", lambda: (connection.backup(target), target.execute("SELECT count(*) FROM t").fetchone()))
    with closing(sqlite3.connect("o.db", factory=Shop)) as shop:
        attempt("factory", lambda: (asked_of(shop, Shop), shop.total()))
    with closing(opens("file:o.db?mode=ro", uri=True)) as reader:
        attempt("read only", lambda: reader.execute("INSERT INTO t VALUES (3)"))
    attempt("missing", lambda: sqlite3.connect("/no/folder/x.db"))
    attempt("nul", lambda: sqlite3.connect("a\0b"))
    attempt("type", lambda: sqlite3.connect(3.5))
    attempt("none", lambda: sqlite3.connect())
    attempt("bad keyword", lambda: sqlite3.connect("o.db", nonsense=1))
    attempt("no database", lambda: closing(sqlite3.connect(__file__)).thing.execute("SELECT 1 FROM t"))
    attempt("other thread", lambda: ThreadPoolExecutor(1).submit(sqlite3.connect("o.db").execute, "SELECT 1").result())
    with closing(sqlite3.connect("o.db")) as locked, closing(sqlite3.connect("o.db", timeout=0)) as other:
        locked.execute("BEGIN EXCLUSIVE")
        attempt("locked", lambda: other.execute("SELECT * FROM t"))
    print(in_task("o.db"), list(ThreadPoolExecutor(2).map(count, ["o.db"] * 3)))
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        print(list(pool.map(count, ["o.db"])))


def by_duckdb():
    connection = duckdb.connect("o.duckdb")
    frame = pd.DataFrame({"a": [1, 2]})
    attempt("duckdb", lambda: isinstance(connection, duckdb.DuckDBPyConnection) and connection.__class__.__name__)
    attempt("frame", lambda: connection.execute("CREATE TABLE t AS SELECT * FROM frame").fetchall())
    attempt("relation", lambda: duckdb.sql("SELECT sum(a) FROM t", connection=connection).fetchall())
    attempt("default", lambda: duckdb.sql("SELECT count(*) FROM frame").fetchall())
    attempt("execute", lambda: duckdb.execute("SELECT 41 + ?", [1]).fetchone())
    attempt("error", lambda: duckdb.sql("SELECT * FROM no_such_table"))
    attempt("other error", lambda: connection.execute("SELEC 1"))
    attempt("polars", lambda: pl.read_database("SELECT a FROM t ORDER BY a", connection).to_dicts())
    attempt("arrow", lambda: connection.execute("SELECT a FROM t ORDER BY a").fetch_arrow_table().to_pydict())
    attempt("missing", lambda: duckdb.connect("/no/folder/x.duckdb"))
    attempt("configuration", lambda: duckdb.connect("o.duckdb", config={"threads": 1}))
    cursor = connection.cursor()
    attempt("cursor", lambda: (cursor.execute("SELECT 1").fetchall(), cursor is not connection))
    connection.close()
    attempt("closed", lambda: connection.execute("SELECT 1"))
    cursor.close()
    del frame


def reopened_by_duckdb():
    connection = duckdb.connect("r.duckdb")
    connection.execute("CREATE TABLE t (a INTEGER)")
    connection = None
    gc.collect()
    connection = duckdb.connect("r.duckdb", read_only=True)
    print("reopened", connection.execute("SELECT count(*) FROM t").fetchall())


def by_engines():
    for name, engine in {
        "engine": sa.create_engine("sqlite:///e.db"),
        "null": sa.create_engine("sqlite:///e.db", poolclass=NullPool),
        "static": sa.create_engine("sqlite:///e.db", poolclass=StaticPool),
        "creator": sa.create_engine("sqlite://", creator=lambda: sqlite3.connect("e.db"), poolclass=QueuePool),
        "postgres": sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(DSN)),
    }.items():
        seen = []
        sa.event.listen(engine, "connect", lambda own, record, seen=seen: seen.append(type(own).__name__))
        sa.event.listen(engine, "checkout", lambda own, *_, seen=seen: seen.append(type(own).__name__))
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE IF NOT EXISTS frames (a INTEGER)"))
            connection.execute(sa.text("INSERT INTO frames VALUES (:a)"), [{"a": 1}, {"a": 2}])
        attempt(name, lambda engine=engine: (repr(engine), engine.pool.status(), engine.dialect.driver))
        attempt("pandas", lambda engine=engine: pd.read_sql("SELECT * FROM frames", engine).to_dict("list"))
        attempt("error", lambda engine=engine: pd.read_sql("SELECT * FROM nowhere", engine))
        raw = engine.raw_connection()
        attempt("raw", lambda raw=raw: (type(raw).__name__, type(raw.driver_connection).__name__))
        raw.close()
        engine.dispose()
        print(seen)
    attempt("url", lambda: pd.read_sql("SELECT count(*) AS n FROM frames", "sqlite:///e.db").to_dict("list"))
    attempt("uri", lambda: pl.read_database_uri("SELECT a FROM frames", f"sqlite://{os.path.abspath('e.db')}").shape)
    attempt("refused", lambda: sa.create_engine("postgresql+psycopg2://127.0.0.1:1/x").connect())


def again(pool, taken):
    try:
        pool.putconn(taken)
    except ValueError as error:
        return str(error).split(" <")[0]


def by_postgres():
    with psycopg.connect(DSN) as connection:
        attempt("psycopg", lambda: asked_of(connection, psycopg.Connection))
        attempt("pickle", lambda: pickle.dumps(connection))
    with Tidy.connect(DSN) as tidy:
        attempt("subclass", lambda: (asked_of(tidy, Tidy), tidy.execute("SELECT 1").fetchone()))
    with ConnectionPool(DSN, min_size=1, max_size=2, open=True) as pool:
        with pool.connection() as connection:
            attempt("pool", lambda: (asked_of(connection, psycopg.Connection), connection._pool is pool))
        taken = pool.getconn()
        pool.putconn(taken)
        attempt("put twice", lambda: again(pool, taken))
        print(pool.get_stats()["pool_size"])
    attempt("closed pool", lambda: pool.getconn())
    attempt("refused", lambda: psycopg.connect("host=127.0.0.1 port=1"))
    with closing(psycopg2.connect(DSN, connection_factory=Audited)) as audited:
        attempt("psycopg2", lambda: asked_of(audited, Audited))
        cursor = audited.cursor(cursor_factory=psycopg2.extras.DictCursor)
        cursor.execute("SELECT 1 AS a")
        print(cursor.fetchone()["a"], type(cursor).__name__)
        attempt("hstore", lambda: psycopg2.extensions.TRANSACTION_STATUS_INTRANS == audited.info.transaction_status)
    for cls in (SimpleConnectionPool, ThreadedConnectionPool):
        pool = cls(1, 2, DSN)
        first = pool.getconn("key")
        attempt("pool", lambda pool=pool, first=first: (pool.getconn("key") is first, len(pool._rused)))
        pool.putconn(first)
        attempt("unkeyed", lambda pool=pool, first=first: pool.putconn(first))
        pool.closeall()
        attempt("closed", lambda pool=pool: pool.getconn())


async def by_coroutines():
    connection = await asyncpg.connect(DSN_URL)
    print(isinstance(connection, asyncpg.Connection), type(connection).__name__, repr(connection).split(" at ")[0][:30])
    print(await connection.fetchval("SELECT 1"), connection.is_closed())
    await connection.close()
    async with asyncpg.create_pool(DSN_URL, min_size=1, max_size=2) as pool:
        async with pool.acquire() as taken:
            print(isinstance(taken, asyncpg.Connection), type(taken).__name__, await taken.fetchval("SELECT 2"))
        other = await pool.acquire()
        await pool.release(other)
        try:
            await other.fetch("SELECT 1")
        except asyncpg.InterfaceError as error:
            print(error)
        print(pool.get_size(), pool.get_idle_size(), await pool.fetch("SELECT 3"))
    async with AsyncConnectionPool(DSN, min_size=1, max_size=2) as pool, pool.connection() as connection:
        print(type(connection).__name__, await (await connection.execute("SELECT 4")).fetchone())
    async with aiosqlite.connect("a.db") as connection:
        await connection.execute("CREATE TABLE t (a INTEGER)")
        await connection.execute_insert("INSERT INTO t VALUES (1)")
        async with connection.execute("SELECT a FROM t") as cursor:
            print(await cursor.fetchall(), connection.total_changes)
        try:
            await connection.execute("SELECT * FROM nowhere")
        except sqlite3.OperationalError as error:
            print(error)
    engine = create_async_engine("sqlite+aiosqlite:///a.db")
    async with engine.connect() as connection:
        print((await connection.execute(sa.text("SELECT count(*) FROM t"))).scalar(), engine.pool.status())
    await engine.dispose()


DSN_URL = "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**psycopg.conninfo.conninfo_to_dict(DSN))


@flow
def opened():
    for function in FUNCTIONS:
        attempt(getattr(function, "__qualname__", "?"), lambda function=function: asked(function))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        by_sqlite()
        by_duckdb()
        reopened_by_duckdb()
        by_engines()
        by_postgres()
        asyncio.run(by_coroutines())
        gc.collect()
    print([(w.category.__name__, os.path.basename(w.filename)) for w in warned if "opened" in w.filename])


opened()
