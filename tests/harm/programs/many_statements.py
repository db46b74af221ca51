"""More statements than can be analysed while the program runs."""

import sqlite3

from kit import traced
from prefect import flow


@flow
def many():
    connection = traced(sqlite3.connect(":memory:"))
    for number in range(3000):
        connection.execute(f"CREATE TABLE t{number} AS SELECT {number} AS a, 'x' AS b{number}")
    print(connection.execute("SELECT count(*) FROM sqlite_master").fetchone())


many()
