"""Forked and spawned children, with and without exec."""

import multiprocessing
import os
import sqlite3
import subprocess
import sys

from kit import traced
from prefect import flow


def work(number):
    connection = traced(sqlite3.connect(f"child{number}.db"))
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (?)", (number,))
    connection.commit()
    return connection.execute("SELECT a FROM t").fetchone()[0]


@flow
def forking():
    connection = traced(sqlite3.connect("parent.db"))
    connection.execute("CREATE TABLE t (a)")
    connection.commit()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        work(1)
        os._exit(5)
    print("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    for number, method in enumerate(("fork", "spawn", "forkserver"), 10):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, pool.map(work, [number]))
            pool.close()  # not terminated: Prefect's handler prints a message in a terminated child
            pool.join()
        process = multiprocessing.get_context(method).Process(target=work, args=(number + 10,))
        process.start()
        process.join(60)
        print(method, process.exitcode)
    code = "import sqlite3; sqlite3.connect('exec.db').execute('CREATE TABLE t (a)')"
    print("exec", subprocess.run([sys.executable, "-c", code], check=False).returncode)
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    print(connection.execute("SELECT count(*) FROM t").fetchone())


if __name__ == "__main__":
    forking()
