"""Writes whose commit cannot be known are partial; prepared transactions may be ended by another connection."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events.emission.notes import Connection
from prefect_lineage_events.instrumentation import tracer as tracing
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from prefect_lineage_events.stores import server
from tests.emission.conftest import STARTED, make_run
from tests.emission.transactions.conftest import Capture
from tests.services.postgres import Postgres

psycopg = pytest.importorskip("psycopg")
psycopg2 = pytest.importorskip("psycopg2")
WRITE = "INSERT INTO t SELECT 1"


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    name = postgres.database("doubt")
    with psycopg.connect(postgres.dsn(name), autocommit=True) as own:
        own.execute("CREATE TABLE t (a INT)")
    return name


@pytest.fixture(params=["psycopg", "psycopg2"])
def connect(request: pytest.FixtureRequest, postgres: Postgres, database: str) -> Any:
    module = {"psycopg": psycopg, "psycopg2": psycopg2}[request.param]
    return lambda: instrument_connection(module.connect(postgres.dsn(database)))


def test_prepared_transaction_counts_when_another_connection_commits_it(connect: Any, capture: Capture) -> None:
    first, second = connect(), connect()
    first.cursor().execute(WRITE)
    first.cursor().execute("PREPARE TRANSACTION 'load'")
    first.close()
    assert capture.writes() == []
    second.autocommit = True
    second.cursor().execute("COMMIT PREPARED 'load'")
    second.close()
    assert capture.writes() == ["doubt.public.t"]


def test_prepared_transaction_that_is_rolled_back_wrote_nothing(connect: Any, capture: Capture) -> None:
    connection = connect()
    connection.cursor().execute(WRITE)
    connection.cursor().execute("PREPARE TRANSACTION 'load'")
    connection.commit()
    connection.autocommit = True
    connection.cursor().execute("ROLLBACK PREPARED 'load'")
    connection.close()
    assert capture.writes() == []


def test_prepared_transaction_that_was_not_ended_is_partial(connect: Any, capture: Capture) -> None:
    connection = connect()
    connection.cursor().execute(WRITE)
    connection.cursor().execute("PREPARE TRANSACTION 'left'")
    connection.commit()
    capture.processor.finish()
    assert capture.writes() == ["doubt.public.t?"]
    connection.autocommit = True
    connection.cursor().execute("ROLLBACK PREPARED 'left'")
    connection.close()


@pytest.mark.parametrize(("end", "written"), [("tpc_commit", ["doubt.public.t"]), ("tpc_rollback", [])])
def test_two_phase_commit_by_methods_of_the_driver(
    connect: Any, capture: Capture, end: str, written: list[str]
) -> None:
    first, second = connect(), connect()
    first.tpc_begin(first.xid(1, "load", "one"))
    first.cursor().execute(WRITE)
    first.tpc_prepare()
    first.close()
    getattr(second, end)(second.xid(1, "load", "one"))
    second.close()
    assert capture.writes() == written


@pytest.mark.parametrize(("end", "written"), [("tpc_commit", ["doubt.public.t"]), ("tpc_rollback", [])])
def test_one_phase_commit_by_methods_of_the_driver(
    connect: Any, capture: Capture, end: str, written: list[str]
) -> None:
    connection = connect()
    connection.tpc_begin(connection.xid(1, "load", "two"))
    connection.cursor().execute(WRITE)
    getattr(connection, end)()
    connection.close()
    assert capture.writes() == written


def test_commit_on_a_lost_connection_is_partial(
    connect: Any, postgres: Postgres, database: str, capture: Capture
) -> None:
    connection = connect()
    connection.cursor().execute(WRITE)
    with psycopg.connect(postgres.dsn(database), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
    with pytest.raises(Exception, match=r"terminat|closed|lost"):
        connection.commit()
    assert capture.writes() == ["doubt.public.t?"]


def test_commit_that_a_constraint_refuses_wrote_nothing(
    connect: Any, postgres: Postgres, database: str, capture: Capture
) -> None:
    with psycopg.connect(postgres.dsn(database), autocommit=True) as own:
        own.execute("CREATE TABLE IF NOT EXISTS late (a INT UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    connection = connect()
    connection.cursor().execute("INSERT INTO late VALUES (1), (1)")
    with pytest.raises(Exception, match="late"):
        connection.commit()
    connection.cursor().execute(WRITE)
    connection.commit()
    connection.close()
    assert capture.writes() == ["doubt.public.t"]


def test_script_that_fails_half_way_is_partial(tmp_path: Path, capture: Capture) -> None:
    connection = instrument_connection(sqlite3.connect(tmp_path / "shop.db"))
    connection.execute("CREATE TABLE t (a INT)")
    capture.events()
    with pytest.raises(sqlite3.OperationalError):
        connection.executescript("INSERT INTO t VALUES (1); INSERT INTO nowhere VALUES (1)")
    connection.close()
    assert capture.writes() == ["t?", "nowhere?"]


def test_transaction_that_a_statement_rolled_back_wrote_nothing(tmp_path: Path, capture: Capture) -> None:
    connection = instrument_connection(sqlite3.connect(tmp_path / "shop.db"))
    connection.executescript("CREATE TABLE t (a INT); CREATE TABLE taken (a INT PRIMARY KEY)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("INSERT INTO taken VALUES (1)")
    with contextlib.suppress(sqlite3.IntegrityError):
        connection.execute("INSERT OR ROLLBACK INTO taken VALUES (1)")
    connection.commit()
    connection.close()
    assert capture.writes() == []


class Server(Exception):
    """An error as pymysql and pymssql raise it: the server's number is its first argument."""


class TracedConnection:
    """A connection of a driver that is not installed here, as its tracer reports it."""

    def __init__(self, dialect: str) -> None:
        from prefect_lineage_events.instrumentation.tracer import ConnectionTracer

        self.connection = Connection(server(dialect, "db", None, "shop", "dbo"))
        self.tracer = ConnectionTracer(self.connection, make_run())

    def execute(self, *texts: str) -> None:
        for text in texts:
            self.tracer.statement(text, started=STARTED, duration=0.1, autocommit=False)


def test_a_called_procedure_leaves_the_callers_transaction_in_doubt(capture: Capture) -> None:
    traced = TracedConnection("mysql")
    traced.execute("INSERT INTO t SELECT 1", "CALL load()")
    traced.tracer.rollback()
    traced.execute("INSERT INTO u SELECT 1")
    traced.tracer.commit()
    assert capture.writes() == ["dbo.t?", "dbo.u"]


def test_a_deadlock_rolls_the_transaction_back(capture: Capture) -> None:
    traced = TracedConnection("mysql")
    traced.execute("INSERT INTO undone SELECT 1")
    traced.tracer.failed("INSERT INTO t SELECT 1", Server(1213, "Deadlock found"), idle=False)
    traced.execute("INSERT INTO kept SELECT 1")
    traced.tracer.commit()
    assert capture.writes() == ["dbo.kept"]


def test_other_errors_undo_their_own_statement_only(capture: Capture) -> None:
    traced = TracedConnection("mysql")
    traced.execute("INSERT INTO kept SELECT 1")
    traced.tracer.failed("INSERT INTO t SELECT 1", Server(1062, "Duplicate entry"), idle=False)
    traced.tracer.commit()
    assert capture.writes() == ["dbo.kept"]


def test_failed_statement_that_commits_leaves_earlier_writes_in_doubt(capture: Capture) -> None:
    traced = TracedConnection("oracle")
    traced.execute("INSERT INTO t SELECT 1")
    traced.tracer.failed("CREATE TABLE t (a INT)", Server(955, "name is already used"), idle=False)
    traced.tracer.rollback()
    assert [name.rpartition(".")[2] for name in capture.writes()] == ["T?"]


def _statement(connection: tracing.ConnectionTracer, sql: str = "INSERT INTO t SELECT 1") -> None:
    connection.statement(sql, started=STARTED, duration=0.0, autocommit=False)


@pytest.mark.parametrize(
    ("error", "then", "written"),
    [
        (TypeError("not a number"), "", ["shop.public.t?"]),
        (TypeError("not a number"), "INSERT INTO u SELECT 1", ["shop.public.t", "shop.public.u"]),
        (RuntimeError({"S": "ERROR", "C": "42P01"}), "", []),
    ],
    ids=["may be the driver's own", "and the transaction goes on", "of the server"],
)
def test_an_error_without_a_code_leaves_doubt_until_another_statement_succeeds(
    error: Exception, then: str, written: list[str], capture: Capture
) -> None:
    connection = tracing.connection(server("postgresql", "db", 5432, "shop", "public"))
    _statement(connection)
    connection.failed("INSERT INTO t VALUES (?)", error, idle=False)
    if then:
        _statement(connection, then)
    connection.commit()
    assert capture.writes() == written


def test_an_error_without_a_code_leaves_no_doubt_of_a_rollback(capture: Capture) -> None:
    connection = tracing.connection(server("postgresql", "db", 5432, "shop", "public"))
    _statement(connection)
    connection.failed("INSERT INTO t VALUES (?)", TypeError(), idle=False)
    connection.rollback()
    _statement(connection, "INSERT INTO u SELECT 1")
    connection.commit()
    assert capture.writes() == ["shop.public.u"]


@pytest.mark.parametrize(("column", "written"), [("a", ["doubt.public.t"]), ("missing", [])])
def test_an_error_of_asyncpg_itself_does_not_fail_the_transaction_of_an_engine(
    column: str, written: list[str], postgres: Postgres, database: str, capture: Capture
) -> None:
    sa = pytest.importorskip("sqlalchemy.ext.asyncio")

    async def program() -> None:
        engine = instrument_connection(sa.create_async_engine(postgres.url(database, "asyncpg")))
        async with engine.connect() as connection:
            await connection.exec_driver_sql(WRITE)
            with pytest.raises(Exception, match="asyncpg"):
                await connection.exec_driver_sql(f"INSERT INTO t ({column}) VALUES ($1)", ("no number",))
            await connection.commit()
        await engine.dispose()

    asyncio.run(program())
    assert capture.writes() == written


def test_a_transaction_that_asyncpg_ends_behind_a_collected_proxy_is_in_doubt(
    postgres: Postgres, database: str, capture: Capture
) -> None:
    asyncpg = pytest.importorskip("asyncpg")

    async def program() -> None:
        pool = await asyncpg.create_pool(postgres.plain_url(database), min_size=1, max_size=1)
        async with pool.acquire() as own, own.transaction():
            await instrument_connection(own).execute(WRITE)
        await pool.close()

    asyncio.run(program())
    assert capture.writes() == ["doubt.public.t?"]
