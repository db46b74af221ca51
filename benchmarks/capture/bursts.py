"""Statements faster than they can be analysed: the queue is bounded, and every dropped statement is counted."""

from __future__ import annotations

import datetime as dt
import time

from prefect import flow

STATEMENTS = 30_000


def report() -> None:
    from prefect_lineage_events import stores
    from prefect_lineage_events.emission import worker
    from prefect_lineage_events.instrumentation import tracer

    @flow(name="benchmark-burst")
    def burst() -> tuple[int, float]:
        connection = tracer.connection(stores.sqlite("/benchmark.db"))
        now = dt.datetime.now(dt.timezone.utc)
        started, taken = time.perf_counter(), 0
        for i in range(STATEMENTS):
            sql = f"SELECT a, b FROM t{i % 5_000} JOIN u USING (a) WHERE b = {i}"
            taken += connection.statement(sql, started=now, duration=0.0, autocommit=True, rows=1) is not None
        seconds = time.perf_counter() - started
        worker.flush(600)
        return taken, seconds

    taken, seconds = burst()
    print(f"\n{STATEMENTS:,} statements without a pause: {taken:,} taken, {STATEMENTS - taken:,} dropped and counted")
    print(f"{'the caller waits for each, us':<48}{seconds / STATEMENTS * 1e6:12.1f}")
