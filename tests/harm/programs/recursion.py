"""Statements at the end of the user's stack: the user gets the RecursionError, and statements that ran are counted."""

import sqlite3
import sys

from kit import traced
from prefect import flow


def descend(connection, depth):
    if depth % 10 == 0:
        connection.execute("INSERT INTO t VALUES (?)", (depth,))
    return descend(connection, depth + 1)


def deepest(connection, depth):
    """The deepest call at which a statement can still run. It counts as run if, and only if, no error was raised."""
    try:
        connection.execute("INSERT INTO u VALUES (1)")
    except RecursionError:
        return 0
    try:
        return 1 + deepest(connection, depth + 1)
    except RecursionError:
        return 1


@flow
def recursive():
    connection = traced(sqlite3.connect(":memory:", isolation_level=None))
    connection.execute("CREATE TABLE t (a)")
    connection.execute("CREATE TABLE u (a)")
    sys.setrecursionlimit(600)
    try:
        descend(connection, 0)
    except RecursionError as error:
        print(type(error).__name__, str(error)[:32])
    print(connection.execute("SELECT count(*) > 10 FROM t").fetchone())
    counted = deepest(connection, 0)
    ran = connection.execute("SELECT count(*) FROM u").fetchone()[0]
    print("run and counted", ran == counted, ran > 100)
    sys.setrecursionlimit(1000)
    raise RecursionError("the user's own")


recursive()
