"""PyMySQL, SQLAlchemy and pandas on MariaDB, in a program without one word of lineage."""

from __future__ import annotations

import contextlib
import os
import threading

import pandas as pd
import pymysql.cursors
import sqlalchemy as sa
from prefect import flow, task
from pymysql import connect as open_shop
from sqlalchemy.orm import Session

SHOP = {
    "host": "127.0.0.1",
    "port": int(os.environ["SHOP_PORT"]),
    "user": "shop",
    "password": os.environ["SHOP_PASSWORD"],
    "database": "flows_shop",
}
ENGINE = sa.create_engine(os.environ["SHOP_URL"])


@flow(name="cursors")
def cursors() -> None:
    with open_shop(**SHOP) as shop, shop.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute("SELECT id, amount FROM orders WHERE status = %s", ("paid",))
        paid = [(f"order {row['id']}", row["amount"]) for row in cursor]
        cursor.executemany("INSERT INTO audit (step, rows_seen) VALUES (%s, %s)", paid)
        shop.commit()
        cursor.execute("DELETE FROM customers")
        shop.rollback()


@flow(name="statements commit by themselves")
def implicit_commit() -> None:
    with contextlib.closing(open_shop(**SHOP)) as shop, shop.cursor() as cursor:
        cursor.execute("INSERT INTO revenue SELECT country, 0 FROM customers")
        cursor.execute("CREATE TABLE names AS SELECT name FROM customers")
        shop.rollback()


@flow(name="other database")
def other_database() -> None:
    shop = open_shop(**SHOP, autocommit=True)
    with shop.cursor() as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS flows_mart")
        shop.select_db("flows_mart")
        cursor.execute("CREATE OR REPLACE TABLE big AS SELECT * FROM flows_shop.orders WHERE amount > 7")
    shop.close()


@task
def extract() -> pd.DataFrame:
    return pd.read_sql("SELECT id, amount FROM orders WHERE status = 'paid'", ENGINE)


@task
def load(frame: pd.DataFrame) -> None:
    frame.to_sql("paid", ENGINE, index=False, if_exists="replace")


@flow(name="pandas by tasks")
def pandas_by_tasks() -> None:
    load(extract())


@flow(name="engine")
def engine() -> None:
    with ENGINE.begin() as shop:
        shop.execute(sa.text("INSERT INTO audit SELECT name, :n FROM customers"), {"n": 1})
    with Session(ENGINE) as session:
        session.execute(sa.text("DELETE FROM orders"))
        session.rollback()
    with contextlib.suppress(sa.exc.ProgrammingError), ENGINE.begin() as shop:
        shop.execute(sa.text("INSERT INTO revenue SELECT name, 1 FROM missing"))


@flow(name="threads")
def threads() -> None:
    def copy(country: str) -> None:
        with open_shop(**SHOP, autocommit=True) as shop, shop.cursor() as cursor:
            cursor.execute("INSERT INTO revenue SELECT country, 2 FROM customers WHERE country = %s", (country,))

    workers = [threading.Thread(target=copy, args=(country,)) for country in ("GB", "US")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    for one in (cursors, implicit_commit, other_database, pandas_by_tasks, engine, threads):
        one()
    with ENGINE.connect() as shop:
        print("audited:", shop.execute(sa.text("SELECT count(*) FROM audit")).scalar())
    ENGINE.dispose()
