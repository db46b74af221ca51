"""A connection that is garbage collected: our code in its finaliser neither waits, nor raises, nor prints."""

from __future__ import annotations

import gc
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import TransactionNote
from prefect_lineage_events.instrumentation.connections import trace
from prefect_lineage_events.instrumentation.drivers.sqlite import DRIVER


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A worker of this test, and the steps that it was given."""
    monkeypatch.setattr(worker, "_worker", None)
    steps: list[str] = []
    made = worker._current()
    put = made.queue.put
    monkeypatch.setattr(
        made.queue, "put", lambda note: put(note) if not isinstance(note, TransactionNote) else _kept(steps, note)
    )
    yield made, steps
    made.stop()


def _kept(steps: list[str], note: TransactionNote) -> bool:
    steps.append(note.step)
    return True


def forgotten() -> list[Any]:
    """A cycle with a connection in it, in whose open transaction something was noted."""
    connection = trace(sqlite3.connect(":memory:"), DRIVER)
    connection.execute("create temporary table t (a)")
    connection.execute("insert into t values (1)")
    cycle: list[Any] = [connection]
    cycle.append(cycle)
    return cycle


@pytest.mark.parametrize("lock", ["_making", "_lock"])
def test_a_connection_collected_inside_the_workers_locks_is_noted(lock: str, ending: Any) -> None:
    made, steps = ending
    cycle = forgotten()
    with worker._creation_lock if lock == "_making" else made._lock:
        cycle.clear()
        gc.collect()
    assert steps[-1] == "lost"


def test_a_connection_collected_while_another_thread_holds_the_lock_waits_for_nothing(ending: Any) -> None:
    made, steps = ending
    cycle = forgotten()
    held, over = threading.Event(), threading.Event()

    def holds() -> None:
        with made._lock, made.queue._lock, worker._creation_lock:
            held.set()
            over.wait(60)

    thread = threading.Thread(target=holds)
    thread.start()
    held.wait(60)
    cycle.clear()
    gc.collect()  # would wait for the thread for ever
    assert steps[-1] == "lost"
    over.set()
    thread.join()


PROGRAM = """
import sqlite3
from prefect_lineage_events import instrument_connection
connection = instrument_connection(sqlite3.connect(":memory:"))
connection.execute("create temporary table t (a)")
connection.execute("insert into t values (1)")
cycle = [connection]
cycle.append(cycle)
other = instrument_connection(sqlite3.connect(":memory:"))
"""


def test_connections_that_the_end_of_the_interpreter_finalises_leave_no_trace() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
