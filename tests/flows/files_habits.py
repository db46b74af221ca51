"""Habits of programs with files: chunks, threads, loops, open files, workbooks, datasets, a file that is changed."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import NamedTemporaryFile

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pandas import read_csv
from prefect import flow


@flow(name="chunks")
def chunks() -> None:
    for chunk in read_csv("orders.csv", chunksize=2):
        chunk[chunk["amount"] > 1].to_csv("big.csv", mode="a", index=False)


@flow(name="merge")
def merge() -> None:
    orders, customers = pd.read_csv("orders.csv"), pd.read_csv("customers.csv")
    orders.merge(customers, on="customer").to_parquet("joined.parquet")
    pd.DataFrame({"step": ["merge"], "seconds": [1.5]}).to_csv("log.csv", index=False)


@flow(name="threads")
def threads() -> None:
    def convert(name: str) -> None:
        pd.read_csv(f"{name}.csv").to_parquet(f"{name}.parquet")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(convert, ["orders", "customers"]))


@flow(name="loop")
def loop() -> None:
    frames = [pd.read_csv(path) for path in sorted(Path("days").glob("*.csv"))]
    pd.concat(frames).to_parquet("all.parquet")


@flow(name="open files")
def open_files() -> None:
    with fsspec.open(f"file://{Path('orders.csv').absolute()}") as file:
        frame = pd.read_csv(file)
    with fsspec.open("memory://lake/in/o.txt", "w") as file:
        frame.to_csv(file, index=False)
    pd.read_csv("memory://lake/in/o.txt").to_json("again.txt")


@flow(name="dataset")
def dataset() -> None:
    table = pa.Table.from_pandas(pd.read_csv("orders.csv"))
    ds.write_dataset(table, "lake", partitioning=["customer"], partitioning_flavor="hive", format="parquet")
    amounts = ds.dataset("lake", partitioning="hive").to_table(columns=["id", "amount"])
    pq.write_table(amounts, "amounts.parquet")


@flow(name="workbook")
def workbook() -> None:
    with pd.ExcelWriter("book.xlsx") as book:
        pd.read_csv("orders.csv").to_excel(book, sheet_name="orders", index=False)
        pd.read_csv("customers.csv").to_excel(book, sheet_name="customers", index=False)


@flow(name="same file")
def same_file() -> None:
    frame = pd.read_csv("customers.csv")
    frame["name"] = frame["name"].str.upper()
    frame.to_csv("customers.csv", index=False)


@flow(name="temporary file")
def temporary_file() -> None:
    with NamedTemporaryFile(suffix=".parquet") as file:
        pd.read_csv("customers.csv").to_parquet(file.name)
        pq.read_table(file.name).to_pandas().to_csv("copy.csv")


@flow(name="side by side")
async def side_by_side() -> None:
    orders, customers = await asyncio.gather(
        *(asyncio.to_thread(pd.read_csv, f"{name}.csv") for name in ("orders", "customers"))
    )
    orders.to_csv("o.csv", index=False)
    customers.to_csv("c.csv", index=False)


@flow(name="failing")
def failing() -> None:
    frame = pd.read_csv("orders.csv")
    frame.to_csv("half.csv")
    frame.to_csv("nowhere/x.csv")


if __name__ == "__main__":
    Path("orders.csv").write_text("id,customer,amount\n1,1,5\n2,1,1\n3,2,8\n")
    Path("customers.csv").write_text("customer,name\n1,Ada\n2,Emmy\n")
    Path("days").mkdir()
    for day in range(130):
        Path(f"days/{day}.csv").write_text(f"day,x\n{day},1\n")
    for one in (chunks, merge, threads, loop, open_files, dataset, workbook, same_file, temporary_file):
        one()
    asyncio.run(side_by_side())
    with contextlib.suppress(OSError):
        failing()
