"""Rows that pass through the flow's body, which have a source, and rows that the flow creates, which have none."""

from __future__ import annotations

import os

import pandas as pd
import sqlalchemy as sa
from prefect import flow, task

from prefect_lineage_events import instrument_connection

ENGINE = instrument_connection(sa.create_engine(os.environ["SHOP_URL"]))


@task
def extract(query: str = "SELECT * FROM orders") -> pd.DataFrame:
    return pd.read_sql(query, ENGINE)


@task
def load(frame: pd.DataFrame, table: str = "loaded") -> None:
    frame.to_sql(table, ENGINE, index=False, if_exists="append")


@task
def log_step(step: str, rows: int | None = None) -> None:
    with ENGINE.begin() as connection:
        connection.execute(sa.text("INSERT INTO audit VALUES (:step, :rows)"), {"step": step, "rows": rows})


@task
def mark(customer: int, status: str) -> None:
    with ENGINE.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO marks (id, status) VALUES (:id, :status)"), {"id": customer, "status": status}
        )


@task
def fill_labels(language: str) -> None:
    labels = [{"id": 1, "label": f"{language} one"}, {"id": 2, "label": f"{language} two"}]
    with ENGINE.begin() as connection:
        connection.execute(sa.text("INSERT INTO labels (id, label) VALUES (:id, :label)"), labels)


@task
def log_nothing_given() -> None:
    with ENGINE.begin() as connection:
        connection.execute(sa.text("INSERT INTO audit VALUES ('done', 0)"))


@flow(name="filtered")
def filtered() -> None:
    orders = extract()
    load(orders[orders["amount"] > 6])


@flow(name="filtered to one row")
def filtered_to_one_row() -> None:
    orders = extract()
    load(orders[orders["amount"] > 40])


@flow(name="filtered and logged")
def filtered_and_logged() -> None:
    log_step("begun")
    orders = extract()
    load(orders[orders["amount"] > 6])
    log_step("loaded", len(orders))
    log_nothing_given()


@flow(name="totals")
def totals() -> None:
    orders = extract("SELECT customer_id, amount FROM orders")
    load(orders.groupby("customer_id", as_index=False)["amount"].sum(), "totals")


@flow(name="only logged")
def only_logged() -> None:
    extract()
    log_step("done")


@flow(name="only marked")
def only_marked() -> None:
    extract()
    mark(1, "seen")


@flow(name="labels of its own")
def labels_of_its_own() -> None:
    extract()
    fill_labels("en")


@flow(name="logs by the body")
def logs_by_the_body() -> None:
    extract()
    log_step.fn("done")


@flow(name="logging")
def logging(step: str) -> None:
    log_step.fn(step)


@flow(name="logged below")
def logged_below() -> None:
    extract()
    logging("done")


if __name__ == "__main__":
    for one in (
        filtered,
        filtered_to_one_row,
        filtered_and_logged,
        totals,
        only_logged,
        only_marked,
        labels_of_its_own,
        logs_by_the_body,
        logged_below,
    ):
        one()
    ENGINE.dispose()
