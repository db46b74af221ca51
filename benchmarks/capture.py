"""What capture costs: in the caller's thread, in CPU time, in memory, at import; also as ratios within this run.

    python -m benchmarks.capture [--statements 3000]

Starts a Prefect server of its own. A statement is measured against `prefect.events.emit_event` of one small event in
the same flow run, which is what telling the same by hand would cost at least.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

# A flow seldom does nothing but call us: without a pause, what is measured is how two threads share one lock.
PAUSE = 0.001
NOW = dt.datetime.now(dt.timezone.utc)


@dataclass(frozen=True)
class Cost:
    """Of one call: microseconds in the caller's thread, and microseconds of CPU that the whole process used for it."""

    name: str
    p50: float
    p99: float
    cpu: float

    def line(self, unit: Cost) -> str:
        times = f"{self.p50:9.1f} {self.p99:9.1f} {self.cpu:9.1f}"
        return f"{self.name:<44}{times}   {self.p50 / unit.p50:7.2f} {self.cpu / unit.cpu:7.2f}"


def measured(name: str, call: Callable[[int], object], drained: Callable[[], object], count: int) -> Cost:
    idle = time.process_time()
    for _ in range(200):
        time.sleep(PAUSE)
    idle = (time.process_time() - idle) / 200
    spent = []
    before = time.process_time()
    for i in range(count):
        started = time.perf_counter_ns()
        call(i)
        spent.append((time.perf_counter_ns() - started) / 1_000)
        time.sleep(PAUSE)
    drained()
    cpu = (time.process_time() - before) / count - idle
    spent.sort()
    return Cost(name, spent[count // 2], spent[int(count * 0.99)], cpu * 1_000_000)


def added(name: str, with_us: Cost, without: Cost) -> Cost:
    return Cost(name, *(max(getattr(with_us, f) - getattr(without, f), 0.0) for f in ("p50", "p99", "cpu")))


def run_in_a_flow(count: int) -> None:
    """Everything that needs a run; prints its table."""
    from prefect import flow
    from prefect.events import emit_event
    from prefect.events.worker import EventsWorker

    from prefect_lineage_events import datasets, instrument_connection
    from prefect_lineage_events.capture import tracer, worker

    def delivered() -> None:
        worker.flush(120)
        EventsWorker.instance().wait_until_empty()

    def emit(number: int) -> None:
        emit_event(
            "benchmark.emitted",
            resource={"prefect.resource.id": f"benchmark.{number}"},
            related=[{"prefect.resource.id": "benchmark.input", "prefect.resource.role": "input"}],
            payload={"sql": "INSERT INTO a SELECT * FROM b", "rows": 1},
        )

    def tracing(text: Callable[[int], str]) -> Callable[[int], object]:
        connection = tracer.connection(datasets.sqlite("/benchmark.db"))
        return lambda i: connection.statement(text(i), started=NOW, duration=0.001, autocommit=True, rows=1)

    def other(i: int) -> str:
        return f"CREATE TABLE t{i} AS SELECT id, amount FROM orders"

    def same(i: int) -> str:
        return "INSERT INTO sales (id, amount) SELECT id, amount FROM orders WHERE day = 1"

    @flow(name="benchmark-capture")
    def costs() -> list[Cost]:
        for warm in (emit, tracing(same)):
            warm(0)
        delivered()
        unit = measured("emit_event, one small event", emit, delivered, count)
        plain = sqlite3.connect(":memory:", isolation_level=None)
        traced = instrument_connection(sqlite3.connect(":memory:", isolation_level=None))
        for connection in (plain, traced):
            connection.execute("CREATE TABLE orders (id INTEGER, amount INTEGER)")
        query = "SELECT id, amount FROM orders WHERE id = 7"
        bare = measured("", lambda _: plain.execute(query).fetchall(), delivered, count)
        seen = measured("", lambda _: traced.execute(query).fetchall(), delivered, count)
        return [
            unit,
            measured("a statement, the same text", tracing(same), delivered, count),
            measured("a statement, other literals", tracing(lambda i: f"{same(i)}{i}"), delivered, count),
            measured(
                "a statement, another table each",
                tracing(other),
                delivered,
                count,
            ),
            added("a query through sqlite3, what we add to it", seen, bare),
        ]

    print_header()
    unit, *others = costs()
    for cost in (unit, *others):
        print(cost.line(unit))
    memory(count)


def print_header() -> None:
    print(f"{'':<44}{'p50 us':>9} {'p99 us':>9} {'CPU us':>9}   {'p50 x':>7} {'CPU x':>7}")


def memory(count: int) -> None:
    """What 10,000 different statements in one run leave behind in this process, after all the above."""
    from prefect import flow

    from prefect_lineage_events import datasets
    from prefect_lineage_events.capture import tracer, worker

    @flow(name="benchmark-memory")
    def different() -> float:
        connection = tracer.connection(datasets.sqlite("/benchmark.db"))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for i in range(10_000):
            connection.statement(
                f"INSERT INTO m{i} SELECT * FROM s{i}", started=NOW, duration=0.001, autocommit=True, rows=1
            )
            if i % 50 == 0:
                time.sleep(0.02)
        worker.flush(300)
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    print(f"\n10,000 different statements in one flow: {different():.0f} MB more at the peak, all queues included")


def imports() -> None:
    print("\nimport, best of five, seconds and as a ratio to `import prefect` alone")
    statements = {
        "import prefect.flows": "import prefect.flows",
        "  + prefect_lineage_events": "import prefect.flows, prefect_lineage_events",
        "  + record_read": "import prefect.flows; from prefect_lineage_events import record_read",
        "  + SqlAlchemyLineage's base": "import prefect.flows; from prefect_sqlalchemy import SqlAlchemyConnector",
        "  + SqlAlchemyLineage": "import prefect.flows; from prefect_lineage_events import SqlAlchemyLineage",
    }
    best = {name: min(_import_seconds(code) for _ in range(5)) for name, code in statements.items()}
    unit = best["import prefect.flows"]
    for name, seconds in best.items():
        print(f"{name:<44}{seconds:9.2f} {seconds / unit:19.2f}")


def _import_seconds(code: str) -> float:
    timing = f"import time; t = time.perf_counter(); exec({code!r}); print(time.perf_counter() - t)"
    answer = subprocess.run([sys.executable, "-c", timing], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return float(answer.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statements", type=int, default=3_000)
    arguments = parser.parse_args()
    from demo.services import free_port, prefect_server

    with tempfile.TemporaryDirectory(prefix="lineage-benchmark-") as folder:
        os.environ |= {
            "PREFECT_HOME": folder,
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        port = free_port()
        server = prefect_server(Path(folder), port, dict(os.environ))
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        try:
            run_in_a_flow(arguments.statements)
            imports()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
