"""DataFrames that DuckDB scans and that were derived from files, or made of Python's values: sources, or unknown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pytest

from prefect_lineage_events.testing import RecordedLineage, recorded_lineage

# Variables that only a query names.
# ruff: noqa: F841
ORDERS = {"id", "amount", "region"}


def filtered() -> None:
    orders = pd.read_csv("orders.csv")
    frame = orders[orders["amount"] > 2]
    duckdb.execute("COPY (SELECT * FROM frame) TO 'out.parquet'")


def in_a_cte() -> None:
    orders = pd.read_csv("orders.csv")
    frame = orders[orders["amount"] > 2].copy()
    duckdb.sql("WITH f AS (SELECT * FROM frame) SELECT * FROM (SELECT * FROM f)").to_parquet("out.parquet")


def of_polars() -> None:
    frame = pl.read_csv("orders.csv").filter(pl.col("amount") > 2)
    duckdb.sql("FROM frame").write_parquet("out.parquet")


def of_pyarrow() -> None:
    frame = pyarrow.csv.read_csv("orders.csv").slice(1)
    duckdb.sql("FROM frame").write_parquet("out.parquet")


def registered() -> None:
    with duckdb.connect() as connection:
        connection.register("my orders", pd.read_csv("orders.csv").sort_values("amount"))
        connection.execute("""CREATE VIEW v AS SELECT * FROM "my orders" """)
        connection.register("sorted", pd.read_csv("orders.csv").sort_values("amount"))
        connection.execute("COPY (SELECT * FROM sorted) TO 'out.parquet'")


def made_a_relation() -> None:
    duckdb.from_df(pd.read_csv("orders.csv").query("amount > 2")).filter("id > 0").to_parquet("out.parquet")


def appended() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (id BIGINT, amount DOUBLE, region VARCHAR)")
        connection.append("t", pd.read_csv("orders.csv").dropna())
        connection.table("t").to_parquet("out.parquet")


def fetched_and_written() -> None:
    orders = pd.read_csv("orders.csv")
    frame = orders.head(2)
    duckdb.sql("SELECT * FROM frame").df().to_parquet("out.parquet")


def of_a_relation_with_another_frame_of_the_name() -> None:
    frame = pd.read_csv("orders.csv").head(2)
    relation = duckdb.sql("SELECT * FROM frame")
    frame = pd.read_csv("names.csv").head(2)
    duckdb.sql("SELECT * FROM frame").fetchall()
    relation.to_parquet("out.parquet")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("orders.csv").write_text("id,amount,region\n101,1.5,north\n102,2.5,south\n103,1003.5,north\n")
    Path("names.csv").write_text("region,boss\nnorth,anna\nsouth,otto\n")
    Path("other.csv").write_text("id,amount,region\n901,91.5,east\n902,92.5,west\n")


def edges_into(lineage: RecordedLineage, name: str) -> set[str]:
    return {Path(edge.source.name).name for edge in lineage.edges if edge.target.name.endswith(name)}


def columns_into(lineage: RecordedLineage, name: str) -> set[tuple[str, str, str]]:
    return {
        (Path(edge.source.name).name, edge.source_column, edge.target_column)
        for edge in lineage.column_edges
        if edge.target.name.endswith(name) and edge.target_column != "*"
    }


def unknown_in(lineage: RecordedLineage) -> set[tuple[str, str, tuple[str, ...]]]:
    return {
        (unknown.target.name.rpartition("/")[2], unknown.rows, tuple(unknown.columns))
        for run in lineage.runs
        for unknown in run.unknown_sources
    }


@pytest.mark.parametrize(
    "program",
    [
        filtered, in_a_cte, registered, made_a_relation, appended, fetched_and_written,
        of_a_relation_with_another_frame_of_the_name, of_polars,
    ],
)  # fmt: skip
def test_a_derived_frame_has_the_sources_and_columns_of_its_file(program: Callable[[], None]) -> None:
    with recorded_lineage("databases", "files") as lineage:
        other = pd.read_csv("other.csv")
        program()
    assert edges_into(lineage, "out.parquet") == {"orders.csv"}
    assert columns_into(lineage, "out.parquet") == {("orders.csv", name, name) for name in ORDERS}
    assert unknown_in(lineage) == set()


def test_a_derived_table_of_pyarrow_has_the_file_with_its_values() -> None:
    with recorded_lineage("databases", "files") as lineage:
        other = pd.read_csv("other.csv")
        of_pyarrow()
    assert columns_into(lineage, "out.parquet") == {("orders.csv", name, name) for name in ORDERS}
    assert unknown_in(lineage) == {("out.parquet", "partly", ())}  # no row of another source is seen, but may be there


def test_a_merged_frame_has_both_of_its_files() -> None:
    with recorded_lineage("databases", "files") as lineage:
        other = pd.read_csv("other.csv")
        merged = pd.read_csv("orders.csv").merge(pd.read_csv("names.csv"), on="region", how="left")
        with duckdb.connect("shop.db") as connection:
            connection.execute("CREATE TABLE merged AS SELECT * FROM merged")
    assert edges_into(lineage, "main.merged") == {"orders.csv", "names.csv"}
    assert columns_into(lineage, "main.merged") == {
        ("orders.csv", "id", "id"),
        ("orders.csv", "amount", "amount"),
        ("names.csv", "boss", "boss"),
    }
    assert unknown_in(lineage) == {("main.merged", "known", ("region",))}


def test_two_frames_of_one_statement_have_their_own_sources() -> None:
    with recorded_lineage("databases", "files") as lineage:
        orders, names = pd.read_csv("orders.csv").head(2), pd.read_csv("names.csv").head(1)
        duckdb.sql("SELECT o.id, n.boss AS amount FROM orders o JOIN names n USING (region)").to_parquet("out.parquet")
    assert columns_into(lineage, "out.parquet") == {("orders.csv", "id", "id"), ("names.csv", "boss", "amount")}


def test_two_relations_of_frames_with_one_name_are_kept_apart() -> None:
    with recorded_lineage("databases", "files") as lineage:
        frame = pd.read_csv("orders.csv").head(2)
        orders = duckdb.sql("SELECT id, region FROM frame").set_alias("o")
        frame = pd.read_csv("names.csv").head(2)
        names = duckdb.sql("SELECT boss, region AS r FROM frame").set_alias("n")
        orders.join(names, "o.region = n.r").project("id, boss").to_parquet("out.parquet")
    assert columns_into(lineage, "out.parquet") == {("orders.csv", "id", "id"), ("names.csv", "boss", "boss")}


def made_of_constants() -> None:
    frame = pd.DataFrame({"id": [1, 2], "amount": [3.0, 4.0]})
    duckdb.sql("SELECT * FROM frame").to_parquet("out.parquet")


def made_by_polars() -> None:
    frame = pl.DataFrame({"id": [77, 78], "amount": [33.25, 44.5]})
    duckdb.sql("SELECT * FROM frame").to_parquet("out.parquet")


def made_by_pyarrow_and_fetched() -> None:
    frame = pa.table({"id": [77, 78], "amount": [33.25, 44.5]})
    duckdb.sql("SELECT * FROM frame").df().to_parquet("out.parquet")


@pytest.mark.parametrize("program", [made_of_constants, made_by_polars, made_by_pyarrow_and_fetched])
def test_a_frame_whose_values_were_not_read_has_an_unknown_source(program: Callable[[], None]) -> None:
    with recorded_lineage("databases", "files") as lineage:
        orders = pd.read_csv("orders.csv")
        program()
    assert edges_into(lineage, "out.parquet") == set()
    assert {(target, rows) for target, rows, _ in unknown_in(lineage)} == {("out.parquet", "unknown")}


def test_frames_are_no_datasets_of_the_run() -> None:
    with recorded_lineage("databases", "files") as lineage:
        filtered()
    named = {one.dataset.name.rpartition("/")[2] for run in lineage.runs for one in (*run.inputs, *run.outputs)}
    assert named == {"orders.csv", "out.parquet"}
