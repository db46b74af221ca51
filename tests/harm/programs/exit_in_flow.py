"""`sys.exit` in a flow, where it should not be."""

import sqlite3
import sys

from kit import traced
from prefect import flow


@flow
def exits():
    connection = traced(sqlite3.connect("exit.db"))
    with connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("INSERT INTO t VALUES (2)")
    sys.exit(7)


exits()
