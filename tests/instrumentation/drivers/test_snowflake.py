"""Snowflake's connector: against the stand-in, and its own classes where the stand-in lacks a feature."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from prefect_lineage_events.instrumentation.drivers.snowflake.connector import DRIVER
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.requirements import connector_4
from tests.services.snowflake import SnowflakeStandIn

pytest.importorskip("snowflake.connector")
from snowflake.connector import DictCursor, SnowflakeConnection
from snowflake.connector import cursor as connector_cursor
from snowflake.connector.cursor import SnowflakeCursor

Tracers = list[RecordingTracer]


@pytest.fixture
def connection(snowflake_server: SnowflakeStandIn, tracers: Tracers) -> Iterator[Any]:
    own = snowflake_server.connect("DRIVERS")
    with own.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE t (a INT, b VARCHAR)")
        cursor.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    connection = instrument_connection(own)
    yield connection
    own.close()


def test_execute_reports_rows_query_id_and_columns(connection: Any, tracers: Tracers) -> None:
    cursor = connection.cursor()
    assert cursor.execute("SELECT a, b FROM t") is cursor
    assert len(cursor.fetchall()) == 2

    [reported] = tracers[0].reported
    assert (reported.sql, reported.rows, reported.query_id) == ("SELECT a, b FROM t", 2, cursor.sfqid)
    assert reported.columns == {"A": "FIXED", "B": "TEXT"}


def test_store_is_the_account_behind_a_private_link(connection: Any, tracers: Tracers) -> None:
    store = tracers[0].store
    assert (store.namespace, store.database, store.schema) == ("snowflake://myorg-shop", "DRIVERS", "PUBLIC")


def test_types_of_connection_and_cursor_are_unchanged(connection: Any) -> None:
    assert isinstance(connection, SnowflakeConnection)
    cursor = connection.cursor(DictCursor)
    assert isinstance(cursor, DictCursor)
    assert cursor.connection is connection
    assert cursor.execute("SELECT a FROM t ORDER BY a").fetchone() == {"A": 1}


def test_executemany_is_one_statement(connection: Any, tracers: Tracers) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t (a, b) VALUES (%s, %s)", [(n, "m") for n in range(20)])

    assert [reported.rows for reported in tracers[0].reported] == [20]


def test_asynchronous_statement_counts_when_its_status_is_success(connection: Any, tracers: Tracers) -> None:
    cursor = connection.cursor()
    query_id = cursor.execute_async("CREATE OR REPLACE TABLE u AS SELECT a FROM t")["queryId"]
    assert tracers[0].statements == []
    while connection.is_still_running(connection.get_query_status_throw_if_error(query_id)):
        pass
    cursor.get_results_from_sfqid(query_id)

    assert [(reported.sql, reported.query_id) for reported in tracers[0].reported] == [
        ("CREATE OR REPLACE TABLE u AS SELECT a FROM t", query_id)
    ]


@connector_4
def test_asynchronous_read_counts_at_its_first_fetch(connection: Any, tracers: Tracers) -> None:
    cursor = connection.cursor()
    cursor.get_results_from_sfqid(cursor.execute_async("SELECT a FROM t")["queryId"])
    assert len(cursor.fetchall()) == 2

    assert [(reported.sql, reported.rows) for reported in tracers[0].reported] == [("SELECT a FROM t", 2)]


def test_failed_asynchronous_statement_is_not_reported(connection: Any, tracers: Tracers) -> None:
    from snowflake.connector.errors import Error

    with pytest.raises(Error):
        query_id = connection.cursor().execute_async("SELECT a FROM missing")["queryId"]
        connection.get_query_status_throw_if_error(query_id)

    assert tracers[0].statements == []


def test_execute_string_and_stream_report_each_statement(connection: Any, tracers: Tracers) -> None:
    connection.execute_string("SELECT a FROM t; SELECT b FROM t;")
    for cursor in connection.execute_stream(StringIO("SELECT 1; SELECT 2;")):
        cursor.fetchall()

    assert [sql.rstrip(";") for sql in tracers[0].statements] == [
        "SELECT a FROM t",
        "SELECT b FROM t",
        "SELECT 1",
        "SELECT 2",
    ]


def test_describe_is_not_reported(connection: Any, tracers: Tracers) -> None:
    assert connection.cursor().describe("SELECT a FROM t")

    assert tracers[0].statements == []


def test_pandas_fetch_keeps_the_row_count(connection: Any, tracers: Tracers) -> None:
    pytest.importorskip("pandas")
    frame = connection.cursor().execute("SELECT a FROM t").fetch_pandas_all()

    assert len(frame) == 2
    assert tracers[0].reported[0].rows == 2


def test_autocommit_is_the_default_and_transactions_hold(connection: Any, tracers: Tracers) -> None:
    connection.cursor().execute("INSERT INTO t VALUES (3, 'z')")
    connection.cursor().execute("BEGIN")
    connection.cursor().execute("INSERT INTO t VALUES (4, 'z')")
    connection.rollback()

    assert [reported.autocommit for reported in tracers[0].reported] == [True, True, True]
    assert tracers[0].steps == ["INSERT INTO t VALUES (3, 'z')", "BEGIN", "INSERT INTO t VALUES (4, 'z')", "rollback"]


@connector_4
def test_autocommit_switched_off_is_reported_as_the_statement_that_the_connector_runs(
    connection: Any, tracers: Tracers
) -> None:
    connection.autocommit(False)
    connection.cursor().execute("INSERT INTO t VALUES (3, 'z')")
    connection.rollback()
    connection.autocommit(mode=True)

    assert tracers[0].steps == [
        "ALTER SESSION SET AUTOCOMMIT = False",
        "INSERT INTO t VALUES (3, 'z')",
        "rollback",
        "ALTER SESSION SET AUTOCOMMIT = True",
    ]


class StubCursor(SnowflakeCursor):
    """A cursor of the connector's own class that sends nothing: for features that the stand-in lacks."""

    def __init__(self, connection: Any) -> None:
        self._stub_connection = connection

    def __del__(self) -> None:
        pass

    connection = property(lambda self: self._stub_connection)
    sfqid = property(lambda self: "stub-query-id")
    rowcount = property(lambda self: 2)
    description = property(lambda self: None)

    def execute(self, *_: Any, **__: Any) -> Any:
        return self

    def _upload(self, *_: Any, **__: Any) -> None:
        pass

    def fetchall(self) -> Any:
        return [("file1.parquet", "LOADED", 2, 2, 1, 0, None, None, None, None)]

    def close(self) -> None:
        pass

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        pass


class StubConnection(SnowflakeConnection):
    """A connection of the connector's own class without a server."""

    host = "myorg-shop.snowflakecomputing.com"
    account = "myorg-shop"
    database = "SHOP"
    schema = "PUBLIC"
    _session_parameters: Any = {}

    def __init__(self, **parameters: Any) -> None:
        self._session_parameters = parameters

    def __del__(self) -> None:
        pass

    def cursor(self, *_: Any, **__: Any) -> Any:
        return StubCursor(self)

    def commit(self) -> None:
        pass

    rollback = close = commit


def test_write_pandas_is_reported_as_the_statements_it_runs(tracers: Tracers) -> None:
    pandas = pytest.importorskip("pandas")
    from snowflake.connector.pandas_tools import write_pandas

    connection = instrument_connection(StubConnection())
    assert write_pandas(connection, pandas.DataFrame({"A": [1, 2]}), "T", auto_create_table=False)[0]

    [copied] = [reported for reported in tracers[0].reported if reported.sql.startswith("COPY INTO")]
    assert copied.sql.startswith("COPY INTO identifier('\"T\"')")
    assert copied.query_id == "stub-query-id"


@pytest.mark.parametrize(
    ("sql", "parameters", "text"),
    [
        ("DROP TABLE IDENTIFIER(?)", ("db.t",), "DROP TABLE identifier('db.t')"),
        ("INSERT INTO identifier( ? ) VALUES (?, '?')", ("t", "secret"), "INSERT INTO identifier('t') VALUES (?, '?')"),
        (
            "SELECT '?', \"?\" /* ? */ FROM identifier(%s) -- ?\n",
            ("o't",),
            "SELECT '?', \"?\" /* ? */ FROM identifier('o''t') -- ?\n",
        ),
        ("SELECT ? FROM t", ("secret",), "SELECT ? FROM t"),
        ("SELECT * FROM identifier(?)", (7,), "SELECT * FROM identifier(?)"),
        ("SELECT * FROM identifier(?)", (), "SELECT * FROM identifier(?)"),
        ("SELECT * FROM identifier(?)", None, "SELECT * FROM identifier(?)"),
    ],
)
def test_only_names_of_bind_values_are_reported(sql: str, parameters: Any, text: str, tracers: Tracers) -> None:
    instrument_connection(StubConnection()).cursor().execute(sql, parameters)

    assert tracers[0].statements == [text]


@pytest.mark.parametrize(
    ("parameters", "kept"),
    [({}, True), ({"AUTOCOMMIT": True}, True), ({"AUTOCOMMIT": False}, False), ({"AUTOCOMMIT": "false"}, False)],
)
def test_autocommit_is_that_of_the_session(parameters: dict[str, Any], kept: bool, tracers: Tracers) -> None:
    connection = instrument_connection(StubConnection(**parameters))
    connection.cursor().execute("INSERT INTO t VALUES (1)")
    connection.rollback()

    assert tracers[0].kept == (["INSERT INTO t VALUES (1)"] if kept else [])


@pytest.mark.parametrize(
    ("host", "account", "namespace"),
    [
        ("xy12345.eu-central-1.snowflakecomputing.com", "xy12345", "snowflake://xy12345.eu-central-1.aws"),
        ("MYORG-SHOP.snowflakecomputing.com", "MYORG-SHOP", "snowflake://myorg-shop"),
        ("myorg-shop.snowflakecomputing.cn", "myorg-shop", "snowflake://myorg-shop"),
        ("proxy.internal", "myorg-shop", "snowflake://myorg-shop"),
    ],
)
def test_account_by_host_or_by_name(
    host: str, account: str, namespace: str, tracers: Tracers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StubConnection, "host", host)
    monkeypatch.setattr(StubConnection, "account", account)
    instrument_connection(StubConnection())

    assert tracers[0].store.namespace == namespace


def test_every_method_that_runs_a_statement_is_wrapped_or_calls_one_that_is() -> None:
    """Fails when a version of the connector has another method that runs statements."""
    runs = {name for name in dir(SnowflakeCursor) if name.startswith(("execute", "query_", "get_results"))}
    assert runs == {"execute", "executemany"} | {
        name for name in DRIVER.cursor_wrappers if not name.startswith("fetch")
    }


@pytest.mark.parametrize(
    "ddl",
    ["CREATE OR REPLACE TABLE report AS SELECT a FROM t", "DROP TABLE IF EXISTS missing", "TRUNCATE TABLE t"],
)
def test_the_report_of_a_ddl_statement_is_no_row(ddl: str, connection: Any, tracers: Tracers) -> None:
    assert len(connection.cursor().execute(ddl).fetchall()) == 1

    assert tracers[0].reported[0].rows is None


# Connector 4.0 has no numbers of rows by kind.
_RESULT_STATS = getattr(connector_cursor, "QueryResultStats", None)


class Answer:
    """The attributes of a cursor after the statement that it ran."""

    is_file_transfer = False
    multi_statement_savedIds: list[str] = []
    sfqid = "query-id"

    def __init__(self, columns: str, rowcount: int, inserted: int | None = None, **more: Any) -> None:
        self.description = [(name, 2) for name in columns.split(",")]
        self.rowcount = rowcount
        if _RESULT_STATS is not None:
            self.stats = _RESULT_STATS(inserted, None, None, None)
        self.__dict__.update(more)


@pytest.mark.parametrize(
    ("answer", "rows", "has_result"),
    [
        (Answer("A,STATUS", 7), 7, True),
        (Answer("number of rows inserted", 3), 3, True),
        (Answer("status", 1, inserted=12), 12, False),
        (Answer("status", 1), None, False),
        (Answer("file,status,rows_parsed,rows_loaded", 2), None, False),
        (Answer("file,status,rows_parsed,rows_loaded", 2, inserted=40), 40, False),
        (Answer("rows_unloaded,input_bytes,output_bytes", 1), None, False),
        (Answer("source,target,status", 1, is_file_transfer=True), None, False),
        (Answer("number of rows inserted", 3, multi_statement_savedIds=["q1", "q2"]), None, False),
    ],
)
def test_rows_are_those_of_the_data_and_not_of_the_report(answer: Answer, rows: int | None, has_result: bool) -> None:
    expected = None if not has_result and _RESULT_STATS is None else rows
    assert (DRIVER.rows(answer), DRIVER.has_result(answer)) == (expected, has_result)


def test_rows_of_a_report_are_unknown_to_a_connector_without_numbers_by_kind() -> None:
    answer = Answer("file,status,rows_parsed,rows_loaded", 2)
    vars(answer).pop("stats", None)
    assert (DRIVER.rows(answer), DRIVER.has_result(answer)) == (None, False)


def test_statements_sent_at_once_have_no_query_id() -> None:
    assert DRIVER.query_id(Answer("A", 1)) == "query-id"
    assert DRIVER.query_id(Answer("A", 1, multi_statement_savedIds=["q1", "q2"])) is None


@pytest.mark.parametrize(
    "upload",
    [
        'PUT \'file:///tmp/tmp1/file0.txt\' @"DB"."S"."__WRITE_PANDAS_STAGE_0a1b" PARALLEL=4',
        "put 'file:///tmp/tmp1/file0.txt' '@SNOWPARK_TEMP_STAGE_X1Y2'",
    ],
)
def test_the_file_in_which_the_connector_uploads_a_frame_is_not_reported(upload: str, tracers: Tracers) -> None:
    instrument_connection(StubConnection()).cursor().execute(upload)
    assert tracers[0].statements == [""]


def test_users_own_upload_is_reported(tracers: Tracers) -> None:
    instrument_connection(StubConnection()).cursor().execute("PUT file:///data/x.csv @my_stage")
    assert tracers[0].statements == ["PUT file:///data/x.csv @my_stage"]
