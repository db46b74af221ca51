"""mysqlclient on a real MariaDB: connections that the program opens itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from prefect_lineage_events.instrumentation.instrument import uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.mariadb import MariaDB
from tests.services.mysqlclient import mysqlclient

Tracers = list[RecordingTracer]


@pytest.fixture
def shop(mariadb: MariaDB) -> dict[str, Any]:
    """The arguments of a connection to a fresh database with a table `t` of two rows."""
    name = mariadb.database("shop_mysqlclient")
    mariadb.run(f"CREATE TABLE {name}.t (a INT, b VARCHAR(9))", f"INSERT INTO {name}.t VALUES (1, 'x'), (2, 'y')")
    return mariadb.arguments(name)


@pytest.fixture
def connection(shop: dict[str, Any], instrumented: Tracers) -> Iterator[Any]:
    own = mysqlclient().connect(**shop)
    yield own
    own.close()


def test_connection_is_traced(connection: Any, shop: dict[str, Any], instrumented: Tracers) -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT a, b FROM t WHERE a > %s", (0,)) == 2
        assert cursor.fetchall() == ((1, "x"), (2, "y"))

    assert isinstance(connection, mysqlclient().connections.Connection)
    [tracer] = instrumented
    [reported] = tracer.reported
    assert (reported.sql, reported.rows) == ("SELECT a, b FROM t WHERE a > %s", 2)
    assert reported.columns == {"a": "int", "b": "varchar"}
    assert tracer.store.table(("t",)).uri == f"mysql://localhost:{shop['port']}/shop_mysqlclient/t"


@pytest.mark.parametrize("cursor_class", ["Cursor", "DictCursor", "SSCursor", "SSDictCursor"])
@pytest.mark.parametrize("fetch", ["fetchall", "fetchmany", "fetchone", "iterate"])
def test_rows_are_counted_by_every_cursor_and_fetch(
    connection: Any, instrumented: Tracers, cursor_class: str, fetch: str
) -> None:
    cursors = mysqlclient().cursors
    cursor = connection.cursor(getattr(cursors, cursor_class))
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
        case _:
            assert len([*cursor]) == 2
    cursor.close()
    assert [reported.rows for reported in instrumented[0].reported] == [2]


def test_transactions_end_as_the_server_ends_them(connection: Any, instrumented: Tracers) -> None:
    cursor = connection.cursor()
    cursor.execute("INSERT INTO t VALUES (3, 'kept')")
    connection.commit()
    cursor.execute("INSERT INTO t VALUES (4, 'undone')")
    connection.rollback()
    connection.autocommit(True)
    cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(6, "p"), (7, "q")])
    connection.query("DELETE FROM t WHERE a = 7")
    connection.select_db("mysql")

    [tracer] = instrumented
    assert [(reported.sql, reported.autocommit) for reported in tracer.reported] == [
        ("INSERT INTO t VALUES (3, 'kept')", False),
        ("INSERT INTO t VALUES (4, 'undone')", False),
        ("SET autocommit = 1", True),
        ("INSERT INTO t VALUES (%s, %s)", True),
        ("DELETE FROM t WHERE a = 7", True),
        ("USE `mysql`", True),
    ]
    assert [step for step in tracer.steps if step in ("commit", "rollback")] == ["commit", "rollback"]


def test_failed_statement_raises_as_before(connection: Any, instrumented: Tracers) -> None:
    with pytest.raises(mysqlclient().ProgrammingError) as error:
        connection.cursor().execute("SELECT * FROM missing")
    assert error.value.args[0] == 1146
    assert instrumented[0].statements == []


def test_users_subclass_is_traced(shop: dict[str, Any], instrumented: Tracers) -> None:
    base: Any = mysqlclient().connections.Connection

    class Mine(base):  # type: ignore[misc]
        pass

    connection = Mine(**shop)
    connection.cursor().execute("SELECT a FROM t")
    connection.close()
    assert isinstance(connection, Mine)
    assert instrumented[0].statements == ["SELECT a FROM t"]


def test_class_is_restored(connection: Any, instrumented: Tracers) -> None:
    uninstrument()
    assert type(vars(mysqlclient().connections.Connection)["__init__"]).__name__ == "function"
