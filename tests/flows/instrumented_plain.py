"""Existing connectors and connections, with `instrument()` at the top and no other change."""

from __future__ import annotations

import os
import sqlite3

import pandas as pd
import sqlalchemy as sa
from prefect import flow, task
from prefect_sqlalchemy import SqlAlchemyConnector

from prefect_lineage_events import instrument, instrument_connection, lineage_disabled

instrument()


@flow(name="plain connector")
def plain_connector() -> None:
    with SqlAlchemyConnector(connection_info=os.environ["SHOP_URL"]) as shop:
        shop.execute("INSERT INTO revenue (country, total) SELECT country, 1 FROM customers")
        with lineage_disabled():
            shop.execute("INSERT INTO audit VALUES ('unseen', 1)")


@task
def extract(engine: sa.Engine) -> pd.DataFrame:
    return pd.read_sql("SELECT id, amount FROM orders WHERE status = 'paid'", engine)


@task
def clean(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["amount"] > 6]


@task
def load(engine: sa.Engine, frame: pd.DataFrame) -> None:
    frame.to_sql("paid", engine, index=False, method="multi", chunksize=1)


@flow(name="pandas by tasks")
def pandas_by_tasks() -> None:
    engine = instrument_connection(sa.create_engine(os.environ["SHOP_URL"]))
    load(engine, clean(extract(engine)))
    engine.dispose()


@flow(name="own connection")
def own_connection() -> None:
    with instrument_connection(sqlite3.connect(os.environ["SHOP_FILE"])) as connection:
        connection.executescript("CREATE TABLE names AS SELECT name FROM customers; DROP TABLE audit;")
        print([row for (row,) in connection.execute("SELECT name FROM names ORDER BY name")])
    connection.close()


if __name__ == "__main__":
    plain_connector()
    pandas_by_tasks()
    own_connection()
