"""Flows whose threads and children run statements, and whose own code runs none, under the plugin. `python processes.py
WAY ...`

Each way is a flow of that name, and writes `t0`, `t1` and `t2` of the database `PROCESSES_FILE`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

from prefect import flow, task

from prefect_lineage_events import instrument_connection

_NUMBERS = range(3)


def write(number: int) -> int:
    connection = instrument_connection(sqlite3.connect(os.environ["PROCESSES_FILE"], timeout=30))
    connection.execute(f"INSERT INTO t{number} SELECT a FROM source")
    connection.commit()
    connection.close()
    return number


def thread_pool() -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, _NUMBERS))


def threads(make: Callable[..., threading.Thread]) -> None:
    started = [make(number) for number in _NUMBERS]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


@task
def pool_of_a_task() -> None:
    thread_pool()


def children(method: str) -> None:
    started = [multiprocessing.get_context(method).Process(target=write, args=(n,)) for n in _NUMBERS]
    for child in started:
        child.start()
    for child in started:
        child.join()
    # Services of Prefect 3.8 raise an AssertionError at the exit of a forked child, without lineage too: exit code 1, if
    # they had begun in the parent by the time of the fork.
    assert {child.exitcode for child in started} <= ({0, 1} if method == "fork" else {0})


def pool(method: str) -> None:
    with multiprocessing.get_context(method).Pool(2) as workers:
        assert workers.map(write, _NUMBERS) == [0, 1, 2]


def executor(method: str) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as workers:
        list(workers.map(write, _NUMBERS))


def fork(end: Callable[[], None]) -> None:
    for number in _NUMBERS:
        if (child := os.fork()) == 0:
            write(number)
            end()
        os.waitpid(child, 0)


WAYS: dict[str, Callable[[], None]] = {
    "thread-pool": thread_pool,
    "thread": partial(threads, lambda n: threading.Thread(target=write, args=(n,))),
    "timer": partial(threads, lambda n: threading.Timer(0.01, write, args=(n,))),
    "task": pool_of_a_task,
    **{f"children-{method}": partial(children, method) for method in ("fork", "spawn", "forkserver")},
    **{f"pool-{method}": partial(pool, method) for method in ("fork", "spawn", "forkserver")},
    **{f"executor-{method}": partial(executor, method) for method in ("fork", "spawn")},
    "hard-exit": partial(fork, lambda: os._exit(0)),
    "killed": partial(fork, lambda: os.kill(os.getpid(), signal.SIGKILL)),
}


@flow
def work(way: str) -> None:
    WAYS[way]()


if __name__ == "__main__":
    for way in sys.argv[1:]:
        work.with_options(name=f"processes-{way}")(way)
