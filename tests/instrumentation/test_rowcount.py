"""The rows read from a result that is abandoned before its end."""

from __future__ import annotations

import gc
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from prefect_lineage_events.emission.processor import NoteProcessor
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.emission.row_samples import MAX_FEW
from prefect_lineage_events.instrumentation import rowcount
from prefect_lineage_events.instrumentation.connections import trace
from prefect_lineage_events.instrumentation.drivers.registry import description_of
from prefect_lineage_events.settings import LineageSettings
from tests.emission.conftest import make_run
from tests.emission.idle import idle_worker


@dataclass
class Reader:
    """The only reference to a cursor of a real connection, of whose result one row was read."""

    held: list[Any]
    queue: NoteQueue
    sent: list[dict[str, Any]] = field(default_factory=list)

    def forgets(self) -> None:
        self.held.clear()

    def rows(self) -> list[int | None]:
        """The reported number of rows."""
        processor = NoteProcessor(LineageSettings(), lambda event, _: self.sent.append(event) is None, self.queue)
        while (note := self.queue.get(0)) is not None:
            processor.process(note)
        processor.finish()
        return [e["payload"]["statement"].get("rows") for e in self.sent if e["event"] == "lineage.read"]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    with idle_worker(monkeypatch) as idle:
        own = sqlite3.connect(":memory:")
        own.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)")
        connection = trace(own, description_of(own, None))
        held = [connection.execute("SELECT a FROM t")]
        held[0].fetchone()
        yield Reader(held, idle.queue)
        assert idle.queue._watched == {}


def test_rows_read_from_a_collected_cursor_are_reported(reader: Reader) -> None:
    reader.forgets()
    assert reader.rows() == [1]


def test_a_cursor_collected_in_a_cycle_reports_its_rows_too(reader: Reader) -> None:
    circle: list[Any] = [*reader.held]
    circle.append(circle)
    reader.forgets()
    del circle
    gc.collect()
    assert reader.rows() == [1]


def test_a_cursor_that_belongs_to_the_cycle_itself_reports_its_rows_too(reader: Reader) -> None:
    (cursor,) = reader.held
    cursor.row_factory = lambda _, row, cursor=cursor: row
    del cursor
    reader.forgets()
    gc.collect()
    assert reader.rows() == [1]


def test_a_cursor_that_was_closed_reports_its_rows_once(reader: Reader) -> None:
    reader.held[0].close()
    reader.forgets()
    assert reader.rows() == [1]


def test_no_code_of_ours_runs_when_a_cursor_is_collected(reader: Reader) -> None:
    """Python swallows exceptions of a signal handler in a finaliser: a time limit of the user would have no effect."""
    called: list[str] = []

    def note_call(frame: Any, kind: str, _: Any) -> None:
        if kind == "call":
            called.append(frame.f_code.co_name)

    held = reader.held
    sys.setprofile(note_call)
    held.clear()
    sys.setprofile(None)
    assert called == []
    assert reader.rows() == [1]


@pytest.mark.parametrize(
    ("rows", "waiting", "is_full", "kept"),
    [
        ([(n, "a") for n in range(300)], False, False, 260),
        ([(n, "a") for n in range(300)], True, False, MAX_FEW),
        ([(n, "a") for n in range(3)], True, False, 3),
        ([(n, "a" * 10_000) for n in range(300)], False, False, MAX_FEW),
        ([(n, "a") for n in range(300)], False, True, 0),
    ],
)
def test_rows_that_wait_for_our_thread_need_little_memory(
    monkeypatch: pytest.MonkeyPatch, rows: list[Any], waiting: bool, is_full: bool, kept: int
) -> None:
    run = make_run()
    monkeypatch.setattr(NoteQueue, "is_long", lambda _: waiting)
    monkeypatch.setattr(rowcount, "full_runs", {run.key} if is_full else set())
    note: Any = SimpleNamespace(run=run)
    tracer: Any = None
    reader = rowcount.FetchedRows(tracer)
    reader.start_sample(note)
    reader.keep(rows)
    sample = reader.sample()
    assert len(sample.columns() if sample is not None else ()) == kept
