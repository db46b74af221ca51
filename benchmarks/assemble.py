"""Assembling a run of 1,000 events, as a ratio to reading these events alone; same machine, same server, alternating.

    python -m benchmarks.assemble [--events 1000] [--tables 100] [--rounds 5]

Starts a Prefect server of its own. The events are distinct statements, each writing one of `--tables` tables from two
others, with two column edges; the target is a local file. "Assembling" is everything: reading, stitching, building,
delivering, artifact and ledger. Beyond some hundred tables the client's serialising of the two events takes the time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

from demo import services


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--tables", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lineage-benchmark-") as folder:
        port = services.free_port()
        environment = {**os.environ, "PREFECT_HOME": f"{folder}/home", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        server = services.prefect_server(Path(folder), port, environment)
        try:
            os.environ |= {
                "PREFECT_HOME": f"{folder}/home",
                "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
                "PREFECT_LOGGING_LEVEL": "WARNING",
                "OPENLINEAGE__TRANSPORT__TYPE": "file",
                "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": f"{folder}/openlineage.jsonl",
                "OPENLINEAGE__TRANSPORT__APPEND": "true",
            }
            measure(options.events, options.tables, options.rounds)
        finally:
            server.stop()


def measure(events: int, tables: int, rounds: int) -> None:
    from prefect import get_client

    from prefect_lineage_events.assembler.one_run import Order, assemble_run
    from prefect_lineage_events.history import event_log
    from prefect_lineage_events.history.read import read_history, window_of
    from prefect_lineage_events.history.runs import read_run

    run_id = emit(events, tables)
    with get_client(sync_client=True) as client:
        run = read_run(client, run_id)
        while not (history := read_history(client, run)).completeness.complete:
            print(f"  {history.stored_events} events stored ...", flush=True)
        window = window_of(run, dt.datetime.now(dt.timezone.utc))
        reading, assembling = [], []
        for _ in range(rounds):
            reading.append(seconds(lambda: event_log.read(client, run_id, window)))
            assembling.append(seconds(lambda: assemble_run(client, run_id, Order(force=True))))
        tracemalloc.start()
        assemble_run(client, run_id, Order(force=True))
        peak = tracemalloc.get_traced_memory()[1]
    read, whole = statistics.median(reading), statistics.median(assembling)
    print(
        f"{events} events, median of {rounds}: reading {read:.2f} s, assembling {whole:.2f} s, ratio {whole / read:.2f}"
    )
    print(f"memory of an assembling at its peak: {peak / 1e6:.0f} MB")


def seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def emit(count: int, tables: int) -> UUID:
    """A flow of `count` statements."""
    from prefect import flow
    from prefect.events import emit_event
    from prefect.runtime import flow_run

    from tests.by_hand import closing, current_run, write

    @flow(name="many statements")
    def many() -> UUID:
        run, emitter = current_run(), uuid4()
        for n in range(count):
            now = dt.datetime.now(dt.timezone.utc)
            output, first, second = (f"t{(n * step) % tables}" for step in (1, 7, 13))
            event = write(output, first, second, run=run, emitter=emitter, sequence=n, at=now)
            emit_event(**event.to_prefect())
        emit_event(**closing(emitter, count, run=run, at=dt.datetime.now(dt.timezone.utc)).to_prefect())
        return UUID(flow_run.id)

    return many()


if __name__ == "__main__":
    main()
