"""`os._exit`, which runs no exit handler."""

import os
import sqlite3

from kit import traced
from prefect import flow


@flow
def leaves():
    connection = traced(sqlite3.connect("exit.db"))
    with connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (1)")
    print("leaving", flush=True)
    os._exit(3)


leaves()
