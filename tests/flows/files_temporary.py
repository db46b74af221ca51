"""Data that passes through temporary files, in a program without a word of ours: the plugin captures it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pandas as pd
import polars as pl
import sqlalchemy as sa
from prefect import flow, task

SHOP = sa.create_engine(os.environ["SHOP_URL"])


@flow(name="through a file")
def through_a_file() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.parquet"
        pd.read_sql("SELECT id, amount FROM orders", SHOP).to_parquet(path)
        pd.read_parquet(path).to_sql("copied", SHOP, index=False)


@task
def extract(table: str, folder: str) -> str:
    path = f"{folder}/{table}.csv"
    pd.read_sql(f"SELECT * FROM {table}", SHOP).to_csv(path, index=False)
    return path


@task
def load(path: str, table: str) -> None:
    pd.read_csv(path).to_sql(table, SHOP, index=False)


@flow(name="from task to task")
def from_task_to_task() -> None:
    folder = tempfile.mkdtemp()
    load(extract("orders", folder), "orders_again")
    load(extract("customers", folder), "customers_again")


@flow(name="one file in turn")
def one_file_in_turn() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("north", "south"):
            pd.read_sql(f"SELECT id, amount FROM {name}", SHOP).to_csv(f"{folder}/part.csv", index=False)
            pd.read_csv(f"{folder}/part.csv").to_sql(f"{name}_copy", SHOP, index=False)


@flow(name="parts by a pattern")
def parts_by_a_pattern() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("north", "south"):
            pd.read_sql(f"SELECT id, amount FROM {name}", SHOP).to_parquet(f"{folder}/{name}.parquet")
        pd.DataFrame({"step": ["x"]}).to_csv(f"{folder}/log.csv")
        pl.read_parquet(f"{folder}/*.parquet").write_database("whole", SHOP)


@flow(name="a database in a file")
def a_database_in_a_file() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = sa.create_engine(f"sqlite:///{folder}/work.db")
        pd.read_sql("SELECT id, amount FROM orders", SHOP).to_sql("staged", work, index=False)
        with work.begin() as connection:
            connection.execute(sa.text("CREATE TABLE paid AS SELECT * FROM staged WHERE amount > 6"))
        pd.read_sql("SELECT id, amount FROM paid", work).to_sql("kept", SHOP, index=False)
        work.dispose()


@flow(name="from outside")
def from_outside() -> None:
    """Nothing that fills the file is captured."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as file:
        file.write("id,amount\n1,2\n")
    pd.read_csv(file.name).to_sql("outside", SHOP, index=False)


@flow(name="a lasting file")
def a_lasting_file() -> None:
    pd.read_sql("SELECT id, amount FROM orders", SHOP).to_parquet("orders.parquet")


if __name__ == "__main__":
    through_a_file()
    from_task_to_task()
    one_file_in_turn()
    parts_by_a_pattern()
    a_database_in_a_file()
    from_outside()
    a_lasting_file()
