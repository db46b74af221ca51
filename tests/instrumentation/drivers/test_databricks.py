"""Databricks' connector: its own connections and cursors, over a backend that answers without a workspace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("databricks.sql")
from databricks import sql
from databricks.sql.backend.types import BackendType, CommandId, CommandState, SessionId
from databricks.sql.client import Connection, Cursor
from databricks.sql.exc import ServerOperationError
from databricks.sql.session import Session

from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer

Tracers = list[RecordingTracer]


class Results:
    """The results of one command: two rows for a query, a count for DML."""

    is_staging_operation = False
    rownumber = 0

    def __init__(self, operation: str) -> None:
        is_query = operation.startswith("SELECT")
        self.rows = [(1,), (2,)] if is_query else []
        self.description = [("a", "int", None, None, None, None, True)] if is_query else None
        self.num_modified_rows = 3 if operation.startswith(("INSERT", "MERGE")) else None

    def fetchall(self) -> list[Any]:
        rows, self.rows = self.rows, []
        return rows

    fetchall_arrow = fetchall

    def fetchmany_arrow(self, size: int) -> list[Any]:
        rows, self.rows = self.rows[:size], self.rows[size:]
        return rows

    def close(self) -> None:
        pass


class Backend:
    """The part of a workspace that the connector needs. A statement with `missing` in it fails."""

    max_download_threads = 1

    def open_session(self, *_: Any, **__: Any) -> SessionId:
        return SessionId(BackendType.SEA, "session")

    def close_session(self, *_: Any) -> None:
        pass

    def execute_command(self, *, operation: str, cursor: Cursor, async_op: bool, **_: Any) -> Results | None:
        cursor.active_command_id = CommandId(BackendType.SEA, "command-7")
        self.running = operation
        if async_op:
            return None
        return self.get_execution_result(cursor.active_command_id, cursor)

    def get_query_state(self, _: CommandId) -> CommandState:
        return CommandState.FAILED if "missing" in self.running else CommandState.SUCCEEDED

    def get_execution_result(self, _: CommandId, cursor: Cursor) -> Results:
        if "missing" in self.running:
            raise ServerOperationError("TABLE_OR_VIEW_NOT_FOUND: missing")
        return Results(self.running)


@pytest.fixture
def connection(tracers: Tracers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(Session, "_create_backend", lambda *_: Backend())
    monkeypatch.setattr(Session, "use_sea", False, raising=False)
    own = sql.connect(
        "adb-7.azuredatabricks.net",
        "/sql/1.0/warehouses/w",
        "token",
        catalog="main",
        schema="mart",
        enable_telemetry=False,
    )
    yield instrument_connection(own)
    own.close()


def test_workspace_catalog_and_schema_name_its_tables(connection: Any, tracers: Tracers) -> None:
    store = tracers[0].store
    assert store.table(("orders",)).uri == "unitycatalog://adb-7.azuredatabricks.net/main/mart/orders"
    assert store.dialect == "databricks"


def test_statements_report_rows_and_query_id(connection: Any, tracers: Tracers) -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT a FROM orders") is cursor
        assert cursor.fetchall() == [(1,), (2,)]
        cursor.execute("INSERT INTO t SELECT a FROM orders")
        cursor.executemany("INSERT INTO t VALUES (:a)", [{"a": 1}, {"a": 2}])
        cursor.execute("CREATE TABLE u (a INT)")

    assert [(reported.sql.split()[0], reported.rows) for reported in tracers[0].reported] == [
        ("SELECT", 2),
        ("INSERT", 3),
        ("INSERT", 6),
        ("CREATE", None),
    ]
    assert {reported.query_id for reported in tracers[0].reported} == {"command-7"}
    assert len(tracers[0].kept) == 4


@pytest.mark.parametrize("fetch", ["fetchall_arrow", "fetchmany_arrow"])
def test_rows_of_an_arrow_result_are_counted(fetch: str, connection: Any, tracers: Tracers) -> None:
    cursor = connection.cursor().execute("SELECT a FROM orders")
    while len(getattr(cursor, fetch)(*([1] if fetch == "fetchmany_arrow" else []))):
        pass

    assert tracers[0].reported[0].rows == 2


def test_asynchronous_statement_counts_when_its_result_has_arrived(connection: Any, tracers: Tracers) -> None:
    cursor = connection.cursor()
    assert cursor.execute_async("SELECT a FROM orders") is cursor
    assert tracers[0].statements == []
    assert cursor.get_async_execution_result() is cursor
    assert len(cursor.fetchall()) == 2

    assert [(reported.sql, reported.rows) for reported in tracers[0].reported] == [("SELECT a FROM orders", 2)]


def test_failed_statements_are_not_reported(connection: Any, tracers: Tracers) -> None:
    cursor = connection.cursor()
    with pytest.raises(ServerOperationError):
        cursor.execute("SELECT * FROM missing")
    with pytest.raises(sql.Error):
        cursor.execute_async("SELECT * FROM missing").get_async_execution_result()

    assert tracers[0].statements == []


def test_types_of_connection_and_cursor_are_unchanged(connection: Any) -> None:
    assert isinstance(connection, Connection)
    assert isinstance(connection.cursor(), Cursor)
    assert connection.cursor().connection is connection


def test_without_autocommit_writes_wait_for_the_commit(
    connection: Any, tracers: Tracers, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.ignore_transactions = False
    connection.session.set_autocommit(False)
    connection.cursor().execute("INSERT INTO t VALUES (1)")
    connection.rollback()
    connection.cursor().execute("INSERT INTO u VALUES (1)")
    connection.commit()

    assert tracers[0].kept == ["INSERT INTO u VALUES (1)"]
