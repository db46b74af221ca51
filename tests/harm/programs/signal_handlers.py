"""Signal handlers of the user that raise in the middle of a fetch, or run statements themselves."""

import signal
import sqlite3
import time

from kit import traced
from prefect import flow


class Late(Exception):
    pass


def too_late(number, frame):
    raise Late("took too long")


@flow
def handlers():
    connection = traced(sqlite3.connect("handlers.db", isolation_level=None))
    connection.execute("CREATE TABLE t (a)")
    signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        while True:
            connection.execute("SELECT count(*) FROM t").fetchall()
            time.sleep(0.0002)  # no more than can be analysed in this time
    except Late as error:
        print(repr(error), error.__cause__, error.__context__)
    handled = []

    def runs_a_statement(number, frame):
        connection.execute("INSERT INTO t VALUES (1)")
        handled.append(number)

    signal.signal(signal.SIGALRM, runs_a_statement)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.05)
    end = time.monotonic() + 0.4
    while time.monotonic() < end or len(handled) < 5:
        connection.execute("SELECT count(*) FROM t").fetchall()
        time.sleep(0.0002)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(connection.execute("SELECT count(*) FROM t").fetchone()[0] == len(handled))
    connection.execute("DELETE FROM t")


handlers()
