"""An uncaught error of the driver, outside of any flow."""

import sqlite3

from kit import traced
from prefect import flow


@flow
def fine():
    connection = traced(sqlite3.connect("raw.db"))
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    return connection


def step(connection):
    connection.execute("INSERT INTO t SELECT * FROM missing")


step(fine())
