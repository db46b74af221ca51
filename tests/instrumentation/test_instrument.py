"""`instrument()`, `uninstrument()` and `instrument_connection()`: the plain connectors, switched on and off."""

from __future__ import annotations

import inspect
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect_sqlalchemy import SqlAlchemyConnector

from prefect_lineage_events import SqlAlchemyLineage, instrument, instrument_connection, uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer, tracers

__all__ = ["tracers"]
Tracers = list[RecordingTracer]


@pytest.fixture(autouse=True)
def switched_off_again() -> Iterator[None]:
    yield
    uninstrument()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/shop.db"


def test_plain_connector_is_not_captured(url: str, tracers: Tracers) -> None:
    with SqlAlchemyConnector(connection_info=url) as database:
        database.execute("CREATE TABLE t (a INTEGER)")

    assert tracers == []


def test_instrumented_connector_is_captured(url: str, tracers: Tracers) -> None:
    instrument()
    with SqlAlchemyConnector(connection_info=url) as database:
        database.execute("CREATE TABLE t (a INTEGER)")

    assert tracers[0].kept == ["CREATE TABLE t (a INTEGER)"]


def test_instrumenting_twice_reports_once(url: str, tracers: Tracers) -> None:
    instrument()
    instrument()
    with SqlAlchemyConnector(connection_info=url) as database:
        database.execute("CREATE TABLE t (a INTEGER)")

    assert [sql for tracer in tracers for sql in tracer.statements] == ["CREATE TABLE t (a INTEGER)"]


def test_uninstrument_leaves_the_class_as_it_was(url: str, tracers: Tracers) -> None:
    before = vars(SqlAlchemyConnector)["get_engine"]
    instrument()
    assert vars(SqlAlchemyConnector)["get_engine"] is not before
    uninstrument()

    assert vars(SqlAlchemyConnector)["get_engine"] is before
    with SqlAlchemyConnector(connection_info=url) as database:
        database.execute("CREATE TABLE t (a INTEGER)")
    assert tracers == []


def test_uninstrument_lets_go_of_engines_in_use(url: str, tracers: Tracers) -> None:
    instrument()
    with SqlAlchemyConnector(connection_info=url) as database, SqlAlchemyLineage(connection_info=url) as lineage:
        database.execute("CREATE TABLE t (a INTEGER)")
        lineage.execute("CREATE TABLE u (a INTEGER)")
        uninstrument()
        database.execute("INSERT INTO t VALUES (1)")
        lineage.execute("INSERT INTO u VALUES (1)")

    told = [sql for tracer in tracers for sql in tracer.statements]
    assert told == ["CREATE TABLE t (a INTEGER)", "CREATE TABLE u (a INTEGER)", "INSERT INTO u VALUES (1)"]


def test_switching_on_again_works(url: str, tracers: Tracers) -> None:
    instrument()
    uninstrument()
    instrument()
    with SqlAlchemyConnector(connection_info=url) as database:
        database.execute("CREATE TABLE t (a INTEGER)")

    assert len(tracers) == 1


def test_class_name_repr_and_signature_are_unchanged(url: str) -> None:
    plain = repr(SqlAlchemyConnector(connection_info=url))
    signature = inspect.signature(SqlAlchemyConnector.get_engine)
    instrument()

    assert repr(SqlAlchemyConnector(connection_info=url)) == plain
    assert inspect.signature(SqlAlchemyConnector.get_engine) == signature
    assert SqlAlchemyConnector.get_engine.__qualname__ == "SqlAlchemyConnector.get_engine"


def test_users_subclass_is_captured(url: str, tracers: Tracers) -> None:
    instrument()

    class Warehouse(SqlAlchemyConnector):
        _block_type_slug = "test-warehouse"

    with Warehouse(connection_info=url) as database:
        database.execute("CREATE TABLE t (a INTEGER)")

    assert len(tracers[0].statements) == 1


def test_connectors_are_not_imported_for_it_and_are_patched_when_they_are() -> None:
    program = (
        "import sys\n"
        "from prefect_lineage_events import instrument\n"
        "instrument()\n"
        "assert 'prefect_sqlalchemy' not in sys.modules\n"
        "from prefect_sqlalchemy import SqlAlchemyConnector\n"
        "import wrapt\n"
        "assert isinstance(vars(SqlAlchemyConnector)['get_engine'], wrapt.FunctionWrapper)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_own_connection_is_captured_and_stays_what_it_is(tracers: Tracers) -> None:
    own = sqlite3.connect(":memory:")
    connection = instrument_connection(own)

    assert isinstance(connection, sqlite3.Connection)
    assert repr(connection) == repr(own)
    assert connection is own
    assert instrument_connection(connection) is connection
    with connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    assert list(connection.execute("SELECT a FROM t")) == [(1,), (2,)]
    assert [(reported.sql.split()[0], reported.rows) for reported in tracers[0].reported] == [
        ("CREATE", None),
        ("INSERT", 2),
        ("SELECT", 2),
    ]
    assert len(tracers[0].kept) == 3


def test_errors_are_the_drivers_and_end_in_the_users_line(tracers: Tracers) -> None:
    connection = instrument_connection(sqlite3.connect(":memory:"))
    with pytest.raises(sqlite3.OperationalError, match="no such table: missing") as caught:
        connection.cursor().execute("SELECT * FROM missing")

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "SELECT * FROM missing" in "".join(traceback.format_exception(caught.value))
    assert tracers[0].statements == []


def test_other_objects_are_refused_with_the_reason() -> None:
    with pytest.raises(TypeError, match=r"builtins.dict cannot be instrumented: .* sqlite3, psycopg"):
        instrument_connection({})
