"""clickhouse-connect's clients over a stand-in of the HTTP interface: clients that the program makes itself."""

from __future__ import annotations

import gc
import json
import struct
import threading
import weakref
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from prefect_lineage_events import instrument
from prefect_lineage_events.instrumentation.drivers.generic import url_store
from prefect_lineage_events.instrumentation.instrument import instrument_connection, uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer

clickhouse_connect = pytest.importorskip("clickhouse_connect")
httpclient = pytest.importorskip("clickhouse_connect.driver.httpclient")
early_client = clickhouse_connect.get_client
Tracers = list[RecordingTracer]


def _native(rows: int, *columns: tuple[str, str, bytes]) -> bytes:
    """A block in ClickHouse's Native format; names and lengths here are shorter than 128."""
    block = bytes((len(columns), rows))
    for name, type_, data in columns:
        block += bytes((len(name),)) + name.encode() + bytes((len(type_),)) + type_.encode() + data
    return block


def _strings(values: Sequence[str]) -> bytes:
    return b"".join(bytes((len(value),)) + value.encode() for value in values)


_DESCRIBED = ("name", "type", "default_type", "default_expression", "comment", "codec_expression", "ttl_expression")


class _Handler(BaseHTTPRequestHandler):
    """Statements succeed, unless `missing` is in them. Queries have two rows, inserts have written two."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        sql = parse_qs(urlsplit(self.path).query).get("query", [""])[0] + self._body().decode("latin1")
        summary = {"written_rows": "2"} if sql.startswith("INSERT") else {"written_rows": "0"}
        if "missing" in sql:
            return self._answer(404, b"Code: 60. DB::Exception: missing (UNKNOWN_TABLE)", {})
        if sql.startswith("SELECT version()"):
            return self._answer(200, b"25.3.1.1\tUTC\n", {})
        if "system.settings" in sql or "AS check" in sql:
            return self._answer(200, b"", {})
        if sql.startswith("DESCRIBE"):
            columns = [(name, "String", _strings(("Int32" if name == "type" else "a",))) for name in _DESCRIBED[:2]]
            columns += [(name, "String", _strings(("",))) for name in _DESCRIBED[2:]]
            return self._answer(200, _native(1, *columns), {})
        if sql.startswith("SELECT"):
            return self._answer(200, _native(2, ("a", "Int32", struct.pack("<2i", 1, 2))), summary)
        return self._answer(200, b"", summary)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes, summary: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Summary", json.dumps(summary))
        self.send_header("X-ClickHouse-Query-Id", "query-7")
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
def login(port: int) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "username": "etl", "password": "secret", "database": "mart"}


@pytest.fixture
def client(login: dict[str, Any], instrumented: Tracers) -> Iterator[Any]:
    with early_client(**login, compress=False) as own:
        yield own


def _statements(tracers: Tracers) -> list[str]:
    return [sql for tracer in tracers for sql in tracer.statements]


def test_query_is_reported_with_columns_and_id(client: Any, port: int, instrumented: Tracers) -> None:
    result = client.query("SELECT a FROM orders WHERE a > {n:Int32}", parameters={"n": 0})
    assert result.result_rows == [(1,), (2,)]

    [tracer] = instrumented
    [reported] = tracer.reported
    assert (reported.sql, reported.query_id) == ("SELECT a FROM orders WHERE a > {n:Int32}", "query-7")
    assert reported.columns == {"a": "Int32"}
    assert tracer.store.table(("orders",)).uri == f"clickhouse://localhost:{port}/mart/orders"
    assert tracer.store == url_store(f"clickhousedb://etl@localhost:{port}/mart")


def test_every_form_of_a_query_is_reported_once(client: Any, instrumented: Tracers) -> None:
    pytest.importorskip("pandas")
    assert len(client.query_df("SELECT a FROM frames")) == 2
    assert len(client.query_np("SELECT a FROM arrays")) == 2
    with client.query_rows_stream("SELECT a FROM rows") as rows:
        assert list(rows) == [(1,), (2,)]
    assert client.raw_query("SELECT a FROM raw")
    client.raw_stream("SELECT a FROM streamed").close()
    client.command("CREATE TABLE t (a Int32) ENGINE = Memory")
    client.query("DROP TABLE t")

    assert [sql.split()[-1] for sql in _statements(instrumented)[:5]] == ["frames", "arrays", "rows", "raw", "streamed"]
    assert _statements(instrumented)[5:] == ["CREATE TABLE t (a Int32) ENGINE = Memory", "DROP TABLE t"]


def test_every_form_of_an_insert_names_table_columns_and_rows(client: Any, instrumented: Tracers) -> None:
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    client.insert("t", [[1], [2]], column_names=["a"])
    client.insert_df("t", pandas.DataFrame({"a": [1, 2]}))
    client.insert_arrow("t", pyarrow.table({"a": [1, 2]}))
    client.command("INSERT INTO t SELECT a FROM orders")

    reported = [one for tracer in instrumented for one in tracer.reported]
    assert [one.sql.replace("`", "").replace('"', "") for one in reported[:3]] == ["INSERT INTO t (a) VALUES (?)"] * 3
    assert [one.rows for one in reported] == [2, 2, 2, 2]


def test_cursor_of_the_dbapi_is_reported_once(login: dict[str, Any], instrumented: Tracers) -> None:
    dbapi = pytest.importorskip("clickhouse_connect.dbapi")
    with dbapi.connect(**login) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT a FROM orders")
        assert cursor.fetchall() == [(1,), (2,)]
        cursor.executemany("INSERT INTO t (a) VALUES (%(a)s)", [{"a": 1}, {"a": 2}])
    sent = _statements(instrumented)  # the cursor sends an INSERT for each row
    assert sent == ["SELECT a FROM orders", *["INSERT INTO t (a) VALUES (%(a)s)"] * 2]


def test_traced_connection_of_the_dbapi_is_reported_once(
    login: dict[str, Any], port: int, instrumented: Tracers
) -> None:
    dbapi = pytest.importorskip("clickhouse_connect.dbapi")
    own = dbapi.connect(**login)
    connection = instrument_connection(own, url=f"clickhousedb://etl@127.0.0.1:{port}/mart")
    connection.cursor().execute("SELECT a FROM orders")
    connection.close()
    assert _statements(instrumented) == ["SELECT a FROM orders"]


def test_failed_call_raises_as_before(client: Any, instrumented: Tracers) -> None:
    for call in (client.query, client.command, client.raw_query):
        with pytest.raises(clickhouse_connect.driver.exceptions.DatabaseError):
            call("SELECT * FROM missing")
    assert _statements(instrumented) == []


def test_client_made_before_is_reported_and_collected(login: dict[str, Any], tracers: Tracers) -> None:
    client = early_client(**login)
    instrument("databases")
    client.query("SELECT a FROM orders")
    uninstrument()
    client.query("SELECT a FROM unseen")
    client.close()
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    assert _statements(tracers) == ["SELECT a FROM orders"]


async def test_asynchronous_client_is_reported(login: dict[str, Any], instrumented: Tracers) -> None:
    pytest.importorskip("aiohttp")
    client = await clickhouse_connect.get_async_client(**login, compress=False)
    assert (await client.query("SELECT a FROM orders")).result_rows == [(1,), (2,)]
    await client.insert("t", [[1], [2]], column_names=["a"])
    await client.command("DROP TABLE t")
    await client.close()
    assert [sql.split()[0] for sql in _statements(instrumented)] == ["SELECT", "INSERT", "DROP"]


def test_methods_are_restored(instrumented: Tracers) -> None:
    uninstrument()
    assert not [name for name in vars(httpclient.HttpClient) if name in ("command", "data_insert", "raw_insert")]
