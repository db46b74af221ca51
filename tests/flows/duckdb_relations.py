"""DuckDB as in notebooks: relations composed by calls, DataFrames in scope, files as sources and targets."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pandas as pd
from prefect import flow, task

from prefect_lineage_events import instrument_connection


def connect() -> duckdb.DuckDBPyConnection:
    return instrument_connection(duckdb.connect(os.environ["SHOP_FILE"]))


@flow(name="relations to a table")
def relations_to_a_table() -> None:
    with connect() as shop:
        paid = shop.table("orders").filter("status = 'paid'")
        named = paid.join(shop.table("customers").set_alias("c"), "customer_id = c.id")
        named.aggregate("country, sum(amount) AS total", "country").create("totals")


@flow(name="relations to files")
def relations_to_files() -> None:
    with connect() as shop:
        shop.sql("SELECT id, amount FROM orders").filter("amount > 6").write_parquet("big.parquet")
        shop.execute("COPY (SELECT name FROM customers) TO 'names.csv' (HEADER)")


@flow(name="files to tables")
def files_to_tables() -> None:
    with connect() as shop:
        shop.execute("CREATE TABLE big AS SELECT * FROM read_parquet('big.parquet')")
        shop.read_csv("names.csv").create("names")
        shop.execute("COPY audit FROM 'steps.csv'")


@task
def extract(shop: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    return shop.sql("SELECT customer_id AS id, amount FROM orders").df()


@task
def load(shop: duckdb.DuckDBPyConnection, frame: pd.DataFrame) -> None:
    shop.sql("CREATE TABLE loud AS SELECT c.name, f.amount FROM frame f JOIN customers c ON c.id = f.id")
    shop.register("quiet_amounts", frame[frame["amount"] <= 6])
    shop.execute("CREATE TABLE quiet AS SELECT * FROM quiet_amounts")
    shop.append("revenue", pd.DataFrame({"country": ["GB"], "total": [int(frame["amount"].sum())]}))


@flow(name="frames in scope")
def frames_in_scope() -> None:
    with connect() as shop:
        load(shop, extract(shop))


@flow(name="read in passing")
def read_in_passing() -> None:
    with connect() as shop:
        orders = shop.sql("FROM orders")
        print("orders", orders.count("*").fetchall(), shop.sql("SELECT max(amount) AS m FROM orders").fetchall())
        shop.begin()
        shop.execute("INSERT INTO audit SELECT name, 1 FROM customers")
        shop.rollback()


if __name__ == "__main__":
    Path("steps.csv").write_text("began,1\n")
    for one in (relations_to_a_table, relations_to_files, files_to_tables, frames_in_scope, read_in_passing):
        one()
