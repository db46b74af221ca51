"""Two tasks at a time, in code that Prefect's contexts do not reach: each statement names the task that it belongs to."""

from __future__ import annotations

import asyncio
import multiprocessing
import multiprocessing.pool
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from prefect import flow, task

from prefect_lineage_events import record_read

PLACES = ("itself", "thread", "thread of a thread", "timer", "own pool", "shared pool", "thread pool", "executor")
PROCESSES = ("spawned", "spawned pool", "forked pool")
both_are_running = threading.Barrier(2)
shared_pool = ThreadPoolExecutor(1)
spawning = multiprocessing.get_context("spawn")


def record_for(who: str, where: str) -> None:
    record_read(f"s3://bucket/{who}: {where}")


def in_thread(call: Callable[..., None], *arguments: object) -> None:
    thread = threading.Thread(target=call, args=arguments)
    thread.start()
    thread.join()


def everywhere(who: str) -> None:
    record_for(who, "itself")
    in_thread(record_for, who, "thread")
    in_thread(in_thread, record_for, who, "thread of a thread")
    timer = threading.Timer(0.01, record_for, (who, "timer"))
    timer.start()
    timer.join()
    with ThreadPoolExecutor(1) as own_pool:
        own_pool.submit(record_for, who, "own pool").result()
    shared_pool.submit(record_for, who, "shared pool").result()
    with multiprocessing.pool.ThreadPool(1) as threads:
        threads.apply(record_for, (who, "thread pool"))

    async def in_executor() -> None:
        await asyncio.get_running_loop().run_in_executor(None, record_for, who, "executor")

    asyncio.run(in_executor())


@task
def first() -> None:
    both_are_running.wait(60)
    everywhere("first")
    both_are_running.wait(60)


@task
def second() -> None:
    both_are_running.wait(60)
    everywhere("second")
    both_are_running.wait(60)


@task
def parent() -> None:
    process = spawning.Process(target=record_for, args=("parent", "spawned"))
    process.start()
    process.join()
    for where, context in (("spawned pool", spawning), ("forked pool", multiprocessing.get_context("fork"))):
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            pool.submit(record_for, "parent", where).result()


@flow(name="side-by-side")
def side_by_side() -> None:
    for running in [first.submit(), second.submit()]:
        running.wait()


@flow(name="side-by-side-processes")
def processes() -> None:
    parent()


if __name__ == "__main__":
    side_by_side()
    processes()
