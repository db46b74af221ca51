"""The queue of notes: bounded, in order, with a count of dropped notes."""

from __future__ import annotations

import logging

import pytest

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission.notes import RecordNote, TransactionNote
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.stores import sqlite
from tests.emission.conftest import STARTED, Connection, make_run

RUN = make_run()


def note() -> RecordNote:
    return RecordNote("read", None, (Dataset("s3://b", "k"),), RUN, STARTED)


def test_notes_keep_their_order() -> None:
    queue, notes = NoteQueue(10), [note() for _ in range(3)]
    assert all(queue.put(n) for n in notes)
    assert [queue.get(0) for _ in notes] == notes
    assert queue.get(0) is None


def test_a_full_queue_drops_counts_per_run_and_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    queue = NoteQueue(2)
    with caplog.at_level(logging.WARNING, "prefect_lineage_events"):
        taken = [queue.put(note()) for _ in range(5)]
    assert taken == [True, True, False, False, False]
    assert queue.dropped() == [(RUN, 3)]
    assert len(caplog.records) == 1


def test_a_full_queue_accepts_steps_of_transactions() -> None:
    queue = NoteQueue(1)
    queue.put(note())
    assert queue.put(TransactionNote(Connection(sqlite("/x.db")), "rollback"))


def test_notes_left_at_the_end_count_as_dropped() -> None:
    queue = NoteQueue(5)
    for _ in range(3):
        queue.put(note())
    queue.drop_rest()
    assert queue.dropped() == [(RUN, 3)]
    assert queue.empty()


def test_a_note_is_processed_when_the_next_one_is_asked_for() -> None:
    queue = NoteQueue(4)
    queue.put(TransactionNote(Connection(sqlite("/x.db")), "rollback"))
    assert queue.is_processed()
    queue.put(note())
    assert queue.get(0) is not None
    assert queue.get(0) is not None
    assert not queue.is_processed()
    assert queue.get(0) is None
    assert queue.is_processed()


def test_notes_that_were_dropped_are_not_waited_for() -> None:
    queue = NoteQueue(1)
    queue.put(note())
    queue.put(note())
    assert queue.is_half_full()
    assert queue.get(0) is not None
    assert queue.get(0) is None
    assert queue.is_processed()
