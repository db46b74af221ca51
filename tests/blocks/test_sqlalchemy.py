"""`SqlAlchemyLineage` and its async twin: drop-ins for the official connectors that report."""

from __future__ import annotations

import copy
import inspect
import pickle
import sqlite3
from pathlib import Path
from types import ModuleType

import cloudpickle
import pytest
import sqlalchemy as sa
from prefect_sqlalchemy import AsyncSqlAlchemyConnector, ConnectionComponents, SqlAlchemyConnector, SyncDriver

from prefect_lineage_events import AsyncSqlAlchemyLineage, SqlAlchemyLineage, filters
from tests.instrumentation.drivers.conftest import RecordingTracer

Tracers = list[RecordingTracer]


@pytest.fixture
def block(tmp_path: Path) -> SqlAlchemyLineage:
    block = SqlAlchemyLineage(connection_info=f"sqlite:///{tmp_path}/shop.db")
    block.execute("CREATE TABLE t (a INTEGER, b TEXT)")
    block.execute_many("INSERT INTO t VALUES (:a, :b)", [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    return block


@pytest.fixture
async def async_block(tmp_path: Path) -> AsyncSqlAlchemyLineage:
    block = AsyncSqlAlchemyLineage(connection_info=f"sqlite+aiosqlite:///{tmp_path}/shop.db")
    await block.execute("CREATE TABLE t (a INTEGER)")
    await block.execute_many("INSERT INTO t VALUES (:a)", [{"a": 1}, {"a": 2}])
    return block


def test_every_inherited_method_is_seen(tracers: Tracers, block: SqlAlchemyLineage) -> None:
    with block:
        assert block.fetch_one("SELECT a FROM t ORDER BY a") == (1,)
        assert block.fetch_many("SELECT b FROM t ORDER BY b", size=5) == [("x",), ("y",)]
        assert len(block.fetch_all("SELECT * FROM t")) == 2

    kept = [sql for tracer in tracers for sql in tracer.kept]
    assert kept[:2] == ["CREATE TABLE t (a INTEGER, b TEXT)", "INSERT INTO t VALUES (?, ?)"]
    read = {
        reported.sql: reported.rows
        for tracer in tracers
        for reported in tracer.reported
        if reported.sql.startswith("SELECT")
    }
    assert read == {"SELECT a FROM t ORDER BY a": 1, "SELECT b FROM t ORDER BY b": 2, "SELECT * FROM t": 2}


def test_repeated_fetch_continues_and_is_reported_once(tracers: Tracers, block: SqlAlchemyLineage) -> None:
    with block:
        assert block.fetch_one("SELECT a FROM t ORDER BY a") == (1,)
        assert block.fetch_one("SELECT a FROM t ORDER BY a") == (2,)

    assert [sql for tracer in tracers for sql in tracer.statements].count("SELECT a FROM t ORDER BY a") == 1


def test_run_query_returns_rows_and_commits(tracers: Tracers, block: SqlAlchemyLineage) -> None:
    assert block.run_query("INSERT INTO t VALUES (:a, :b)", {"a": 3, "b": "z"}) == []
    assert block.run_query("SELECT a, b FROM t WHERE a = :a", {"a": 3}) == [(3, "z")]

    assert [sql for tracer in tracers for sql in tracer.kept].count("INSERT INTO t VALUES (?, ?)") == 2


async def test_arun_query_returns_the_same(tracers: Tracers, block: SqlAlchemyLineage) -> None:
    assert await block.arun_query("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


async def test_async_block_is_seen(tracers: Tracers, async_block: AsyncSqlAlchemyLineage) -> None:
    async with async_block:
        assert await async_block.run_query("SELECT a FROM t ORDER BY a") == [(1,), (2,)]
        assert await async_block.arun_query("INSERT INTO t VALUES (:a)", {"a": 3}) == []
        assert await async_block.fetch_all("SELECT * FROM t") == [(1,), (2,), (3,)]

    kept = [sql for tracer in tracers for sql in tracer.kept]
    assert kept.count("INSERT INTO t VALUES (?)") == 2
    assert "SELECT a FROM t ORDER BY a" in [sql for tracer in tracers for sql in tracer.statements]


def test_engine_and_connections_are_seen(tracers: Tracers, block: SqlAlchemyLineage) -> None:
    with block.get_client("engine").connect() as connection:
        connection.execute(sa.text("SELECT 1 AS engine"))
    with block.get_client("connection") as connection:
        connection.execute(sa.text("SELECT 1 AS client"))
    with block.get_connection(begin=False) as connection:
        connection.execute(sa.text("SELECT 1 AS plain"))

    told = [sql for tracer in tracers for sql in tracer.statements if " AS " in sql]
    assert told == ["SELECT 1 AS engine", "SELECT 1 AS client", "SELECT 1 AS plain"]


@pytest.mark.parametrize(
    ("lineage", "official"),
    [(SqlAlchemyLineage, SqlAlchemyConnector), (AsyncSqlAlchemyLineage, AsyncSqlAlchemyConnector)],
)
def test_blocks_are_drop_ins(lineage: type, official: type) -> None:
    assert issubclass(lineage, official)
    assert set(official.model_fields) == set(lineage.model_fields)
    for name in ("execute", "execute_many", "fetch_one", "fetch_many", "fetch_all", "get_connection", "get_client"):
        assert inspect.signature(getattr(lineage, name)) == inspect.signature(getattr(official, name))
    assert list(inspect.signature(lineage.get_engine).parameters) == list(
        inspect.signature(official.get_engine).parameters
    )


@pytest.mark.parametrize("lineage", [SqlAlchemyLineage, AsyncSqlAlchemyLineage])
def test_block_type_is_one_of_its_own(lineage: type[SqlAlchemyLineage]) -> None:
    assert lineage.get_block_type_slug() == {"SqlAlchemyLineage": "sqlalchemy-lineage"}.get(
        lineage.__name__, "async-sqlalchemy-lineage"
    )
    assert lineage.get_description()
    assert "SqlAlchemyLineage.load" in (lineage.get_code_example() or "") or "aload" in (
        lineage.get_code_example() or ""
    )
    assert lineage._logo_url
    assert str(lineage._documentation_url).startswith("https://")


def test_components_are_accepted_as_in_the_official_block(tmp_path: Path) -> None:
    components = ConnectionComponents(driver=SyncDriver.SQLITE_PYSQLITE, database=str(tmp_path / "shop.db"))
    with SqlAlchemyLineage(connection_info=components) as block:
        assert block.run_query("SELECT 1") == [(1,)]


def test_async_driver_is_refused_as_in_the_official_block(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="async driver"):
        SqlAlchemyLineage(connection_info=f"sqlite+aiosqlite:///{tmp_path}/shop.db")


def test_switched_off_the_connections_are_the_drivers_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "current", lambda: filters.Policy(enabled=False))
    raw = SqlAlchemyLineage(connection_info=f"sqlite:///{tmp_path}/shop.db").get_engine().raw_connection()

    assert type(raw.dbapi_connection) is sqlite3.Connection
    raw.close()


@pytest.mark.parametrize("lineage", [SqlAlchemyLineage, AsyncSqlAlchemyLineage])
def test_saved_document_and_repr_are_those_of_the_official_block(lineage: type[SqlAlchemyLineage]) -> None:
    official = lineage.__mro__[1]
    url = "sqlite+aiosqlite:///x.db" if "Async" in lineage.__name__ else "sqlite:///x.db"
    ours, theirs = lineage(connection_info=url, fetch_size=3), official(connection_info=url, fetch_size=3)

    assert ours.model_dump(exclude={"block_type_slug"}) == theirs.model_dump(exclude={"block_type_slug"})
    assert repr(ours) == repr(theirs).replace(official.__name__, lineage.__name__)


@pytest.mark.parametrize("module", [pickle, cloudpickle])
def test_pickled_block_comes_back_usable_and_reports(
    module: ModuleType, block: SqlAlchemyLineage, tracers: Tracers
) -> None:
    back = module.loads(module.dumps(block))

    assert type(back) is SqlAlchemyLineage
    assert back.model_dump() == block.model_dump()
    with back:
        assert back.fetch_all("SELECT a FROM t ORDER BY a") == [(1,), (2,)]
    assert tracers[-1].statements == ["SELECT a FROM t ORDER BY a"]


async def test_pickled_async_block_comes_back_usable(async_block: AsyncSqlAlchemyLineage) -> None:
    async with pickle.loads(pickle.dumps(async_block)) as back:
        assert await back.fetch_all("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


def test_copies_are_usable(block: SqlAlchemyLineage) -> None:
    for duplicate in (copy.copy(block), block.model_copy()):
        assert duplicate.run_query("SELECT COUNT(*) FROM t") == [(2,)]
