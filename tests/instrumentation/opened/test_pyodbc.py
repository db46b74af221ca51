"""pyodbc with the real ODBC drivers of SQLite and MariaDB: connections that the program opens itself."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from prefect_lineage_events.instrumentation.drivers import odbc
from prefect_lineage_events.instrumentation.instrument import instrument_connection, uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.mariadb import PASSWORD, USER, MariaDB
from tests.services.odbc import odbc_driver, pyodbc_module

Tracers = list[RecordingTracer]


@pytest.fixture
def pyodbc(instrumented: Tracers) -> Any:
    return pyodbc_module()


@pytest.fixture
def text(tmp_path: Path) -> str:
    """The connection string of a SQLite file."""
    return f"DRIVER={odbc_driver('libsqlite3odbc.so')};Database={tmp_path}/shop.db"


@pytest.fixture
def connection(pyodbc: Any, text: str) -> Any:
    connection = pyodbc.connect(text)
    connection.execute("CREATE TABLE t (a INTEGER, b TEXT)")
    connection.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    connection.commit()
    return connection


def test_connection_names_its_file(pyodbc: Any, connection: Any, instrumented: Tracers, tmp_path: Path) -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT a FROM t WHERE a > ?", 0) is cursor
        assert [tuple(row) for row in cursor.fetchall()] == [(1,), (2,)]

    assert isinstance(connection, pyodbc.Connection)
    [tracer] = instrumented
    assert tracer.store.namespace == f"sqlite://{tmp_path}/shop.db"
    assert [(reported.sql, reported.rows) for reported in tracer.reported[1:]] == [
        ("INSERT INTO t VALUES (1, 'x'), (2, 'y')", 2),
        ("SELECT a FROM t WHERE a > ?", 2),
    ]


@pytest.mark.parametrize("end", ["cursor", "connection", "with"])
def test_every_commit_is_seen(connection: Any, instrumented: Tracers, end: str) -> None:
    instrumented[0].steps.clear()
    if end == "with":
        with connection:
            connection.execute("DELETE FROM t")
    else:
        cursor = connection.execute("DELETE FROM t")
        (cursor if end == "cursor" else connection).commit()
    assert instrumented[0].steps == ["DELETE FROM t", "commit"]


@pytest.mark.parametrize("end", ["cursor", "connection", "with"])
def test_every_rollback_is_seen(connection: Any, instrumented: Tracers, end: str) -> None:
    instrumented[0].steps.clear()
    if end == "with":
        with pytest.raises(ZeroDivisionError), connection:
            connection.execute("DELETE FROM t")
            print(1 // 0)
    else:
        cursor = connection.execute("DELETE FROM t")
        (cursor if end == "cursor" else connection).rollback()
    assert instrumented[0].steps == ["DELETE FROM t", "rollback"]


def test_fetches_of_other_kinds(connection: Any, instrumented: Tracers) -> None:
    cursor = connection.cursor()
    assert cursor.execute("SELECT a FROM t ORDER BY a").fetchval() == 1
    assert [row.a for row in cursor] == [2]
    assert [row.table_name for row in cursor.tables(table="t")] == ["t"]
    cursor.executemany("INSERT INTO t VALUES (?, ?)", [(3, "z"), (4, "w")])
    reported = instrumented[0].reported[2:]
    assert [(one.sql.split()[0], one.rows) for one in reported] == [("SELECT", 2), ("INSERT", 2)]


def test_failed_statement_raises_as_before(pyodbc: Any, connection: Any, instrumented: Tracers) -> None:
    with pytest.raises(pyodbc.Error):
        connection.execute("SELECT * FROM missing")
    assert "SELECT * FROM missing" not in instrumented[0].statements


def test_mariadb_by_odbc_is_the_server_of_its_other_drivers(
    pyodbc: Any, mariadb: MariaDB, instrumented: Tracers
) -> None:
    name = mariadb.database("shop_odbc")
    login = {"SERVER": "127.0.0.1", "PORT": str(mariadb.port), "UID": USER, "PWD": PASSWORD, "DATABASE": name}
    connection = pyodbc.connect(f"DRIVER={odbc_driver('libmaodbc.so')}", autocommit=True, **login)
    connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    connection.close()
    engine = sa.create_engine(mariadb.url(name))
    instrument_connection(engine)
    with engine.connect() as other:
        other.execute(sa.text("SELECT a FROM t"))
    engine.dispose()

    own, by_engine = instrumented
    assert own.store.table(("t",)) == by_engine.store.table(("t",))
    assert own.kept == ["CREATE TABLE t AS SELECT 1 AS a"]
    assert PASSWORD not in repr(own.store)


class SqlServer:
    """A connection to SQL Server, as its ODBC driver describes it."""

    def getinfo(self, kind: int) -> str:
        return {17: "Microsoft SQL Server", 13: "DB-7\\PROD", 16: "shop"}[kind]


@pytest.mark.parametrize(
    ("text", "more", "uri"),
    [
        ("DRIVER={ODBC Driver 18 for SQL Server};SERVER=tcp:db,1444;DATABASE=shop;UID=u;PWD={a;b}", {}, "db:1444"),
        ("DRIVER={FreeTDS};Server=db;Port=1444;Database=shop", {}, "db:1444"),
        ("DRIVER=x", {"host": "db", "database": "shop", "user": "u", "password": "p"}, "db:1433"),
        ("SERVER=db;Trusted_Connection=yes", {}, "db:1433"),
    ],
)
def test_sql_server_is_named_by_the_connection_string(text: str, more: dict[str, str], uri: str) -> None:
    address = odbc._address((text,), more)
    assert odbc.store(SqlServer(), address).table(("dbo", "t")).uri == f"mssql://{uri}/shop/dbo/t"


def test_data_source_is_named_by_its_driver() -> None:
    assert odbc.store(SqlServer(), odbc._address(("DSN=Shop",), {})).database == "shop"
    assert "db-7" in odbc.store(SqlServer(), odbc._address(("DSN=Shop",), {})).namespace


def test_function_is_pickled_by_name_and_restored(pyodbc: Any) -> None:
    assert pickle.loads(pickle.dumps(pyodbc.connect)) is pyodbc.connect
    uninstrument()
    assert type(pyodbc.connect).__name__ == "builtin_function_or_method"
