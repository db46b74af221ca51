"""DuckDB's connections that a program opens, and its functions without a connection."""

from __future__ import annotations

import gc
import inspect
import pickle
import sys
import types
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import cloudpickle
import duckdb
import pandas as pd
import polars as pl
import pytest
import sqlalchemy as sa
from duckdb import connect, sql
from duckdb_engine._supports import has_comment_support
from duckdb_engine.config import get_core_config

from prefect_lineage_events import instrument, instrument_connection, stores, uninstrument
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy
from tests.instrumentation.opened.conftest import Tracers, statements

pytestmark = pytest.mark.usefixtures("instrumented")
CREATE = "CREATE TABLE t (a INTEGER)"


@pytest.fixture(autouse=True)
def empty_default_connection() -> Iterator[None]:
    yield
    uninstrument()
    duckdb.execute("DROP TABLE IF EXISTS t")
    duckdb.execute("DROP TABLE IF EXISTS u")


@pytest.mark.parametrize("opener", [duckdb.connect, connect], ids=["module", "name"])
def test_connection_is_captured(opener: Any, tmp_path: Path, tracers: Tracers) -> None:
    # The name of this module is replaced as well.
    opens = duckdb.connect if opener is duckdb.connect else sys.modules[__name__].connect  # type: ignore[attr-defined]
    file = tmp_path / "shop.duckdb"
    with opens(file) as connection:
        connection.execute(CREATE)
        connection.cursor().execute("INSERT INTO t VALUES (1), (2)")
        assert connection.sql("SELECT a FROM t").fetchall() == [(1,), (2,)]
        assert isinstance(connection, duckdb.DuckDBPyConnection)
    assert statements(tracers) == [CREATE, "SELECT a FROM t", "INSERT INTO t VALUES (1), (2)"]
    assert tracers[0].store == stores.duckdb(str(file))


def test_connect_with_keywords_is_captured(tmp_path: Path, tracers: Tracers) -> None:
    file = str(tmp_path / "shop.duckdb")
    with duckdb.connect(database=file, read_only=False, config={"threads": 1}) as connection:
        connection.execute(CREATE)
    with closing(duckdb.connect(file, read_only=True)) as connection:
        connection.execute("FROM t")
    assert statements(tracers) == [CREATE, "FROM t"]


@pytest.mark.parametrize(
    ("database", "namespace", "is_shared"),
    [
        (":memory:", "duckdb://memory/", False),
        ("", "duckdb://memory/", False),
        (":memory:named", "duckdb://memory/", True),
        ("{}/x.duckdb", "duckdb://{}/x.duckdb", True),
    ],
)
def test_store_is_that_of_the_arguments(
    database: str, namespace: str, is_shared: bool, tmp_path: Path, tracers: Tracers
) -> None:
    for given in (database.format(tmp_path), database.format(tmp_path)):
        duckdb.connect(given).close()
    first, second = (tracer.store for tracer in tracers)
    assert first.schema == second.schema == "main"
    assert first.namespace.startswith(namespace.format(tmp_path))
    assert (first == second) is is_shared


def test_failed_connect_raises_as_before(tmp_path: Path, tracers: Tracers) -> None:
    with pytest.raises(duckdb.IOException):
        duckdb.connect(tmp_path / "none.duckdb", read_only=True)
    with pytest.raises(TypeError):
        duckdb.connect(no_such_argument=1)
    assert tracers == []


def test_functions_of_the_module_are_captured(tmp_path: Path, tracers: Tracers) -> None:
    (tmp_path / "in.csv").write_text("a\n1\n2\n")
    frame = pd.DataFrame({"a": [3]})
    duckdb.execute(CREATE)
    duckdb.sql("INSERT INTO t SELECT * FROM frame")
    duckdb.query(f"CREATE TABLE u AS SELECT * FROM '{tmp_path}/in.csv'")
    assert duckdb.sql("SELECT a FROM t").fetchall() == [(3,)]
    assert len(duckdb.query("SELECT a FROM u").df()) == 2
    assert len(duckdb.read_csv(f"{tmp_path}/in.csv").df()) == 2
    assert duckdb.execute("SELECT max(a) FROM u").fetchone() == (2,)
    assert len(frame) == 1

    (tracer,) = (tracer for tracer in tracers if tracer.statements)
    assert [sql.split(" ")[0] for sql in tracer.statements] == [
        "CREATE", "INSERT", "CREATE", "SELECT", "SELECT", "SELECT", "SELECT"
    ]  # fmt: skip


def test_function_imported_before_switch_on_is_captured(tracers: Tracers) -> None:
    assert sys.modules[__name__].sql is not vars(duckdb)["connect"]  # type: ignore[attr-defined]
    sql(CREATE)
    assert statements(tracers) == [CREATE]


def test_default_connection_has_one_proxy(tracers: Tracers) -> None:
    connection = duckdb.default_connection()
    assert isinstance(connection, ConnectionProxy)
    assert duckdb.connect(":default:") is connection is duckdb.default_connection()
    connection.execute(CREATE)
    duckdb.sql("INSERT INTO t VALUES (1)")
    assert [tracer.statements for tracer in tracers] == [[CREATE, "INSERT INTO t VALUES (1)"]]


def test_default_connection_is_opened_by_its_first_use() -> None:
    program = (
        "import sys, threading\n"
        "from prefect_lineage_events import instrument\n"
        "import duckdb\n"
        "opened = []\n"
        "own = duckdb.default_connection\n"
        "duckdb.default_connection = lambda: opened.append(1) or own()\n"
        "instrument('databases')\n"
        "assert not opened, opened\n"
        "duckdb.sql('CREATE TABLE t (a INTEGER)')\n"
        "assert opened\n"
    )
    import subprocess

    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_set_default_connection_is_followed(tracers: Tracers) -> None:
    before = duckdb.default_connection()
    other = duckdb.connect()
    try:
        duckdb.set_default_connection(other)
        duckdb.sql(CREATE)
        assert other.sql("SELECT count(*) FROM t").fetchall() == [(0,)]
    finally:
        duckdb.set_default_connection(before)
    assert statements(tracers) == [CREATE, "SELECT count(*) FROM t"]


def test_functions_take_a_connection(tracers: Tracers) -> None:
    connection = duckdb.connect()
    duckdb.execute(CREATE, connection=connection)
    assert duckdb.sql("SELECT a FROM t", connection=connection).fetchall() == []
    assert duckdb.get_table_names("SELECT * FROM t", connection=connection) == {"t"}
    assert statements(tracers) == [CREATE, "SELECT a FROM t"]


def test_libraries_that_take_a_connection_are_captured_once(tracers: Tracers) -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    assert len(pl.read_database("SELECT a FROM t", connection)) == 1
    assert len(pd.read_sql("SELECT a AS b FROM t", connection)) == 1
    texts = statements(tracers)
    assert (texts.count("SELECT a FROM t"), texts.count("SELECT a AS b FROM t")) == (1, 1)


def test_engine_is_captured_once(tmp_path: Path, tracers: Tracers) -> None:
    engine = sa.create_engine(f"duckdb:///{tmp_path}/shop.duckdb")
    with engine.begin() as connection:
        connection.execute(sa.text(CREATE))
    engine.dispose()
    assert statements(tracers).count(CREATE) == 1


def test_given_to_instrument_connection_it_is_captured_once(tracers: Tracers) -> None:
    connection = instrument_connection(duckdb.connect())
    connection.execute(CREATE)
    assert statements(tracers) == [CREATE]


def test_file_is_free_once_the_connection_is_collected(tmp_path: Path) -> None:
    file = str(tmp_path / "shop.duckdb")

    def use() -> None:
        duckdb.connect(file).execute(CREATE)

    use()
    gc.collect()
    duckdb.connect(file, config={"threads": 1}).close()  # refused while it is open with another configuration


def test_file_is_free_once_its_variable_is_replaced(tmp_path: Path) -> None:
    file = str(tmp_path / "shop.duckdb")
    frame = pd.DataFrame({"a": [1]})
    connection: Any = duckdb.connect(file)
    connection.execute("CREATE TABLE t AS SELECT * FROM frame")
    connection.sql("SELECT * FROM t").fetchall()
    connection = len(frame)
    gc.collect()
    connection = duckdb.connect(file, read_only=True)
    assert connection.sql("SELECT a FROM t").fetchall() == [(1,)]


def test_uninstrument_restores_the_module(tracers: Tracers) -> None:
    duckdb.sql(CREATE)
    uninstrument()
    for name in ("connect", "sql", "execute", "default_connection", "get_table_names"):
        assert type(vars(duckdb)[name]).__module__ in ("nanobind", "builtins"), name
    assert type(sys.modules[__name__].sql) is types.FunctionType  # type: ignore[attr-defined]
    duckdb.sql("INSERT INTO t VALUES (1)")
    assert type(duckdb.connect()) is duckdb.DuckDBPyConnection
    assert statements(tracers) == [CREATE]
    instrument("databases")
    duckdb.sql("DELETE FROM t")
    assert statements(tracers) == [CREATE, "DELETE FROM t"]


def test_functions_keep_their_signatures() -> None:
    uninstrument()
    own = inspect.signature(duckdb.sql)
    instrument("databases")
    assert inspect.signature(duckdb.sql) == own


PICKLED = ["sql", "query", "read_csv", "from_csv_auto", "read_parquet", "from_df", "connect", "default_connection"]


@pytest.mark.parametrize("name", PICKLED)
@pytest.mark.parametrize("pickling", [pickle, cloudpickle], ids=lambda module: module.__name__)
def test_function_of_the_module_is_pickled_by_name(name: str, pickling: Any) -> None:
    function = getattr(duckdb, name)
    pickled = pickling.dumps(function)
    assert len(pickled) < 100
    assert pickling.loads(pickled) is function


def test_databases_that_duckdb_engine_opens_for_itself_are_not_reported(tracers: Tracers) -> None:
    assert has_comment_support()
    assert "threads" in get_core_config.__wrapped__()
    assert statements(tracers) == []
    with duckdb.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (i INTEGER);")
    assert statements(tracers) == ["CREATE TABLE t (i INTEGER);"]
