"""Tables that are created and dropped within a run: temporary, staging, renamed, filled again, read from themselves."""

from __future__ import annotations

import os
from typing import Any

from prefect import flow, task

from prefect_lineage_events import SqlAlchemyLineage


def shop() -> Any:
    return SqlAlchemyLineage(connection_info=os.environ["SHOP_URL"])


@flow(name="through a temporary table")
def temporary() -> None:
    with shop() as db, db.get_connection(begin=True) as connection:
        connection.exec_driver_sql("CREATE TEMPORARY TABLE paid AS SELECT customer_id AS cust, amount FROM orders")
        connection.exec_driver_sql(
            "INSERT INTO revenue SELECT c.country, SUM(p.amount) FROM paid p JOIN customers c ON c.id = p.cust GROUP BY 1"
        )


@task
def one_of_two(db: Any, source: str, target: str) -> None:
    with db.get_engine().begin() as connection:
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE tmp AS SELECT * FROM {source}")
        connection.exec_driver_sql(f"CREATE TABLE {target} AS SELECT * FROM tmp")
        connection.exec_driver_sql("DROP TABLE tmp")


@flow(name="two temporary tables of one name")
def two_of_one_name() -> None:
    with shop() as db:
        one_of_two(db, "orders", "orders_two")
        one_of_two(db, "customers", "customers_two")


@flow(name="created and dropped")
def created_and_dropped() -> None:
    with shop() as db:
        db.execute("CREATE TABLE staging AS SELECT id, amount FROM orders")
        db.execute("CREATE TABLE amounts AS SELECT amount AS euros FROM staging")
        db.execute("DROP TABLE staging")


@flow(name="renamed")
def renamed() -> None:
    with shop() as db:
        db.execute("CREATE TABLE names_new AS SELECT name FROM customers")
        db.execute("ALTER TABLE names_new RENAME TO names")


@flow(name="from itself")
def from_itself() -> None:
    with shop() as db:
        db.execute("INSERT INTO audit SELECT step, rows_seen + 1 FROM audit")


@flow(name="created again beside the old")
def created_again() -> None:
    """Replace a table as repeatable scripts do: at the first run, there is no old table to drop."""
    with shop() as db:
        db.execute("CREATE TABLE audit_new AS SELECT step, rows_seen FROM audit")
        db.execute("DROP TABLE IF EXISTS audit_old")
        db.execute("ALTER TABLE audit RENAME TO audit_old")
        db.execute("ALTER TABLE audit_new RENAME TO audit")
        db.execute("DROP TABLE audit_old")
        db.execute("DROP VIEW IF EXISTS never_there")


@flow(name="view")
def view() -> None:
    with shop() as db:
        db.execute("CREATE VIEW paid_orders AS SELECT id, amount FROM orders WHERE status = 'paid'")
        db.execute("CREATE TABLE from_view AS SELECT amount FROM paid_orders")


if __name__ == "__main__":
    for one in (temporary, two_of_one_name, created_and_dropped, renamed, from_itself, created_again, view):
        one()
