"""Flows that run a deployment, which a process of its own serves, and one that renames a task.

`python -m tests.processes.programs.called_runs flow|task|names DATABASE`.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys

from prefect import flow, get_client, task
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound

DEPLOYMENT = "deployed child/nightly"


def copy(database: str, source: str, target: str) -> None:
    connection = sqlite3.connect(database)
    connection.execute(f"CREATE TABLE IF NOT EXISTS {source} (id INTEGER)")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {target} (id INTEGER)")
    connection.execute(f"INSERT INTO {target} SELECT id FROM {source}")
    connection.commit()
    connection.close()


@flow(name="deployed child")
def child(database: str) -> None:
    copy(database, "orders", "mart")


@task
def call(database: str) -> None:
    run_deployment(DEPLOYMENT, parameters={"database": database}, timeout=120)


@flow(name="calls by flow")
def by_flow(database: str) -> None:
    run_deployment(DEPLOYMENT, parameters={"database": database}, timeout=120)


@flow(name="calls by task")
def by_task(database: str) -> None:
    call(database)


@task(task_run_name="part {name}")
def load(database: str, name: str) -> None:
    copy(database, name, f"mart_{name}")


@flow(name="names its tasks' runs")
def names(database: str) -> None:
    for name in ("orders", "customers"):
        load.with_options(name=f"load {name}")(database, name)


def is_deployed() -> bool:
    with get_client(sync_client=True) as client:
        try:
            return client.read_deployment_by_name(DEPLOYMENT).paused is False
        except ObjectNotFound:
            return False


def with_server_of_child(caller: str, database: str) -> None:
    """Call the deployment while another process serves it."""
    command = [sys.executable, "-m", __spec__.name if __spec__ else __file__, "serve", database]
    serving = subprocess.Popen(command)
    try:
        while not is_deployed():
            assert serving.poll() is None, "the process that serves the deployment has ended"
        {"flow": by_flow, "task": by_task}[caller](database)
    finally:
        serving.terminate()
        serving.wait(60)


if __name__ == "__main__":
    what, file = sys.argv[1:]
    if what == "serve":
        child.serve("nightly", pause_on_shutdown=True)
    elif what == "names":
        names(file)
    else:
        with_server_of_child(what, file)
