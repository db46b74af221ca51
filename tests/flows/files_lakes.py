"""CSV to an Iceberg table, a Delta table and Parquet files, by pyiceberg, deltalake, Polars and DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
from deltalake import DeltaTable, write_deltalake
from prefect import flow, task
from pyiceberg.catalog.sql import SqlCatalog

CUSTOMERS = "id,name,country\n1,Ada,GB\n2,Grace,US\n3,Emmy,DE\n"
ORDERS = "order,customer,amount\n10,1,42\n11,1,8\n12,2,7\n"


def catalog() -> SqlCatalog:
    return SqlCatalog("lake", uri="sqlite:///catalog.db", warehouse=Path("warehouse").absolute().as_uri())


@task
def customers() -> pl.DataFrame:
    return pl.read_csv("customers.csv")


@task
def store(frame: pl.DataFrame) -> None:
    rows = frame.to_arrow()
    catalog().create_table("shop.people", schema=rows.schema).append(rows)


@flow(name="csv to iceberg")
def csv_to_iceberg() -> None:
    catalog().create_namespace("shop")
    store(customers())


@flow(name="iceberg to delta")
def iceberg_to_delta() -> None:
    people = catalog().load_table("shop.people").scan(row_filter="country != 'US'").to_arrow()
    write_deltalake("european", people.select(["id", "name"]))


@flow(name="lakes to files")
def lakes_to_files() -> None:
    people = pl.scan_iceberg(catalog().load_table("shop.people"))
    orders = pl.scan_csv("orders.csv").rename({"customer": "id"})
    people.join(orders, on="id").select("name", cents=pl.col("amount") * 100).sink_parquet("spent.parquet")
    DeltaTable("european").update(updates={"name": "upper(name)"})


@flow(name="files by duckdb")
def files_by_duckdb() -> None:
    spent = duckdb.sql("SELECT name, sum(cents) AS cents FROM 'spent.parquet' GROUP BY name").pl()
    spent.lazy().filter(pl.col("cents") > 0).sink_csv("out/totals.csv", mkdir=True)


if __name__ == "__main__":
    Path("customers.csv").write_text(CUSTOMERS)
    Path("orders.csv").write_text(ORDERS)
    Path("warehouse").mkdir()
    for one in (csv_to_iceberg, iceberg_to_delta, lakes_to_files, files_by_duckdb):
        one()
    print("spent:", sorted(pl.read_csv("out/totals.csv")["cents"]))
