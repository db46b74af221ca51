"""Files that are written under one name and moved to another, in a program without a word of ours."""

# These functions are what programs call.
# ruff: noqa: PTH104, PTH105

from __future__ import annotations

import json
import os
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import duckdb
import pandas as pd
import sqlalchemy as sa
from prefect import flow, task

SHOP = sa.create_engine(os.environ["SHOP_URL"])


def orders() -> pd.DataFrame:
    return pd.read_sql("SELECT id, amount FROM orders", SHOP)


@flow(name="an atomic write")
def atomic_write() -> None:
    path = Path("orders.parquet.tmp")
    orders().to_parquet(path)
    path.replace("orders.parquet")


@flow(name="a temporary file")
def temporary_file() -> None:
    with tempfile.NamedTemporaryFile("w", dir=".", suffix=".csv", delete=False) as file:
        orders().to_csv(file, index=False)
    os.replace(file.name, "exported.csv")


@task
def extract() -> str:
    pd.read_sql("SELECT * FROM customers", SHOP).to_csv("customers.part", index=False)
    return "customers.part"


@task
def publish(path: str) -> None:
    shutil.move(path, "published")


@flow(name="from task to task")
def from_task_to_task() -> None:
    Path("published").mkdir()
    publish(extract())


@flow(name="a directory in place")
def directory_in_place() -> None:
    work = tempfile.mkdtemp()
    orders().to_csv(f"{work}/orders.csv", index=False)
    pd.read_sql("SELECT * FROM customers", SHOP).to_csv(f"{work}/customers.csv", index=False)
    shutil.copytree(work, "release")
    shutil.rmtree(work)


@flow(name="a partitioned dataset in place")
def partitioned_in_place() -> None:
    shutil.rmtree("lake", ignore_errors=True)
    orders().to_parquet("lake_new", partition_cols=["id"])
    os.rename("lake_new", "lake")


@flow(name="an inbox")
def inbox() -> None:
    for path in sorted(Path("inbox").glob("*.csv")):
        pd.read_csv(path).to_sql("loaded", SHOP, index=False, if_exists="append")
        shutil.move(path, f"archive/done_{path.name}")


def write_part(number: int) -> None:
    pd.DataFrame({"number": [number]}).to_parquet(f"parts_new/part-{number}.parquet")


@flow(name="parts of other processes")
def parts_of_processes() -> None:
    Path("parts_new").mkdir()
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(write_part, range(3)))
    os.rename("parts_new", "parts")


@flow(name="an export by duckdb")
def duckdb_export() -> None:
    duckdb.sql("COPY (SELECT id, amount * 2 AS doubled FROM 'orders.parquet') TO 'doubled.tmp' (FORMAT parquet)")
    os.replace("doubled.tmp", "doubled.parquet")


@flow(name="json by open")
def json_by_open() -> None:
    with Path("rows.json.tmp").open("w") as file:
        json.dump(orders().to_dict("records"), file)
    os.replace("rows.json.tmp", "rows.json")


@flow(name="a scratch file")
def scratch() -> None:
    orders().to_csv("scratch.csv", index=False)
    pd.read_csv("scratch.csv").to_sql("scratched", SHOP, index=False)
    Path("scratch.csv").unlink()


@flow(name="no data")
def no_data() -> None:
    Path("job.lock.tmp").touch()
    os.replace("job.lock.tmp", "job.lock")
    shutil.copy(__file__, "copied.py")


if __name__ == "__main__":
    for name in ("inbox", "archive"):
        Path(name).mkdir()
    Path("inbox/new.csv").write_text("id,amount\n1,2\n")
    os.utime("inbox/new.csv", (1_000_000_000, 1_000_000_000))
    atomic_write()
    temporary_file()
    from_task_to_task()
    directory_in_place()
    partitioned_in_place()
    inbox()
    parts_of_processes()
    duckdb_export()
    json_by_open()
    scratch()
    no_data()
