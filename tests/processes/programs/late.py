"""Flows in which the first use of lineage is late: in the middle of a run, in a thread that is older, in a child.

`python -m tests.processes.programs.late`. Nothing is patched at the beginning of each flow.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from prefect import flow, task

from prefect_lineage_events import LineageBlock, record_read, record_write, uninstrument

_START = threading.Thread.start


def read(where: str) -> None:
    record_read(f"s3://bucket/{where}")


@task
def in_task() -> None:
    read("task")


@flow(name="late-task")
def of_a_task() -> None:
    in_task()
    in_task.submit().result()


@flow(name="late-subflow")
def inner() -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(read, ["pool of a subflow", "the same pool"]))


@flow(name="late-parent")
def of_a_subflow() -> None:
    inner()


@flow(name="late-thread")
def of_a_thread() -> None:
    go = threading.Event()

    def older(where: str) -> None:
        go.wait(60)
        read(where)

    threads = [threading.Thread(target=older, args=(where,)) for where in ("older thread", "another")]
    for thread in threads:
        thread.start()
    read("flow")
    go.set()
    for thread in threads:
        thread.join()


@flow(name="late-gathered")
async def of_coroutines() -> None:
    async def copy(name: str) -> None:
        read(name)
        await asyncio.sleep(0)
        record_write(f"s3://bucket/copy of {name}")

    await asyncio.gather(copy("first"), copy("second"))
    read("flow")


@flow(name="late-to-thread")
async def of_to_thread() -> None:
    await asyncio.to_thread(read, "to_thread")
    read("flow")


@flow(name="late-fork")
def of_a_fork() -> None:
    process = multiprocessing.get_context("fork").Process(target=read, args=("forked process",))
    process.start()
    process.join()


@flow(name="late-block")
def of_a_block() -> None:
    """The class is defined in the parent, which itself records nothing."""

    class Files(LineageBlock):
        _block_type_slug = "late-files"

    assert Files is not None
    process = multiprocessing.get_context("spawn").Process(target=read, args=("spawned process",))
    process.start()
    process.join()
    assert process.exitcode == 0


@flow(name="late-retried", retries=1)
def retried() -> None:
    attempts.append(1)
    read(f"attempt {len(attempts)}")
    if len(attempts) == 1:
        uninstrument()
        raise ValueError("once more")


@flow(name="late-siblings")
async def sibling(number: int) -> None:
    """Runs beside another one; a thread that is older than the first use may work for either."""
    thread = threading.Thread(target=lambda: (both_used_lineage.wait(60), read("unknown run")))
    if number == 1:
        thread.start()
    started.append(number)
    while len(started) < 2:
        await asyncio.sleep(0.01)
    read(f"sibling {number}")
    started.append(number)
    while len(started) < 4:  # both have used lineage
        await asyncio.sleep(0.01)
    if number == 1:
        both_used_lineage.set()
        await asyncio.to_thread(thread.join)
    started.append(number)
    while len(started) < 6:
        await asyncio.sleep(0.01)


attempts: list[int] = []
started: list[int] = []
both_used_lineage = threading.Event()


async def siblings() -> None:
    await asyncio.gather(sibling(1), sibling(2))


async def nested() -> None:
    await of_coroutines()


FLOWS: list[Callable[[], object]] = [
    of_a_task,
    of_a_subflow,
    of_a_thread,
    lambda: asyncio.run(nested()),
    lambda: asyncio.run(of_to_thread()),
    lambda: asyncio.run(siblings()),
    of_a_fork,
    of_a_block,
    retried,
]

if __name__ == "__main__":
    for run in FLOWS:
        assert threading.Thread.start is _START
        run()
        uninstrument()
