"""Snowpark's sessions against the stand-in: sessions that the program opens itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from prefect_lineage_events.sql.explain import explain
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.snowflake import ACCOUNT, PASSWORD, SnowflakeStandIn

snowpark = pytest.importorskip("snowflake.snowpark")
Tracers = list[RecordingTracer]


@pytest.fixture
def session(snowflake_server: SnowflakeStandIn, instrumented: Tracers) -> Iterator[Any]:
    with snowflake_server.connect("PARK") as own, own.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE t (a INT, b VARCHAR)")
        cursor.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    instrumented.clear()
    login = {"account": ACCOUNT, "user": "etl", "password": PASSWORD, "database": "PARK", "schema": "PUBLIC"}
    session = snowpark.Session.builder.configs({**login, **snowflake_server.link}).create()
    instrumented[0].reported.clear()
    yield session
    session._conn._conn.close()  # `close` of a session calls a function that the stand-in lacks


def _texts(tracers: Tracers) -> list[str]:
    return [" ".join(sql.split()) for sql in tracers[0].statements]


def test_texts_of_sql_are_reported(session: Any, instrumented: Tracers) -> None:
    assert session.sql("INSERT INTO t VALUES (3, 'z')").collect() == [(1,)]
    assert [(reported.sql, reported.rows) for reported in instrumented[0].reported] == [
        ("INSERT INTO t VALUES (3, 'z')", 1)
    ]
    assert instrumented[0].store.table(("T",)).uri == "snowflake://myorg-shop/PARK/PUBLIC/T"


def test_dataframe_is_reported_when_an_action_runs_it(session: Any, instrumented: Tracers) -> None:
    frame = session.table("t").filter("a > 1")
    assert frame.columns == ["A", "B"]
    assert instrumented[0].statements == []
    assert frame.collect() == [(2, "y")]
    assert frame.count() == 1
    assert len(frame.to_pandas()) == 1
    assert _texts(instrumented)[0] == "SELECT * FROM t WHERE a > 1"
    assert len(instrumented[0].reported) == 3


def test_saved_table_has_its_source(session: Any, instrumented: Tracers) -> None:
    session.table("t").select("a").write.mode("overwrite").save_as_table("u")
    session.table("t").select("a").write.mode("append").save_as_table("u")
    session.table("u").delete()
    assert [sql for sql in _texts(instrumented) if "show tables" not in sql] == [
        'CREATE OR REPLACE TABLE u("A" BIGINT) AS SELECT * FROM ( SELECT "A" FROM t)',
        'INSERT INTO u SELECT "A" FROM t',
        "DELETE FROM u",
    ]


def test_job_without_waiting_is_reported_with_its_result(session: Any, instrumented: Tracers) -> None:
    job = session.table("t").collect_nowait()
    assert sorted(job.result()) == [(1, "x"), (2, "y")]
    assert [sql for sql in _texts(instrumented) if "result_scan" not in sql] == ["SELECT * FROM t"]


def test_session_over_an_existing_connection_reports_once(
    snowflake_server: SnowflakeStandIn, instrumented: Tracers
) -> None:
    connection = snowflake_server.connect("PARK")
    instrumented.pop(0)
    session = snowpark.Session.builder.configs({"connection": connection}).create()
    session.sql("SELECT 1 AS one").collect()
    connection.close()
    [tracer] = instrumented
    assert tracer.statements.count("SELECT 1 AS one") == 1


@pytest.mark.parametrize("word", ["TEMPORARY", "SCOPED TEMPORARY", "TEMP", "SCOPED TEMP"])
def test_tables_of_snowparks_own_are_temporary(word: str) -> None:
    found = explain(
        f'CREATE {word} TABLE "PARK"."PUBLIC"."SNOWPARK_TEMP_TABLE_X1"("A" BIGINT) AS SELECT a FROM t', "snowflake"
    )
    assert "temporary" in str(found)
