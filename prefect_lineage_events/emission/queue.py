"""The bounded queue of notes from the user's threads to ours, in order. Putting a note never waits."""

from __future__ import annotations

import threading
from collections import deque
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission.notes import (
    AbandonedResultNote,
    Counts,
    FailureNote,
    FileNote,
    LossNote,
    Note,
    RecordNote,
    SeveralNote,
    StatementNote,
    TallyNote,
    subject,
)
from prefect_lineage_events.guard import logger

_DROPPED_WHEN_FULL = (StatementNote, RecordNote, FileNote, SeveralNote, LossNote)
_LONG = 200


class NoteQueue:
    """Notes in the order they were put. A full queue drops statements, counts them per run, and logs that once.

    A full queue still accepts steps of transactions: a lost rollback would become a false write, and there is at most
    one for each transaction with a noted statement.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._notes: SimpleQueue[Note | None] = SimpleQueue()
        self._dropped: dict[UUID, tuple[Run, int]] = {}
        self._lock = threading.RLock()  # a signal handler or finaliser of the user may run a statement while it is held
        self._warned = False
        self._watched: dict[int, AbandonedResultNote] = {}
        # One element for each note that may name datasets and is not processed. Both ends are atomic: no lock.
        self._unprocessed: deque[None] = deque()
        self._is_processing = False

    def put(self, note: Note) -> bool:
        """Put a note; returns whether it was taken.

        Reentrant, and without a lock while there is room, so that it may be called anywhere.
        """
        if isinstance(note, _DROPPED_WHEN_FULL):
            if self._notes.qsize() >= self._limit:
                self._drop(note)
                return False
            self._unprocessed.append(None)
        self._notes.put(note)
        return True

    def watch(self, reader: Any, statement: StatementNote, counts: Counts) -> AbandonedResultNote:
        """Return a note that puts itself on the queue when `reader` is garbage-collected, unless `unwatch` is called.

        The queue keeps it: the callback of a weak reference that is garbage together with its object is not called.
        """
        note = AbandonedResultNote(reader, self._notes.put)
        note.statement, note.counts = statement, counts
        self._watched[id(note)] = note
        return note

    def unwatch(self, note: AbandonedResultNote) -> None:
        """Cancel `watch`: the result was read to its end, or closed."""
        self._watched.pop(id(note), None)

    def get(self, timeout: float) -> Note | None:
        """The next note, None when there is none for `timeout` seconds. The one before it has been processed."""
        if self._is_processing:
            self._is_processing = False
            self._unprocessed.popleft()
        try:
            note = self._notes.get(timeout=timeout) if timeout > 0 else self._notes.get_nowait()
        except Empty:
            return None
        self._is_processing = isinstance(note, _DROPPED_WHEN_FULL)
        return note

    def wake(self) -> None:
        """Let a waiting `get` return."""
        self._notes.put(None)

    def empty(self) -> bool:
        return self._notes.empty()

    def is_processed(self) -> bool:
        """Return whether all notes that may name datasets have been processed. For any thread."""
        return not self._unprocessed

    def is_long(self) -> bool:
        """Return whether so many notes wait that what they hold has to be little."""
        return self._notes.qsize() > _LONG

    def is_half_full(self) -> bool:
        return self._notes.qsize() * 2 >= self._limit

    def dropped(self) -> list[tuple[Run, int]]:
        """The runs with dropped statements, and the number of these so far."""
        return list(self._dropped.values())

    def drop_rest(self) -> None:
        """Count the waiting notes as dropped: there is no time left for them."""
        while not self._notes.empty():
            note = self.get(0)
            if isinstance(
                note, StatementNote | RecordNote | FileNote | SeveralNote | TallyNote | FailureNote | LossNote
            ):
                self._drop(note, "the process ended before all statements were analysed")

    def _drop(
        self,
        note: StatementNote | RecordNote | FileNote | SeveralNote | TallyNote | FailureNote | LossNote,
        why: str = "",
    ) -> None:
        run, _ = subject(note)
        if run is None or run.key is None:
            return
        with self._lock:
            self._dropped[run.key] = (run, self._dropped.get(run.key, (run, 0))[1] + 1)
            warned, self._warned = self._warned, True
        if not warned:
            logger.warning(
                "lineage: %s; some are not reported, the run's lineage.closed event has their number",
                why or f"statements come faster than they can be analysed (queue_size is {self._limit})",
            )
