"""S3 to Polars to S3: lazily, by frames of tasks, and by a Delta table, without one word of lineage."""

from __future__ import annotations

import polars as pl
from deltalake import DeltaTable
from prefect import flow, task

LAKE = "s3://lake"


@flow(name="revenue by country")
def revenue() -> None:
    orders = pl.scan_parquet(f"{LAKE}/raw/orders/")
    customers = pl.scan_csv(f"{LAKE}/raw/customers.csv")
    (
        orders.filter(pl.col("status") == "paid")
        .join(customers, left_on="customer_id", right_on="id")
        .group_by("country")
        .agg(total=pl.col("amount").sum())
        .sink_parquet(f"{LAKE}/mart/revenue.parquet")
    )


@task
def extract() -> pl.DataFrame:
    return pl.read_csv(f"{LAKE}/raw/customers.csv")


@task
def keep(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("country") != "US").select("id", "name")


@task
def load(frame: pl.DataFrame) -> None:
    frame.write_parquet(f"{LAKE}/mart/names.parquet")


@flow(name="names by tasks")
def names() -> None:
    load(keep(extract()))


@task
def big_orders() -> pl.DataFrame:
    return (
        pl.scan_parquet(f"{LAKE}/raw/orders/dt=2026-11-29/*.parquet")
        .filter(pl.col("amount") > 6)
        .select("id", cents=pl.col("amount") * 100)
        .collect()
    )


@flow(name="a table of the lake")
def lake_table() -> None:
    big_orders().write_delta(f"{LAKE}/tables/big_orders", mode="append")
    table = DeltaTable(f"{LAKE}/tables/big_orders")
    pl.from_arrow(table.to_pyarrow_table()).write_ndjson(f"{LAKE}/mart/big_orders.ndjson")


if __name__ == "__main__":
    for one in (revenue, names, lake_table):
        one()
    print("countries:", sorted(pl.read_parquet(f"{LAKE}/mart/revenue.parquet")["country"]))
