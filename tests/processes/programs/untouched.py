"""Flows without any line about lineage: the plugin, which their environment switches on, captures them."""

from __future__ import annotations

import multiprocessing
import os
import sys

from prefect import flow, task
from prefect.task_runners import ProcessPoolTaskRunner
from prefect_sqlalchemy import SqlAlchemyConnector


def insert(table: str) -> None:
    with SqlAlchemyConnector(connection_info=os.environ["UNTOUCHED_URL"]) as database:
        database.execute(f"INSERT INTO {table} SELECT a FROM source")


@task
def copy(table: str) -> None:
    insert(table)


@flow(name="untouched")
def plain() -> None:
    insert("by_flow")
    copy("by_task")
    copy.submit("by_thread").result()


@flow(name="untouched-instrumented")
def instrumented() -> None:
    """Switched on twice: by the plugin, and in code."""
    from prefect_lineage_events import instrument

    instrument()
    insert("once")


@flow(name="untouched-pool", task_runner=ProcessPoolTaskRunner(max_workers=1))
def pool() -> None:
    copy.submit("by_pool").result()


@flow(name="untouched-children")
def children() -> None:
    for method in ("fork", "spawn", "forkserver"):
        process = multiprocessing.get_context(method).Process(target=insert, args=(f"by_{method}",))
        process.start()
        process.join()


def dask() -> None:
    """Run on Dask. The task runner is created here, because it may not be installed."""
    from prefect_dask import DaskTaskRunner

    one_worker = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": None}

    @flow(name="untouched-dask", task_runner=DaskTaskRunner(cluster_kwargs=one_worker))
    def by_dask() -> None:
        copy.submit("by_dask").result()

    by_dask()


RUN = {"plain": plain, "instrumented": instrumented, "pool": pool, "children": children, "dask": dask}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        RUN[name]()
