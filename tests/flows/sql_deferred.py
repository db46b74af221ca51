"""Results that are fetched later, elsewhere, or never: each statement belongs to the task that ran it, and is reported
once.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prefect import flow, task

from prefect_lineage_events import instrument_connection


def connect() -> sqlite3.Connection:
    return instrument_connection(sqlite3.connect(os.environ["SHOP_FILE"], check_same_thread=False, timeout=60))


def amounts(connection: sqlite3.Connection) -> Iterator[int]:
    for (amount,) in connection.execute("SELECT amount FROM orders"):
        yield amount


@flow(name="generator half consumed")
def generator_half_consumed() -> None:
    connection = connect()
    rows = amounts(connection)
    print("first", next(rows))
    rows.close()
    connection.close()


@flow(name="cursor abandoned")
def cursor_abandoned() -> None:
    connect().execute("SELECT name FROM customers").fetchone()


@task
def in_threads() -> None:
    def copy(source: str) -> None:
        connection = connect()
        connection.execute(f"CREATE TABLE {source}_copy AS SELECT * FROM {source}")
        connection.commit()
        connection.close()

    raw = threading.Thread(target=copy, args=("orders",))
    raw.start()
    raw.join()
    with ThreadPoolExecutor(2) as pool:
        pool.submit(copy, "customers").result()


@flow(name="raw threads")
def raw_threads() -> None:
    in_threads()


@task
def ask(connection: Any) -> Any:
    return connection.execute("SELECT name, id FROM customers")


@task
def answer(connection: Any, cursor: Any) -> None:
    connection.executemany("INSERT INTO audit VALUES (?, ?)", cursor.fetchall())
    connection.commit()


@flow(name="cursor passed on")
def cursor_passed_on() -> None:
    connection = connect()
    answer(connection, ask(connection))
    connection.close()


if __name__ == "__main__":
    for one in (generator_half_consumed, cursor_abandoned, raw_threads, cursor_passed_on):
        one()
