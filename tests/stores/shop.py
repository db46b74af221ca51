"""An ordinary flow that runs on any store: a mart filled through a temporary table, a correction, a failed attempt, a
read.

Run as a program: `python shop.py sqlalchemy|snowflake '<fields of the block, as JSON>'`; prints the flow run's id.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from prefect import flow, task
from prefect.runtime import flow_run


def block(kind: str, options: dict[str, Any]) -> Any:
    if kind == "sqlalchemy":
        from prefect_lineage_events import SqlAlchemyLineage

        return SqlAlchemyLineage(**options)
    from prefect_snowflake import SnowflakeCredentials

    from prefect_lineage_events import SnowflakeLineage

    link = options.pop("link")
    lineage = SnowflakeLineage(credentials=SnowflakeCredentials(**options.pop("credentials")), **options)
    lineage.get_connection(**link)
    return lineage


@task
def seed(db: Any) -> None:
    db.execute("CREATE TABLE customers (id INTEGER, name VARCHAR(40))")
    db.execute("CREATE TABLE orders (id INTEGER, customer_id INTEGER, amount INTEGER)")
    db.execute("INSERT INTO customers VALUES (1, 'Ada')")
    db.execute("INSERT INTO orders VALUES (10, 1, 42)")


@task
def build(db: Any) -> None:
    db.execute("CREATE TABLE revenue (customer VARCHAR(40), total INTEGER)")
    db.execute(
        "INSERT INTO revenue (customer, total) SELECT c.name, SUM(o.amount) FROM orders o "
        "JOIN customers c ON c.id = o.customer_id GROUP BY c.name"
    )
    try:
        db.execute("INSERT INTO no_such_table SELECT id FROM customers")
    except Exception as error:
        print("refused:", type(error).__name__, file=sys.stderr)


@flow(name="shop of one store")
def shop(kind: str, options: dict[str, Any]) -> list[Any]:
    with block(kind, options) as db:
        seed(db)
        build(db)
        print(flow_run.id)
        return db.run_query("SELECT customer, total FROM revenue")


if __name__ == "__main__":
    rows = shop(sys.argv[1], json.loads(sys.argv[2]))
    assert [tuple(row) for row in rows] == [("Ada", 42)], rows
