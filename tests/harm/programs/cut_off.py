"""Statements of a flow after the API became unreachable in the middle of it."""

import os
import sqlite3
import urllib.request

from kit import traced
from prefect import flow


@flow
def goes_on():
    connection = traced(sqlite3.connect("cut.db"))
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    urllib.request.urlopen(os.environ["PREFECT_API_URL"].replace("/api", "/harm/cut")).read()
    for number in range(20):
        connection.execute(f"CREATE TABLE t{number} AS SELECT * FROM t")
    connection.commit()
    print("all is written", connection.execute("SELECT count(*) FROM sqlite_master").fetchone(), flush=True)


goes_on()
