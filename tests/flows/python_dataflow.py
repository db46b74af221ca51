"""Results passed from task to task in all ways of Prefect; a task that received no result gets no edge."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd
import sqlalchemy as sa
from prefect import flow, task, unmapped
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_lineage_events import instrument_connection

ENGINE = instrument_connection(sa.create_engine(os.environ["SHOP_URL"]))


@task
def read(table: str) -> pd.DataFrame:
    return pd.read_sql(f"SELECT * FROM {table}", ENGINE)


@task
def touch_nothing(value: Any) -> Any:
    return value


@task
def write(frame: pd.DataFrame, table: str) -> None:
    frame.to_sql(table, ENGINE, index=False)


@task
def write_first(frames: dict[str, list[pd.DataFrame]], table: str) -> None:
    frames["frames"][0].to_sql(table, ENGINE, index=False)


@flow(name="two pipelines")
def two_pipelines() -> None:
    write(touch_nothing(read("orders")), "orders_out")
    write(touch_nothing(read("customers")), "customers_out")


@flow(name="submitted", task_runner=ThreadPoolTaskRunner(max_workers=3))
def submitted() -> None:
    orders, customers = read.submit("orders"), read.submit("customers")
    write.submit(touch_nothing.submit(orders), "submitted_out", wait_for=[customers]).wait()


@flow(name="mapped", task_runner=ThreadPoolTaskRunner(max_workers=3))
def mapped() -> None:
    frames = read.map(["orders", "customers"])
    write.map(frames, ["mapped_orders", "mapped_customers"]).wait()
    write.map([frames[0]], unmapped("mapped_again")).wait()


@flow(name="in containers")
def in_containers() -> None:
    write_first({"frames": [read("orders")]}, "contained")


if __name__ == "__main__":
    for one in (two_pipelines, submitted, mapped, in_containers):
        one()
    ENGINE.dispose()
