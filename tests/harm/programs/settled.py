"""A small flow with a bit of everything: the program for conditions that do not depend on the program."""

import gc
import sqlite3

from kit import Connector, attempt, traced
from prefect import flow, task

gc.disable()


@task
def writes():
    with Connector(connection_info="sqlite:///block.db") as database:
        database.execute("CREATE TABLE t (a INTEGER, b TEXT)")
        database.execute_many("INSERT INTO t VALUES (:a, :b)", [{"a": n, "b": "x"} for n in range(3)])
        return database.fetch_all("SELECT a FROM t ORDER BY a")


@flow
def small():
    print(writes())
    connection = traced(sqlite3.connect("raw.db"))
    with connection:
        connection.execute("CREATE TABLE t (a)")
        connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    cursor = connection.cursor()
    cursor.execute("SELECT a FROM t")
    print(cursor.fetchone(), cursor.fetchall())
    connection.execute("INSERT INTO t VALUES (3)")
    connection.rollback()
    attempt("missing", lambda: connection.execute("SELECT * FROM missing"))
    connection.close()
    return 0


small()
print("done")
