"""Peak memory of 10,000 different statements in one run, in a process of their own."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import time
from pathlib import Path

STATEMENTS = 10_000


def report() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(f"\n10,000 different statements in one flow, MB more at the peak: {pool.apply(_megabytes):.0f}")


def _megabytes() -> float:
    from prefect import flow

    from prefect_lineage_events import stores
    from prefect_lineage_events.emission import worker
    from prefect_lineage_events.instrumentation import tracer

    connection = tracer.connection(stores.sqlite("/benchmark.db"))

    def say(sql: str) -> None:
        connection.statement(sql, started=dt.datetime.now(dt.timezone.utc), duration=0.001, autocommit=True, rows=1)

    @flow(name="benchmark-memory")
    def different() -> float:
        say("SELECT 1 FROM warm")
        worker.flush(60)
        before = _peak()
        for i in range(STATEMENTS):
            say(f"INSERT INTO m{i} SELECT * FROM s{i}")
            if i % 50 == 0:
                time.sleep(0.02)
        worker.flush(300)
        return _peak() - before

    return different()


def _peak() -> float:
    """Megabytes of this process alone; `ru_maxrss` would begin with those of its parent."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024
