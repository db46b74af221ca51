"""The processor of a process in which the analyser cannot be imported: it counts each note as lost.

`NoteProcessor` extends it. This module imports nothing of the analyser.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from prefect_lineage_events.emission.emitter import Send
from prefect_lineage_events.emission.emitters import Emitters, isolated
from prefect_lineage_events.emission.notes import (
    ChildStartedNote,
    FlushNote,
    LossNote,
    NotCapturedNote,
    Note,
    RecordNote,
    RunEndedNote,
    SeveralNote,
    StatementNote,
    TallyNote,
)
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.emission.run_end import RunEnd
from prefect_lineage_events.settings import LineageSettings

_IDLE = 60.0  # seconds
_NO_ANALYSER = "the analyser could not be imported"


class LossProcessor:
    """The emitters of runs, their counts and their ends. One thread uses it.

    `abandon` is the exception: the exit calls it when our thread has not finished in time.
    """

    def __init__(
        self, values: LineageSettings, send: Send, queue: NoteQueue, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._emitters = Emitters(send, values.coalesce_seconds)
        self._run_end = RunEnd(values, self._emitters, queue, clock)

    def process(self, note: Note) -> None:
        """Count a statement or a record as lost; do what a note asks that needs no analysis."""
        if isinstance(note, RunEndedNote):
            self._run_end.close(note.run, even_none=note.elsewhere)
        elif isinstance(note, FlushNote):
            self._flush(note)
        elif isinstance(note, NotCapturedNote | ChildStartedNote):
            self._remark(note)
        elif isinstance(note, LossNote) and note.in_any_run:
            self._emitters.count_loss_everywhere(note.reason)
        elif isinstance(note, StatementNote | RecordNote | SeveralNote | TallyNote | LossNote) and note.run is not None:
            self._emitters.of(note.run).count_loss(note.reason if isinstance(note, LossNote) else _NO_ANALYSER)

    def seconds_until_due(self) -> float:
        """Seconds that may pass before `tick` is due again."""
        if not self._emitters:
            return _IDLE
        next_poll = self._run_end.next_poll
        due = min((e.due for e in self._emitters if e.due is not None), default=next_poll)
        return max(min(due, next_poll) - self._clock(), 0.001)

    def tick(self) -> None:
        """Send the pending events that are due, and poll the runs if that is due."""
        now = self._clock()
        for emitter in self._emitters:
            if emitter.due is not None and emitter.due <= now:
                with isolated(emitter):
                    emitter.flush()
        self._run_end.poll()

    def finish(self) -> None:
        """Send what all runs have pending, and their final counts, as the process ends."""
        self._run_end.count_dropped()
        self._run_end.finish()

    def abandon(self, reason: str) -> None:
        """Send what is known to be true, and count the rest as dropped: there is no time left."""
        self._queue.drop_rest()
        self._run_end.drop_reason = ""
        self._run_end.count_dropped()
        self._run_end.abandon(reason)

    def _remark(self, note: NotCapturedNote | ChildStartedNote) -> None:
        """Keep what the count of the run says beside its number."""
        emitter = self._emitters.of(note.run)
        if isinstance(note, NotCapturedNote):
            emitter.not_captured[note.library] = None
        else:
            emitter.children = True

    def _flush(self, note: FlushNote) -> None:
        try:
            for emitter in self._emitters:
                with isolated(emitter):
                    emitter.flush()
        finally:
            note.done.set()
