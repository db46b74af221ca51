"""Changes of a session by a script that failed midway are in doubt for later statements."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

import pytest

from prefect_lineage_events.emission.notes import Connection
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from prefect_lineage_events.instrumentation.tracer import ConnectionTracer
from prefect_lineage_events.stores import server, snowflake
from tests.emission.conftest import STARTED, make_run
from tests.emission.transactions.conftest import Capture

duckdb = pytest.importorskip("duckdb")
FAILS = "SELECT * FROM nowhere"


def written(capture: Capture) -> list[str]:
    return [
        ("temporary " if e.output.namespace.startswith("temporary:") else "")
        + e.output.name
        + ("?" if e.statement.confidence == "partial" else "")
        for e in capture.events()
        if e.output is not None
    ]


@pytest.mark.parametrize(
    ("script", "then", "expected"),
    [
        ("CREATE TEMP TABLE t (a INT)", "INSERT INTO t VALUES (1)", "temporary t?"),
        ("SELECT 1", "INSERT INTO own VALUES (1)", "temporary own"),
        ("DROP TABLE temp.own; CREATE TEMP TABLE own (a INT)", "INSERT INTO own VALUES (1)", "temporary own"),
        ("CREATE TEMP TABLE t (a INT)", "INSERT INTO main.others VALUES (1)", "others"),
        ("ATTACH ':memory:' AS x", "CREATE TABLE x.t (a INT)", "t"),
    ],
)
def test_sqlite(capture: Capture, script: str, then: str, expected: str) -> None:
    with contextlib.closing(instrument_connection(sqlite3.connect(":memory:", isolation_level=None))) as connection:
        connection.execute("CREATE TEMP TABLE own (a INT)")
        connection.execute("CREATE TABLE others (a INT)")
        with pytest.raises(sqlite3.Error):
            connection.executescript(f"{script}; {FAILS}")
        capture.events()
        connection.execute(then)
        assert written(capture) == [expected]
        connection.execute("DROP TABLE IF EXISTS t")
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS t (a INT)")
        capture.events()
        connection.execute("INSERT INTO t VALUES (2)")
        assert written(capture) == ["temporary t"]


@pytest.mark.parametrize(
    ("script", "then", "expected"),
    [
        ("CREATE TEMP TABLE t (a INT)", "INSERT INTO t VALUES (1)", ["temporary main.t?"]),
        ("SET schema = 's'", "CREATE TABLE fresh (a INT)", []),
        ("SET schema = 's'", "CREATE TABLE main.fresh (a INT)", ["main.fresh"]),
        ("USE s", "INSERT INTO others VALUES (1)", []),
    ],
)
def test_duckdb(capture: Capture, script: str, then: str, expected: list[str]) -> None:
    with contextlib.closing(instrument_connection(duckdb.connect())) as connection:
        connection.execute("CREATE SCHEMA s; CREATE TABLE others (a INT)")
        with pytest.raises(duckdb.Error):
            connection.execute(f"{script}; {FAILS}")
        capture.events()
        connection.execute(then)
        assert written(capture) == expected


@pytest.mark.parametrize(
    ("dialect", "script", "expected"),
    [
        ("mysql", "USE x", []),
        ("mysql", "CREATE TEMPORARY TABLE t (a INT)", ["temporary shop.t?"]),
        ("tsql", "USE x", []),
        ("snowflake", "USE SCHEMA x", []),
        ("snowflake", "CREATE TEMPORARY TABLE t (a INT)", ["temporary SHOP.PUBLIC.T?"]),
        ("redshift", "SET search_path TO x", ["shop.public.t"]),  # the text is one transaction
        ("redshift", "BEGIN; SET search_path TO x; COMMIT", []),
    ],
)
def test_servers(capture: Capture, dialect: str, script: str, expected: list[str]) -> None:
    is_snowflake = dialect == "snowflake"
    store: Any = snowflake("org-a", "SHOP", "PUBLIC") if is_snowflake else server(dialect, "h", None, "shop", None)
    tracer = ConnectionTracer(Connection(store), make_run())
    tracer.failed(f"{script}; {FAILS}", ValueError("no table"), idle=True)
    capture.events()
    tracer.statement("INSERT INTO t SELECT 1", started=STARTED, duration=0.1, autocommit=True)
    assert written(capture) == expected
