"""Names on connections to stores of three levels that name a database and no schema.

SQLite stands in for the servers: the driver is unknown, so that the URL gives the store.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from prefect import flow

from prefect_lineage_events import instrument_connection


class Connection:
    """A DB-API connection of no known driver."""

    def __init__(self, schema: str) -> None:
        self._own = sqlite3.connect(os.environ["SHOP_FILE"], isolation_level=None)
        self._own.execute(f"ATTACH ':memory:' AS {schema}")

    def cursor(self) -> Any:
        return self._own.cursor()

    def commit(self) -> None:
        self._own.commit()

    def rollback(self) -> None:
        self._own.rollback()

    def close(self) -> None:
        self._own.close()


def load(url: str, schema: str) -> None:
    """Fill a table by its qualified name, and read it by its bare name if the schema is the default one."""
    connection = instrument_connection(Connection(schema), url=url)
    cursor = connection.cursor()
    cursor.execute(f"CREATE TABLE {schema}.paid AS SELECT customer_id, amount FROM orders WHERE status = 'paid'")
    paid = "paid" if schema == "dbo" else f"{schema}.paid"
    cursor.execute(
        f"INSERT INTO revenue SELECT country, sum(amount) FROM {paid} JOIN customers ON customer_id = id GROUP BY country"
    )
    connection.commit()
    connection.close()


@flow(name="with a default schema")
def with_a_default_schema() -> None:
    load("mssql+pyodbc://user:secret@warehouse/sales", "dbo")


@flow(name="without a default schema")
def without_a_default_schema() -> None:
    load("trino://user@warehouse/hive", "mart")


if __name__ == "__main__":
    with_a_default_schema()
    without_a_default_schema()
