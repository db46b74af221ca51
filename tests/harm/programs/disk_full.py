"""The user's own disk is full, and too few files may be open."""

import os
import resource
import sqlite3

from kit import Connector, attempt, traced
from prefect import flow


@flow
def full():
    connection = traced(sqlite3.connect("full.db"))
    connection.execute("CREATE TABLE t (a)")
    connection.commit()
    connection.execute("PRAGMA max_page_count = 4")
    attempt("full", lambda: connection.execute("INSERT INTO t VALUES (?)", ("x" * 100_000,)))
    print(connection.in_transaction, connection.execute("SELECT count(*) FROM t").fetchone())
    connection.rollback()
    with open("/dev/full", "w") as file:
        attempt("device", lambda: (file.write("x"), file.flush()))
        attempt("device again", lambda: (file.write("x"), file.flush()))
        os.close(os.dup(file.fileno()))
        attempt("close", file.close)


@flow
def too_many_files():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (120, hard))
    try:
        while True:
            files.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        print(error)
    attempt("no file left", lambda: traced(sqlite3.connect("none.db")).execute("CREATE TABLE t (a)"))
    database = Connector(connection_info="sqlite:///block.db")
    attempt("no file left for a block", lambda: database.execute("CREATE TABLE t (a)"))
    for file in files:
        os.close(file)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    database.execute("CREATE TABLE u (a)")


try:
    full()
except OSError as error:
    print(error)
too_many_files()
