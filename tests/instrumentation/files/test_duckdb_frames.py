"""DataFrames that DuckDB finds among Python's variables: one that was read from a file is that file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.csv
import pytest

from prefect_lineage_events.testing import RecordedLineage, recorded_lineage

QUERY = "SELECT id, amount * 2 AS amount FROM frame"
# Variables that only a query names.
# ruff: noqa: F841


def of_pandas() -> None:
    frame = pd.read_csv("orders.csv")
    duckdb.sql(QUERY).to_parquet("out.parquet")


def of_polars() -> None:
    frame = pl.read_csv("orders.csv")
    duckdb.sql(QUERY).write_csv("out.parquet")


def of_pyarrow() -> None:
    frame = pyarrow.csv.read_csv("orders.csv")
    duckdb.execute(f"COPY ({QUERY}) TO 'out.parquet'")


def with_an_alias() -> None:
    frame = pl.read_csv("orders.csv")
    duckdb.sql("SELECT f.id, f.amount FROM frame f").to_parquet("out.parquet")


def registered() -> None:
    with duckdb.connect() as connection:
        connection.register("frame", pd.read_csv("orders.csv"))
        connection.sql(QUERY).to_parquet("out.parquet")


def made_a_relation() -> None:
    duckdb.from_df(pd.read_csv("orders.csv")).filter("id > 0").to_parquet("out.parquet")


def appended() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (id BIGINT, amount DOUBLE)")
        connection.append("t", pd.read_csv("orders.csv"))
        connection.table("t").to_parquet("out.parquet")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("orders.csv").write_text("id,amount\n1,2.5\n2,3.5\n")
    Path("other.csv").write_text("id,amount\n1,2.5\n2,3.5\n")


def columns_into(lineage: RecordedLineage, name: str) -> set[tuple[str, str, str]]:
    return {
        (Path(edge.source.name).name, edge.source_column, edge.target_column)
        for edge in lineage.column_edges
        if edge.target.name.endswith(name) and edge.target_column != "*" and not edge.inferred
    }


@pytest.mark.parametrize(
    "program", [of_pandas, of_polars, of_pyarrow, with_an_alias, registered, made_a_relation, appended]
)
def test_a_frame_of_a_file_is_the_file(program: Callable[[], None]) -> None:
    with recorded_lineage("databases", "files") as lineage:
        other = pd.read_csv("other.csv")
        program()
    assert columns_into(lineage, "out.parquet") == {("orders.csv", "id", "id"), ("orders.csv", "amount", "amount")}
    assert not [unknown for run in lineage.runs for unknown in run.unknown_sources]


def replaced_column(frame: pd.DataFrame) -> None:
    frame["amount"] = 1.0


def dropped_rows(frame: pd.DataFrame) -> None:
    frame.drop(index=0, inplace=True)


def renamed_columns(frame: pd.DataFrame) -> None:
    frame.columns = ["amount", "id"]


def set_by_labels(frame: pd.DataFrame) -> None:
    frame.loc[:, "amount"] = 1.0


def set_by_a_mask(frame: pd.DataFrame) -> None:
    frame.loc[frame["id"] > 1, "amount"] = 1.0


def set_by_positions(frame: pd.DataFrame) -> None:
    frame.iloc[:, 1] = 1.0


def set_cell_by_label(frame: pd.DataFrame) -> None:
    frame.at[0, "amount"] = 1.0


def set_cell_by_position(frame: pd.DataFrame) -> None:
    frame.iat[0, 1] = 1.0


def updated(frame: pd.DataFrame) -> None:
    frame.update(pd.DataFrame({"amount": [1.0, 2.0]}))


def inserted(frame: pd.DataFrame) -> None:
    frame.insert(0, "price", 1.0)


@pytest.mark.parametrize(
    "change",
    [
        replaced_column, dropped_rows, renamed_columns, set_by_labels, set_by_a_mask, set_by_positions,
        set_cell_by_label, set_cell_by_position, updated, inserted,
    ],
)  # fmt: skip
def test_a_frame_that_was_changed_in_place_is_no_file(change: Callable[[pd.DataFrame], None]) -> None:
    with recorded_lineage("databases", "files") as lineage:
        frame = pd.read_csv("orders.csv")
        change(frame)
        duckdb.sql("SELECT id, amount FROM frame").to_parquet("out.parquet")
    assert columns_into(lineage, "out.parquet") == set()


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.__setitem__((0, "amount"), 1.0),
        lambda frame: frame.replace_column(1, pl.Series("amount", [1.0, 2.0])),
    ],
)
def test_a_frame_of_polars_that_was_changed_in_place_is_no_file(change: Callable[[pl.DataFrame], None]) -> None:
    with recorded_lineage("databases", "files") as lineage:
        frame = pl.read_csv("orders.csv")
        change(frame)
        duckdb.sql("SELECT id, amount FROM frame").to_parquet("out.parquet")
    assert columns_into(lineage, "out.parquet") == set()


def test_pandas_warns_of_chained_assignments_as_before() -> None:
    with recorded_lineage("files"), pytest.warns(pd.errors.ChainedAssignmentError) as caught:
        frame = pd.read_csv("orders.csv")
        frame[frame["id"] > 1]["amount"] = 1.0
        frame[frame["id"] > 1].loc[:, "amount"] = 1.0
        frame["amount"] = 2.0
    assert [Path(warning.filename).name for warning in caught] == [Path(__file__).name] * 2


def test_a_lazy_frame_is_read_while_the_statement_runs() -> None:
    with recorded_lineage("databases", "files") as lineage:
        frame = pl.scan_csv("orders.csv").filter(pl.col("id") > 1)
        duckdb.sql(QUERY).to_parquet("out.parquet")
    lineage.assert_edge("orders.csv", "out.parquet")
    lineage.assert_column_edge("orders.csv.amount", "out.parquet.amount")
