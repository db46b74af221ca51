"""Frames that polars derives from tables: expressions, pivots, groups, joins of lazy frames, and hand-overs to pandas."""

from __future__ import annotations

import os

import pandas as pd
import polars as pl
import sqlalchemy as sa
from prefect import flow, task

ENGINE = sa.create_engine(os.environ["SHOP_URL"])


def orders() -> pl.DataFrame:
    return pl.read_database("SELECT id, customer_id, amount, status FROM orders", ENGINE)


def customers() -> pl.DataFrame:
    return pl.read_database("SELECT id, name, country FROM customers", ENGINE)


@task
def computed() -> None:
    people, sold = customers(), orders()
    is_paid = pl.when(pl.col("status") == "paid").then(1).otherwise(0).alias("is_paid")
    sold.with_columns(is_paid).select(pl.col("id").alias("number"), "is_paid").write_database("paid_orders", ENGINE)
    sold.pivot("status", index="customer_id", values="amount", aggregate_function="sum").write_database("wide", ENGINE)
    people.unpivot(index="id").write_database("facts", ENGINE)


@task
def grouped() -> None:
    people, sold = customers(), orders()
    for (status,), some in sold.group_by("status"):
        some.select(pl.col("amount").sum().alias("total")).write_database(f"total_{status}", ENGINE)
    shown = pl.concat([one.head(1) for one in people.partition_by("country")])
    shown.select(pl.col("name").str.to_uppercase().alias("shown")).write_csv("shown.csv")


@task
def joined() -> None:
    sold, people = orders().lazy(), customers().lazy()
    both = sold.join(people, left_on="customer_id", right_on="id").group_by("country").agg(pl.len().alias("sales"))
    both.collect().write_database("sales", ENGINE)


@task
def handed_over() -> None:
    sold, people = orders(), customers()
    means = sold.to_pandas().groupby("customer_id", as_index=False)["amount"].mean()
    means.rename(columns={"customer_id": "who", "amount": "mean"}).to_sql("means", ENGINE, index=False)
    back = pl.from_pandas(people.to_pandas().rename(columns={"name": "label"}))
    back.select(pl.col("label").str.len_chars().alias("length")).write_database("lengths", ENGINE)


@task
def beside_a_column_of_unknown_origin() -> None:
    sold, people = orders(), customers()
    names = [*people["name"].to_list(), "nobody"]
    sold.with_columns(pl.Series("name", names)).select("amount", "name").write_database("named", ENGINE)
    print(pd.DataFrame(sold.to_dict(as_series=False)).shape)


@flow(name="polars computed")
def polars_computed() -> None:
    computed()


@flow(name="polars groups")
def polars_groups() -> None:
    grouped()


@flow(name="polars joins")
def polars_joins() -> None:
    joined()


@flow(name="polars to pandas")
def polars_to_pandas() -> None:
    handed_over()


@flow(name="polars and a list")
def polars_and_a_list() -> None:
    beside_a_column_of_unknown_origin()


if __name__ == "__main__":
    for one in (polars_computed, polars_groups, polars_joins, polars_to_pandas, polars_and_a_list):
        one()
    ENGINE.dispose()
