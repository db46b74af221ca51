"""Slowdown of a flow whose statements take 5 ms each: plain and traced connections, in turns."""

from __future__ import annotations

import statistics
import time
from typing import Any

from prefect import flow

from benchmarks.capture.stores import Connected

STATEMENTS = 300


def report(stores: list[Connected]) -> None:
    @flow(name="benchmark-slowdown")
    def ratios() -> None:
        print("\na flow whose statements take 5 ms, with lineage / without (medians of statements in turns)")
        for store in stores:
            if store.slow is not None:
                print(f"{store.name:<48}{_ratio(store):12.3f}")

    ratios()


def _ratio(store: Connected) -> float:
    plain, traced = [], []
    for i in range(STATEMENTS):
        for spent, connection in ((plain, store.plain), (traced, store.traced))[:: 1 if i % 2 else -1]:
            spent.append(_seconds(store, connection, i))
    return statistics.median(traced) / statistics.median(plain)


def _seconds(store: Connected, connection: Any, number: int) -> float:
    """Seconds of the flow. Each statement has its own text, like statements with literals, so that none is cached."""
    started = time.perf_counter()
    store.query(connection, f"{store.slow} AND amount <> -{number}")
    return time.perf_counter() - started
