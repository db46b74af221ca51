"""Delay of the end of a process by lineage: with the server idle, and with it busy storing other events."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks.capture.imports import REPOSITORY

_PROGRAM = """
import sqlite3, sys, time
from prefect import flow
from prefect_lineage_events import instrument_connection

@flow
def load():
    connection = sqlite3.connect(":memory:")
    if sys.argv[1] == "lineage":
        connection = instrument_connection(connection)
    connection.execute("CREATE TABLE a (x INT)")
    connection.execute("CREATE TABLE b (x INT)")
    for number in range(20):
        connection.execute("INSERT INTO a SELECT x FROM b WHERE x > ?", (number,))
    connection.commit()
    time.sleep(float(sys.argv[2]))

load()
print(time.time(), flush=True)
"""
_BUSY = """
import time
from prefect.events import emit_event
until = time.monotonic() + 120
while time.monotonic() < until:
    for number in range(20):
        emit_event("benchmark.noise", resource={"prefect.resource.id": f"benchmark.noise.{number}"})
    time.sleep(0.05)
"""


def report(repeats: int = 9) -> None:
    print("\nEnd of a process after its flow's last line, seconds (median; plain -> with lineage)")
    for name, seconds in (("short flow", 0.0), ("flow of 2 s", 2.0)):
        print(f"  idle server, {name:<12} {_pair(seconds, repeats)}")
    with _noise():
        print(f"  busy server, {'flow of 2 s':<12} {_pair(2.0, repeats)}")


def _pair(seconds: float, repeats: int) -> str:
    plain, lineage = [], []
    for _ in range(repeats):
        plain.append(_seconds_to_end("plain", seconds))
        lineage.append(_seconds_to_end("lineage", seconds))
    return f"{median(plain):.2f} -> {median(lineage):.2f} (later by {median(lineage) - median(plain):+.2f})"


def _seconds_to_end(kind: str, seconds: float) -> float:
    command = [sys.executable, "-c", _PROGRAM, kind, str(seconds)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return time.time() - float(done.stdout.splitlines()[-1])


@contextmanager
def _noise() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", _BUSY], cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    time.sleep(5)
    try:
        yield
    finally:
        process.kill()
        process.wait()
