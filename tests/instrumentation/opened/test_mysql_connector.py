"""mysql-connector on a real MariaDB, pure, in C and asynchronous: connections that the program opens itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from prefect_lineage_events.instrumentation.drivers.sqlalchemy import trace_engine
from prefect_lineage_events.instrumentation.instrument import uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.mariadb import MariaDB

connector = pytest.importorskip("mysql.connector")
early_connect = connector.connect
Tracers = list[RecordingTracer]


@pytest.fixture
def shop(mariadb: MariaDB) -> dict[str, Any]:
    """The arguments of a connection to a fresh database with a table `t` of two rows."""
    name = mariadb.database("shop_connector")
    mariadb.run(f"CREATE TABLE {name}.t (a INT, b VARCHAR(9))", f"INSERT INTO {name}.t VALUES (1, 'x'), (2, 'y')")
    return mariadb.arguments(name)


@pytest.fixture(params=["pure", "C"])
def connection(request: pytest.FixtureRequest, shop: dict[str, Any], instrumented: Tracers) -> Iterator[Any]:
    if request.param == "C" and not connector.HAVE_CEXT:
        pytest.skip("the C extension cannot be loaded here: it needs a newer OpenSSL")
    own = early_connect(**shop, use_pure=request.param == "pure")
    yield own
    own.close()


def test_connection_is_traced_under_a_name_imported_before(connection: Any, instrumented: Tracers) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT a, b FROM t WHERE a > %s", (0,))
    assert cursor.fetchall() == [(1, "x"), (2, "y")]
    cursor.close()

    assert isinstance(connection, connector.abstracts.MySQLConnectionAbstract)
    [tracer] = instrumented
    [reported] = tracer.reported
    assert (reported.sql, reported.rows) == ("SELECT a, b FROM t WHERE a > %s", 2)
    assert reported.columns == {"a": "int", "b": "varchar"}
    assert tracer.store.table(("t",)).name == "shop_connector.t"


@pytest.mark.parametrize("kind", [{}, {"buffered": True}, {"dictionary": True}, {"raw": True}, {"prepared": True}])
@pytest.mark.parametrize("fetch", ["fetchall", "fetchmany", "fetchone", "iterate"])
def test_rows_are_counted_by_every_cursor_and_fetch(
    connection: Any, instrumented: Tracers, kind: dict[str, bool], fetch: str
) -> None:
    cursor = connection.cursor(**kind)
    cursor.execute("SELECT a FROM t")
    match fetch:
        case "fetchall":
            assert len(cursor.fetchall()) == 2
        case "fetchmany":
            assert len(cursor.fetchmany(5)) == 2
        case "fetchone":
            while cursor.fetchone():
                pass
        case _:
            assert len([*cursor]) == 2
    cursor.close()
    assert [reported.rows for reported in instrumented[0].reported] == [2]


def test_transactions_end_as_the_server_ends_them(connection: Any, instrumented: Tracers) -> None:
    cursor = connection.cursor()
    cursor.execute("INSERT INTO t VALUES (3, 'kept')")
    connection.commit()
    connection.start_transaction()
    cursor.execute("INSERT INTO t VALUES (4, 'undone')")
    connection.rollback()
    connection.autocommit = True
    cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(6, "p"), (7, "q")])
    connection.database = "mysql"
    cursor.execute("SELECT 1")
    cursor.fetchall()

    [tracer] = instrumented
    assert [(reported.sql, reported.autocommit) for reported in tracer.reported] == [
        ("INSERT INTO t VALUES (3, 'kept')", False),
        ("START TRANSACTION", False),
        ("INSERT INTO t VALUES (4, 'undone')", False),
        ("SET autocommit = 1", True),
        ("INSERT INTO t VALUES (%s, %s)", True),
        ("USE `mysql`", True),
        ("SELECT 1", True),
    ]
    assert tracer.reported[4].rows == 2
    assert [step for step in tracer.steps if step in ("commit", "rollback")] == ["commit", "rollback"]


def test_other_ways_to_run_a_statement(connection: Any, mariadb: MariaDB, instrumented: Tracers) -> None:
    mariadb.run("CREATE PROCEDURE shop_connector.fill(x INT) INSERT INTO t VALUES (x, 'by call')")
    connection.cursor().callproc("fill", (9,))
    connection.cmd_query("DELETE FROM t WHERE a = 9")
    assert instrumented[0].statements == ["CALL `fill`(?)", "DELETE FROM t WHERE a = 9"]


def test_failed_statement_raises_as_before(connection: Any, instrumented: Tracers) -> None:
    with pytest.raises(connector.errors.ProgrammingError) as error:
        connection.cursor().execute("SELECT * FROM missing")
    assert error.value.errno == 1146
    assert instrumented[0].statements == []


def test_reconnection_is_a_session_of_its_own(connection: Any, instrumented: Tracers) -> None:
    connection.cursor().execute("INSERT INTO t VALUES (3, 'undone')")
    connection.reconnect()
    connection.cursor().execute("INSERT INTO t VALUES (4, 'kept')")
    connection.commit()

    before, after = instrumented[0], instrumented[-1]
    assert (before.kept, before.steps[-1]) == ([], "lost")
    assert after.kept == ["INSERT INTO t VALUES (4, 'kept')"]


def test_pool_resets_the_session_of_a_returned_connection(shop: dict[str, Any], instrumented: Tracers) -> None:
    pool = connector.pooling.MySQLConnectionPool(pool_name="shop", pool_size=1, **shop)
    with pool.get_connection() as connection:
        connection.cursor().execute("INSERT INTO t VALUES (3, 'undone')")
    with pool.get_connection() as connection:
        connection.cursor().execute("INSERT INTO t VALUES (4, 'kept')")
        connection.commit()
    pool._remove_connections()

    kept = [sql for tracer in instrumented for sql in tracer.kept if not sql.startswith("SET")]
    assert kept == ["INSERT INTO t VALUES (4, 'kept')"]
    assert sum("INSERT" in reported.sql for tracer in instrumented for reported in tracer.reported) == 2


def test_engine_reports_each_statement_once(mariadb: MariaDB, shop: dict[str, Any], instrumented: Tracers) -> None:
    engine = sa.create_engine(mariadb.url(shop["database"], "mysqlconnector"))
    trace_engine(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (8, 'engine')"))
    engine.dispose()
    assert [sql for tracer in instrumented for sql in tracer.statements if "t VALUES" in sql] == [
        "INSERT INTO t VALUES (8, 'engine')"
    ]
    assert {tracer.store.table(("t",)).uri for tracer in instrumented} == {
        f"mysql://localhost:{shop['port']}/shop_connector/t"
    }


def test_columns_are_looked_up_on_another_connection(connection: Any, instrumented: Tracers) -> None:
    assert instrumented[0].lookup([("t",)]) == {("t",): {"a": "int", "b": "varchar"}}
    assert len(instrumented) == 1


async def test_asyncio_connection_is_traced(shop: dict[str, Any], instrumented: Tracers) -> None:
    aio = pytest.importorskip("mysql.connector.aio")
    async with await aio.connect(**shop, ssl_disabled=True) as connection:
        async with await connection.cursor() as cursor:
            await cursor.execute("SELECT a FROM t")
            assert await cursor.fetchmany(1) == [(1,)]
            assert await cursor.fetchall() == [(2,)]
            await cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(6, "p"), (7, "q")])
        await connection.commit()
        await connection.set_database("mysql")

    [tracer] = instrumented
    assert [(reported.sql, reported.rows) for reported in tracer.reported] == [
        ("SELECT a FROM t", 2),
        ("INSERT INTO t VALUES (%s, %s)", 2),
        ("USE `mysql`", None),
    ]
    assert "commit" in tracer.steps


async def test_tasks_with_connections_of_their_own(shop: dict[str, Any], instrumented: Tracers) -> None:
    aio = pytest.importorskip("mysql.connector.aio")

    async def insert(number: int) -> None:
        async with (
            await aio.connect(**shop, ssl_disabled=True, autocommit=True) as connection,
            await connection.cursor() as cursor,
        ):
            await cursor.execute(f"INSERT INTO t VALUES ({number}, 'task')")

    await asyncio.gather(*map(insert, range(3)))
    assert sorted(sql for tracer in instrumented for sql in tracer.kept) == [
        f"INSERT INTO t VALUES ({number}, 'task')" for number in range(3)
    ]


def test_class_is_restored() -> None:
    uninstrument()
    cls = connector.connection.MySQLConnection
    assert [vars(cls)["database"].fset.__qualname__] == ["MySQLConnection.database"]
