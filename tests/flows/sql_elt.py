"""Nightly ELT in plain SQL: a build, an aggregate over a join, a correction, a read."""

from __future__ import annotations

import os
from typing import Any

from prefect import flow, task

from prefect_lineage_events import SqlAlchemyLineage


@task
def stage(shop: Any) -> None:
    shop.execute("CREATE TABLE paid AS SELECT id, customer_id, amount FROM orders WHERE status = 'paid'")


@task
def total(shop: Any) -> None:
    shop.execute(
        "INSERT INTO revenue (country, total) SELECT c.country, SUM(p.amount) "
        "FROM paid p JOIN customers c ON c.id = p.customer_id GROUP BY c.country"
    )


@flow(name="sql elt")
def elt() -> None:
    with SqlAlchemyLineage(connection_info=os.environ["SHOP_URL"]) as shop:
        stage(shop)
        total(shop)
        print(sorted(tuple(row) for row in shop.fetch_all("SELECT country, total FROM revenue")))


if __name__ == "__main__":
    elt()
