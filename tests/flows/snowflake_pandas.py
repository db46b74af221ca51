"""Frames read in one task and written in another by the connector's `write_pandas`, in its three ways."""

from __future__ import annotations

from typing import Any

import pandas as pd
import snowflake_gaps  # noqa: F401  (the stand-in takes no `write_pandas`)
from prefect import flow, task
from prefect_snowflake import SnowflakeConnector
from snowflake.connector.pandas_tools import write_pandas
from snowflake_shop import connect

from prefect_lineage_events import SnowflakeLineage, instrument

instrument()


@task
def read(shop: Any) -> pd.DataFrame:
    with shop.get_connection().cursor() as cursor:
        return cursor.execute("SELECT country, id AS total FROM customers").fetch_pandas_all()


@task
def double(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(TOTAL=frame["TOTAL"] * 2)


@task
def write(shop: Any, frame: pd.DataFrame, table: str, **how: Any) -> None:
    done, _, rows, _ = write_pandas(shop.get_connection(), frame, table, **how)
    print(done, rows)


@flow(name="snowflake frame appended")
def appended(block_class: Any) -> None:
    with connect(block_class) as shop:
        write(shop, double(read(shop)), "REVENUE")


@flow(name="snowflake frame made")
def made(block_class: Any) -> None:
    with connect(block_class) as shop:
        write(shop, read(shop), "MADE", auto_create_table=True)


@flow(name="snowflake frame replaced")
def replaced(block_class: Any) -> None:
    with connect(block_class) as shop:
        frame = read(shop)
        write(shop, frame, "REVENUE", overwrite=True)
        write(shop, frame, "REPLACED", auto_create_table=True, overwrite=True)


@flow(name="snowflake frame in pieces")
def in_pieces(block_class: Any) -> None:
    with connect(block_class) as shop, shop.get_connection().cursor() as cursor:
        cursor.execute("SELECT country, amount AS total FROM orders JOIN customers c ON c.id = customer_id")
        for frame in cursor.fetch_pandas_batches():
            write_pandas(shop.get_connection(), frame, "REVENUE", database="FLOWS_SHOP", schema="PUBLIC")


if __name__ == "__main__":
    for kind in (SnowflakeLineage, SnowflakeConnector):
        appended(kind)
        made(kind)
        replaced(kind)
        in_pieces(kind)
