"""Rows that pass through Python, distinguished by their columns, their number, their order and their thread."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import sqlalchemy as sa
from prefect import flow, task
from prefect.cache_policies import INPUTS

from prefect_lineage_events import instrument_connection

ENGINE = instrument_connection(sa.create_engine(os.environ["SHOP_URL"]))
TABLES = ("orders", "customers", "old_orders", "older_orders")


def read(table: str, what: str = "*") -> pd.DataFrame:
    return pd.read_sql(f"SELECT {what} FROM {table}", ENGINE)


def write(frame: pd.DataFrame, table: str) -> None:
    frame.to_sql(table, ENGINE, index=False, if_exists="append")


def execute(sql: str, rows: list[dict[str, object]]) -> None:
    with ENGINE.begin() as connection:
        connection.execute(sa.text(sql), rows)


@task
def copy_all() -> None:
    for table in TABLES:
        read("watermarks", "max(seen) AS seen")
        write(read(table), f"task_{table}")


@flow(name="copies in a task")
def copies_in_a_task() -> None:
    copy_all()


@flow(name="copies in the body")
def copies_in_the_body() -> None:
    for table in TABLES:
        write(read(table), f"body_{table}")


@flow(name="coroutines")
async def coroutines() -> None:
    async def copy(table: str) -> None:
        frame = read(table)
        await asyncio.sleep(0.01)
        write(frame, f"coroutine_{table}")

    await asyncio.gather(copy("old_orders"), copy("older_orders"))


@task
def copy_by_threads() -> None:
    def copy(table: str) -> None:
        write(read(table), f"thread_{table}")

    with ThreadPoolExecutor(1) as pool:
        list(pool.map(copy, ("old_orders", "older_orders")))


@flow(name="threads")
def in_threads() -> None:
    copy_by_threads()


@task
def mark() -> None:
    rows = [{"id": int(one)} for one in read("customers")["id"]]
    execute("UPDATE flags SET flag = 1 WHERE id = :id", rows)
    execute("INSERT INTO marks (id, name) VALUES (:id, 'seen')", rows)
    execute("INSERT INTO rates (currency, rate) VALUES (:id, 2)", rows)


@flow(name="columns that are written")
def columns_that_are_written() -> None:
    mark()


@task
def extract(table: str) -> pd.DataFrame:
    return read(table)


@task
def load(frame: pd.DataFrame, table: str) -> None:
    write(frame, table)


@flow(name="joined and totalled")
def joined_and_totalled() -> None:
    orders, customers = extract("orders"), extract("customers")
    joined = orders.merge(customers, left_on="customer_id", right_on="id")
    load(joined.groupby("country", as_index=False).agg(total=("amount", "sum")), "totals_by_country")


@flow(name="same columns and number")
def same_columns_and_number() -> None:
    first, second = read("old_orders"), read("older_orders")
    write(first, "first_out")
    write(second, "second_out")


@task(persist_result=True, cache_policy=INPUTS)
def extract_once(table: str) -> pd.DataFrame:
    return read(table)


@flow(name="cached")
def cached() -> None:
    load(extract_once("orders"), "from_cache")


@task
def one_row(value: str) -> None:
    """Read one row, and write one: with a value of it, or without."""
    with ENGINE.connect() as connection:
        newest = connection.execute(sa.text("SELECT max(amount) FROM orders")).scalar()
    execute("INSERT INTO audit VALUES (:step, :rows)", [{"step": value, "rows": newest if value == "total" else 1234}])


@flow(name="a watermark and a log")
def a_watermark_and_a_log() -> None:
    one_row("log")


@flow(name="a total")
def a_total() -> None:
    one_row("total")


@flow(name="constants of an update")
def constants_of_an_update() -> None:
    """Values that Python knows by itself, after a read of another table."""
    with ENGINE.begin() as connection:
        connection.execute(sa.text("SELECT name, country FROM customers")).all()
        change = sa.text("UPDATE orders SET status = :new WHERE status = :old")
        connection.execute(change, {"new": "closed", "old": "open"})


@flow(name="values of an update")
def values_of_an_update() -> None:
    with ENGINE.begin() as connection:
        names = connection.execute(sa.text("SELECT id, name FROM customers")).all()
        change = sa.text("UPDATE marks SET name = :name WHERE id = :id")
        connection.execute(change, [{"name": f"Dr. {name}", "id": number} for number, name in names])


if __name__ == "__main__":
    copies_in_a_task()
    copies_in_the_body()
    asyncio.run(coroutines())
    in_threads()
    columns_that_are_written()
    joined_and_totalled()
    same_columns_and_number()
    cached()
    cached()
    a_watermark_and_a_log()
    a_total()
    constants_of_an_update()
    values_of_an_update()
    ENGINE.dispose()
