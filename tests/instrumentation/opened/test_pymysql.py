"""PyMySQL on a real MariaDB: connections that the program opens itself."""

from __future__ import annotations

import inspect
import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from prefect_lineage_events import instrument
from prefect_lineage_events.instrumentation.drivers.sqlalchemy import trace_engine
from prefect_lineage_events.instrumentation.instrument import uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.mariadb import MariaDB

pymysql = pytest.importorskip("pymysql")
early_connect = pymysql.connect
Tracers = list[RecordingTracer]


@pytest.fixture
def shop(mariadb: MariaDB) -> dict[str, Any]:
    """The arguments of a connection to a fresh database with a table `t` of two rows."""
    name = mariadb.database("shop_pymysql")
    mariadb.run(f"CREATE TABLE {name}.t (a INT, b VARCHAR(9))", f"INSERT INTO {name}.t VALUES (1, 'x'), (2, 'y')")
    return mariadb.arguments(name)


@pytest.fixture
def connection(shop: dict[str, Any], instrumented: Tracers) -> Iterator[Any]:
    own = early_connect(**shop)
    yield own
    if own.open:
        own.close()


def test_connection_is_traced_under_a_name_imported_before(connection: Any, instrumented: Tracers) -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT a, b FROM t WHERE a > %s", (0,)) == 2
        assert cursor.fetchall() == ((1, "x"), (2, "y"))

    [tracer] = instrumented
    assert type(connection) in {pymysql.connections.Connection}
    [reported] = tracer.reported
    assert (reported.sql, reported.rows) == ("SELECT a, b FROM t WHERE a > %s", 2)
    assert reported.columns == {"a": "int", "b": "varchar"}


def test_store_is_the_one_of_the_engines_url(shop: dict[str, Any], mariadb: MariaDB, instrumented: Tracers) -> None:
    early_connect(**shop).close()
    early_connect(**{**shop, "host": "localhost"}).close()
    engine = sa.create_engine(mariadb.url(shop["database"]))
    trace_engine(engine)
    with engine.connect():
        pass
    engine.dispose()

    assert {tracer.store.table(("t",)).uri for tracer in instrumented} == {
        f"mysql://localhost:{shop['port']}/shop_pymysql/t"
    }


@pytest.mark.parametrize("cursor_class", ["Cursor", "DictCursor", "SSCursor", "SSDictCursor"])
@pytest.mark.parametrize("fetch", ["fetchall", "fetchmany", "fetchone", "iterate", "unbuffered"])
def test_rows_are_counted_by_every_cursor_and_fetch(
    connection: Any, instrumented: Tracers, cursor_class: str, fetch: str
) -> None:
    if fetch == "unbuffered" and not cursor_class.startswith("SS"):
        pytest.skip("of unbuffered cursors only")
    cursor = connection.cursor(getattr(pymysql.cursors, cursor_class))
    cursor.execute("SELECT a FROM t")
    match fetch:
        case "fetchall":
            assert len(cursor.fetchall()) == 2
        case "fetchmany":
            while cursor.fetchmany(1):
                pass
        case "fetchone":
            while cursor.fetchone():
                pass
        case "iterate":
            assert len([*cursor]) == 2
        case _:
            assert len([*cursor.fetchall_unbuffered()]) == 2
    cursor.close()
    assert [reported.rows for reported in instrumented[0].reported] == [2]


def test_cursor_made_from_its_class_is_traced(connection: Any, instrumented: Tracers) -> None:
    pymysql.cursors.DictCursor(connection).execute("SELECT a FROM t")
    assert instrumented[0].statements == ["SELECT a FROM t"]


def test_transactions_end_as_the_server_ends_them(connection: Any, instrumented: Tracers) -> None:
    cursor = connection.cursor()
    cursor.execute("INSERT INTO t VALUES (3, 'kept')")
    connection.commit()
    cursor.execute("INSERT INTO t VALUES (4, 'undone')")
    connection.rollback()
    connection.autocommit(True)
    cursor.execute("INSERT INTO t VALUES (5, 'at once')")
    cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(6, "p"), (7, "q")])
    connection.begin()
    cursor.execute("DELETE FROM t")
    connection.close()

    [tracer] = instrumented
    assert [(reported.sql, reported.rows) for reported in tracer.reported] == [
        ("INSERT INTO t VALUES (3, 'kept')", 1),
        ("INSERT INTO t VALUES (4, 'undone')", 1),
        ("SET autocommit = 1", None),
        ("INSERT INTO t VALUES (5, 'at once')", 1),
        ("INSERT INTO t VALUES (%s, %s)", 2),
        ("START TRANSACTION", None),
        ("DELETE FROM t", 6),
    ]
    assert [reported.autocommit for reported in tracer.reported] == [False, False, True, True, True, False, False]
    assert tracer.steps[-1] == "lost"


def test_block_closes_and_commits_nothing(shop: dict[str, Any], instrumented: Tracers) -> None:
    with early_connect(**shop) as connection:
        connection.cursor().execute("INSERT INTO t VALUES (3, 'undone')")

    assert instrumented[0].kept == []
    assert not connection.open


def test_other_ways_to_run_a_statement(connection: Any, mariadb: MariaDB, instrumented: Tracers) -> None:
    mariadb.run("CREATE PROCEDURE shop_pymysql.fill(x INT) INSERT INTO t VALUES (x, 'by call')")
    cursor = connection.cursor()
    cursor.callproc("fill", (9,))
    connection.query("DELETE FROM t WHERE a = 9")
    connection.select_db("mysql")
    cursor.execute(b"SELECT 1")

    assert instrumented[0].statements == [
        "CALL `fill`(?)",
        "DELETE FROM t WHERE a = 9",
        "USE `mysql`",
        "SELECT 1",
    ]


def test_second_result_is_not_counted_to_the_first(connection: Any, mariadb: MariaDB, instrumented: Tracers) -> None:
    mariadb.run("CREATE PROCEDURE shop_pymysql.two() BEGIN SELECT 1 FROM t; SELECT 2 FROM t LIMIT 1; END")
    cursor = connection.cursor(pymysql.cursors.SSCursor)
    cursor.execute("CALL two()")
    assert len(cursor.fetchall()) == 2
    assert cursor.nextset()
    assert len(cursor.fetchall()) == 1
    assert instrumented[0].reported[0].rows == 2


def test_failed_statement_raises_as_before_and_is_not_reported(connection: Any, instrumented: Tracers) -> None:
    with pytest.raises(pymysql.err.ProgrammingError) as error:
        connection.cursor().execute("SELECT * FROM missing")
    assert error.value.args[0] == 1146
    assert instrumented[0].statements == []


def test_failed_connection_raises_as_before(shop: dict[str, Any], instrumented: Tracers) -> None:
    with pytest.raises(pymysql.err.OperationalError):
        early_connect(**{**shop, "password": "wrong"})
    assert instrumented == []


def test_reconnection_is_a_session_of_its_own(connection: Any, instrumented: Tracers) -> None:
    connection.cursor().execute("INSERT INTO t VALUES (3, 'undone')")
    connection._force_close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        connection.ping(reconnect=True)
    connection.cursor().execute("INSERT INTO t VALUES (4, 'kept')")
    connection.commit()

    before, after = instrumented
    assert (before.kept, before.steps[-1]) == ([], "lost")
    assert after.kept == ["INSERT INTO t VALUES (4, 'kept')"]


def test_deferred_connection_is_traced_when_it_connects(shop: dict[str, Any], instrumented: Tracers) -> None:
    connection = early_connect(**shop, defer_connect=True)
    assert instrumented == []
    connection.connect()
    connection.cursor().execute("SELECT a FROM t")
    connection.close()
    assert instrumented[0].statements == ["SELECT a FROM t"]


def test_users_subclass_keeps_its_class_and_is_traced(shop: dict[str, Any], instrumented: Tracers) -> None:
    class Mine(pymysql.connections.Connection):
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.made = True

    with Mine(**shop) as connection:
        assert connection.made
        assert isinstance(connection, Mine)
        connection.cursor().execute("SELECT a FROM t")
    assert instrumented[0].statements == ["SELECT a FROM t"]


def test_engine_reports_each_statement_once(mariadb: MariaDB, shop: dict[str, Any], instrumented: Tracers) -> None:
    engine = sa.create_engine(mariadb.url(shop["database"]))
    trace_engine(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (8, 'engine')"))
    engine.dispose()
    reported = [sql for tracer in instrumented for sql in tracer.statements if "t VALUES" in sql]
    assert reported == ["INSERT INTO t VALUES (8, 'engine')"]


def test_columns_are_looked_up_on_another_connection(connection: Any, instrumented: Tracers) -> None:
    lookup = instrumented[0].lookup
    found = lookup([("t",), ("shop_pymysql", "t"), ("missing",)])
    assert found == {table: {"a": "int", "b": "varchar"} for table in (("t",), ("shop_pymysql", "t"))}
    assert found["t",].kind == "table"
    assert len(instrumented) == 1
    assert "maria-test-password" not in repr(lookup)


def test_class_is_the_same_while_instrumented_and_restored_after(instrumented: Tracers) -> None:
    cls = pymysql.connections.Connection
    assert cls is early_connect
    assert pickle.loads(pickle.dumps(cls)) is cls
    assert [*inspect.signature(cls.connect).parameters] == ["self", "sock"]
    instrument("databases")
    uninstrument()
    assert type(vars(cls)["connect"]).__name__ == "function"
