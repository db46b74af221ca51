"""All places from which a flow may call our code. Each statement names the place that it was recorded from."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

from prefect import flow, task
from prefect.task_runners import ProcessPoolTaskRunner

from prefect_lineage_events import lineage_disabled, record_read


def record_from(where: str) -> None:
    record_read(f"s3://bucket/{where}")


@task
def plain(where: str) -> None:
    record_from(where)


@task
def executor() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(record_from, "executor in a task").result()


@task
async def coroutine(where: str) -> None:
    record_from(where)
    await asyncio.to_thread(record_from, f"{where}, to_thread")


@flow(name="ways-child")
def child() -> None:
    record_from("subflow")
    plain("task of a subflow")


@task
def calling() -> None:
    child()
    record_from("task after its subflow")


@flow(name="ways-sync")
def sync() -> None:
    record_from("flow")
    plain("task")
    plain.submit("submitted").result()
    executor()
    calling()
    with lineage_disabled():
        record_from("never")
        plain("never either")
    thread = threading.Thread(target=record_from, args=("thread",))
    thread.start()
    thread.join()


@flow(name="ways-async")
async def asynchronous() -> None:
    record_from("async flow")
    await asyncio.gather(coroutine("first"), coroutine("second"))


attempts: list[int] = []


@flow(name="ways-retried", retries=1)
def retried() -> None:
    attempts.append(1)
    record_from(f"attempt {len(attempts)}")
    if len(attempts) == 1:
        raise ValueError("once more")


@flow(name="ways-pool", task_runner=ProcessPoolTaskRunner(max_workers=1))
def pool() -> None:
    plain.submit("pooled process").result()


@flow(name="ways-fork")
def fork() -> None:
    process = multiprocessing.get_context("fork").Process(target=record_from, args=("forked process",))
    process.start()
    process.join()


@flow(name="ways-twice")
def twice() -> None:
    record_from("again")


if __name__ == "__main__":
    sync()
    asyncio.run(asynchronous())
    retried()
    pool()
    fork()
    twice()
    twice()
