"""Frames that pandas derives from several tables: chunks of a query, looked-up columns, groups, and another process."""

from __future__ import annotations

import os
import pickle

import pandas as pd
import sqlalchemy as sa
from prefect import flow, task

ENGINE = sa.create_engine(os.environ["SHOP_URL"])


@task
def orders() -> pd.DataFrame:
    return pd.concat(pd.read_sql_query("SELECT id, customer_id, amount FROM orders", ENGINE, chunksize=2))


@task
def customers() -> pd.DataFrame:
    return pd.read_sql_table("customers", ENGINE, columns=["id", "name", "country"])


@task
def joined(orders: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    return orders.merge(customers.rename(columns={"id": "customer_id"}), on="customer_id")


@task
def save(frame: pd.DataFrame, table: str) -> None:
    frame.to_sql(table, ENGINE, index=False, chunksize=2, method="multi")


@task
def spent() -> None:
    orders = pd.read_sql("SELECT customer_id, amount FROM orders", ENGINE)
    people = pd.read_sql("SELECT id, name FROM customers", ENGINE)
    people["spent"] = people["id"].map(orders.groupby("customer_id")["amount"].sum()).fillna(0)
    people.to_sql("spent", ENGINE, index=False)


@task
def by_status() -> None:
    orders = pd.read_sql("SELECT status, amount FROM orders", ENGINE)
    assert len(pd.read_sql("SELECT id, name FROM customers", ENGINE)) == 3
    for status, group in orders.groupby("status"):
        group.agg(total=("amount", "sum")).to_sql(f"status_{status}", ENGINE, index=False)


@task
def by_customer(table: str) -> None:
    """Read both tables, and write rows of one: as a list of tuples, or turned by pandas."""
    customers = pd.read_sql("SELECT id, name, country FROM customers", ENGINE)
    orders = pd.read_sql("SELECT id, customer_id, amount FROM orders", ENGINE)
    assert len(customers) == 3
    rows = list(zip(orders["id"], orders["amount"], strict=True))
    listed = pd.DataFrame(rows, columns=["number", "price"])
    wide = orders.set_index(["customer_id", "id"])["amount"].unstack(fill_value=0).add_prefix("order_")
    (listed if table == "listed" else wide).to_sql(table, ENGINE, index=False)


@flow(name="chunks that are joined")
def chunks_that_are_joined() -> None:
    both = joined(orders(), customers())
    save(both, "details")
    save(both.groupby("country", as_index=False).agg(total=("amount", "sum")), "totals")


@flow(name="looked up")
def looked_up() -> None:
    spent()


@flow(name="a table for each group")
def a_table_for_each_group() -> None:
    by_status()


@flow(name="tables that several tasks read")
def tables_that_several_tasks_read() -> None:
    for table in ("wide", "listed"):
        by_customer(table)


@flow(name="beside a frame of another process")
def beside_a_frame_of_another_process() -> None:
    people = customers()
    save(pickle.loads(pickle.dumps(orders())).merge(people, left_on="customer_id", right_on="id"), "unpickled")


if __name__ == "__main__":
    chunks_that_are_joined()
    looked_up()
    a_table_for_each_group()
    tables_that_several_tasks_read()
    beside_a_frame_of_another_process()
    ENGINE.dispose()
