"""Two pipelines at a time, their statements in threads and pools of their own, and a mapped task: no edge crosses."""

from __future__ import annotations

import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_lineage_events import instrument_connection

SHOP = os.environ["SHOP_FILE"]
both_are_running = threading.Barrier(2)
pool = ThreadPoolExecutor(2)


def query(sql: str, *values: Any) -> list[Any]:
    connection = instrument_connection(sqlite3.connect(SHOP, isolation_level=None, timeout=60))
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


@task
def copy_through_pool(source: str, target: str) -> None:
    both_are_running.wait(60)
    ids = pool.submit(query, f"SELECT id FROM {source}").result()
    both_are_running.wait(60)
    pool.submit(query, f"INSERT INTO {target} VALUES (?)", ids[-1][0]).result()
    both_are_running.wait(60)


@task
def copy_through_threads(source: str, target: str) -> None:
    ids: list[Any] = []
    both_are_running.wait(60)
    reading = threading.Thread(target=lambda: ids.extend(query(f"SELECT id FROM {source}")))
    reading.start()
    reading.join()
    both_are_running.wait(60)
    writing = threading.Thread(target=query, args=(f"INSERT INTO {target} VALUES (?)", ids[-1][0]))
    writing.start()
    writing.join()
    both_are_running.wait(60)


@task
def note(number: int) -> None:
    query("INSERT INTO notes VALUES (?)", query("SELECT count(*) FROM orders WHERE id = ?", number)[0][0])


@flow(name="side by side", task_runner=ThreadPoolTaskRunner(max_workers=4))
def side_by_side() -> None:
    for table in ("order_ids", "customer_ids", "notes"):
        query(f"CREATE TABLE {table} (id INTEGER)")
    first = copy_through_pool.submit("orders", "order_ids")
    second = copy_through_threads.submit("customers", "customer_ids")
    first.wait()
    second.wait()
    note.map(range(30)).wait()


if __name__ == "__main__":
    side_by_side()
