"""Databricks' connector over a backend that answers without a workspace: connections that the program opens itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from prefect_lineage_events.instrumentation.instrument import uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer

sql = pytest.importorskip("databricks.sql")
client = pytest.importorskip("databricks.sql.client")
early_connect = sql.connect
Tracers = list[RecordingTracer]


@pytest.fixture
def connection(instrumented: Tracers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from databricks.sql.session import Session

    from tests.instrumentation.drivers.test_databricks import Backend

    monkeypatch.setattr(Session, "_create_backend", lambda *_: Backend())
    monkeypatch.setattr(Session, "use_sea", False, raising=False)
    host, path = "adb-7.azuredatabricks.net", "/sql/1.0/warehouses/w"
    own = early_connect(host, path, "token", catalog="main", schema="mart", enable_telemetry=False)
    yield own
    own.close()


def test_connection_is_traced_under_a_name_imported_before(connection: Any, instrumented: Tracers) -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT a FROM orders") is cursor
        assert cursor.fetchall() == [(1,), (2,)]
        cursor.executemany("INSERT INTO t VALUES (:a)", [{"a": 1}, {"a": 2}])
        cursor.execute_async("CREATE TABLE u (a INT)")
        cursor.get_async_execution_result()

    assert isinstance(connection, client.Connection)
    [tracer] = instrumented
    assert tracer.statements == ["SELECT a FROM orders", "INSERT INTO t VALUES (:a)", "CREATE TABLE u (a INT)"]
    assert (tracer.reported[0].rows, tracer.reported[0].query_id) == (2, "command-7")
    assert tracer.store.table(("orders",)).uri == "unitycatalog://adb-7.azuredatabricks.net/main/mart/orders"


def test_failed_statement_raises_as_before(connection: Any, instrumented: Tracers) -> None:
    with pytest.raises(sql.exc.ServerOperationError):
        connection.cursor().execute("SELECT * FROM missing")
    assert instrumented[0].statements == []


def test_class_is_restored(instrumented: Tracers) -> None:
    uninstrument()
    assert type(vars(client.Connection)["__init__"]).__name__ == "function"
