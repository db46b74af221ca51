"""Costs of tracing a statement: in the CPU time of the whole process, and in its caller's thread.

The unit is `prefect.events.emit_event` of one small event, the least cost of an event that is sent by hand.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

from prefect import flow
from prefect.events import emit_event
from prefect.events.worker import EventsWorker

from benchmarks.capture.stores import Connected
from prefect_lineage_events import stores
from prefect_lineage_events.emission import worker
from prefect_lineage_events.instrumentation import tracer

# A flow rarely runs statements only. Without a pause, the measurement would show two threads that share one lock.
PAUSE = 0.001
NOW = dt.datetime.now(dt.timezone.utc)
SAME = "INSERT INTO sales (id, amount) SELECT id, amount FROM orders WHERE amount = 1"
QUERY = "SELECT id, amount FROM orders WHERE id = 1"
# Kinds of repetition, each with the text of the nth statement.
SHAPES: dict[str, Callable[[int], str]] = {
    "the same text": lambda _: SAME,
    "other literals": lambda i: f"{SAME}{i}",
    "another table each": lambda i: f"CREATE TABLE made_{i} AS SELECT id, amount FROM orders",
    "another table each, joined": lambda i: f"SELECT o.id, x + 1 AS more FROM orders o JOIN s{i} ON o.id = s{i}.id",
}
STORES = (
    stores.sqlite("/benchmark.db"),
    stores.server("postgres", "db.example.org", None, "shop", "public"),
    stores.snowflake("org-account", "SHOP", "PUBLIC"),
)


def report(connected: list[Connected], count: int) -> None:
    @flow(name="benchmark-costs")
    def costs() -> None:
        _report_cpu(count)
        _report_callers_thread(connected, count)

    costs()


def _report_cpu(count: int) -> None:
    print(f"\n{'CPU of a statement, both threads, x emit_event':<48}" + "".join(f"{s.dialect:>12}" for s in STORES))
    unit = _cpu(_emit, count)
    for name, text in SHAPES.items():
        print(f"{name:<48}" + "".join(f"{_cpu(_notes(store, text), count) / unit:12.2f}" for store in STORES))


def _notes(store: stores.Store, text: Callable[[int], str]) -> Callable[[int], object]:
    """Notes of statements without a database, whose cost is not ours."""
    connection = tracer.connection(store)
    return lambda i: connection.statement(text(i), started=NOW, duration=0.001, autocommit=True, rows=1)


def _cpu(call: Callable[[int], object], count: int) -> float:
    """Seconds of CPU that the process used for one call, and for all work that followed from it: the better of two
    tries.

    A busy machine makes the same work cost more, never less.
    """
    return min(_cpu_once(call, range(start, start + count)) for start in (0, 10 * count))


def _cpu_once(call: Callable[[int], object], numbers: range) -> float:
    call(numbers.stop)
    _delivered()
    started = time.process_time()
    for _ in range(200):
        time.sleep(PAUSE)
    idle = (time.process_time() - started) / 200
    started = time.process_time()
    for i in numbers:
        call(i)
        time.sleep(PAUSE)
    _delivered()
    return (time.process_time() - started) / len(numbers) - idle


def _emit(number: int) -> None:
    emit_event(
        "benchmark.emitted",
        resource={"prefect.resource.id": f"benchmark.{number}"},
        related=[{"prefect.resource.id": "benchmark.input", "prefect.resource.role": "input"}],
        payload={"sql": SAME, "rows": 1},
    )


def _delivered() -> None:
    worker.flush(120)
    EventsWorker.instance().wait_until_empty()


def _report_callers_thread(connected: list[Connected], count: int) -> None:
    print(f"\n{'added in the thread of a query, known text':<48}{'p50 us':>12}{'p99 us':>12}{'plain p50':>12}")
    for store in connected:
        for pause, how in ((0.0, "one after the other"), (PAUSE, "after a pause of 1 ms")):
            plain, traced = _in_turns(store, count, pause)
            p50, p99 = (_quantile(traced, share) - _quantile(plain, share) for share in (0.5, 0.99))
            print(f"{store.name + ', ' + how:<48}{p50:12.0f}{p99:12.0f}{_quantile(plain, 0.5):12.0f}")


def _in_turns(store: Connected, count: int, pause: float) -> tuple[list[float], list[float]]:
    """Microseconds of each query on the plain connection, and on the traced one."""
    plain, traced = [], []
    for i in range(count + 20):
        # in turns, each first as often as the other, so that other load of the machine affects both
        for spent, connection in ((plain, store.plain), (traced, store.traced))[:: 1 if i % 2 else -1]:
            started = time.perf_counter_ns()
            store.query(connection, QUERY)
            spent.append((time.perf_counter_ns() - started) / 1_000)
            if pause:
                time.sleep(pause)
    return plain[20:], traced[20:]


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]
