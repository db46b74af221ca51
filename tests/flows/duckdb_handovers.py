"""DataFrames that DuckDB reads beside its tables, in another flow than the one that fetched their rows."""

from __future__ import annotations

import os

import duckdb
import pandas as pd
from prefect import flow, task

from prefect_lineage_events import instrument_connection


def connect() -> duckdb.DuckDBPyConnection:
    return instrument_connection(duckdb.connect(os.environ["SHOP_FILE"]))


@task
def extract() -> pd.DataFrame:
    with connect() as shop:
        return shop.sql("SELECT customer_id, amount FROM orders").df()


@flow(name="joining")
def joining(frame: pd.DataFrame) -> None:
    with connect() as shop:
        shop.execute(
            "CREATE TABLE named AS SELECT c.name, f.amount FROM frame f JOIN customers c ON c.id = f.customer_id"
        )


@flow(name="passed down")
def passed_down() -> None:
    joining(extract())


@flow(name="fetching")
def fetching() -> pd.DataFrame:
    return extract()


@flow(name="passed up")
def passed_up() -> None:
    frame = fetching()
    with connect() as shop:
        shop.execute(
            "CREATE TABLE spent AS SELECT c.country, f.amount FROM customers c JOIN frame f ON c.id = f.customer_id"
        )
    print("frame of", len(frame))


if __name__ == "__main__":
    passed_down()
    passed_up()
