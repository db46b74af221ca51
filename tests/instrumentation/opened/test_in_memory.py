"""Databases in memory: they end with the process, so data passes through them as through temporary tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import sqlalchemy as sa

from prefect_lineage_events.testing import recorded_lineage

TOTALS = "SELECT id, sum(amount) AS total FROM loaded GROUP BY id"


def through_duckdb(database: str) -> None:
    with duckdb.connect(database) as first, duckdb.connect(database) if database[8:] else first.cursor() as second:
        first.execute("CREATE TABLE loaded AS SELECT id, amount FROM 'orders.csv'")
        second.execute(f"COPY ({TOTALS}) TO 'totals.csv'")


def through_the_default_connection() -> None:
    duckdb.sql("CREATE TEMP TABLE own AS SELECT id, amount FROM 'orders.csv'")
    duckdb.sql("CREATE OR REPLACE TABLE loaded AS SELECT * FROM own")
    duckdb.sql(TOTALS).write_csv("totals.csv")
    duckdb.sql("DROP TABLE loaded; DROP TABLE own")


def through_an_attached_one() -> None:
    with duckdb.connect("kept.db") as connection:
        connection.execute("ATTACH ':memory:' AS m; CREATE TABLE m.loaded AS SELECT id, amount FROM 'orders.csv'")
        connection.execute(f"COPY ({TOTALS.replace('loaded', 'm.loaded')}) TO 'totals.csv'")


def through_sqlite(database: str) -> None:
    is_uri = database.startswith("file:")
    with closing(sqlite3.connect(database, uri=is_uri)) as first:
        pd.read_csv("orders.csv").to_sql("loaded", first, index=False)
        with closing(sqlite3.connect(database, uri=True) if is_uri else sqlite3.connect("unused.db")) as second:
            pd.read_sql(TOTALS, second if is_uri else first).to_csv("totals.csv", index=False)


def through_an_engine() -> None:
    engine = sa.create_engine("sqlite://")
    pd.read_csv("orders.csv").to_sql("loaded", engine, index=False)
    pd.read_sql(TOTALS, engine).to_csv("totals.csv", index=False)
    engine.dispose()


@pytest.mark.parametrize(
    "program",
    [
        lambda: through_duckdb(":memory:"),
        lambda: through_duckdb(":memory:named"),
        through_the_default_connection,
        through_an_attached_one,
        lambda: through_sqlite(":memory:"),
        lambda: through_sqlite("file::memory:?cache=shared"),
        lambda: through_sqlite("file:shop?mode=memory&cache=shared"),
        through_an_engine,
    ],
)
def test_data_flows_through_a_database_in_memory(
    program: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("orders.csv").write_text("id,amount\n1,2\n1,3\n2,5\n")
    with recorded_lineage("databases", "files") as lineage:
        program()
    lineage.assert_edge("orders.csv", "totals.csv")
    lineage.assert_column_edge("orders.csv.amount", "totals.csv.total")
    assert {use.dataset.namespace for use in (*lineage.inputs, *lineage.outputs)} == {"file"}
