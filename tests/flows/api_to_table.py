"""Orders of an API: to a JSON file, from there to a table, and back to the API. No word of lineage."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import requests
import sqlalchemy as sa
from prefect import flow, task

API = os.environ["SHOP_API"]


@task
def download() -> str:
    with httpx.Client(base_url=API, params={"token": "s3cret"}) as client:
        answer = client.get("/orders/17")
        answer.raise_for_status()
        assert client.get("/status/404").status_code == 404
    pd.DataFrame(answer.json()).to_json("orders.json", orient="records")
    return "orders.json"


@task
def load(file: str, engine: sa.Engine) -> None:
    pd.read_json(file).to_sql("api_orders", engine, index=False)


@flow(name="api to a table")
def api_to_a_table() -> None:
    engine = sa.create_engine(os.environ["SHOP_URL"])
    load(download(), engine)
    engine.dispose()


@task
def fetch() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = requests.get(f"{API}/orders/18", timeout=30).json()
    # Plain files are not seen: the rows go from the API to the table.
    Path("plain.json").write_text(json.dumps(rows))
    return rows


@task
def insert(rows: list[dict[str, Any]], engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO audit VALUES (:id, :amount)"), [{**row, "id": str(row["id"])} for row in rows]
        )


@flow(name="api through a plain file")
def api_through_a_plain_file() -> None:
    engine = sa.create_engine(os.environ["SHOP_URL"])
    insert(fetch(), engine)
    engine.dispose()


@flow(name="table to an api")
def table_to_an_api() -> None:
    engine = sa.create_engine(os.environ["SHOP_URL"])
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(sa.text("SELECT id, amount FROM orders")).mappings()]
    requests.post(f"{API}/imports", json=rows, headers={"Authorization": "Bearer s3cret"}, timeout=30)
    engine.dispose()


if __name__ == "__main__":
    api_to_a_table()
    api_through_a_plain_file()
    table_to_an_api()
    print("done")
