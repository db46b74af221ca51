"""Patches: nothing on import, everything with the first use, nothing after `uninstrument()`."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from prefect_lineage_events import patches
from prefect_lineage_events.patches import Patch

_FIRST_USES = {
    "record": "record_read('s3://b/k')",
    "record of SQL": "record_sql('SELECT 1', on='sqlite:///x.db')",
    "decorator": "lineage(reads='s3://b/k')(len)",
    "block": "SqlAlchemyLineage(connection_info='sqlite://')",
    "subclass": "type('Files', (LineageBlock,), {'__module__': '__main__', '_block_type_slug': 'patched-files'})",
    "subclass of a connector": "type('Shop', (SqlAlchemyLineage,), {'__module__': '__main__'})",
    "connection": "connection = instrument_connection(sqlite3.connect(':memory:'))",
    "engine": "instrument_connection(sqlalchemy.create_engine('sqlite://'))",
    "duckdb": "connection = instrument_connection(duckdb.default_connection())",
    "instrument": "instrument()",
}
_PROGRAM = """
import gc, json, os, sqlite3, sys, threading
from concurrent.futures.thread import _WorkItem
from multiprocessing.process import BaseProcess
import asyncpg, duckdb, fsspec.asyn, pathlib, posix, shutil, sqlalchemy, tempfile
import pandas, pandas.io.parsers.readers, pyarrow.csv, pyarrow.parquet
import deltalake, deltalake.table, polars, polars.io.csv.functions, pyiceberg.table
import mysql.connector, oracledb, pymysql, snowflake.connector, trino.dbapi
import adbc_driver_sqlite.dbapi, aiosqlite, connectorx, psycopg, psycopg_pool, psycopg2.pool
tempfile.gettempdir()
from botocore.client import BaseClient
from prefect.results import ResultStore
import prefect.flows, prefect.flow_engine
from prefect.context import FlowRunContext, TaskRunContext
from prefect_sqlalchemy import AsyncSqlAlchemyConnector, SqlAlchemyConnector

OBJECTS = [psycopg.Connection, psycopg.AsyncConnection, psycopg_pool.ConnectionPool, psycopg_pool.AsyncConnectionPool,
           psycopg2, psycopg2.pool.SimpleConnectionPool, psycopg2.pool.ThreadedConnectionPool, sqlite3.dbapi2,
           aiosqlite.Connection, adbc_driver_sqlite.dbapi, connectorx, asyncpg.connect_utils, sqlalchemy.Engine,
           threading.Thread, threading, _WorkItem, BaseProcess, os, FlowRunContext, TaskRunContext, sqlite3,
           duckdb, duckdb.DuckDBPyRelation, asyncpg.Connection, type(asyncpg.Connection), asyncpg.pool.Pool,
           SqlAlchemyConnector, AsyncSqlAlchemyConnector, fsspec.AbstractFileSystem, fsspec.asyn, BaseClient, ResultStore,
           tempfile, shutil, posix, pathlib.Path,
           pandas, pandas.DataFrame, pandas.core.generic.NDFrame, pandas.io.parsers.readers,
           pandas.io.pickle, pyarrow.csv, pyarrow._csv, pyarrow.parquet.ParquetFile, pyarrow.parquet.ParquetWriter,
           pymysql.connections.Connection, mysql.connector.abstracts.MySQLConnectionAbstract,
           mysql.connector.connection.MySQLConnection, oracledb.Connection, oracledb.AsyncConnection,
           trino.dbapi.Connection, snowflake.connector.SnowflakeConnection, polars, polars.LazyFrame, polars.DataFrame,
           polars.Expr, polars.io.csv.functions, deltalake, deltalake.DeltaTable, deltalake.table.TableMerger,
           pyiceberg.table.Transaction, pyiceberg.table.DataScan]

def snapshot():
    found = {(i, name): value for i, o in enumerate(OBJECTS) for name, value in list(vars(o).items())}
    ours = [finder for finder in sys.meta_path if type(finder).__module__.startswith("prefect_lineage_events")]
    return {**found, "meta_path": ours, "hooks": list(sys.path_hooks)}

def changed(before):
    now = snapshot()
    # what pydantic and `abc` fill in by themselves
    names = [n for n in before.keys() | now.keys() if not n[1].startswith(("__pydantic", "_abc", "__annotations"))]
    return sorted(OBJECTS[n[0]].__name__ + "." + n[1] if type(n) is tuple else n
                  for n in names if (a := before.get(n)) is not (b := now.get(n)) and not (type(a) is list and a == b))

start = snapshot()
import prefect_lineage_events
from prefect_lineage_events import *
for name in prefect_lineage_events.__all__:
    getattr(prefect_lineage_events, name)
import prefect_lineage_events.plugin, prefect_lineage_events.blocks.registration
changes = {"imported": changed(start)}
for use, source in USES.items():
    for round in ("first", "again"):
        exec(source)
        used = changed(start)
        connection = None
        gc.collect()
        uninstrument()
        uninstrument()
        changes[f"{use}, {round}"] = (used, changed(start))
print(json.dumps(changes))
"""
_BASE = {
    "BaseProcess.__init__",
    "EngineContext.__enter__",
    "TaskRunContext.__enter__",
    "Thread.start",
    "_WorkItem.__init__",
    "os._exit",
}


def test_import_patches_nothing_and_uninstrument_restores_everything() -> None:
    program = f"USES = {_FIRST_USES!r}\n{_PROGRAM}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    changes = json.loads(done.stdout)

    assert changes.pop("imported") == []
    assert {use: left for use, (_, left) in changes.items() if left} == {}
    for use in _FIRST_USES:
        (first, _), (again, _) = changes[f"{use}, first"], changes[f"{use}, again"]
        assert (set(first) >= _BASE, again) == (True, first), use
    assert {"SqlAlchemyConnector.get_engine", "SnowflakeConnection.connect", "meta_path"} <= set(
        changes["instrument, first"][0]
    )
    assert {"AbstractFileSystem.cat", "BaseClient._make_api_call"} <= set(changes["instrument, first"][0])
    assert {"NDFrame.to_csv", "pandas.read_pickle", "ParquetFile.read"} <= set(changes["instrument, first"][0])
    assert {"duckdb.sql", "DuckDBPyRelation.fetchall"} <= set(changes["duckdb, first"][0])


def test_disabled_lineage_patches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import threading; start = threading.Thread.start\n"
        "from prefect_lineage_events import record_read; record_read('s3://b/k')\n"
        "assert threading.Thread.start is start"
    )
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ENABLED", "false")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=600)


class Target:
    """A class with a method of its own and an inherited one."""

    def text(self) -> str:
        return "own"


class Heir(Target):
    """Inherits the method."""


@pytest.fixture
def target() -> Iterator[type[Target]]:
    own = vars(Target)["text"]
    yield Target
    Target.text = own  # type: ignore[method-assign]


def louder(method: Callable[[Any], str], is_on: Callable[[], bool]) -> Callable[[Any], str]:
    return lambda self: method(self).upper() if is_on() else method(self)


def test_patch_is_installed_and_removed_repeatedly(target: type[Target]) -> None:
    own, patch = vars(target)["text"], Patch(target, "text", louder)
    for _ in range(2):
        patch.install()
        patch.install()
        assert target().text() == "OWN"
        patch.remove()
        patch.remove()
        assert vars(target)["text"] is own


def test_patch_that_was_never_installed_is_not_removed() -> None:
    assert Patch(Heir, "missing", louder).remove()
    assert "missing" not in vars(Heir)


def test_patch_of_an_inherited_attribute_is_deleted() -> None:
    patch = Patch(Heir, "text", louder)
    patch.install()
    assert (Heir().text(), Target().text()) == ("OWN", "own")
    patch.remove()
    assert "text" not in vars(Heir)


def test_patch_that_was_never_installed_removes_nothing() -> None:
    for patched in (Target, Heir):
        Patch(patched, "text", louder).remove()
    assert (Target().text(), Heir().text(), "text" in vars(Heir)) == ("own", "own", False)


def test_method_of_a_type_of_c_code_is_patched_and_restored() -> None:
    own = vars(SimpleNamespace)["__reduce__"]
    patch = Patch(SimpleNamespace, "__reduce__", lambda method, is_on: lambda self: "patched")
    patch.install()
    assert SimpleNamespace().__reduce__() == "patched"
    patch.remove()
    assert vars(SimpleNamespace)["__reduce__"] is own
    assert SimpleNamespace(a=1).__reduce__()[0] is SimpleNamespace


def test_patch_below_that_of_another_package_passes_calls_on(target: type[Target]) -> None:
    patch = Patch(target, "text", louder)
    patch.install()
    ours = vars(target)["text"]
    target.text = lambda self: f"<{ours(self)}>"  # type: ignore[method-assign]
    others = vars(target)["text"]
    patch.remove()

    assert vars(target)["text"] is others
    assert target().text() == "<own>"
    patch.install()
    assert target().text() == "<OWN>"
    patch.remove()
    assert vars(target)["text"] is others


def test_patch_that_another_package_restores_is_used_again(target: type[Target]) -> None:
    patch = Patch(target, "text", louder)
    patch.install()
    ours = vars(target)["text"]
    target.text = lambda self: "other"  # type: ignore[method-assign]
    patch.remove()
    target.text = ours  # type: ignore[method-assign]
    assert target().text() == "own"
    patch.install()
    assert (vars(target)["text"], target().text()) == (ours, "OWN")
    patch.remove()


def test_patch_that_is_needed_stays(target: type[Target]) -> None:
    own, needed = vars(target)["text"], [True]
    patch = Patch(target, "text", louder, lambda: needed[0])
    patch.install()
    assert not patch.remove()
    assert target().text() == "OWN"
    needed[0] = False
    assert patch.remove()
    assert vars(target)["text"] is own


def test_switch_on_of_many_threads_installs_once(monkeypatch: pytest.MonkeyPatch, target: type[Target]) -> None:
    made = SimpleNamespace(count=0)

    def counted(method: Callable[[Any], str], is_on: Callable[[], bool]) -> Callable[[Any], str]:
        made.count += 1
        return louder(method, is_on)

    monkeypatch.setattr(patches, "_declared", [Patch(target, "text", counted)])
    monkeypatch.setattr(patches, "_when_on", [])
    monkeypatch.setattr(patches, "_on", False)
    threads = [threading.Thread(target=patches.switch_on) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (made.count, target().text()) == (1, "OWN")
