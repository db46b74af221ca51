"""Costs of assembly, as ratios within one run and as memory.

    python -m benchmarks.assembler [--runs 500] [--events 100] [--rounds 5]

Starts Prefect servers of its own, over histories that were written beforehand (`history.py`); the target is a local
file. Assembly includes reading, stitching, building, delivering, artifact and ledger. `--runs 10000` has a million
events: it takes some minutes to write, 10 GB of disk, and the better part of an hour or more to backfill.
"""

from __future__ import annotations

import argparse
import datetime as dt
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from benchmarks.assembler import history
from benchmarks.assembler.history import Shape
from benchmarks.assembler.server import server_with

_LONG_AGO = dt.timedelta(hours=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--events", type=int, default=100, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lineage-benchmark-") as folder:
        measure(Path(folder), options.runs, options.events, options.rounds)


def measure(folder: Path, runs: int, events: int, rounds: int) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    one = Shape(1, 1000, now - _LONG_AGO, flows=1, tables=100)
    big = Shape(1, 10_000, now - _LONG_AGO, flows=1, tables=300)
    short = _ending(now - 2 * _LONG_AGO, 100, events)
    long = _ending(now - 2 * _LONG_AGO, runs, events)

    def write_long(database: Path) -> tuple[UUID, UUID]:
        history.write(database, long)
        return history.write(database, one)[0], history.write(database, big)[0]

    places = [folder / name for name in ("short", "long")]
    for place in places:
        place.mkdir()
    with (
        server_with(places[0], lambda database: history.write(database, short)) as (small, _),
        server_with(places[1], write_long) as (server, (one_id, big_id)),
    ):
        _run(server.environment, "ratio", str(one_id), str(rounds))
        _run(server.environment, "memory", str(big_id))
        urls = [each.environment["PREFECT_API_URL"] for each in (small, server)]
        ends = [shape.ended.isoformat() for shape in (short, long)]
        _run(server.environment, "sweep", urls[0], ends[0], urls[1], ends[1])
        _run(server.environment, "backfill", long.began.isoformat(), long.ended.isoformat())


def _ending(at: dt.datetime, runs: int, events: int) -> Shape:
    shape = Shape(runs, events, at)
    return Shape(runs, events, at - (shape.ended - shape.began))


def _run(environment: Mapping[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "benchmarks.assembler.measure", *arguments]
    subprocess.run(command, env=dict(environment), check=True)


if __name__ == "__main__":
    main()
