"""Engines in ordinary use, on real databases: calls of the tracer for each way to reach the data."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from prefect_lineage_events.instrumentation.drivers.sqlalchemy import trace_engine, untrace_engine
from tests.instrumentation.drivers.conftest import RecordingTracer

Tracers = list[RecordingTracer]


@pytest.fixture(params=["sqlite", "duckdb", "psycopg2", "psycopg"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, tracers: Tracers) -> Iterator[sa.Engine]:
    """A traced engine over a database with one table `t` of two rows."""
    if request.param in ("sqlite", "duckdb"):
        url = f"{request.param}:///{tmp_path}/shop.db"
    else:
        server = request.getfixturevalue("postgres")
        url = server.url(server.database("drivers"), request.param)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER, b VARCHAR(10))")
        connection.exec_driver_sql("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    trace_engine(engine)
    yield engine
    engine.dispose()


def test_committed_write_is_kept_and_read_counts_its_rows(engine: sa.Engine, tracers: Tracers) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO t SELECT a + 10, b FROM t"))
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT a, b FROM t")).all()

    [tracer] = tracers
    assert len(rows) == 4
    assert "INSERT INTO t SELECT a + 10, b FROM t" in tracer.kept
    assert [(reported.sql.split()[0], reported.rows) for reported in tracer.reported] == [("INSERT", 2), ("SELECT", 4)]
    assert list(tracer.reported[1].columns) == ["a", "b"]


def test_rolled_back_write_is_not_kept(engine: sa.Engine, tracers: Tracers) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (9, 'z')"))
        connection.rollback()
        connection.execute(sa.text("INSERT INTO t VALUES (8, 'z')"))

    [tracer] = tracers
    assert len(tracer.statements) == 2
    assert tracer.kept == []


def test_failed_statement_is_not_reported(engine: sa.Engine, tracers: Tracers) -> None:
    with pytest.raises(sa.exc.DBAPIError), engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO missing VALUES (1)"))

    assert tracers[0].statements == []


def test_autocommit_isolation_keeps_what_sqlalchemy_announces_as_rolled_back(
    engine: sa.Engine, tracers: Tracers
) -> None:
    if engine.dialect.name == "duckdb":
        pytest.skip("duckdb-engine knows no isolation levels")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (9, 'z')"))

    assert tracers[0].kept[:1] == ["INSERT INTO t VALUES (9, 'z')"]


def test_raw_cursors_report_once(engine: sa.Engine, tracers: Tracers) -> None:
    raw = engine.raw_connection()
    cursor = raw.cursor()
    cursor.execute("SELECT a FROM t")
    assert len(cursor.fetchall()) == 2
    raw.close()

    assert tracers[0].statements == ["SELECT a FROM t"]
    assert tracers[0].reported[0].rows == 2


def test_cursor_of_a_core_connection_is_traced(engine: sa.Engine, tracers: Tracers) -> None:
    with engine.connect() as connection:
        connection.connection.cursor().execute("SELECT a FROM t")

    assert tracers[0].statements == ["SELECT a FROM t"]


def test_executemany_is_one_statement(engine: sa.Engine, tracers: Tracers) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (:a, :b)"), [{"a": n, "b": "m"} for n in range(50)])

    assert len(tracers[0].kept) == 1
    assert engine.dialect.name == "duckdb" or tracers[0].reported[0].rows == 50


def test_orm_session_is_traced(engine: sa.Engine, tracers: Tracers) -> None:
    class Base(DeclarativeBase):
        pass

    class Thing(Base):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
        name: Mapped[str] = mapped_column(sa.String(20))

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Thing(id=1, name="a"), Thing(id=2, name="b")])
        session.commit()
        session.add(Thing(id=3, name="c"))
        session.flush()
        session.rollback()
        assert session.scalar(sa.select(sa.func.count()).select_from(Thing)) == 2

    tracer = tracers[0]
    inserts = [sql for sql in tracer.statements if sql.startswith("INSERT INTO thing")]
    assert len(inserts) == 2
    assert len([sql for sql in tracer.kept if sql.startswith("INSERT INTO thing")]) == 1


def test_pandas_writes_and_reads_are_reported(engine: sa.Engine, tracers: Tracers) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": range(30), "b": ["x"] * 30})
    frame.to_sql("frame", engine, index=False, chunksize=10)
    total = sum(len(chunk) for chunk in pandas.read_sql("SELECT a, b FROM frame", engine, chunksize=7))

    tracer = tracers[0]
    assert total == 30
    assert any("CREATE TABLE frame" in sql for sql in tracer.kept)
    assert any(sql.startswith("INSERT INTO frame") for sql in tracer.kept)
    read = next(reported for reported in tracer.reported if reported.sql == "SELECT a, b FROM frame")
    assert read.rows == 30


def test_abandoned_streamed_result_counts_the_rows_read(engine: sa.Engine, tracers: Tracers) -> None:
    with engine.connect() as connection:
        result = connection.execution_options(stream_results=True, max_row_buffer=1).execute(sa.text("SELECT a FROM t"))
        assert result.fetchone() is not None
        result.close()

    # What a buffering driver has fetched is known at once; the others were read to where the user stopped.
    assert tracers[0].reported[0].rows in (1, 2)


def test_collected_connection_is_rolled_back(engine: sa.Engine, tracers: Tracers) -> None:
    connection = engine.connect()
    connection.execute(sa.text("INSERT INTO t VALUES (9, 'z')"))
    del connection
    gc.collect()

    assert tracers[0].kept == []
    assert tracers[0].steps[-1] == "rollback"


def test_tracer_belongs_to_the_dbapi_connection_of_the_pool(engine: sa.Engine, tracers: Tracers) -> None:
    for _ in range(2):
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    assert len(tracers) == 1

    engine.dispose()
    assert tracers[0].steps[-1] == "lost"
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    assert len(tracers) == 2


def test_driver_connection_is_the_drivers_own(engine: sa.Engine, tracers: Tracers) -> None:
    raw = engine.raw_connection()
    # DuckDB's is a proxy.
    assert (raw.driver_connection is raw.dbapi_connection) == (engine.dialect.name != "duckdb")
    assert isinstance(raw.dbapi_connection, type(raw.driver_connection))
    assert repr(raw.dbapi_connection) == repr(raw.driver_connection)
    raw.close()


def test_tracing_twice_reports_once(engine: sa.Engine, tracers: Tracers) -> None:
    trace_engine(engine)
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT a FROM t"))

    assert tracers[0].statements == ["SELECT a FROM t"]


def test_untraced_engine_reports_nothing(engine: sa.Engine, tracers: Tracers) -> None:
    untrace_engine(engine)
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT a FROM t"))

    assert tracers == []


def test_savepoints_pass_as_texts(engine: sa.Engine, tracers: Tracers) -> None:
    if engine.dialect.name == "duckdb":
        pytest.skip("DuckDB has no savepoints")
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (5, 'k')"))
        with pytest.raises(ZeroDivisionError), connection.begin_nested():
            connection.execute(sa.text("INSERT INTO t VALUES (6, 'l')"))
            raise ZeroDivisionError

    words = [step.split()[0] for step in tracers[0].steps]
    assert words[:5] == ["INSERT", "SAVEPOINT", "INSERT", "ROLLBACK", "commit"]


def test_two_phase_commit_keeps_and_rollback_does_not(engine: sa.Engine, tracers: Tracers) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("two-phase transactions are PostgreSQL's here")
    for ending, value in (("commit", 20), ("rollback", 21)):
        with engine.connect() as connection:
            transaction = connection.begin_twophase()
            connection.execute(sa.text(f"INSERT INTO t VALUES ({value}, 'p')"))
            transaction.prepare()
            getattr(transaction, ending)()

    assert [sql for sql in tracers[0].kept if sql.startswith("INSERT")] == ["INSERT INTO t VALUES (20, 'p')"]


def test_invalidated_connection_is_lost_and_the_next_one_is_traced(engine: sa.Engine, tracers: Tracers) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (30, 'i')"))
        connection.invalidate()
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))

    assert tracers[0].kept == []
    assert tracers[0].steps[-1] == "lost"
    assert tracers[1].statements == ["SELECT 1"]


def test_detached_connection_is_still_traced(engine: sa.Engine, tracers: Tracers) -> None:
    with engine.connect() as connection:
        connection.detach()
        connection.execute(sa.text("INSERT INTO t VALUES (31, 'd')"))
        connection.commit()

    assert tracers[0].kept == ["INSERT INTO t VALUES (31, 'd')"]
    assert tracers[0].steps[-1] == "lost"


def test_pre_ping_is_not_reported(engine: sa.Engine, tracers: Tracers) -> None:
    pinged = sa.create_engine(engine.url, pool_pre_ping=True)
    trace_engine(pinged)
    for _ in range(2):
        with pinged.connect() as connection:
            connection.execute(sa.text("SELECT 2"))
    pinged.dispose()

    assert tracers[0].statements == ["SELECT 2", "SELECT 2"]


def test_users_pool_listeners_get_what_they_got(engine: sa.Engine, tracers: Tracers) -> None:
    seen: list[object] = []
    engine.dispose()
    sa.event.listen(engine, "connect", lambda connection, _: seen.append(connection))
    with engine.connect() as connection:
        assert seen == [connection.connection.driver_connection]
        assert type(seen[0]) is type(connection.connection.driver_connection)


def test_connections_of_each_pool_class_are_traced(engine: sa.Engine, tracers: Tracers) -> None:
    for pool_class in (sa.NullPool, sa.StaticPool):
        other = sa.create_engine(engine.url, poolclass=pool_class)
        trace_engine(other)
        with other.begin() as connection:
            connection.execute(sa.text("INSERT INTO t VALUES (40, 'n')"))
        other.dispose()

    assert [tracer.kept for tracer in tracers] == [["INSERT INTO t VALUES (40, 'n')"]] * 2
    assert [tracer.steps[-1] for tracer in tracers] == ["lost", "lost"]


def test_engine_with_options_shares_the_pool_and_the_tracing(engine: sa.Engine, tracers: Tracers) -> None:
    with engine.execution_options(logging_token="t").connect() as connection:
        connection.execute(sa.text("SELECT 3"))

    assert tracers[0].statements == ["SELECT 3"]
