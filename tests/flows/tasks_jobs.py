"""Tasks as jobs of their own: each with what went through it, and the flow with all of it."""

from __future__ import annotations

import os

import pandas as pd
import sqlalchemy as sa
from prefect import flow, task

from prefect_lineage_events import instrument_connection

ENGINE = instrument_connection(sa.create_engine(os.environ["SHOP_URL"]))


@task
def read(table: str) -> pd.DataFrame:
    return pd.read_sql(f"SELECT * FROM {table}", ENGINE)


@task
def join(orders: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    return orders.merge(customers, left_on="customer_id", right_on="id")[["country", "amount"]]


@task
def write(frame: pd.DataFrame) -> None:
    frame.to_sql("by_country", ENGINE, index=False)


@flow(name="country report")
def country_report() -> None:
    orders, customers = read.map(["orders", "customers"])
    write(join(orders, customers))
    ENGINE.dispose()


if __name__ == "__main__":
    country_report()
