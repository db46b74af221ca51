"""Costs of tracing a query, beside OpenTelemetry's instrumentation of the same driver, in turns within one run.

OpenTelemetry traces with its SDK and a batch processor whose exporter drops the spans. Ours sends its events to a real
Prefect server. Both are measured on known texts: queries of a flow that repeats itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefect import flow
from prefect.events.worker import EventsWorker

from benchmarks.capture.costs import PAUSE, QUERY
from benchmarks.capture.stores import Connected
from prefect_lineage_events.emission import worker

BLOCK = 200
WARM_UP = 2


@dataclass
class _Way:
    """A connection, plain or traced in one way. `flush` does all work that its queries left behind."""

    name: str
    connection: Any
    flush: Callable[[], object]
    microseconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def report(connected: Sequence[Connected], rounds: int) -> None:
    columns = "".join(f"{name:>10}" for name in ("p50", "p99", "CPU", "us p50", "us CPU"))
    print(f"\n{'added to a plain query, x OpenTelemetry':<48}{columns}")

    @flow(name="benchmark-opentelemetry")
    def measure() -> None:
        for store in connected:
            traced = _instrumented(store)
            if traced is None:
                continue
            for pause, how in ((0.0, "one after the other"), (PAUSE, "after a pause of 1 ms")):
                _report(f"{store.name}, {how}", _in_turns(store, traced, rounds, pause))

    measure()


def _report(name: str, ways: Sequence[_Way]) -> None:
    p50, p99 = ([_quantile(way.microseconds, share) for way in ways] for share in (0.5, 0.99))
    cpu = [_quantile(way.cpu, 0.5) for way in ways]
    ratios = [(three[2] - three[0]) / (three[1] - three[0]) for three in (p50, p99, cpu)]
    print(
        f"{name:<48}"
        + "".join(f"{ratio:10.2f}" for ratio in ratios)
        + f"{p50[2] - p50[0]:10.1f}{cpu[2] - cpu[0]:10.1f}"
    )


def _in_turns(store: Connected, traced: tuple[Any, Callable[[], object]], rounds: int, pause: float) -> list[_Way]:
    ways = [
        _Way("plain", store.plain, lambda: None),
        _Way("OpenTelemetry", *traced),
        _Way("ours", store.traced, _flush),
    ]
    for turn in range(rounds + WARM_UP):
        for way in ways[turn % 3 :] + ways[: turn % 3]:
            _block(store, way, pause, measured=turn >= WARM_UP)
    return ways


def _block(store: Connected, way: _Way, pause: float, *, measured: bool) -> None:
    spent = []
    before = time.process_time_ns()
    for _ in range(BLOCK):
        started = time.perf_counter_ns()
        store.query(way.connection, QUERY)
        spent.append((time.perf_counter_ns() - started) / 1_000)
        if pause:
            time.sleep(pause)
    way.flush()
    if measured:
        way.cpu.append((time.process_time_ns() - before) / 1_000 / BLOCK)
        way.microseconds += spent


def _flush() -> None:
    worker.flush(60)
    EventsWorker.instance().wait_until_empty()


def _instrumented(store: Connected) -> tuple[Any, Callable[[], object]] | None:
    """A connection that OpenTelemetry traces, and the flush of its spans; None for a driver that it does not know."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Dropping(SpanExporter):
        def export(self, spans: Sequence[Any]) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Dropping()))
    if store.name == "SQLite":
        from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor as Instrumentor
    elif store.name == "PostgreSQL":
        from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor as Instrumentor
    else:
        return None
    return Instrumentor().instrument_connection(store.another(), tracer_provider=provider), provider.force_flush


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]
