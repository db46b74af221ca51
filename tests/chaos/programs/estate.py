"""Real flows over SQLite with several emitters each: threads, a process pool, subflows.

python -m tests.chaos.programs.estate DIRECTORY THREADED NESTED POOLED

Prints what each flow run wrote, as JSON: {flow run id: [tables]}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from uuid import uuid4

from prefect import flow, task
from prefect.runtime import flow_run
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from prefect_lineage_events import SqlAlchemyLineage

Wrote = dict[str, list[str]]


def make_table(directory: str, table: str | None = None) -> str:
    """Create a table in a database of its own, so that no flow waits for a lock."""
    table = table or f"t{uuid4().hex[:12]}"
    with SqlAlchemyLineage(connection_info=f"sqlite:///{Path(directory) / table}.db") as db:
        db.execute(f"CREATE TABLE {table} AS SELECT 1 AS id")
    return table


@task
def load(directory: str) -> str:
    return make_table(directory)


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def threaded(directory: str) -> Wrote:
    return {flow_run.id: [made.result() for made in load.map([directory] * 3)]}


@flow
def nested(directory: str) -> Wrote:
    own = {flow_run.id: [make_table(directory)]}
    return own | nested_child(directory)


@flow
def nested_child(directory: str) -> Wrote:
    return {flow_run.id: [load(directory), make_table(directory)]}


@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def pooled(directory: str) -> Wrote:
    return {flow_run.id: [make_table(directory), *(made.result() for made in load.map([directory] * 2))]}


def main(directory: str, *counts: str) -> None:
    wrote: Wrote = {}
    for kind, count in zip((threaded, nested, pooled), counts, strict=True):
        for _ in range(int(count)):
            wrote |= kind(directory)
    print(json.dumps(wrote))


if __name__ == "__main__":
    main(*sys.argv[1:])
