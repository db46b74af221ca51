"""Tasks as separate jobs: each has the lineage of all its runs, and the flow has that of its own body."""

from __future__ import annotations

import os

import pandas as pd
import sqlalchemy as sa
from prefect import flow, task

from prefect_lineage_events import instrument_connection

ENGINE = instrument_connection(sa.create_engine(os.environ["SHOP_URL"]))


@task(name="read orders")
def read_orders() -> pd.DataFrame:
    return pd.read_sql("SELECT * FROM orders", ENGINE)


@task(name="read customers")
def read_customers() -> pd.DataFrame:
    return pd.read_sql("SELECT * FROM customers", ENGINE)


@task
def join(orders: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    return orders.merge(customers, left_on="customer_id", right_on="id")[["country", "amount"]]


@task
def write(frame: pd.DataFrame) -> None:
    frame.to_sql("by_country", ENGINE, index=False)


@task
def keep(table: str) -> None:
    with ENGINE.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE {table}_kept AS SELECT * FROM {table}"))


@task(name="keep")
def keep_few(table: str) -> None:
    """Keep the first row."""
    with ENGINE.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE few_{table} AS SELECT * FROM {table} WHERE id = 1"))


@flow(name="keep")
def keep_report() -> None:
    keep.with_options(name="keep report")("by_country")
    keep.with_options(name="keep summary")("summary")


@flow(name="country report")
def country_report() -> None:
    """Report the orders of each country."""
    write(join(read_orders(), read_customers()))
    for table in ("orders", "customers"):
        keep(table)
    keep_few("orders")
    with ENGINE.begin() as connection:
        connection.execute(sa.text("CREATE TABLE summary AS SELECT count(*) AS countries FROM by_country"))
    keep_report()


if __name__ == "__main__":
    country_report()
    ENGINE.dispose()
