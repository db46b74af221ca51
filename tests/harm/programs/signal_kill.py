"""SIGKILL in the middle of a flow."""

import os
import signal
import sqlite3

from kit import traced
from prefect import flow


@flow
def interrupted():
    connection = traced(sqlite3.connect("signal.db"))
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    connection.execute("INSERT INTO t VALUES (2)")
    print("before", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    print("never", flush=True)


interrupted()
