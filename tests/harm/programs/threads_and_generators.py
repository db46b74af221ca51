"""Raw threads, executors, half-consumed generators, abandoned cursors, threads that end late."""

import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from kit import Connector, attempt, traced
from prefect import flow
from sqlalchemy import text

sys.setswitchinterval(1e-6)


def insert(number):
    connection = traced(sqlite3.connect("threads.db", timeout=60))
    with connection:
        connection.execute("INSERT INTO t VALUES (?)", (number,))
    connection.close()
    return number


def rows(connection):
    cursor = connection.cursor()
    try:
        for row in cursor.execute("SELECT a FROM t ORDER BY a"):
            yield row
    finally:
        print("generator ends")


@flow
def many():
    connection = traced(sqlite3.connect("threads.db"))
    connection.execute("CREATE TABLE t (a)")
    connection.commit()
    workers = [threading.Thread(target=insert, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with ThreadPoolExecutor(3) as pool:
        print(sorted(pool.map(insert, range(10, 16))))
    half = rows(connection)
    print(next(half), next(half))
    half.close()
    forgotten = rows(connection)
    next(forgotten)
    del forgotten
    attempt("other thread", lambda: in_thread(lambda: connection.execute("SELECT 1")))
    threading.Thread(target=lambda: connection.execute("SELECT 1"), name="other").start()
    for thread in threading.enumerate():
        if thread.name == "other":
            thread.join()
    with Connector(connection_info="sqlite:///threads.db") as database, database.get_connection() as own:
        result = own.execute(text("SELECT a FROM t ORDER BY a"))
        print(result.fetchmany(2))
        result.close()
        attempt("closed result", lambda: result.fetchone())


def in_thread(call):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


many()
late = threading.Thread(target=insert, args=(99,))
late.start()
