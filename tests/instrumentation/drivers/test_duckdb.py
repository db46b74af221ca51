"""DuckDB's own connections: they are their own cursors, and look for DataFrames among the caller's variables."""

from __future__ import annotations

import logging
import threading
import warnings
from pathlib import Path

import pytest
import sqlalchemy

from prefect_lineage_events.emission.store_schemas import StoreSchemas
from prefect_lineage_events.instrumentation.drivers.duckdb import lookup as duckdb_lookup
from prefect_lineage_events.instrumentation.drivers.duckdb.frames import callers_frame, in_callers_frame
from prefect_lineage_events.instrumentation.drivers.sqlalchemy import trace_engine
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer

duckdb = pytest.importorskip("duckdb")
pandas = pytest.importorskip("pandas")
Tracers = list[RecordingTracer]
GLOBAL_FRAME = pandas.DataFrame({"a": [10, 20, 30]})


@pytest.fixture
def connection(tracers: Tracers) -> object:
    return instrument_connection(duckdb.connect())


def test_execute_returns_the_connection_and_counts_what_is_fetched(
    connection: duckdb.DuckDBPyConnection, tracers: Tracers
) -> None:
    assert connection.execute("CREATE TABLE t (a INTEGER)") is connection
    connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,), (3,)])
    assert connection.execute("SELECT a FROM t").fetchall() == [(1,), (2,), (3,)]
    assert connection.execute("SELECT a FROM t WHERE a > 1").fetchone() == (2,)

    kinds = [(reported.sql.split()[0], reported.rows) for reported in tracers[0].reported]
    assert kinds[0] == ("CREATE", None)
    assert kinds[2] == ("SELECT", 3)
    assert tracers[0].reported[2].columns == {"a": "INTEGER"}


def test_frames_know_their_length(connection: duckdb.DuckDBPyConnection, tracers: Tracers) -> None:
    connection.execute("CREATE TABLE t AS SELECT range AS a FROM range(5)")
    assert len(connection.execute("SELECT a FROM t").df()) == 5

    assert tracers[0].reported[1].rows == 5


def test_frames_in_the_callers_scope_are_found(connection: duckdb.DuckDBPyConnection, tracers: Tracers) -> None:
    local_frame = pandas.DataFrame({"a": [1, 2]})
    connection.execute("CREATE TABLE t AS SELECT * FROM local_frame")
    connection.execute("INSERT INTO t SELECT * FROM GLOBAL_FRAME")

    assert connection.sql("SELECT COUNT(*) FROM local_frame").fetchall() == [(2,)]
    assert connection.execute("SELECT COUNT(*) FROM t").fetchone() == (5,)
    assert len(local_frame) == 2


def test_frames_are_reported_as_scans_and_tables_as_tables(
    connection: duckdb.DuckDBPyConnection, tracers: Tracers
) -> None:
    frame = t = pandas.DataFrame({"a": [1, 2]})
    connection.execute("CREATE TABLE t (a INTEGER)")
    connection.execute("INSERT INTO t SELECT a FROM frame WHERE frame.a > 1")
    connection.execute("SELECT f.a FROM t JOIN frame f ON f.a = t.a").fetchall()
    connection.sql("SELECT * FROM t JOIN GLOBAL_FRAME USING (a)").fetchall()

    assert len(frame) == len(t) == 2
    assert tracers[0].statements[1:] == [
        "INSERT INTO t SELECT a FROM pandas_scan(frame) AS frame WHERE frame.a > 1",
        "SELECT f.a FROM t JOIN pandas_scan(frame) f ON f.a = t.a",
        "SELECT * FROM t JOIN pandas_scan(GLOBAL_FRAME) AS GLOBAL_FRAME USING (a)",
    ]


def test_registered_frames_are_no_tables_until_they_are_unregistered(
    connection: duckdb.DuckDBPyConnection, tracers: Tracers
) -> None:
    connection.register("people", pandas.DataFrame({"a": [1, 2]}))
    connection.execute("CREATE TABLE t AS SELECT * FROM people")
    connection.unregister("people")
    connection.execute("CREATE TABLE people (a INTEGER)")
    connection.execute("SELECT a FROM people")

    assert tracers[0].statements == [
        "CREATE TABLE t AS SELECT * FROM pandas_scan(people) AS people",
        "CREATE TABLE people (a INTEGER)",
        "SELECT a FROM people",
    ]


def test_frames_registered_through_an_engine_are_no_tables(tmp_path: Path, tracers: Tracers) -> None:
    engine = sqlalchemy.create_engine(f"duckdb:///{tmp_path / 'x.duckdb'}")
    trace_engine(engine)
    with engine.begin() as con:
        con.exec_driver_sql("register", ("people", pandas.DataFrame({"a": [1, 2]})))
        con.exec_driver_sql("CREATE TABLE t AS SELECT * FROM people")

    reported = [statement for tracer in tracers for statement in tracer.statements if statement]
    assert reported == ["CREATE TABLE t AS SELECT * FROM pandas_scan(people) AS people"]


def test_frame_of_another_function_is_not_found(connection: duckdb.DuckDBPyConnection) -> None:
    def reader() -> object:
        return connection.execute("SELECT * FROM hidden_frame")

    hidden_frame = pandas.DataFrame({"a": [1]})
    with pytest.raises(duckdb.CatalogException, match="hidden_frame"):
        reader()
    assert len(hidden_frame) == 1


def test_sql_notes_the_statement_that_it_runs(connection: duckdb.DuckDBPyConnection, tracers: Tracers) -> None:
    connection.sql("CREATE TABLE t AS SELECT 1 AS a")
    relation = connection.sql("SELECT a FROM t")
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    assert connection.sql("SELECT * FROM relation").fetchall() == [(1,)]

    assert tracers[0].statements == ["CREATE TABLE t AS SELECT 1 AS a", "SELECT * FROM (SELECT a FROM t) AS relation"]
    assert tracers[0].reported[1].columns == {"a": "INTEGER"}


def test_warning_of_the_driver_names_the_users_line() -> None:
    warn = in_callers_frame(lambda: warnings.warn("look", stacklevel=2))
    with pytest.warns(UserWarning, match="look") as caught:
        line = callers_frame().f_lineno
        warn()

    assert (caught[0].filename, caught[0].lineno) == (__file__, line + 1)


def test_lists_and_ctes_of_a_statement_are_distinguished_from_frames(
    connection: duckdb.DuckDBPyConnection, tracers: Tracers
) -> None:
    frame = other = pandas.DataFrame({"a": [1]})
    connection.execute("CREATE TABLE t (a INTEGER)")
    connection.execute("SELECT * FROM frame AS f, t, other")
    connection.execute("WITH frame AS (SELECT * FROM t) SELECT * FROM frame")

    assert len(frame) == len(other) == 1
    assert tracers[0].statements[1:] == [
        "SELECT * FROM pandas_scan(frame) AS f, t, pandas_scan(other) AS other",
        "WITH frame AS (SELECT * FROM t) SELECT * FROM frame",
    ]


def test_lazy_frames_are_not_computed(connection: duckdb.DuckDBPyConnection, tracers: Tracers) -> None:
    polars = pytest.importorskip("polars")
    lazy = polars.LazyFrame({"a": [1, 2]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # polars warns when a lazy frame is asked for its columns
        assert connection.execute("SELECT a FROM lazy").fetchall() == [(1,), (2,)]

    assert isinstance(lazy, polars.LazyFrame)
    assert tracers[0].statements == ["SELECT a FROM pandas_scan(0) AS lazy"]


def test_results_of_unknown_length_are_the_drivers_own(connection: duckdb.DuckDBPyConnection, tracers: Tracers) -> None:
    connection.execute("CREATE TABLE t AS SELECT range AS a FROM range(5)")
    reader = connection.execute("SELECT a FROM t").to_arrow_reader()
    assert reader.read_all().num_rows == 5
    assert len(connection.execute("SELECT a FROM t").fetchnumpy()["a"]) == 5

    assert [reported.rows for reported in tracers[0].reported[1:]] == [None, 5]


def test_append_is_an_insert_of_the_frames_rows(connection: duckdb.DuckDBPyConnection, tracers: Tracers) -> None:
    connection.execute("CREATE TABLE t (a INTEGER)")
    assert connection.append("t", pandas.DataFrame({"a": [1, 2]})) is connection

    assert (tracers[0].reported[1].sql, tracers[0].reported[1].rows) == (
        'INSERT INTO "t" SELECT * FROM pandas_scan(frame)',
        2,
    )


@pytest.mark.skipif(not hasattr(duckdb, "appender"), reason="DuckDB has appenders from 2.0 on")
def test_flush_of_an_appender_is_an_insert_of_its_rows(connection: duckdb.DuckDBPyConnection, tracers: Tracers) -> None:
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)")
    appender = connection.appender("t")
    appender.append_row(1, 1)
    appender.append_rows([(2, 2), (3, 3)])
    appender.flush()
    appender.flush()
    with duckdb.appender("t", columns=["a"], connection=connection) as named:
        named.append_row(4)
    with pytest.raises(ZeroDivisionError), connection.appender("t") as left:
        left.append_row(5, 5)
        raise ZeroDivisionError
    appender.append_row(1, 1)
    with pytest.raises(duckdb.ConstraintException):
        appender.flush()
    appender.clear()
    with connection.appender("t", action="update", key=["a"], columns=["a", "b"]) as updating:
        updating.append_row(1, 9)

    assert [(reported.sql, reported.rows) for reported in tracers[0].reported[1:]] == [
        ('INSERT INTO "t" SELECT * FROM pandas_scan(0)', 3),
        ('INSERT INTO "t" ("a") SELECT * FROM pandas_scan(0)', 1),
        ('UPDATE "t" SET "b" = ?', None),
    ]
    assert connection.execute("SELECT a, b FROM t ORDER BY a").fetchall() == [(1, 9), (2, 2), (3, 3), (4, None)]


def test_arguments_by_name_are_in_any_order(connection: duckdb.DuckDBPyConnection, tracers: Tracers) -> None:
    connection.execute("CREATE TABLE t (a INTEGER)")
    connection.append(df=pandas.DataFrame({"a": [1, 2]}), table_name="t")

    assert tracers[0].statements[1:] == ['INSERT INTO "t" SELECT * FROM pandas_scan(frame)']


def test_extracted_statements_are_noted_by_their_text(connection: duckdb.DuckDBPyConnection, tracers: Tracers) -> None:
    for statement in connection.extract_statements("CREATE TABLE t (a INTEGER); SELECT a FROM t"):
        connection.execute(statement).fetchall()

    assert [sql.strip("; ") for sql in tracers[0].statements] == ["CREATE TABLE t (a INTEGER)", "SELECT a FROM t"]


def test_transactions_by_method(connection: duckdb.DuckDBPyConnection, tracers: Tracers) -> None:
    connection.execute("CREATE TABLE t (a INTEGER)")
    connection.begin()
    connection.execute("INSERT INTO t VALUES (1)")
    connection.rollback()
    connection.begin()
    connection.execute("INSERT INTO t VALUES (2)")
    connection.commit()

    assert tracers[0].kept == ["CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (2)"]


def test_cursor_is_another_connection_to_the_same_store(
    connection: duckdb.DuckDBPyConnection, tracers: Tracers
) -> None:
    connection.execute("CREATE TABLE t (a INTEGER)")
    assert connection.cursor().execute("SELECT a FROM t").fetchall() == []
    assert connection.duplicate().execute("SELECT a FROM t").fetchall() == []

    assert len(tracers) == 3
    assert tracers[0].store == tracers[1].store == tracers[2].store
    assert tracers[1].statements == tracers[2].statements == ["SELECT a FROM t"]


def test_with_block_closes_and_an_open_transaction_is_lost(tracers: Tracers, tmp_path: Path) -> None:
    with instrument_connection(duckdb.connect(str(tmp_path / "shop.db"))) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
        connection.begin()
        connection.execute("INSERT INTO t VALUES (1)")

    assert tracers[0].kept == ["CREATE TABLE t (a INTEGER)"]


def test_every_path_to_a_file_is_one_store(tracers: Tracers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("shop.db", "./shop.db", str(tmp_path / "shop.db")):
        instrument_connection(duckdb.connect(path)).close()

    assert {tracer.store.namespace for tracer in tracers} == {f"duckdb://{tmp_path}/shop.db"}


def test_columns_are_looked_up_beside_a_pending_result(tracers: Tracers, tmp_path: Path) -> None:
    connection = instrument_connection(duckdb.connect(str(tmp_path / "shop.db")))
    connection.execute("CREATE TABLE t (a INTEGER, b VARCHAR)")
    connection.execute("SELECT 1")

    columns = {"a": "INTEGER", "b": "VARCHAR"}
    assert tracers[0].lookup([("t",), ("main", "t")]) == {("t",): columns, ("main", "t"): columns}
    assert connection.fetchone() == (1,)


def test_look_up_does_not_keep_a_file_open(tracers: Tracers, tmp_path: Path) -> None:
    def use() -> None:
        connection = instrument_connection(duckdb.connect(str(tmp_path / "shop.db")))
        connection.execute("CREATE TABLE t (a INTEGER)").fetchall()

    use()
    assert tracers[0].lookup([("t",)]) == {}
    with duckdb.connect(str(tmp_path / "shop.db"), read_only=True) as other:  # refused while it is open otherwise
        assert other.execute("SELECT a FROM t").fetchall() == []


def test_columns_are_read_right_before_the_close(tracers: Tracers, tmp_path: Path) -> None:
    connection = instrument_connection(duckdb.connect(str(tmp_path / "shop.db")))
    connection.execute("CREATE TABLE t (a INTEGER)")
    connection.close()
    with instrument_connection(duckdb.connect(str(tmp_path / "shop.db"))) as other:
        other.execute("CREATE TABLE u (b VARCHAR)")
    engine = sqlalchemy.create_engine(f"duckdb:///{tmp_path}/shop.db")
    trace_engine(engine)
    with engine.begin() as opened:
        opened.exec_driver_sql("CREATE TABLE v (c DATE)")
    engine.dispose()

    assert tracers[0].lookup([("t",), ("u",)]) == {("t",): {"a": "INTEGER"}}
    assert tracers[1].lookup([("u",)]) == {("u",): {"b": "VARCHAR"}}
    assert tracers[2].lookup([("main", "v")]) == {("main", "v"): {"c": "DATE"}}


def test_attached_databases_views_and_names_in_any_case_are_looked_up(tracers: Tracers, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "far.db")) as far:
        far.execute("CREATE TABLE t (z DATE)")
    connection = instrument_connection(duckdb.connect(str(tmp_path / "near.db")))
    connection.execute("CREATE TABLE T (a INTEGER)")
    connection.execute("CREATE VIEW v AS SELECT a FROM t")
    connection.execute(f"ATTACH '{tmp_path / 'far.db'}' AS far")

    found = tracers[0].lookup([("t",), ("v",), ("far", "t"), ("far", "main", "t")])
    assert found == {
        ("t",): {"a": "INTEGER"},
        ("v",): {"a": "INTEGER"},
        ("far", "t"): {"z": "DATE"},
        ("far", "main", "t"): {"z": "DATE"},
    }
    assert [described.kind for described in found.values()] == ["table", "view", "table", "table"]


class _Duplicated:
    """A stand-in for a connection; its duplication waits until the test continues it."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.duplicates = 0

    def cursor(self) -> _Duplicated:
        self.duplicates += 1
        self.begun.set()
        self.may_end.wait(60)
        return self

    def execute(self, _: str) -> _Duplicated:
        return self

    def fetchall(self) -> list[object]:
        return []

    def close(self) -> None:
        pass


def test_a_close_waits_for_the_look_up_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wait, DuckDB would raise an exception of its own in the user's `close`."""
    monkeypatch.setattr(duckdb_lookup, "_CLOSE_WAITS", 60)
    connection = _Duplicated()
    lookup = duckdb_lookup.InstanceLookup(connection)
    looking = threading.Thread(target=lookup, args=[[("t",)]])
    looking.start()
    assert connection.begun.wait(60)
    closing = threading.Thread(target=lookup.read_before_close)
    closing.start()
    assert connection.duplicates == 1

    connection.may_end.set()
    looking.join(60)
    closing.join(60)
    assert connection.duplicates == 2


def test_after_a_close_nothing_touches_the_connection() -> None:
    connection = _Duplicated()
    connection.may_end.set()
    lookup = duckdb_lookup.InstanceLookup(connection)
    lookup.read_before_close()
    lookup([("t",)])

    assert connection.duplicates == 1


@pytest.mark.parametrize("end", ["closed", "forgotten"])
def test_a_closed_or_collected_connection_is_no_failure_and_its_schemas_are_unknown(
    end: str, caplog: pytest.LogCaptureFixture
) -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t (a INTEGER)")
    lookup = duckdb_lookup.InstanceLookup(connection)
    schemas = StoreSchemas(lookup)
    assert (schemas.existing(("main", "far"), None), schemas.holding("t", ("main",), None, ask=True)) == (
        {"main": "main"},
        {"main"},
    )
    if end == "closed":
        lookup.read_before_close()
        connection.close()
    del connection
    with caplog.at_level(logging.WARNING, logger="prefect_lineage_events"):
        assert schemas.existing(("main",), None) is None
        assert schemas.holding("u", ("main",), None, ask=True) is None
        assert lookup([("t",)]) == ({("t",): {"a": "INTEGER"}} if end == "closed" else {})
    assert caplog.messages == []


def test_close_reads_no_columns_where_no_run_used_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr(duckdb_lookup, "_all_columns", lambda connection: read.append(connection) or [])
    connection = instrument_connection(duckdb.connect())
    connection.execute("CREATE TABLE t (a INTEGER)")
    connection.close()
    assert read == []
