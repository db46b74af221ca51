"""Columns that a program renames before it writes them: they come from the column of the earlier name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from prefect_lineage_events.testing import recorded_lineage

Frame = Callable[[pd.DataFrame], pd.DataFrame]
PolarsFrame = Callable[[pl.DataFrame], pl.DataFrame | pl.LazyFrame]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    orders = {"id": [1, 2, 3], "customer_id": [71, 72, 73], "amount": [10, 20, 30]}
    pd.DataFrame(orders).to_csv("orders.csv", index=False)
    pd.DataFrame({"id": [71, 72, 73], "name": ["Ada", "Ben", "Cyd"]}).to_csv("people.csv", index=False)
    with sqlite3.connect("shop.db") as connection:
        pd.DataFrame(orders).to_sql("orders", connection, index=False)
    connection.close()


def columns_of(program: Callable[[], object]) -> set[str]:
    with recorded_lineage() as lineage:
        program()
    found = set()
    for edge in lineage.column_edges:
        found.add(f"{Path(edge.source.name).name}:{edge.source_column} > {edge.target_column}")
    return found


def renamed_in_place(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.drop(columns="id")
    frame.rename(columns={"customer_id": "id"}, inplace=True)
    return frame


def all_columns_set(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame[["customer_id", "amount"]]
    frame.columns = ["id", "amount"]
    return frame


PANDAS: list[Frame] = [
    lambda frame: frame.drop(columns="id").rename(columns={"customer_id": "id"}),
    lambda frame: frame.drop(columns="id").rename(columns=lambda name: name.replace("customer_", "")),
    lambda frame: frame[["customer_id", "amount"]].set_axis(["id", "amount"], axis=1),
    lambda frame: frame.drop(columns="id").rename({"customer_id": "x"}, axis=1).rename({"x": "id"}, axis=1),
    lambda frame: frame.drop(columns="id").rename(columns={"customer_id": "id"}).sort_values("id").head(2),
    renamed_in_place,
    all_columns_set,
]
POLARS: list[PolarsFrame] = [
    lambda frame: frame.drop("id").rename({"customer_id": "id"}),
    lambda frame: frame.drop("id").lazy().rename({"customer_id": "id"}),
    lambda frame: frame.select(pl.col("customer_id").alias("id"), "amount"),
    lambda frame: frame.select([pl.col("amount")], id="customer_id"),
    lambda frame: frame.with_columns(pl.col("customer_id").alias("id")).drop("customer_id"),
]
EXPECTED = {"orders.csv:customer_id > id", "orders.csv:amount > amount"}


@pytest.mark.parametrize("change", PANDAS)
def test_renamed_column_of_pandas_comes_from_its_earlier_name(change: Frame) -> None:
    assert columns_of(lambda: change(pd.read_csv("orders.csv")).to_csv("out.csv", index=False)) == EXPECTED


@pytest.mark.parametrize("change", POLARS)
def test_renamed_column_of_polars_comes_from_its_earlier_name(change: PolarsFrame) -> None:
    assert columns_of(lambda: change(pl.read_csv("orders.csv")).lazy().collect().write_csv("out.csv")) == EXPECTED


@pytest.mark.parametrize(
    "compute",
    [
        lambda frame: frame.lazy().select("amount", id=pl.col("customer_id") + 1),
        lambda frame: frame.with_columns((pl.col("customer_id") + 1).alias("id")).drop("customer_id"),
        lambda frame: frame.group_by("amount").agg(pl.col("customer_id").max().alias("id")),
    ],
)
def test_computed_column_of_polars_has_no_origin_by_its_name(compute: PolarsFrame) -> None:
    found = columns_of(lambda: compute(pl.read_csv("orders.csv")).lazy().collect().write_csv("out.csv"))
    assert found == {"orders.csv:amount > amount"}


def test_column_of_a_named_aggregation_has_no_origin_by_its_name() -> None:
    def program() -> None:
        groups = pd.read_csv("orders.csv").groupby("amount", as_index=False)
        groups.agg(id=("customer_id", "max"), customer_id=("customer_id", "min")).to_csv("out.csv", index=False)

    assert columns_of(program) == {"orders.csv:amount > amount", "orders.csv:customer_id > customer_id"}


def test_renamed_column_is_followed_into_a_table() -> None:
    def program() -> None:
        connection = sqlite3.connect("shop.db")
        frame = pd.read_sql("SELECT * FROM orders", connection).drop(columns="id")
        frame.rename(columns={"customer_id": "id"}).to_sql("report", connection, index=False)
        connection.close()

    assert columns_of(program) == {"orders:customer_id > id", "orders:amount > amount"}


def test_names_that_change_places_are_followed() -> None:
    def program() -> None:
        frame = pd.read_csv("orders.csv")[["id", "customer_id"]]
        frame.rename(columns={"id": "customer_id", "customer_id": "id"}).to_csv("out.csv", index=False)

    assert columns_of(program) == {"orders.csv:customer_id > id", "orders.csv:id > customer_id"}


def test_column_that_two_frames_have_is_of_both_by_its_name() -> None:
    def program() -> None:
        people = pd.read_csv("people.csv").rename(columns={"id": "customer_id"})
        pd.read_csv("orders.csv").merge(people, on="customer_id").to_csv("out.csv", index=False)

    assert columns_of(program) >= {"orders.csv:customer_id > customer_id", "people.csv:name > name"}
    assert "orders.csv:id > customer_id" not in columns_of(program)
