"""The testing kit: lineage of flows and of plain functions, recorded without a server, and assertions about it."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from prefect import flow, task
from prefect.settings import PREFECT_API_URL
from sqlalchemy import create_engine

from prefect_lineage_events import Dataset, patches, record_read, record_sql, record_write
from prefect_lineage_events import lineage as declared
from prefect_lineage_events.emission import worker
from prefect_lineage_events.instrumentation.instrument import instrument, instrumented, uninstrument
from prefect_lineage_events.testing import RecordedLineage, recorded_lineage
from prefect_lineage_events.testing.plugin import lineage

__all__ = ["lineage"]


def build_sales() -> None:
    record_sql("INSERT INTO mart.sales (total) SELECT sum(amount) FROM raw.orders", on="postgresql://db/shop")


@flow
def sales() -> None:
    build_sales()


@declared(reads="s3://lake/raw/{day}.csv", columns=["id", "amount"])
def load(day: str) -> pd.DataFrame:
    return pd.DataFrame({"id": [1], "amount": [2.0]})


@declared(writes="s3://lake/clean/{day}.parquet", columns=lambda frame: frame)
def save(frame: pd.DataFrame, day: str) -> None: ...


@flow
def by_tasks() -> None:
    frame = task(load)("mon")
    task(save)(frame, "mon")


@flow
def subflow() -> pd.DataFrame:
    return load("tue")


@flow
def by_subflow() -> None:
    save(subflow(), "tue")


@pytest.mark.parametrize("run", [build_sales, sales, sales.fn])
def test_a_flow_and_a_plain_function_are_recorded(lineage: RecordedLineage, run: Any) -> None:
    run()
    lineage.assert_edge("raw.orders", "mart.sales")
    lineage.assert_column_edge("orders.amount", "sales.total", transformation="AGGREGATION")
    lineage.assert_reads("orders")
    lineage.assert_writes(Dataset.postgres("db", "shop.mart.sales"))
    lineage.assert_nothing_else()


def test_a_frame_goes_from_task_to_task(lineage: RecordedLineage) -> None:
    by_tasks()
    lineage.assert_edge("mon.csv", "mon.parquet")
    lineage.assert_column_edge("mon.csv.amount", "clean/mon.parquet.amount", inferred=True)
    assert [run.flow_name for run in lineage.runs] == ["by-tasks"]
    assert lineage.edges[0].evidence == "task graph"


def test_a_frame_of_a_subflow_reaches_its_parent(lineage: RecordedLineage) -> None:
    by_subflow()
    lineage.assert_edge("tue.csv", "tue.parquet")


async def test_coroutines_are_recorded(lineage: RecordedLineage) -> None:
    @flow
    async def whole() -> int:
        build_sales()
        return 1

    assert await whole() == 1
    lineage.assert_edge("orders", "sales")


def test_a_flow_is_retried_as_on_a_server(lineage: RecordedLineage) -> None:
    attempts: list[int] = []

    @flow(retries=1)
    def flaky() -> None:
        attempts.append(1)
        record_write(f"s3://lake/{len(attempts)}")
        if len(attempts) < 2:
            raise OSError("x")

    flaky()
    lineage.assert_writes("lake/1", "lake/2")
    assert [(run.flow_name, run.state) for run in lineage.runs] == [("flaky", "COMPLETED")]

    @flow(retries=1)
    def fails() -> None:
        attempts.append(1)
        raise OSError("x")

    with pytest.raises(OSError, match="x"):
        fails()
    assert len(attempts) == 4


def test_threads_are_recorded(lineage: RecordedLineage) -> None:
    thread = threading.Thread(target=build_sales)
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(record_read, "s3://lake/x.csv").result()
    lineage.assert_edge("orders", "sales")
    lineage.assert_reads("x.csv")


def test_libraries_are_captured(lineage: RecordedLineage, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/shop.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE orders (id INTEGER, amount REAL)")
        connection.exec_driver_sql("CREATE TABLE sales AS SELECT id, amount FROM orders")
    lineage.assert_edge("orders", "sales")
    lineage.assert_column_edge("orders.amount", "sales.amount")


def test_the_failure_shows_the_nearest_names(lineage: RecordedLineage) -> None:
    build_sales()
    with pytest.raises(AssertionError) as error:
        lineage.assert_edge("raw.order", "mart.sales")
    assert str(error.value).splitlines() == [
        "no edge raw.order -> mart.sales",
        "  raw.order: is raw.orders meant?",
        "  expected  raw.order -> mart.sales",
        "  there is  raw.orders -> mart.sales",
        "",
        "the recorded lineage:",
        "  read      raw.orders (amount)",
        "  written   mart.sales (total)",
        "  edge      raw.orders -> mart.sales  (sql)",
        "  columns   raw.orders.amount -> mart.sales.total  (AGGREGATION)",
    ]
    with pytest.raises(
        AssertionError, match=r"(?s)expected  orders.id -> sales.total.*there is  raw.orders.amount -> mart"
    ):
        lineage.assert_column_edge("orders.id", "sales.total")
    with pytest.raises(AssertionError, match="IDENTITY"):
        lineage.assert_column_edge("orders.amount", "sales.total", transformation="IDENTITY")
    with pytest.raises(AssertionError, match="customers was not read"):
        lineage.assert_reads("customers")
    with pytest.raises(AssertionError, match="orders was not written"):
        lineage.assert_writes("orders")
    with pytest.raises(AssertionError, match="there is an edge"):
        lineage.assert_no_edge("orders", "sales")
    with pytest.raises(AssertionError, match="there is lineage"):
        lineage.assert_empty()
    with pytest.raises(ValueError, match="names no column"):
        lineage.assert_column_edge("amount", "sales.total")


def test_nothing_else_lists_the_rest(lineage: RecordedLineage) -> None:
    build_sales()
    record_write("s3://lake/log.txt")
    lineage.assert_edge("orders", "sales")
    with pytest.raises(AssertionError) as error:
        lineage.assert_nothing_else()
    assert str(error.value).splitlines() == ["there is more than was asserted", "  written   log.txt"]


def test_columns_of_asserted_targets_belong_to_the_rest(lineage: RecordedLineage) -> None:
    record_sql("INSERT INTO t (a, b) SELECT x, y FROM s", on="postgresql://db/shop")
    lineage.assert_column_edge("s.x", "t.a")
    with pytest.raises(AssertionError, match=r"columns   public.s.y -> public.t.b"):
        lineage.assert_nothing_else()


def test_an_ambiguous_name_lists_what_it_fits(lineage: RecordedLineage) -> None:
    for schema in ("one", "two"):
        record_sql(f"INSERT INTO {schema}.t SELECT 1 FROM {schema}.s", on="postgresql://db/shop")
    with pytest.raises(AssertionError, match=r"(?s)'s' fits 2 datasets.*shop/one/s.*shop/two/s"):
        lineage.assert_reads("s")
    for check in (lineage.assert_edge, lineage.assert_no_edge):
        with pytest.raises(AssertionError, match="fits 2 datasets"):
            check("one.s", "t")
    with pytest.raises(AssertionError, match="fits 2 datasets"):
        lineage.assert_column_edge("s.a", "one.t.a")
    lineage.assert_edge("one.s", "one.t")
    lineage.assert_no_edge("one.s", "two.t")


def test_a_failed_statement_is_not_recorded(lineage: RecordedLineage) -> None:
    with pytest.raises(ZeroDivisionError):
        declared(writes="s3://b/x")(lambda: 1 / 0)()
    lineage.assert_empty()
    lineage.assert_nothing_else()


@pytest.mark.lineage("files")
def test_a_marker_chooses_families(lineage: RecordedLineage) -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    lineage.assert_empty()


def test_the_kit_leaves_nothing_behind() -> None:
    was_on, before, url = patches.is_on(), worker._worker, PREFECT_API_URL.value()
    execute = sqlite3.Connection.execute
    with recorded_lineage():
        sales()
        assert PREFECT_API_URL.value() != url
    assert (patches.is_on(), worker._worker, PREFECT_API_URL.value()) == (was_on, before, url)
    assert sqlite3.Connection.execute is execute
    assert instrumented() == ()
    assert not [t for t in threading.enumerate() if t.name == "prefect-lineage" and before is None]


def test_families_that_were_captured_before_still_are() -> None:
    instrument("http")
    try:
        with recorded_lineage("files"):
            assert instrumented() == ("http", "files")
        assert instrumented() == ("http",)
    finally:
        uninstrument()


def test_a_test_that_runs_after_another_sees_nothing_of_it(lineage: RecordedLineage) -> None:
    lineage.assert_empty()


def test_a_block_that_does_not_exist_here_says_what_to_use(lineage: RecordedLineage) -> None:
    from prefect.blocks.system import Secret

    with pytest.raises(ValueError, match="Unable to find block document"):
        Secret.load("nope")


def test_switched_off_lineage_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect_lineage_events import filters
    from prefect_lineage_events.settings import settings

    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ENABLED", "false")
    settings.cache_clear()
    filters.current.cache_clear()
    with pytest.raises(RuntimeError, match="switched off"), recorded_lineage():
        pass


def test_with_a_server_the_lineage_is_the_same(prefect_server: Any) -> None:
    with recorded_lineage() as lineage:
        by_tasks()
        by_subflow()
    lineage.assert_edge("mon.csv", "mon.parquet")
    lineage.assert_edge("tue.csv", "tue.parquet")
