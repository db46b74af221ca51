"""The standard library's sqlite3 in common use: scripts, dumps and backups, explicit transactions, rows by name."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from prefect import flow

from prefect_lineage_events import instrument_connection


def connect(file: str = os.environ["SHOP_FILE"], **options: Any) -> sqlite3.Connection:
    return instrument_connection(sqlite3.connect(file, **options))


@flow(name="script")
def script() -> None:
    with closing(connect()) as shop:
        shop.executescript("""
            CREATE TABLE staged AS SELECT id, amount FROM orders WHERE status = 'paid';
            INSERT INTO audit SELECT 'staged', count(*) FROM staged;
        """)


@flow(name="by hand")
def by_hand() -> None:
    with closing(connect(isolation_level=None)) as shop:
        shop.execute("BEGIN IMMEDIATE")
        shop.execute("INSERT INTO revenue SELECT country, 0 FROM customers")
        shop.execute("SAVEPOINT later")
        shop.execute("INSERT INTO audit SELECT name, 0 FROM customers")
        shop.execute("ROLLBACK TO later")
        shop.execute("COMMIT")
        shop.execute("BEGIN")
        shop.execute("DELETE FROM orders")
        shop.execute("ROLLBACK")


@flow(name="from a view")
def from_a_view() -> None:
    with closing(connect()) as shop, shop:
        shop.execute("INSERT INTO revenue SELECT name, 1 FROM named")


@flow(name="dumped")
def dumped() -> None:
    with closing(connect()) as shop:
        Path("shop.sql").write_text("\n".join(shop.iterdump()))


@flow(name="backed up")
def backed_up() -> None:
    with closing(connect()) as shop, closing(connect("copy.db")) as copy:
        shop.backup(copy)
        [(count,)] = copy.execute("SELECT count(*) FROM orders").fetchall()
        print("orders in the copy:", count)


@flow(name="rows by name")
def rows_by_name() -> None:
    with closing(connect()) as shop:
        shop.row_factory = sqlite3.Row
        with shop:
            rows = [(row["name"], 1) for row in shop.execute("SELECT name FROM customers")]
            shop.executemany("INSERT INTO audit (step, rows_seen) VALUES (?, ?)", rows)


@flow(name="attached")
def attached() -> None:
    with closing(connect()) as shop:
        shop.execute("ATTACH 'archive.db' AS archive")
        shop.execute("CREATE TABLE archive.old_orders AS SELECT * FROM orders")
        shop.commit()


if __name__ == "__main__":
    for one in (script, by_hand, from_a_view, dumped, backed_up, rows_by_name, attached):
        one()
