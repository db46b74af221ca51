"""Rolled-back writes are not reported; writes that commit by themselves are."""

from __future__ import annotations

import contextlib
import os

import sqlalchemy as sa
from prefect import flow

from prefect_lineage_events import instrument_connection

ENGINE = instrument_connection(sa.create_engine(os.environ["SHOP_URL"]))
FILL = "INSERT INTO {} SELECT 'x', amount FROM orders"


@flow(name="rolled back")
def rolled_back() -> None:
    with ENGINE.connect() as connection:
        connection.execute(sa.text(FILL.format("audit")))
        connection.rollback()
        connection.execute(sa.text("SELECT id FROM customers")).fetchall()


@flow(name="left without commit")
def left_without_commit() -> None:
    with ENGINE.connect() as connection:
        connection.execute(sa.text(FILL.format("audit")))


@flow(name="error in a block")
def error_in_a_block() -> None:
    with contextlib.suppress(ZeroDivisionError), ENGINE.begin() as connection:
        connection.execute(sa.text(FILL.format("audit")))
        print(1 // 0)
    with ENGINE.begin() as connection:
        connection.execute(sa.text(FILL.format("revenue")))


@flow(name="autocommit")
def autocommit() -> None:
    with ENGINE.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(FILL.format("audit")))


@flow(name="created and rolled back")
def created_and_rolled_back() -> None:
    with ENGINE.connect() as connection:
        connection.exec_driver_sql("BEGIN") if ENGINE.name == "sqlite" else None
        connection.execute(sa.text("CREATE TABLE never AS SELECT id FROM orders"))
        connection.rollback()


if __name__ == "__main__":
    for one in (rolled_back, left_without_commit, error_in_a_block, autocommit, created_and_rolled_back):
        one()
    ENGINE.dispose()
