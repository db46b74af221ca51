"""Snowflake's connector, sync and async, against the stand-in: connections that the program opens itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from prefect_lineage_events.instrumentation.connections import trace
from prefect_lineage_events.instrumentation.drivers.snowflake.opened import DRIVER
from prefect_lineage_events.instrumentation.instrument import uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.snowflake import ACCOUNT, PASSWORD, SnowflakeStandIn

connector = pytest.importorskip("snowflake.connector")
early_connect = connector.connect
Tracers = list[RecordingTracer]


@pytest.fixture
def login(snowflake_server: SnowflakeStandIn) -> dict[str, Any]:
    """The arguments of a connection to a database with a table `t` of two rows."""
    with snowflake_server.connect("OPENED") as own, own.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE t (a INT, b VARCHAR)")
        cursor.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    return {
        "account": ACCOUNT,
        "user": "etl",
        "password": PASSWORD,
        **snowflake_server.link,
        "database": "OPENED",
        "schema": "PUBLIC",
    }


@pytest.fixture
def connection(login: dict[str, Any], instrumented: Tracers) -> Iterator[Any]:
    own = early_connect(**login)
    yield own
    own.close()


def test_connection_is_traced_under_a_name_imported_before(connection: Any, instrumented: Tracers) -> None:
    cursor = connection.cursor(connector.DictCursor)
    assert cursor.execute("SELECT a, b FROM t") is cursor
    assert len(cursor.fetchall()) == 2

    assert isinstance(connection, connector.SnowflakeConnection)
    assert isinstance(cursor, connector.DictCursor)
    assert cursor.connection is connection
    [tracer] = instrumented
    [reported] = tracer.reported
    assert (reported.sql, reported.rows, reported.query_id) == ("SELECT a, b FROM t", 2, cursor.sfqid)
    assert reported.columns == {"A": "FIXED", "B": "TEXT"}
    assert tracer.store.table(("T",)).uri == "snowflake://myorg-shop/OPENED/PUBLIC/T"


def test_each_statement_of_a_script_is_reported_once(connection: Any, instrumented: Tracers) -> None:
    connection.execute_string("CREATE OR REPLACE TABLE u (a INT); INSERT INTO u SELECT a FROM t;")
    list(connection.execute_stream(StringIO("DELETE FROM u;")))

    assert instrumented[0].statements == [
        "CREATE OR REPLACE TABLE u (a INT);",
        "INSERT INTO u SELECT a FROM t;",
        "DELETE FROM u;",
    ]


def test_transaction_ends_by_the_connectors_own_statements(connection: Any, instrumented: Tracers) -> None:
    connection.cursor().execute("BEGIN")
    connection.cursor().execute("DELETE FROM t")
    connection.rollback()
    assert instrumented[0].steps == ["BEGIN", "DELETE FROM t", "ROLLBACK"]


def test_executemany_is_one_statement(connection: Any, instrumented: Tracers) -> None:
    connection.cursor().executemany("INSERT INTO t (a, b) VALUES (%s, %s)", [(n, "m") for n in range(20)])
    assert [(reported.sql, reported.rows) for reported in instrumented[0].reported] == [
        ("INSERT INTO t (a, b) VALUES (%s, %s)", 20)
    ]


def test_asynchronous_statement_counts_when_its_status_is_success(connection: Any, instrumented: Tracers) -> None:
    query_id = connection.cursor().execute_async("CREATE OR REPLACE TABLE v AS SELECT a FROM t")["queryId"]
    assert instrumented[0].statements == []
    while connection.is_still_running(connection.get_query_status(query_id)):
        pass
    assert instrumented[0].statements == ["CREATE OR REPLACE TABLE v AS SELECT a FROM t"]


def test_cursor_made_from_its_class_and_iteration_are_traced(connection: Any, instrumented: Tracers) -> None:
    cursor = connector.cursor.SnowflakeCursor(connection)
    assert len([*cursor.execute("SELECT a FROM t")]) == 2
    assert [reported.rows for reported in instrumented[0].reported] == [2]


def test_describe_reads_nothing(connection: Any, instrumented: Tracers) -> None:
    assert [column.name for column in connection.cursor().describe("SELECT a FROM t")] == ["A"]
    assert instrumented[0].statements == []


def test_write_pandas_names_its_table(instrumented: Tracers) -> None:
    pandas = pytest.importorskip("pandas")
    from snowflake.connector.pandas_tools import write_pandas

    from tests.instrumentation.drivers.test_snowflake import StubConnection

    stub = StubConnection()  # the stand-in loads no files of a stage
    connection = trace(stub, DRIVER)
    assert connection is stub
    assert write_pandas(connection, pandas.DataFrame({"A": [1, 2]}), "T")[0]
    [copied] = [sql for sql in instrumented[0].statements if sql.startswith("COPY INTO")]
    assert copied.startswith("COPY INTO identifier('\"T\"')")


def test_failed_statement_raises_as_before(connection: Any, instrumented: Tracers) -> None:
    with pytest.raises(connector.errors.ProgrammingError):
        connection.cursor().execute("SELECT * FROM missing")
    assert instrumented[0].statements == []


def test_block_closes_the_connection(login: dict[str, Any], instrumented: Tracers) -> None:
    with early_connect(**login) as connection:
        connection.cursor().execute("INSERT INTO t VALUES (3, 'z')")
    assert connection.is_closed()
    assert instrumented[0].statements[0] == "INSERT INTO t VALUES (3, 'z')"
    assert instrumented[0].steps[-1] == "lost"


def test_password_is_kept_by_the_connector_alone(connection: Any, instrumented: Tracers) -> None:
    """Connector 4 deletes it after the login, so that no second one can be made."""
    assert (instrumented[0].lookup is None) == (not hasattr(connection, "config"))
    assert PASSWORD not in repr(instrumented[0].lookup)


async def test_asyncio_connection_is_traced(login: dict[str, Any], instrumented: Tracers) -> None:
    aio = pytest.importorskip("snowflake.connector.aio")
    async with aio.connect(**login) as connection:
        cursor = connection.cursor()
        await cursor.execute("SELECT a FROM t ORDER BY a")
        assert await cursor.fetchone() == (1,)
        assert [row async for row in cursor] == [(2,)]
        await cursor.executemany("INSERT INTO t (a, b) VALUES (%s, %s)", [(5, "m"), (6, "n")])
        await connection.execute_string("DELETE FROM t WHERE a = 5; DELETE FROM t WHERE a = 6;")
        sent = await cursor.execute_async("CREATE OR REPLACE TABLE v AS SELECT a FROM t")
        while connection.is_still_running(await connection.get_query_status(sent["queryId"])):
            await asyncio.sleep(0)

    [tracer] = instrumented
    assert tracer.statements[:5] == [
        "SELECT a FROM t ORDER BY a",
        "INSERT INTO t (a, b) VALUES (%s, %s)",
        "DELETE FROM t WHERE a = 5;",
        "DELETE FROM t WHERE a = 6;",
        "CREATE OR REPLACE TABLE v AS SELECT a FROM t",
    ]
    assert [reported.rows for reported in tracer.reported[:2]] == [2, 2]
    assert tracer.store.table(("T",)).uri == "snowflake://myorg-shop/OPENED/PUBLIC/T"


def test_class_is_restored(instrumented: Tracers) -> None:
    own = vars(connector.SnowflakeConnection)
    connects = "connect" if "connect" in own else "__init__"  # in connector 5
    assert type(own[connects]).__name__ != "function"
    uninstrument()
    assert type(vars(connector.SnowflakeConnection)[connects]).__name__ == "function"
