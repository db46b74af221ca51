"""Tallies: messages that are counted in the user's thread, and reported once for many.

A note for each message would cost our thread more than the message costs the user's. The first message puts a note
with its tally on the queue; later ones only add to the tally, until our thread takes the number. So at most one note
of a tally waits at a time, no timer is needed, and the notes of a run stay before the note of its end.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
from dataclasses import replace

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import RecordNote, TallyNote

_forks = 0


def _count_fork() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


class Tally:
    """The number of messages of one topic, in one direction, that a thread of control of a run has read or written."""

    __slots__ = ("_began", "_forks", "_lock", "_record", "_rows", "_waits")

    def __init__(self, record: RecordNote) -> None:
        self._record = record
        self._began = record.started
        self._rows = 0
        self._waits = False
        self._lock = threading.RLock()  # a signal handler of the user may send a message while it is held
        self._forks = _forks

    @property
    def run(self) -> Run:
        return self._record.run

    def add(self, messages: int) -> None:
        """Count messages. Never raises, never waits for anything but another thread that counts."""
        if self._forks != _forks:  # the parent's queue has the note of what was counted before the fork
            self._rows, self._waits, self._lock, self._forks = 0, False, threading.RLock(), _forks
        with self._lock:
            self._rows += messages
        if not self._waits:
            # The time at which the user's code had them: later statements may write what they contain.
            self._began = dt.datetime.now(dt.timezone.utc)
            self._waits = True
            self._waits = worker.put(TallyNote(self))

    def take(self) -> RecordNote | None:
        """A record of the messages since the last one; None if there are none. For our thread."""
        began = self._began
        self._waits = False  # before the number is taken: a message that comes now has a note of its own
        with self._lock:
            rows, self._rows = self._rows, 0
        return replace(self._record, rows=rows, started=began) if rows else None
