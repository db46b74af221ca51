"""Results that Prefect does not track: through the flow's body, into subflows and out of them; and Prefect's assets."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pandas as pd
import sqlalchemy as sa
from prefect import flow, task
from prefect.assets import materialize

from prefect_lineage_events import instrument_connection

ENGINE = instrument_connection(sa.create_engine(os.environ["SHOP_URL"]))


@task
def read(query: str) -> pd.DataFrame:
    return pd.read_sql(query, ENGINE)


@task
def write(frame: pd.DataFrame, table: str) -> None:
    frame.to_sql(table, ENGINE, index=False)


@flow(name="through the body")
def through_the_body() -> None:
    orders = read("SELECT id, amount FROM orders")
    write(orders[orders["amount"] > 5], "big_orders")


@flow(name="two through the body")
def two_through_the_body() -> None:
    amounts, names = read("SELECT amount FROM orders"), read("SELECT name FROM customers")
    write(amounts.drop_duplicates(), "amounts")
    write(names.drop_duplicates(), "names")


@flow(name="perhaps crossed")
def perhaps_crossed() -> None:
    orders, customers = read("SELECT id FROM orders LIMIT 2"), read("SELECT id FROM customers LIMIT 2")
    write(orders.drop_duplicates(), "order_ids")
    write(customers.drop_duplicates(), "customer_ids")


@flow(name="distinguished by their number")
def distinguished_by_their_number() -> None:
    orders, customers = read("SELECT id FROM orders"), read("SELECT id FROM customers")
    write(orders.drop_duplicates(), "all_order_ids")
    write(customers.drop_duplicates(), "all_customer_ids")


@flow(name="read by the body")
def read_by_the_body() -> None:
    write(pd.read_sql("SELECT name FROM customers", ENGINE), "body_names")


@flow(name="loading")
def loading(frame: pd.DataFrame, table: str) -> None:
    write(frame, table)


@flow(name="into a subflow")
def into_a_subflow() -> None:
    loading(read("SELECT id, status FROM orders"), "handed_down")


@flow(name="extracting")
def extracting() -> pd.DataFrame:
    return read("SELECT id, country FROM customers")


@flow(name="out of a subflow")
def out_of_a_subflow() -> None:
    write(extracting(), "handed_up")


@flow(name="storing")
def storing(frame: pd.DataFrame) -> None:
    frame.to_sql("passed_on", ENGINE, index=False)


@flow(name="from subflow to subflow")
def from_subflow_to_subflow() -> None:
    storing(extracting())


@materialize("s3://lake/customer_file", asset_deps=["s3://lake/country_file"])
def publish() -> float:
    return float(pd.read_sql("SELECT id FROM customers", ENGINE)["id"].mean())


@flow(name="materialising")
def materialising() -> None:
    publish()


@task
def taken() -> list[sa.RowMapping]:
    with ENGINE.begin() as connection:
        rows = connection.execute(sa.text("DELETE FROM queue WHERE id < 3 RETURNING id, what")).mappings().all()
    return list(rows)


@task
def archived(rows: list[sa.RowMapping]) -> None:
    with ENGINE.begin() as connection:
        connection.execute(sa.text("INSERT INTO archive (id, what) VALUES (:id, :what)"), [dict(row) for row in rows])


@task
def worked_off() -> None:
    with ENGINE.begin() as connection:
        claimed = connection.execute(sa.text("UPDATE jobs SET state = 'running' RETURNING id")).scalars().all()
        connection.execute(sa.text("INSERT INTO results (id) VALUES (:id)"), [{"id": one} for one in claimed])
        connection.execute(sa.text("UPDATE jobs SET state = 'done' WHERE id = :id"), {"id": claimed[0]})


@flow(name="returning")
def returning() -> None:
    archived(taken())
    worked_off()


SEEN = threading.Event()


@task
def read_slowly() -> list[dict[str, Any]]:
    with ENGINE.begin() as connection:
        rows = connection.execute(sa.text("SELECT id, amount FROM orders")).all()
    SEEN.wait(60)
    time.sleep(1)  # the run of the task that takes the result is made meanwhile
    return [{"step": f"order {id_}", "amount": amount} for id_, amount in rows]


@task
def stored(rows: list[dict[str, Any]]) -> None:
    with ENGINE.begin() as connection:
        connection.execute(sa.text("INSERT INTO steps (step, amount) VALUES (:step, :amount)"), rows)


@flow(name="taken while it runs")
def taken_while_it_runs() -> None:
    rows = read_slowly.submit()
    while not rows.state.is_running():  # as the server has it
        time.sleep(0.1)
    taken = stored.submit(rows)
    SEEN.set()
    taken.wait()


@task
def read_in_parts() -> Iterator[pd.DataFrame]:
    for status in ("paid", "open"):
        query = sa.text("SELECT id, status FROM orders WHERE status = :status")
        yield pd.read_sql(query, ENGINE, params={"status": status})


@task
def write_part(frame: pd.DataFrame, number: int) -> None:
    frame.to_sql(f"part_{number}", ENGINE, index=False)


@flow(name="yielded")
def yielded() -> None:
    for number, part in enumerate(read_in_parts()):
        write_part(part, number)


if __name__ == "__main__":
    for one in (
        through_the_body,
        two_through_the_body,
        perhaps_crossed,
        distinguished_by_their_number,
        read_by_the_body,
        into_a_subflow,
        out_of_a_subflow,
        from_subflow_to_subflow,
        materialising,
        returning,
        taken_while_it_runs,
        yielded,
    ):
        one()
    ENGINE.dispose()
