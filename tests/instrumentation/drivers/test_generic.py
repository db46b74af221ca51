"""Connections without a description, by their URL; ADBC's among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_lineage_events.instrumentation.drivers.generic import url_driver, url_store
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer

Tracers = list[RecordingTracer]


@pytest.mark.parametrize(
    ("url", "namespace", "table"),
    [
        ("postgresql+pg8000://u:secret@DB/shop", "postgres://db:5432", "shop.public.t"),
        ("redshift+redshift_connector://u:secret@cluster:5439/shop", "redshift://cluster:5439", "shop.public.t"),
        ("mysql+pymysql://u:secret@db/shop?charset=utf8", "mysql://db:3306", "shop.t"),
        ("mariadb+mysqldb://u:secret@db:3307/shop", "mysql://db:3307", "shop.t"),
        ("mssql+pyodbc://u:secret@db/shop", "mssql://db:1433", "shop.dbo.t"),
        ("oracle+oracledb://ann:secret@db/?service_name=shop", "oracle://db:1521", "SHOP.ANN.t"),
        ("db2://ann:secret@db/shop", "db2://db:50000", "SHOP.ANN.t"),
        ("trino://u@db:8080/hive", "trino://db:8080", "hive.t"),
        ("hive://db", "hive://db:10000", "default.t"),
        ("impala://db/mart", "impala://db:21050", "mart.t"),
        ("snowflake://u:secret@org-acct/SHOP", "snowflake://org-acct", "SHOP.PUBLIC.t"),
        ("databricks://token:secret@host/main", "unitycatalog://host", "main.default.t"),
        ("starrocks://u@db/shop", "starrocks://db:9030", "shop.t"),
        ("trino://u@db:8080/hive/mart", "trino://db:8080", "hive.mart.t"),
        ("bigquery://project/dataset", "bigquery", "project.dataset.t"),
        ("clickhouse+native://u:secret@db/shop", "clickhouse://db:8123", "shop.t"),
        ("sqlite:////data/shop.db", "sqlite:///data/shop.db", "t"),
        ("duckdb:////data/shop.db", "duckdb:///data/shop.db", "main.t"),
    ],
)
def test_url_names_the_store(url: str, namespace: str, table: str) -> None:
    store = url_store(url)
    assert (store.namespace, store.table(["t"]).name) == (namespace, table)


@pytest.mark.parametrize("url", ["shop.db", "postgresql:db/shop", ""])
def test_text_that_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="pass the database's URL"):
        instrument_connection(object(), url=url)


class AutocommitAttribute:
    """A connection that exposes its autocommit as PyMySQL does, or as psycopg does."""

    def __init__(self, autocommit: object) -> None:
        self.autocommit = autocommit

    def get_autocommit(self) -> bool:
        return True


class AutocommitQuery:
    """A connection whose `autocommit` is a query, as mysql.connector's is."""

    def __init__(self, in_transaction: bool) -> None:
        self.in_transaction = in_transaction
        self.queries = 0

    @property
    def autocommit(self) -> bool:
        self.queries += 1
        return True


@pytest.mark.parametrize("in_transaction", [True, False])
def test_autocommit_is_read_without_a_query(in_transaction: bool) -> None:
    connection = AutocommitQuery(in_transaction)
    assert url_driver("mysql+mysqlconnector://db/shop").autocommits(connection) is not in_transaction
    assert connection.queries == 0


def test_autocommit_is_read_from_attribute_or_method() -> None:
    autocommits = url_driver("mysql://db/shop").autocommits
    assert autocommits(AutocommitAttribute(autocommit=True))
    assert not autocommits(AutocommitAttribute(autocommit=False))
    assert autocommits(AutocommitAttribute(autocommit=lambda _: None))
    assert not autocommits(object())


def test_adbc_connection_is_captured(tmp_path: Path, tracers: Tracers) -> None:
    dbapi = pytest.importorskip("adbc_driver_sqlite.dbapi")
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "shop.db"
    with instrument_connection(dbapi.connect(str(path)), url=f"sqlite:///{path}") as connection:
        with connection.cursor() as cursor:
            cursor.adbc_ingest("orders", pyarrow.table({"a": [1, 2, 3]}))
            cursor.adbc_ingest("orders", pyarrow.table({"a": [4]}), mode="append")
            connection.commit()
            cursor.execute("SELECT a FROM orders")
            assert cursor.fetch_arrow_table().num_rows == 4
            cursor.execute("DELETE FROM orders")
        connection.rollback()

    [tracer] = tracers
    assert tracer.store.namespace == f"sqlite://{path}"
    assert tracer.statements == [
        'CREATE TABLE "orders" ("a")',
        'INSERT INTO "orders" ("a") VALUES (?)',
        'INSERT INTO "orders" ("a") VALUES (?)',
        "SELECT a FROM orders",
        "DELETE FROM orders",
    ]
    assert tracer.kept == tracer.statements[:3]
    assert [reported.rows for reported in tracer.reported[1:4]] == [3, 1, 4]
