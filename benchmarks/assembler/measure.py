"""The measurements, each in a process of its own: `python -m benchmarks.assembler.measure WHAT ARGUMENTS...`.

`__main__` sets the variables of the Prefect server and the target.
"""

from __future__ import annotations

import datetime as dt
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID


def ratio(run_id: str, rounds: str) -> None:
    """The time to assemble a run as a ratio to the time to read its events, measured in turns."""
    from prefect import get_client

    from prefect_lineage_events.assembler.assemble import assemble_run
    from prefect_lineage_events.assembler.options import AssemblyOptions
    from prefect_lineage_events.history import event_log
    from prefect_lineage_events.history.reader import window_of
    from prefect_lineage_events.history.runs import read_run

    with get_client(sync_client=True) as client:
        run = read_run(client, UUID(run_id))
        window = window_of(run, dt.datetime.now(dt.timezone.utc))

        def read() -> object:
            return event_log.read(client, run.id, window)

        def assemble() -> object:
            return assemble_run(client, run.id, AssemblyOptions(force=True))

        count = len(event_log.read(client, run.id, window).lineage)
        assemble()
        pairs = [(_seconds(read), _seconds(assemble)) for _ in range(int(rounds))]
    reading, whole = (statistics.median(times) for times in zip(*pairs, strict=True))
    each = statistics.median(w / r for r, w in pairs)
    print(f"{count} events: reading {reading:.2f} s, assembling {whole:.2f} s; ratio {each:.2f} (median of {rounds})")


def memory(run_id: str) -> None:
    """Memory of assembling a run, beyond that of the process after all imports."""
    from openlineage.client import OpenLineageClient  # noqa: F401  (it is imported when something is sent)
    from prefect import get_client

    from prefect_lineage_events.assembler.assemble import assemble_run
    from prefect_lineage_events.assembler.options import AssemblyOptions

    with get_client(sync_client=True) as client:
        before = _resident()
        assemble_run(client, UUID(run_id), AssemblyOptions(force=True))
        peak = _resident("VmHWM")
        tracemalloc.start()
        assemble_run(client, UUID(run_id), AssemblyOptions(force=True))
        traced = tracemalloc.get_traced_memory()[1]
    print(f"memory at the peak, over import: {peak - before:.0f} MB resident, {traced / 1e6:.0f} MB of Python's own")


def backfill(start: str, end: str) -> None:
    """The time of a backfill of all runs as a ratio to the time to read their events, and its additional memory."""
    from openlineage.client import OpenLineageClient  # noqa: F401
    from prefect import get_client

    from prefect_lineage_events import flows
    from prefect_lineage_events.assembler.summary import SweepError
    from prefect_lineage_events.history import event_log
    from prefect_lineage_events.history.reader import window_of
    from prefect_lineage_events.history.runs import ended_runs

    since, until = map(dt.datetime.fromisoformat, (start, end))
    with get_client(sync_client=True) as client:
        runs = [run for rows in ended_runs(client, since, until) for run in rows]

        def read() -> None:
            for run in runs:
                event_log.read(client, run.id, window_of(run, until))

        reading = _seconds(read)

    def work() -> None:
        try:
            print(flows.backfill(since, until))
        except SweepError as error:  # some runs failed: report that as a figure
            print(error)

    before = _resident()
    whole = _seconds(work)
    peak = _resident("VmHWM")
    print(
        f"{len(runs)} runs: reading {reading:.0f} s, backfill {whole:.0f} s; ratio {whole / reading:.2f}; "
        f"{peak - before:.0f} MB over its start"
    )


def sweep(short_url: str, short: str, long_url: str, long: str) -> None:
    """The time of the sweep for one run on a long history, as a ratio to a short one, measured in turns.

    `short` and `long` are the times at which the last of the runs to be swept ended, on each server.
    """
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.assembler.batch import assemble_each
    from prefect_lineage_events.assembler.options import AssemblyOptions
    from prefect_lineage_events.history.runs import ended_runs

    def sweeper(url: str, ended: str) -> Callable[[], object]:
        client, until = SyncPrefectClient(api=url), dt.datetime.fromisoformat(ended)

        def find_and_assemble() -> object:
            found = ended_runs(client, until - dt.timedelta(seconds=45), until)
            return assemble_each(client, [run for rows in found for run in rows], AssemblyOptions(force=True))

        return find_and_assemble

    few, many = sweeper(short_url, short), sweeper(long_url, long)
    few(), many()
    pairs = [(_seconds(few), _seconds(many)) for _ in range(15)]
    print(
        f"sweeping a few runs, long history to short: {statistics.median(m / f for f, m in pairs):.2f} (median of 15)"
    )


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _resident(key: str = "VmRSS") -> float:
    """Megabytes of resident memory; `VmHWM` is the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) / 1024


def main(arguments: Sequence[str]) -> None:
    measurements: dict[str, Callable[..., Any]] = {f.__name__: f for f in (ratio, memory, backfill, sweep)}
    measurements[arguments[0]](*arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
