"""sqlite3: its own connections, its legacy transactions, and the many spellings of one file."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from prefect_lineage_events.context.process import process_token
from prefect_lineage_events.instrumentation.drivers import sqlite
from prefect_lineage_events.instrumentation.drivers.sqlalchemy import trace_engine
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer

Tracers = list[RecordingTracer]


def test_legacy_mode_keeps_ddl_before_a_rolled_back_write(tracers: Tracers) -> None:
    connection = instrument_connection(sqlite3.connect(":memory:"))
    connection.execute("CREATE TABLE t (a INTEGER)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("CREATE TABLE u (a INTEGER)")
    connection.rollback()

    assert tracers[0].kept == ["CREATE TABLE t (a INTEGER)"]
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]


def test_isolation_level_none_commits_each_statement(tracers: Tracers) -> None:
    connection = instrument_connection(sqlite3.connect(":memory:", isolation_level=None))
    connection.execute("CREATE TABLE t (a INTEGER)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES (2)")

    assert [reported.autocommit for reported in tracers[0].reported] == [True, True, False, False]


@pytest.mark.parametrize("on", ["connection", "cursor"])
def test_script_commits_what_was_pending(on: str, tracers: Tracers) -> None:
    connection = instrument_connection(sqlite3.connect(":memory:"))
    connection.execute("CREATE TABLE t (a INTEGER)")
    connection.execute("INSERT INTO t VALUES (1)")
    target = connection if on == "connection" else connection.cursor()
    target.executescript("CREATE TABLE u (b INTEGER); INSERT INTO u SELECT a FROM t;")
    connection.rollback()

    assert tracers[0].kept == [
        "CREATE TABLE t (a INTEGER)",
        "INSERT INTO t VALUES (1)",
        "CREATE TABLE u (b INTEGER); INSERT INTO u SELECT a FROM t;",
    ]


class WithoutFactory(sqlite3.Connection):
    def cursor(self) -> sqlite3.Cursor:  # type: ignore[override]
        return super().cursor()


@pytest.mark.parametrize("factory", [sqlite3.Connection, WithoutFactory])
def test_each_cursor_of_a_connection_is_traced_and_the_drivers_own(
    factory: type[sqlite3.Connection], tracers: Tracers
) -> None:
    connection = instrument_connection(sqlite3.connect(":memory:", factory=factory))
    connection.row_factory = sqlite3.Row
    for number in range(3):
        cursor = connection.cursor()
        rows = cursor.execute(f"SELECT {number} AS n").fetchall()
        assert [type(cursor), cursor.connection] == [sqlite3.Cursor, connection]
        assert [(type(row), row["n"]) for row in rows] == [(sqlite3.Row, number)]
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.cursor()

    assert tracers[0].kept == [f"SELECT {number} AS n" for number in range(3)]


def test_failed_script_is_not_reported(tracers: Tracers) -> None:
    connection = instrument_connection(sqlite3.connect(":memory:"))
    with pytest.raises(sqlite3.OperationalError, match="missing"):
        connection.executescript("SELECT * FROM missing;")

    assert tracers[0].statements == []


def test_row_factory_of_the_user_stays(tracers: Tracers) -> None:
    own = sqlite3.connect(":memory:")
    own.row_factory = sqlite3.Row
    connection = instrument_connection(own)

    assert connection.execute("SELECT 1 AS one").fetchone()["one"] == 1


class Loud(sqlite3.Connection):
    """A user's class of connections that fails on calls which are not the user's."""

    def cursor(self, *_: object) -> sqlite3.Cursor:  # type: ignore[override]
        raise AssertionError("only the user asks this for a cursor")


def test_users_connection_class_sees_no_calls_of_ours(tracers: Tracers, tmp_path: Path) -> None:
    connection = instrument_connection(sqlite3.connect(tmp_path / "loud.db", factory=Loud))
    connection.execute("CREATE TABLE t (a INTEGER)")

    assert tracers[0].store == sqlite.file_store(str(tmp_path / "loud.db"))


def test_connection_with_any_text_factory_is_traced(tracers: Tracers, tmp_path: Path) -> None:
    own = sqlite3.connect(tmp_path / "bytes.db")
    texts: list[bytes] = []
    own.text_factory = texts.append
    instrument_connection(own).execute("CREATE TABLE t (a INTEGER)")

    assert tracers[0].store == sqlite.file_store(str(tmp_path / "bytes.db"))
    assert texts == []


def test_every_path_to_a_file_is_one_store(tracers: Tracers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.db").symlink_to(tmp_path / "shop.db")
    for path in ("shop.db", "./shop.db", str(tmp_path / "shop.db"), "link.db"):
        instrument_connection(sqlite3.connect(path)).close()
    instrument_connection(sqlite3.connect(f"file:{tmp_path}/shop.db?mode=rwc", uri=True)).close()
    for url in ("sqlite:///shop.db", f"sqlite:///{tmp_path}/shop.db", "sqlite:///file:shop.db?uri=true"):
        engine = sa.create_engine(url)
        trace_engine(engine)
        engine.connect().close()

    assert {tracer.store.namespace for tracer in tracers} == {f"sqlite://{tmp_path}/shop.db"}
    assert len(tracers) == 8


def test_databases_in_memory_are_each_their_own(tracers: Tracers) -> None:
    for _ in range(2):
        instrument_connection(sqlite3.connect(":memory:"))

    one, other = tracers
    assert one.store.namespace.startswith("sqlite://memory/")
    assert one.store != other.store
    assert one.lookup is None


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/data/shop.db", "/data/shop.db"),
        (":memory:", ""),
        ("", ""),
        ("file:/data/shop.db?mode=ro", "/data/shop.db"),
        ("file:///data/my%20shop.db", "/data/my shop.db"),
        ("file:shared?mode=memory&cache=shared", ""),
    ],
)
def test_file_in_the_argument_of_connect(name: str, path: str) -> None:
    assert sqlite.url_path(name) == path


def test_columns_are_looked_up_read_only_while_others_write(tracers: Tracers, tmp_path: Path) -> None:
    path = tmp_path / "my shop.db"
    connection = instrument_connection(sqlite3.connect(path))
    connection.execute("CREATE TABLE t (a INTEGER, b)")
    connection.execute("INSERT INTO t VALUES (1, 2)")  # holds the write lock

    assert tracers[0].lookup([("t",), ("main", "t"), ("missing",)]) == {
        ("t",): {"a": "INTEGER", "b": ""},
        ("main", "t"): {"a": "INTEGER", "b": ""},
    }


def test_look_up_does_not_create_a_deleted_file(tracers: Tracers, tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    instrument_connection(sqlite3.connect(path)).close()
    path.unlink()

    assert tracers[0].lookup([("t",)]) == {}  # a normal end of a database of the run's own: no failure
    assert not path.exists()


SHARED = "file:shop?mode=memory&cache=shared"


def test_database_in_memory_that_connections_share_is_one_store_by_its_url(tracers: Tracers) -> None:
    engine = sa.create_engine(f"sqlite:///{SHARED}&uri=true")
    trace_engine(engine)
    with engine.connect(), instrument_connection(sqlite3.connect(SHARED, uri=True), url=f"sqlite:///{SHARED}"):
        instrument_connection(sqlite3.connect(":memory:"))

    one, same, other = (tracer.store.namespace for tracer in tracers)
    assert one == same == f"sqlite://memory/{process_token()}.shop"
    assert other != one


def test_shared_database_in_memory_is_another_one_in_a_forked_process() -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, sqlite.file_store("", "shop").namespace.encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reader, 200).decode() not in ("", sqlite.file_store("", "shop").namespace)


def test_dump_reads_the_tables_that_it_writes(tracers: Tracers) -> None:
    connection = instrument_connection(sqlite3.connect(":memory:"))
    connection.execute("CREATE TABLE t (a INTEGER)")
    connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    assert len(list(connection.iterdump())) == 5

    assert [reported.rows for reported in tracers[0].reported[2:] if 'FROM "t"' in reported.sql] == [2]


def test_views_are_distinguished_from_tables_and_attached_ones_are_left_out(tracers: Tracers, tmp_path: Path) -> None:
    connection = instrument_connection(sqlite3.connect(tmp_path / "shop.db"))
    connection.executescript("CREATE TABLE t (a INTEGER); CREATE VIEW v AS SELECT a FROM t;")
    found = tracers[0].lookup([("t",), ("V",), ("other", "t")])

    assert {table: described.kind for table, described in found.items()} == {("t",): "table", ("V",): "view"}


class Modern:
    """A connection of Python 3.12 or later that was opened with `autocommit=...`."""

    def __init__(self, *, autocommit: bool) -> None:
        self.autocommit = autocommit


@pytest.mark.parametrize(("autocommit", "commits"), [(True, False), (False, True)])
def test_block_ends_a_transaction_unless_autocommit_is_on(autocommit: bool, commits: bool) -> None:
    assert sqlite.commits_on_exit(Modern(autocommit=autocommit)) is commits


def test_rows_are_counted_without_a_reference_to_the_cursor(tracers: Tracers) -> None:
    connection = instrument_connection(sqlite3.connect(":memory:"))

    assert [a for (a,) in connection.execute("VALUES (1), (2)")] == [1, 2]
    for _ in connection.execute("VALUES (3), (4), (5)"):
        break

    assert [reported.rows for reported in tracers[0].reported] == [2, 1]
