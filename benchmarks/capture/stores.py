"""The stores of the benchmark, each with a plain connection and a traced one, to be measured in turns."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLES = ("CREATE TABLE orders (id INTEGER, amount INTEGER)", "CREATE TABLE sales (id INTEGER, amount INTEGER)")
FEW_ROWS = "INSERT INTO orders VALUES (1, 2), (3, 4)"


@dataclass(frozen=True)
class Connected:
    """A store. `slow` is a statement that takes 5 ms by itself; None if the store has none.

    `another` opens one more plain connection.
    """

    name: str
    plain: Any
    traced: Any
    slow: str | None
    another: Callable[[], Any]

    def query(self, connection: Any, sql: str) -> list[Any]:
        cursor = connection.cursor()
        try:
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()


@contextmanager
def stores(folder: Path) -> Iterator[list[Connected]]:
    """SQLite always, PostgreSQL and the Snowflake stand-in if they are installed; missing ones are reported."""
    found = [opened for opened in (_sqlite(folder), _postgres(), _snowflake()) if opened is not None]
    for store in found:
        for sql in (*TABLES, FEW_ROWS):
            store.query(store.plain, sql)
    try:
        yield found
    finally:
        for store in found:
            store.plain.close()
            store.traced.close()


def _pair(name: str, connect: Callable[[], Any], slow: str | None) -> Connected:
    from prefect_lineage_events import instrument_connection

    return Connected(name, connect(), instrument_connection(connect()), slow, connect)


def _sqlite(folder: Path) -> Connected:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(folder / "benchmark.db", isolation_level=None)
        connection.create_function("pause", 1, time.sleep)
        return connection

    return _pair("SQLite", connect, "SELECT id, pause(0.005) FROM orders WHERE id = 1")


def _postgres() -> Connected | None:
    from tests.services.postgres import started

    cluster = started()
    if cluster is None:
        print("PostgreSQL is not installed here: left out")
        return None
    import psycopg2

    cluster.database("benchmark")

    def connect() -> Any:
        connection = psycopg2.connect(cluster.dsn("benchmark"))
        connection.autocommit = True
        return connection

    return _pair("PostgreSQL", connect, "SELECT id, pg_sleep(0.005) FROM orders WHERE id = 1")


def _snowflake() -> Connected | None:
    from tests.services.snowflake import started

    stand_in = started()
    if stand_in is None:
        print("The Snowflake stand-in is not installed here: left out")
        return None
    return _pair("Snowflake stand-in", lambda: stand_in.connect("BENCHMARK"), None)
