"""CSV to PostgreSQL by pandas, Parquet and DuckDB, in a program without one word of lineage."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import duckdb
import pandas as pd
import psycopg
import pyarrow.parquet as pq
import sqlalchemy as sa
from prefect import flow, task

ENGINE = sa.create_engine(os.environ["SHOP_URL"])
CUSTOMERS = "id,name,country\n1,Ada,GB\n2,Grace,US\n3,Emmy,DE\n"


@task
def extract() -> pd.DataFrame:
    return pd.read_csv("customers.csv")


@task
def clean(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["country"] != "US"].rename(columns={"name": "customer"})


@task
def store(frame: pd.DataFrame) -> None:
    frame.to_parquet(Path("customers.parquet").absolute())


@task
def aggregate() -> None:
    with duckdb.connect() as memory:
        memory.execute(
            "COPY (SELECT country, count(*) AS total FROM read_parquet('./customers.parquet') GROUP BY country)"
            " TO 'totals.parquet'"
        )


@task
def load() -> None:
    totals = pq.read_table("totals.parquet").to_pylist()
    with psycopg.connect(os.environ["SHOP_DSN"]) as shop, shop.cursor() as cursor:
        cursor.executemany("INSERT INTO revenue (country, total) VALUES (%(country)s, %(total)s)", totals)


@flow(name="files to a table")
def files_to_a_table() -> None:
    store(clean(extract()))
    aggregate()
    load()


@flow(name="table to files")
def table_to_files() -> None:
    with ENGINE.connect() as shop:
        paid = pd.read_sql("SELECT id, amount FROM orders WHERE status = 'paid'", shop)
    paid.to_csv("paid.csv.gz", index=False)


@flow(name="by a temporary file")
def by_a_temporary_file() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pd.read_csv("customers.csv", usecols=["id", "name"]).to_parquet(f"{folder}/x.parquet")
        with duckdb.connect() as memory:
            memory.execute(f"COPY (SELECT id, upper(name) AS name FROM '{folder}/x.parquet') TO '{folder}/y.csv'")
        pd.read_csv(Path(folder) / "y.csv").to_json("names.json")


@flow(name="days")
def days() -> None:
    for day in ("2026-11-28", "2026-11-29"):
        frame = pd.read_csv("customers.csv", chunksize=2)
        pd.concat(frame).to_csv(_made(Path("daily") / f"dt={day}") / "part-0.csv", index=False)
    with duckdb.connect() as memory:
        rows = memory.execute("SELECT id, dt FROM read_csv('daily/*/*.csv', hive_partitioning = true)").df()
    rows.to_feather("rows.feather")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    Path("customers.csv").write_text(CUSTOMERS)
    for one in (files_to_a_table, table_to_files, by_a_temporary_file, days):
        one()
    with ENGINE.connect() as shop:
        print("countries:", shop.execute(sa.text("SELECT count(*) FROM revenue")).scalar())
    ENGINE.dispose()
