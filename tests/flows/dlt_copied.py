"""dlt, which copies a table of SQLite into DuckDB, and loads rows of Python."""

from __future__ import annotations

import os

import dlt
from dlt.sources.sql_database import sql_database
from prefect import flow


def pipeline(name: str) -> dlt.Pipeline:
    target = dlt.destinations.duckdb("warehouse.duckdb")
    return dlt.pipeline(name, destination=target, dataset_name="raw", pipelines_dir="pipelines")


@flow(name="dlt copies a table")
def copies_a_table() -> None:
    source = sql_database(os.environ["SHOP_URL"], table_names=["orders"])
    source.orders.apply_hints(table_name="bought")
    pipeline("copy").run(source)


@flow(name="dlt loads rows")
def loads_rows() -> None:
    pipeline("load").run([{"id": 1, "name": "Ada"}, {"id": 2, "name": "Grace"}], table_name="people")


if __name__ == "__main__":
    copies_a_table()
    loads_rows()
