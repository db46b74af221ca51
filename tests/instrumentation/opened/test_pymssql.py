"""pymssql's own connections and cursors, over a stub of its network layer."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_lineage_events.instrumentation.drivers import pymssql as driver
from prefect_lineage_events.instrumentation.instrument import uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer

pymssql = pytest.importorskip("pymssql")
_mssql = pytest.importorskip("pymssql._mssql")
_pymssql = pytest.importorskip("pymssql._pymssql")

Tracers = list[RecordingTracer]


class Network(_mssql.MSSQLConnection):  # type: ignore[misc]
    """The network side of a connection: two rows for a query, three for DML, an error for `missing`."""

    def __init__(self) -> None:
        self.text, self.left = "", [(1,), (2,)]

    def execute_query(self, text: str, _: Any = None) -> None:
        if "missing" in text:
            raise _mssql.MSSQLDatabaseException((208, b"Invalid object name 'missing'"))
        self.text, self.left = text, [(1,), (2,)]

    def executemany(self, text: str, *_: Any) -> None:
        self.text = text

    def execute_non_query(self, text: str, _: Any = None) -> None:
        pass

    def get_header(self) -> Any:
        return (("a", 3, None, None, None, None, None),) if self.text.startswith("SELECT") else None

    def get_iterator(self, _: int) -> Any:
        while self.left:
            yield self.left.pop(0)

    def nextresult(self) -> Any:
        return None

    def cur_db_name(self) -> str:
        return "shop"

    rows_affected = property(lambda self: 3)

    def close(self) -> None:
        pass


@pytest.fixture
def connection(instrumented: Tracers, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(_mssql, "connect", lambda **_: Network())
    return pymssql.connect("tcp:DB\\PROD", "u", "secret", port="1444")


def test_connection_is_traced(connection: Any, instrumented: Tracers) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT a FROM orders WHERE a > %s", (0,))
        assert cursor.fetchall() == [(1,), (2,)]

    assert isinstance(connection, _pymssql.Connection)
    [tracer] = instrumented
    [reported] = tracer.reported
    assert (reported.sql, reported.rows) == ("SELECT a FROM orders WHERE a > %s", 2)
    assert reported.columns == {"a": "float"}
    assert tracer.store.table(("orders",)).uri == "mssql://db:1444/shop/dbo/orders"


def test_transactions_end_as_the_server_ends_them(connection: Any, instrumented: Tracers) -> None:
    cursor = connection.cursor()
    cursor.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    cursor.execute("INSERT INTO t VALUES (2)")
    connection.rollback()
    cursor.execute("INSERT INTO t VALUES (3)")
    connection.autocommit(True)
    cursor.execute("DELETE FROM t")
    connection.commit()
    connection.close()

    [tracer] = instrumented
    assert tracer.kept == ["INSERT INTO t VALUES (1)", "DELETE FROM t"]
    assert [reported.rows for reported in tracer.reported] == [3, 3, 3, 3]


def test_failed_statement_raises_as_before(connection: Any, instrumented: Tracers) -> None:
    with pytest.raises(pymssql.OperationalError):
        connection.cursor().execute("SELECT * FROM missing")
    assert instrumented[0].statements == []


def test_early_import_is_traced_as_well(instrumented: Tracers, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _pymssql.connect is pymssql.connect
    uninstrument()
    assert _pymssql.connect is pymssql.connect
    assert type(pymssql.connect).__name__ == "cython_function_or_method"


@pytest.mark.parametrize(
    ("args", "kwargs", "uri"),
    [
        (("db",), {"database": "shop"}, "mssql://db:1433/shop/dbo/t"),
        (("db:1445", "u", "p", "shop"), {}, "mssql://db:1445/shop/dbo/t"),
        (("db,1445",), {"database": "shop"}, "mssql://db:1445/shop/dbo/t"),
        ((), {"database": "shop"}, "mssql://localhost:1433/shop/dbo/t"),
        ((), {"host": "db", "port": 1446, "database": "shop"}, "mssql://db:1446/shop/dbo/t"),
    ],
)
def test_arguments_of_connect_name_the_store(args: tuple[str, ...], kwargs: dict[str, Any], uri: str) -> None:
    assert driver._store(None, args, kwargs).table(("t",)).uri == uri
