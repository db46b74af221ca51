"""connectorx, by itself and by polars: each query is noted once the frame is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import connectorx
import polars as pl
import psycopg
import pytest

from prefect_lineage_events import stores, uninstrument
from prefect_lineage_events.instrumentation.drivers.connectorx import _store
from prefect_lineage_events.instrumentation.opening import left_alone
from tests.instrumentation.opened.conftest import Tracers, statements
from tests.services.postgres import Postgres

pytestmark = pytest.mark.usefixtures("instrumented")
SELECT = "SELECT a, b FROM t"


@pytest.fixture
def file(tmp_path: Path) -> str:
    with left_alone(), closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript("CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y');")
    return f"{tmp_path}/shop.db"


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> Iterator[str]:
    name = postgres.database("opened_connectorx")
    with psycopg.connect(postgres.dsn(name)) as connection:
        connection.execute("CREATE TABLE t (a INTEGER, b TEXT)")
        connection.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    yield postgres.plain_url(name, host="localhost")


@pytest.mark.parametrize("form", ["pandas", "polars", "arrow"])
def test_query_is_noted_with_the_frames_columns_and_rows(form: Any, file: str, tracers: Tracers) -> None:
    assert len(connectorx.read_sql(f"sqlite://{file}", SELECT, return_type=form)) == 2
    (reported,) = tracers[0].reported
    assert (reported.sql, reported.rows, list(reported.columns)) == (SELECT, 2, ["a", "b"])
    assert tracers[0].store == stores.sqlite(file)
    assert tracers[0].lookup([("t",)])


def test_each_of_several_queries_is_noted(url: str, postgres: Postgres, tracers: Tracers) -> None:
    queries = [f"{SELECT} WHERE a = 1", f"{SELECT} WHERE a = 2"]
    connectorx.read_sql(url, queries, return_type="arrow", protocol="binary")
    assert statements(tracers) == queries
    assert [reported.rows for reported in tracers[0].reported] == [None, None]
    assert tracers[0].store.namespace == f"postgres://localhost:{postgres.port}"


def test_partitioned_query_is_noted_once(url: str, tracers: Tracers) -> None:
    connectorx.read_sql(conn=url, query=SELECT, return_type="arrow", partition_on="a", partition_num=2)
    assert [(reported.sql, reported.rows) for reported in tracers[0].reported] == [(SELECT, 2)]


def test_polars_by_a_url_is_noted_once(url: str, tracers: Tracers) -> None:
    assert len(pl.read_database_uri(SELECT, url)) == 2
    assert len(pl.read_database_uri(SELECT, url, partition_on="a", partition_num=2, protocol="binary")) == 2
    assert statements(tracers) == [SELECT] * 2


def test_failed_query_is_not_noted(file: str, tracers: Tracers) -> None:
    with pytest.raises(RuntimeError):
        connectorx.read_sql(f"sqlite://{file}", "SELECT a FROM no_such_table")
    assert tracers == []


def test_uninstrument_restores_the_function(file: str, tracers: Tracers) -> None:
    uninstrument()
    connectorx.read_sql(f"sqlite://{file}", SELECT, return_type="arrow")
    assert tracers == []


def test_file_of_credentials_is_no_name() -> None:
    store, _ = _store("bigquery:///home/me/secret.json")
    assert store == stores.bigquery(None)
