"""Names in DuckDB statements that may be tables or variables: DuckDB's own rules decide, and nothing disturbs it."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pandas
import pytest

from prefect_lineage_events.instrumentation.drivers.duckdb import frames
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer

Tracers = list[RecordingTracer]


@pytest.fixture
def connection(tracers: Tracers) -> Iterator[duckdb.DuckDBPyConnection]:
    yield instrument_connection(duckdb.connect())
    frames.forget_setting()


def test_tables_and_views_of_any_kind_precede_frames(connection: duckdb.DuckDBPyConnection, tracers: Tracers) -> None:
    temporary = uncommitted = view = dropped = pandas.DataFrame({"a": [1, 2]})
    connection.execute("CREATE TEMP TABLE temporary (a INTEGER); CREATE VIEW view AS SELECT 3 AS a")
    connection.execute("CREATE TABLE dropped (a INTEGER); DROP TABLE dropped")
    connection.execute("BEGIN; CREATE TABLE Uncommitted (a INTEGER)")
    connection.execute("SELECT * FROM temporary, uncommitted, view, dropped")
    connection.execute("ROLLBACK")
    connection.execute("SELECT * FROM uncommitted")

    assert len(temporary) == len(uncommitted) == len(view) == len(dropped) == 2
    assert tracers[0].statements[3::2] == [
        "SELECT * FROM temporary, uncommitted, view, pandas_scan(dropped) AS dropped",
        "SELECT * FROM pandas_scan(uncommitted) AS uncommitted",
    ]


@pytest.mark.parametrize("everywhere", [False, True])
def test_search_for_a_table_leaves_results_and_transactions_alone(
    connection: duckdb.DuckDBPyConnection, tracers: Tracers, *, everywhere: bool
) -> None:
    frame = pandas.DataFrame({"a": [1, 2]})
    connection.execute(f"SET python_scan_all_frames = {everywhere}")
    connection.execute("BEGIN")
    connection.execute("CREATE TABLE t AS SELECT * FROM range(5000)")
    connection.execute("SELECT * FROM t")
    first = connection.fetchone()
    relation = connection.sql("SELECT a FROM frame")
    assert (first, connection.fetchone(), len(connection.fetchall())) == ((0,), (1,), 4998)
    assert relation.fetchall() == [(1,), (2,)]
    connection.execute("COMMIT")

    assert connection.execute("SELECT count(*) FROM t").fetchone() == (5000,)
    assert "SELECT a FROM pandas_scan(frame) AS frame" in tracers[0].statements
    assert len(frame) == 2


def test_frames_of_outer_functions_are_found_where_duckdb_looks_there(
    connection: duckdb.DuckDBPyConnection, tracers: Tracers
) -> None:
    frame = results = pandas.DataFrame({"a": [1]})

    def query() -> list[tuple[int]]:
        return connection.execute("SELECT a FROM frame JOIN results USING (a)").fetchall()

    connection.execute("SET python_scan_all_frames = true")
    assert query() == [(1,)]
    assert len(frame) == len(results) == 1
    assert tracers[0].statements[1:] == [
        "SELECT a FROM pandas_scan(frame) AS frame JOIN pandas_scan(results) AS results USING (a)"
    ]
