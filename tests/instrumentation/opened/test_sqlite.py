"""SQLite's connections that a program opens by sqlite3 and aiosqlite."""

from __future__ import annotations

import asyncio
import inspect
import os
import pickle
import sqlite3
import subprocess
import sys
import types
from contextlib import closing
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from prefect.context import FlowRunContext

from prefect_lineage_events import instrument, instrument_connection, stores, uninstrument
from prefect_lineage_events.context import run as runs
from prefect_lineage_events.context.process import process_token
from prefect_lineage_events.instrumentation.opening import left_alone
from prefect_lineage_events.instrumentation.tracer import connection as real_tracer
from tests.instrumentation.opened.conftest import Tracers, statements

pytestmark = pytest.mark.usefixtures("instrumented")
CREATE = "CREATE TABLE t (a INTEGER)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


def test_connection_is_captured(file: Path, tracers: Tracers) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(CREATE)
        cursor = connection.cursor()
        cursor.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        assert cursor.execute("SELECT a FROM t").fetchall() == [(1,)]

    assert tracers[0].kept == [CREATE, "INSERT INTO t VALUES (1)", "SELECT a FROM t"]
    assert tracers[0].reported[-1].rows == 1
    assert tracers[0].store == stores.sqlite(str(file))


def test_other_name_of_the_module_is_captured(tracers: Tracers) -> None:
    with closing(sqlite3.dbapi2.connect(":memory:")) as connection:
        connection.execute(CREATE)
    assert statements(tracers) == [CREATE]


def test_name_imported_before_switch_on_is_captured(tracers: Tracers) -> None:
    uninstrument()
    program: Any = types.ModuleType("program_of_the_user")
    exec("from sqlite3 import connect as opens", program.__dict__)
    own = program.opens
    sys.modules["program_of_the_user"] = program
    try:
        instrument("databases")
        with closing(program.opens(":memory:")) as connection:
            connection.execute(CREATE)
        uninstrument()
        assert program.opens is own
    finally:
        del sys.modules["program_of_the_user"]
    assert statements(tracers) == [CREATE]


@pytest.mark.parametrize(
    ("database", "uri", "path"),
    [
        ("{}", False, "{}"),
        ("file:{}?mode=rwc", True, "{}"),
        ("file://{}", True, "{}"),
        ("file:odd.db?mode=rwc", False, "file:odd.db?mode=rwc"),
    ],
)
def test_store_is_the_file_in_the_arguments(
    database: str, uri: bool, path: str, file: Path, tracers: Tracers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    sqlite3.connect(database.format(file), uri=uri).close()
    assert tracers[0].store == stores.sqlite(path.format(file))


@pytest.mark.parametrize("form", [str, os.fsencode, Path])
def test_path_of_any_type_is_captured(form: Any, file: Path, tracers: Tracers) -> None:
    sqlite3.connect(database=form(file)).close()
    assert tracers[0].store == stores.sqlite(str(file))


def test_shared_database_in_memory_has_one_store(tracers: Tracers) -> None:
    for name in ("file:shop?mode=memory&cache=shared", "file:/shop?vfs=memdb"):
        with closing(sqlite3.connect(name, uri=True)), closing(sqlite3.connect(name, uri=True)):
            pass
    shared, again, memdb, memdb_again = (tracer.store for tracer in tracers)
    assert shared == again == stores.sqlite("", f"{process_token()}.shop")
    assert memdb == memdb_again == stores.sqlite("", f"{process_token()}./shop")


def test_opening_waits_for_no_lock(file: Path, tracers: Tracers) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute(CREATE)
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        with closing(sqlite3.connect(file, timeout=3600)):
            assert len(tracers) == 2


def test_failed_connect_raises_as_before(tracers: Tracers) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        sqlite3.connect("/no/such/folder/x.db")
    with pytest.raises(TypeError):
        sqlite3.connect()  # type: ignore[call-overload]
    assert tracers == []


class Shop(sqlite3.Connection):
    def count(self) -> int:
        return int(self.execute("SELECT count(*) FROM t").fetchone()[0])


def test_factory_is_captured(tracers: Tracers) -> None:
    with closing(sqlite3.connect(":memory:", factory=Shop)) as connection:
        connection.execute(CREATE)
        assert (connection.count(), type(connection) == Shop, connection.__class__) == (0, True, Shop)  # noqa: E721
    assert statements(tracers) == [CREATE, "SELECT count(*) FROM t"]


def test_isolation_level_is_respected(tracers: Tracers) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(CREATE)
        connection.execute("INSERT INTO t VALUES (1)")
    assert tracers[0].kept == [CREATE, "INSERT INTO t VALUES (1)"]


def test_given_to_instrument_connection_it_is_captured_once(tracers: Tracers) -> None:
    with closing(instrument_connection(sqlite3.connect(":memory:"))) as connection:
        connection.execute(CREATE)
    assert statements(tracers) == [CREATE]


def test_given_to_instrument_connection_after_uninstrument_it_is_captured(tracers: Tracers) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        uninstrument()
        assert tracers[0].is_muted
        assert instrument_connection(connection) is connection
        assert not tracers[0].is_muted


def test_url_given_to_instrument_connection_decides_the_store(file: Path, tracers: Tracers) -> None:
    connection = instrument_connection(sqlite3.connect(":memory:"), url=f"sqlite:///{file}")
    with closing(connection):
        connection.execute(CREATE)
    assert [tracer.store for tracer in tracers if tracer.statements] == [stores.sqlite(str(file))]


def test_function_is_the_drivers_own_to_other_code() -> None:
    assert inspect.isbuiltin(sqlite3.connect)
    assert pickle.loads(pickle.dumps(sqlite3.connect)) is sqlite3.connect
    assert repr(sqlite3.connect(":memory:")).startswith("<sqlite3.Connection object at")


def test_connection_opened_after_uninstrument_is_plain(tracers: Tracers) -> None:
    connect = sqlite3.connect
    uninstrument()
    assert type(sqlite3.connect) is types.BuiltinFunctionType
    for opens in (sqlite3.connect, connect):
        with closing(opens(":memory:")) as connection:
            connection.execute(CREATE)
            assert type(connection) is sqlite3.Connection
    assert tracers == []


def test_open_connection_is_not_reported_after_uninstrument(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect_lineage_events.instrumentation import proxies, tracer
    from tests.emission.conftest import make_run

    noted: list[str] = []
    monkeypatch.setattr(proxies.tracing, "connection", real_tracer)
    monkeypatch.setattr(tracer.worker, "put", lambda note: noted.append(getattr(note, "sql", "")) or True)
    monkeypatch.setattr(tracer, "current_run", lambda _=None: make_run())
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(CREATE)
        uninstrument()
        connection.execute("INSERT INTO t VALUES (1)")
        instrument("databases")
        connection.execute("DELETE FROM t")
    assert [sql for sql in noted if sql] == [CREATE, "DELETE FROM t"]


def test_connection_of_code_that_traces_its_own_is_left_alone(tracers: Tracers) -> None:
    with left_alone(), closing(sqlite3.connect(":memory:")) as connection:
        assert type(connection) is sqlite3.Connection


def test_connection_of_prefects_server_is_left_alone(tracers: Tracers) -> None:
    import prefect.server

    assert prefect.server
    scope: dict[str, Any] = {"__name__": "prefect.server.utilities.anything"}
    exec("import sqlite3\ndef opens(): return sqlite3.connect(':memory:')", scope)
    with closing(scope["opens"]()) as connection:
        assert type(connection) is sqlite3.Connection
    assert tracers == []


async def test_aiosqlite_is_captured(file: Path, tracers: Tracers) -> None:
    async with aiosqlite.connect(file) as connection:
        await connection.execute(CREATE)
        await connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        await connection.commit()
        async with connection.execute("SELECT a FROM t") as cursor:
            assert [row async for row in cursor] == [(1,), (2,)]
        assert await connection.execute_fetchall("SELECT a FROM t WHERE a > 1") == [(2,)]

    assert tracers[0].kept[:2] == [CREATE, "INSERT INTO t VALUES (?)"]
    assert [reported.rows for reported in tracers[0].reported[2:]] == [2, 1]
    assert tracers[0].store == stores.sqlite(str(file))


async def test_aiosqlite_imported_by_name_is_captured(tracers: Tracers) -> None:
    connect = aiosqlite.connect
    async with connect(":memory:") as connection:
        await connection.execute(CREATE)
    assert statements(tracers) == [CREATE]


async def test_aiosqlite_of_code_that_traces_its_own_is_left_alone(tracers: Tracers) -> None:
    with left_alone():
        connection = aiosqlite.connect(":memory:")
    async with connection:
        await connection.execute(CREATE)
    assert tracers == []


async def test_aiosqlite_works_for_the_run_that_awaits_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection is used by several runs in turn: its thread was started by the first one."""
    from prefect_lineage_events.instrumentation import proxies, tracer
    from tests.emission.conftest import make_run

    found: list[Any] = []
    monkeypatch.setattr(proxies.tracing, "connection", real_tracer)
    monkeypatch.setattr(tracer.worker, "put", lambda _: True)
    by_task = {name: make_run(task=name) for name in ("first", "second")}
    monkeypatch.setattr(runs, "_starting_run", lambda: by_task[asyncio.current_task().get_name()])  # type: ignore[union-attr]
    monkeypatch.setattr(runs.Run, "is_running", lambda _: True)
    assert FlowRunContext.get() is None

    async with aiosqlite.connect(":memory:") as connection:
        await connection.create_function("seen", 0, lambda: found.append(runs.current_run()))
        for name in by_task:
            await asyncio.create_task(connection.execute("SELECT seen()"), name=name)
    assert found == list(by_task.values())


def test_no_driver_is_imported_for_it() -> None:
    program = (
        "import sys, prefect.flow_engine\n"
        "before = set(sys.modules)\n"
        "from prefect_lineage_events import instrument\n"
        "instrument('databases')\n"
        "names = {'sqlite3', 'sqlalchemy', 'duckdb', 'psycopg', 'psycopg2', 'asyncpg', 'connectorx', 'polars', 'pandas'}\n"
        "assert not names & (set(sys.modules) - before), names & (set(sys.modules) - before)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
