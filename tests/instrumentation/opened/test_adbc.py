"""ADBC's connections that a program opens, and those that polars and pandas open."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import adbc_driver_duckdb.dbapi
import adbc_driver_manager.dbapi
import adbc_driver_postgresql.dbapi
import adbc_driver_sqlite
import adbc_driver_sqlite.dbapi
import pandas as pd
import polars as pl
import pyarrow
import pytest
from adbc_driver_sqlite.dbapi import connect

from prefect_lineage_events import stores, uninstrument
from prefect_lineage_events.instrumentation.drivers.adbc import _of_manager, _store
from tests.instrumentation.opened.conftest import Tracers, statements
from tests.services.postgres import Postgres

pytestmark = pytest.mark.usefixtures("instrumented")


def use(connection: Any) -> None:
    with closing(connection), connection.cursor() as cursor:
        cursor.adbc_ingest("t", pyarrow.table({"a": [1, 2, 3]}))
        cursor.execute("SELECT a FROM t")
        assert cursor.fetch_arrow_table().num_rows == 3
        connection.commit()


NOTED = ['CREATE TABLE t ("a")', 'INSERT INTO t ("a") VALUES (?)', "SELECT a FROM t"]


@pytest.mark.parametrize("uri", ["{}", "file:{}?mode=rwc"])
def test_sqlite_is_captured(uri: str, tmp_path: Path, tracers: Tracers) -> None:
    file = f"{tmp_path}/x.db"
    use(adbc_driver_sqlite.dbapi.connect(uri.format(file)))
    assert tracers[0].kept == [sql.replace("TABLE t", 'TABLE "t"').replace("INTO t", 'INTO "t"') for sql in NOTED]
    assert [reported.rows for reported in tracers[0].reported] == [0, 3, 3]
    assert tracers[0].store == stores.sqlite(file)


def test_name_imported_before_is_captured(tracers: Tracers) -> None:
    import sys

    assert connect is sys.modules[__name__].connect  # type: ignore[attr-defined]
    use(sys.modules[__name__].connect())  # type: ignore[attr-defined]
    assert len(statements(tracers)) == 3


def test_clone_and_short_form_are_captured(tracers: Tracers) -> None:
    with adbc_driver_sqlite.dbapi.connect() as connection:
        connection.execute("CREATE TABLE t (a INTEGER)").close()
        connection.commit()
        with connection.adbc_clone() as clone, clone.execute("SELECT a FROM t") as cursor:
            assert cursor.fetchall() == []
    assert statements(tracers) == ["CREATE TABLE t (a INTEGER)", "SELECT a FROM t"]
    assert tracers[0].store == tracers[1].store


@pytest.mark.parametrize("form", ["uri", "options", "driver"])
def test_manager_is_captured(form: str, tmp_path: Path, tracers: Tracers) -> None:
    path = adbc_driver_sqlite._driver_path()
    file = f"{tmp_path}/x.db"
    arguments: Any = {
        "uri": {"driver": path, "uri": file},
        "options": {"db_kwargs": {"driver": path, "uri": file}},
        "driver": {"driver": path, "db_kwargs": {"uri": file}},
    }[form]
    use(adbc_driver_manager.dbapi.connect(**arguments))
    assert (len(statements(tracers)), tracers[0].store) == (3, stores.sqlite(file))


def test_postgres_is_captured(postgres: Postgres, tracers: Tracers) -> None:
    name = postgres.database("opened_adbc")
    use(adbc_driver_postgresql.dbapi.connect(postgres.plain_url(name, host="localhost")))
    assert len(tracers[0].kept) == 3
    store = tracers[0].store
    assert (store.namespace, store.database) == (f"postgres://localhost:{postgres.port}", name)


def test_duckdb_is_captured(tmp_path: Path, tracers: Tracers) -> None:
    use(adbc_driver_duckdb.dbapi.connect(f"{tmp_path}/x.duckdb"))
    assert (len(tracers[0].statements), tracers[0].store) == (3, stores.duckdb(f"{tmp_path}/x.duckdb"))


def test_polars_by_a_url_is_captured_once(postgres: Postgres, tracers: Tracers) -> None:
    url = postgres.plain_url(postgres.database("polars_adbc"))
    pl.DataFrame({"a": [1, 2]}).write_database("frames", url, engine="adbc")
    assert len(pl.read_database_uri("SELECT a FROM frames", url, engine="adbc")) == 2
    assert statements(tracers).count("SELECT a FROM frames") == 1
    assert sum(sql.startswith("INSERT") for sql in statements(tracers)) == 1


def test_pandas_on_a_connection_is_captured_once(tmp_path: Path, tracers: Tracers) -> None:
    with closing(adbc_driver_sqlite.dbapi.connect(f"{tmp_path}/x.db")) as connection:
        pd.DataFrame({"a": [1, 2]}).to_sql("frames", connection, index=False)
        assert len(pd.read_sql("SELECT a FROM frames", connection)) == 2
    assert statements(tracers).count("SELECT a FROM frames") == 1
    assert sum(sql.startswith("INSERT") for sql in statements(tracers)) == 1


@pytest.mark.parametrize(
    ("uri", "database", "port"),
    [
        ("postgresql://u:p@h:7777/shop", "shop", 7777),
        ("host=h port=7777 dbname=shop password='a b'", "shop", 7777),
        ("host = h dbname = shop", "shop", 5432),
    ],
)
def test_address_of_libpq_is_read(uri: str, database: str, port: int) -> None:
    store = _store("postgresql", uri)
    assert store is not None
    assert (store.namespace, store.database) == (f"postgres://h:{port}", database)


def test_driver_of_the_manager_is_found_in_any_argument() -> None:
    assert _of_manager((), {"driver": "postgresql://h/d"}) == ("postgresql", "postgresql://h/d")
    assert _of_manager(("adbc_driver_duckdb",), {"db_kwargs": {"path": "x.db"}}) == ("duckdb", "x.db")
    assert _of_manager(("/opt/lib/libadbc_driver_flightsql.so", "grpc://h"), {}) == ("", "grpc://h")


def test_uninstrument_restores_the_modules(tracers: Tracers) -> None:
    uninstrument()
    with connect() as connection:
        assert type(connection) is adbc_driver_sqlite.dbapi.AdbcSqliteConnection
    assert tracers == []
