"""Time and memory of reading runs from a file of OpenLineage events, as a file target writes it.

python -m benchmarks.graph.events [--runs 10000] [--flows 500] [--column-edges 100]
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--flows", type=int, default=500)
    parser.add_argument("--column-edges", type=int, default=100, help="of each flow")
    parser.add_argument("--measure", metavar="FILE", help="measure the reading of this file alone")
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    with tempfile.TemporaryDirectory(prefix="lineage-benchmark-") as folder:
        file = Path(folder) / "events.jsonl"
        write(file, options.runs, options.flows, options.column_edges)
        print(f"{options.runs:,} runs are {file.stat().st_size / 1e6:,.0f} MB")
        # In a process of its own, for its memory.
        subprocess.run([sys.executable, "-m", "benchmarks.graph.events", "--measure", str(file)], check=True)


def write(file: Path, runs: int, flows: int, column_edges: int) -> None:
    from benchmarks.graph.history import Size, made
    from prefect_lineage_events.openlineage.events import run_events
    from prefect_lineage_events.snapshots import flow_run_of
    from prefect_lineage_events.stitching.model import RunLineage

    ended = dt.datetime.now(dt.timezone.utc) - dt.timedelta(hours=1)
    with file.open("w") as target:
        for snapshot in made(Size(runs, flows, column_edges, ended)):
            lineage = RunLineage(flow_run_of(snapshot), snapshot.lineage)
            for event in run_events(lineage, namespace="prefect://benchmark"):
                target.write(f"{json.dumps(event)}\n")


def measure(file: str) -> None:
    from prefect_lineage_events.assembler.event_files import EventFiles
    from prefect_lineage_events.assembler.event_history import EventHistory
    from prefect_lineage_events.encoding import EPOCH
    from prefect_lineage_events.graph.graph import Graph

    history, graph = EventHistory(EventFiles(file), EPOCH), Graph()
    for name in ("whole", "again, unchanged"):
        began, cpu = time.perf_counter(), time.process_time()
        for run_id in history.refresh():
            if (snapshot := history.snapshot(run_id)) is not None:
                graph.add(snapshot)
        wall, used = time.perf_counter() - began, time.process_time() - cpu
        print(f"{len(graph):,} runs {name}: {wall:.1f} s, {used:.1f} s of CPU")
    print(f"memory at the peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
