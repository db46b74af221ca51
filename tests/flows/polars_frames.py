"""polars between databases: its own reads and writes through an engine, ADBC, and a file."""

from __future__ import annotations

import os

import adbc_driver_sqlite.dbapi
import polars as pl
import sqlalchemy as sa
from prefect import flow, task

from prefect_lineage_events import instrument_connection


@task
def extract(shop: sa.Engine) -> pl.DataFrame:
    return pl.read_database("SELECT id, amount FROM orders", shop)


@task
def keep(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("amount") > 6)


@task
def load(shop: sa.Engine, frame: pl.DataFrame) -> None:
    frame.write_database("big_orders", shop)


@flow(name="by engine")
def by_engine() -> None:
    shop = instrument_connection(sa.create_engine(os.environ["SHOP_URL"]))
    load(shop, keep(extract(shop)))
    shop.dispose()


@flow(name="by adbc")
def by_adbc() -> None:
    with instrument_connection(
        adbc_driver_sqlite.dbapi.connect(os.environ["SHOP_FILE"]), url=os.environ["SHOP_URL"]
    ) as shop:
        frame = pl.read_database("SELECT name, country FROM customers", shop)
        with shop.cursor() as cursor:
            cursor.adbc_ingest("names", frame.to_arrow(), mode="create")
            cursor.execute("SELECT country FROM names")
            print("countries", sorted(cursor.fetch_arrow_table()["country"].to_pylist()))
        shop.commit()


@flow(name="by polars over adbc")
def by_polars_over_adbc() -> None:
    with instrument_connection(
        adbc_driver_sqlite.dbapi.connect(os.environ["SHOP_FILE"]), url=os.environ["SHOP_URL"]
    ) as shop:
        pl.read_database("SELECT amount FROM orders", shop).write_database("amounts", shop, engine="adbc")


@flow(name="by adbc, appended and left")
def by_adbc_left() -> None:
    with instrument_connection(
        adbc_driver_sqlite.dbapi.connect(os.environ["SHOP_FILE"]), url=os.environ["SHOP_URL"]
    ) as shop:
        frame = pl.DataFrame({"step": ["began"], "rows_seen": [1]})
        with shop.cursor() as cursor:
            cursor.adbc_ingest("audit", frame.to_arrow(), mode="append")


@flow(name="in batches")
def in_batches() -> None:
    shop = instrument_connection(sa.create_engine(os.environ["SHOP_URL"]))
    with shop.connect() as connection:
        batches = pl.read_database("SELECT id FROM customers", connection, iter_batches=True, batch_size=2)
        pl.concat(batches).rename({"id": "customer"}).write_database("known", connection, if_table_exists="replace")
        connection.commit()
    shop.dispose()


if __name__ == "__main__":
    for one in (by_engine, by_adbc, by_polars_over_adbc, by_adbc_left, in_batches):
        one()
