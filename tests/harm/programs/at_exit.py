"""The end of the interpreter: exit calls, finalizers and daemon threads that still use connections."""

import atexit
import sqlite3
import threading
import time

from kit import Connector, traced
from prefect import flow


class Closing:
    def __init__(self, connection):
        self.connection = connection

    def __del__(self):
        self.connection.execute("INSERT INTO t VALUES (3)")
        self.connection.commit()
        raise ValueError("of a finalizer")


def forever(path):
    connection = traced(sqlite3.connect(path, isolation_level=None))
    connection.execute("CREATE TABLE t (a)")
    while True:
        connection.execute("SELECT * FROM t").fetchall()
        time.sleep(0.001)


def last(connection):
    connection.execute("INSERT INTO t VALUES (2)")
    connection.commit()
    print("at exit", connection.execute("SELECT count(*) FROM t").fetchone())


@flow
def ending():
    connection = traced(sqlite3.connect("end.db", check_same_thread=False))
    connection.execute("CREATE TABLE t (a)")
    connection.commit()
    database = Connector(connection_info="sqlite:///block.db")
    database.execute("CREATE TABLE t (a)")
    atexit.register(last, connection)
    atexit.register(lambda: print("block at exit", database.fetch_all("SELECT count(*) FROM t")))
    threading.Thread(target=forever, args=("daemon.db",), daemon=True).start()
    return connection


connection = ending()
closing = Closing(connection)
time.sleep(0.2)
print("end of the program")
