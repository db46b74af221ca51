"""Trino's client over a stand-in of its HTTP interface: connections that the program opens itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from prefect_lineage_events.instrumentation.instrument import instrument_connection, uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer

trino = pytest.importorskip("trino")
dbapi = pytest.importorskip("trino.dbapi")

early_connect = dbapi.connect
Tracers = list[RecordingTracer]


class _Handler(BaseHTTPRequestHandler):
    """Statements succeed at once, unless `missing` is in them. Queries have two rows, DML counts three."""

    numbers = count(1)

    def do_POST(self) -> None:
        sql = self.rfile.read(int(self.headers["Content-Length"])).decode()
        answer: dict[str, Any] = {"id": f"query-{next(self.numbers)}", "infoUri": "http://localhost/ui"}
        answer["stats"] = {"state": "FAILED" if "missing" in sql else "FINISHED"}
        headers = {}
        if "missing" in sql:
            answer["error"] = {"message": "no table", "errorName": "TABLE_NOT_FOUND", "errorType": "USER_ERROR"}
        elif "INSERT" in sql or "DELETE" in sql:
            columns = [{"name": "rows", "type": "bigint", "typeSignature": {"rawType": "bigint", "arguments": []}}]
            answer |= {"updateType": "INSERT", "updateCount": 3, "columns": columns, "data": [[3]]}
        elif sql.startswith("SELECT"):
            columns = [{"name": "a", "type": "integer", "typeSignature": {"rawType": "integer", "arguments": []}}]
            answer |= {"columns": columns, "data": [[1], [2]]}
        elif sql.startswith("START TRANSACTION"):
            headers["X-Trino-Started-Transaction-Id"] = "transaction-1"
        body = json.dumps(answer).encode()
        self.send_response(200)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write no log: no test reads it."""


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def connection(port: int, instrumented: Tracers) -> Any:
    return early_connect(host="127.0.0.1", port=port, user="etl", catalog="hive", schema="mart")


def test_connection_is_traced_under_a_name_imported_before(connection: Any, instrumented: Tracers, port: int) -> None:
    cursor = connection.cursor()
    assert cursor.execute("SELECT a FROM orders") is cursor
    assert cursor.fetchall() == [[1], [2]]

    assert isinstance(connection, dbapi.Connection)
    [tracer] = instrumented
    [reported] = tracer.reported
    assert (reported.sql, reported.rows, reported.query_id) == ("SELECT a FROM orders", 2, cursor.query_id)
    assert reported.columns == {"a": "integer"}
    assert tracer.store.table(("orders",)).uri == f"trino://localhost:{port}/hive/mart/orders"


def test_written_rows_are_those_that_the_server_counts(connection: Any, instrumented: Tracers) -> None:
    connection.cursor().execute("INSERT INTO t SELECT a FROM orders")
    connection.cursor().executemany("DELETE FROM t WHERE a = ?", [(1,)])
    assert [(reported.autocommit, reported.rows) for reported in instrumented[0].reported] == [(True, 3), (True, 3)]


@pytest.mark.parametrize("fetch", ["fetchone", "fetchmany", "iterate"])
def test_rows_are_counted_by_every_fetch(connection: Any, instrumented: Tracers, fetch: str) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT a FROM t")
    match fetch:
        case "fetchone":
            while cursor.fetchone():
                pass
        case "fetchmany":
            while cursor.fetchmany(1):
                pass
        case _:
            assert len([*cursor]) == 2
    assert instrumented[0].reported[0].rows == 2


def test_transaction_is_held_until_its_commit(port: int, instrumented: Tracers) -> None:
    level = trino.transaction.IsolationLevel.READ_COMMITTED
    with early_connect(host="127.0.0.1", port=port, user="etl", isolation_level=level) as connection:
        connection.cursor().execute("INSERT INTO h.s.t SELECT 1")
        connection.rollback()
        connection.cursor().execute("INSERT INTO h.s.u SELECT 1")
    assert instrumented[0].kept == ["INSERT INTO h.s.u SELECT 1"]


def test_failed_statement_raises_as_before(connection: Any, instrumented: Tracers) -> None:
    with pytest.raises(trino.exceptions.TrinoUserError):
        connection.cursor().execute("SELECT * FROM missing")
    assert instrumented[0].statements == []


def test_engine_names_the_same_store(connection: Any, port: int, instrumented: Tracers) -> None:
    engine = instrument_connection(sa.create_engine(f"trino://etl@127.0.0.1:{port}/hive/mart"))
    with engine.connect() as other:
        other.execute(sa.text("SELECT a FROM orders"))
    engine.dispose()
    assert instrumented[0].store.table(("t",)) == instrumented[-1].store.table(("t",))
    assert [sql for tracer in instrumented for sql in tracer.statements].count("SELECT a FROM orders") == 1


def test_class_is_restored(instrumented: Tracers) -> None:
    uninstrument()
    assert type(vars(dbapi.Connection)["__init__"]).__name__ == "function"
