"""Time and memory of loading the lineage graph from 10,000 stored snapshots of a real server, and from the cache; and
the time of each question about it.

CPU seconds are those of this process: on a shared machine they say more than the clock.

python -m benchmarks.graph [--runs 10000] [--flows 500] [--column-edges 100]
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.assembler.server import server_with
from benchmarks.graph.history import Size, write

# Each question is asked so often.
_ASKED = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--flows", type=int, default=500)
    parser.add_argument("--column-edges", type=int, default=100, help="of each flow")
    parser.add_argument("--measure", action="store_true", help="measure the server of PREFECT_API_URL alone")
    options = parser.parse_args()
    if options.measure:
        measure()
        return
    ended = dt.datetime.now(dt.timezone.utc) - dt.timedelta(hours=1)
    size = Size(options.runs, options.flows, options.column_edges, ended)
    with (
        tempfile.TemporaryDirectory(prefix="lineage-benchmark-") as folder,
        server_with(Path(folder), lambda database: write(database, size)) as (server, _),
    ):
        # In a process of its own: Prefect reads its settings once, and this process has imported it.
        own = {**os.environ, **server.environment, "PREFECT_HOME": folder}
        subprocess.run([sys.executable, "-m", "benchmarks.graph", "--measure"], env=own, check=True)


def measure() -> None:
    from prefect import get_client

    from benchmarks.graph.questions import questions
    from prefect_lineage_events.graph.loading import load

    with get_client(sync_client=True) as client:
        for name in ("from the server", "from the cache"):
            began, cpu = time.perf_counter(), time.process_time()
            loaded = load(client)
            wall, used = time.perf_counter() - began, time.process_time() - cpu
            print(f"{len(loaded.graph)} runs {name}: {wall:.1f} s, {used:.1f} s of CPU")
    print(f"memory at the peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    graph = loaded.graph
    columns = sum(
        len(snapshot.shape.lineage.columns) for snapshot in {s.run.flow_id: s for s in graph.snapshots()}.values()
    )
    print(f"{len(graph.datasets()):,} datasets, {columns:,} column edges; CPU of a question:")
    for name, ask in questions(graph):
        ask()
        cpu = time.process_time()
        for _ in range(_ASKED):
            ask()
        print(f"  {name:20} {(time.process_time() - cpu) / _ASKED * 1000:7.1f} ms")


if __name__ == "__main__":
    main()
