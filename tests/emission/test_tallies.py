"""Tallies: many messages are few notes, and none is lost or counted twice."""

from __future__ import annotations

import datetime as dt
import os
import threading
from typing import Any

import pytest

from prefect_lineage_events import Dataset
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import RecordNote, TallyNote
from prefect_lineage_events.emission.tallies import Tally
from tests.emission.conftest import STARTED, Bench, make_run

TOPIC = Dataset("kafka://broker:9092", "orders")


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> list[TallyNote]:
    notes: list[Any] = []
    monkeypatch.setattr(worker, "put", lambda note: notes.append(note) or True)
    return notes


def make_tally() -> Tally:
    return Tally(RecordNote("read", None, (TOPIC,), make_run(task="load"), STARTED))


def rows(note: TallyNote) -> int | None:
    record = note.tally.take()
    return record.rows if record is not None else None


def test_messages_before_the_note_is_processed_are_one_note(put: list[TallyNote]) -> None:
    tally = make_tally()
    for _ in range(1000):
        tally.add(2)
    assert [rows(note) for note in put] == [2000]


def test_message_after_the_note_was_processed_has_a_note_of_its_own(put: list[TallyNote]) -> None:
    tally = make_tally()
    tally.add(1)
    assert rows(put[0]) == 1
    tally.add(5)
    assert (len(put), rows(put[1]), rows(put[1])) == (2, 5, None)


def test_record_has_the_time_of_its_first_message(put: list[TallyNote]) -> None:
    tally = make_tally()
    began = []
    for note in range(2):
        before = dt.datetime.now(dt.timezone.utc)
        tally.add(1)
        between = dt.datetime.now(dt.timezone.utc)
        tally.add(1)
        record = put[note].tally.take()
        assert record is not None
        assert before <= record.started <= between
        began.append(record.started)
    assert began[0] < began[1]


def test_message_whose_note_was_refused_is_counted_by_the_next(
    put: list[TallyNote], monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = make_tally()
    with monkeypatch.context() as refusing:
        refusing.setattr(worker, "put", lambda _: False)
        tally.add(1)
    tally.add(1)
    assert [rows(note) for note in put] == [2]


def test_threads_lose_no_message(put: list[TallyNote]) -> None:
    tally, taken = make_tally(), []
    writers = [threading.Thread(target=lambda: [tally.add(1) for _ in range(5_000)]) for _ in range(4)]
    for thread in writers:
        thread.start()
    while any(thread.is_alive() for thread in writers):
        taken += [rows(note) or 0 for note in (put.pop() for _ in range(len(put)))]
    taken += [rows(note) or 0 for note in put]
    assert sum(taken) == 20_000


def test_child_of_a_fork_counts_only_its_own_messages(put: list[TallyNote]) -> None:
    tally = make_tally()
    tally.add(3)
    child = os.fork()
    if child == 0:
        tally.add(4)
        os._exit(rows(put[-1]) or 0)
    assert (os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), rows(put[0])) == (4, 3)


def test_messages_are_events_with_their_number(bench: Bench, put: list[TallyNote]) -> None:
    tally = make_tally()
    for _ in range(3):
        tally.add(10)
        bench.processor.process(put[-1])
    bench.processor.process(put[-1])
    bench.advance()
    (event,) = bench.statements()
    assert (event.operation, event.inputs[0].kind, event.statement.rows) == ("read", "topic", 30)
