"""The one thread of ours per process: started with the first note, gone with the process, never holding it up for long.

This module is the only global state of capture. A fork begins anew: empty queue, no thread, new emitters.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from prefect_lineage_events import filters
from prefect_lineage_events.context import process
from prefect_lineage_events.context.child_processes import Marks
from prefect_lineage_events.context.run import Run, after_work_elsewhere, before_interruption
from prefect_lineage_events.emission.exporter import Exporter
from prefect_lineage_events.emission.notes import (
    AbandonedResultNote,
    Counts,
    FlushNote,
    Note,
    RecordNote,
    RunEndedNote,
    StatementNote,
)
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.settings import LineageSettings, settings

if TYPE_CHECKING:
    from prefect_lineage_events.emission.processor import NoteProcessor

_BEFORE_QUEUES = 1_000
_MAX_IMPORT = 5.0  # seconds
# Between two looks for notes, while they come, and for how long after the last one, seconds.
_POLL, _POLL_FOR = 0.01, 0.05
# Of the time at the end of the process; the rest is for sending what comes of it, and what did not.
_FOR_ANALYSIS = 0.7


class Worker:
    """A queue, a thread, and what the thread does with the notes (`NoteProcessor`)."""

    def __init__(self, values: LineageSettings) -> None:
        self._values = values
        self._queue = NoteQueue(values.queue_size)
        self._processor: NoteProcessor | None = None
        self._exporter = Exporter()
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._last_note = 0.0
        self._thread = threading.Thread(target=self._run, name="prefect-lineage", daemon=True)
        self._lock = threading.RLock()  # a signal handler of the user's may come in anywhere, and run a statement
        self._started = False
        self._out_of_order = False
        self._watched: dict[int, AbandonedResultNote] = {}
        self._marks = Marks() if process.is_child() else None

    def put(self, note: Note) -> bool:
        if self._out_of_order:
            return False
        if self._marks is not None and isinstance(note, StatementNote | RecordNote) and note.run is not None:
            self._marks.hold(note.run.key)
        taken = self._queue.put(note)
        if not self._started:
            with guarded("starting lineage's thread"):  # the next note tries again
                self._start()
        return taken

    def watch(self, reader: Any, statement: StatementNote, counts: Counts) -> AbandonedResultNote:
        note = self._queue.when_abandoned(reader, statement, counts)
        # Kept here: of a reference that is garbage together with its object, Python tells nobody.
        self._watched[id(note)] = note
        return note

    def unwatch(self, note: AbandonedResultNote) -> None:
        self._watched.pop(id(note), None)

    def is_current_thread(self) -> bool:
        return self._thread.ident == threading.get_ident()

    def flush(self, timeout: float) -> bool:
        """Wait until all that was noted so far has been handed to Prefect. Was it in time?"""
        done = threading.Event()
        self.put(FlushNote(done))
        self._hurry.set()
        return done.wait(timeout)

    def drain(self, run: Run) -> None:
        """The run is torn down: close it, and see that Prefect has sent it all, by a deadline."""
        if not self._started or self._stopping.is_set():
            return
        deadline = time.monotonic() + self._values.drain_timeout
        self.put(RunEndedNote(run))
        self.flush(self._values.drain_timeout)
        self._exporter.wait(deadline)

    def stop(self) -> None:
        """The process ends: finish what is noted, against the deadline, and tell what was not. Once."""
        if not self._started or self._stopping.is_set():
            return
        with process.undisturbed():
            self._finish()

    def _finish(self) -> None:
        deadline = time.monotonic() + self._values.drain_timeout
        self._stopping.set()
        self._queue.wake()
        self._hurry.set()
        self._thread.join(self._values.drain_timeout * _FOR_ANALYSIS)
        with guarded("ending with the process"):
            if self._processor is not None and self._thread.is_alive():
                self._processor.abandon("the process ended before everything was analysed")
            arrived = self._exporter.finish(deadline)
            if self._marks is not None and arrived and not self._thread.is_alive():
                self._marks.remove()

    def _start(self) -> None:
        with self._lock:
            if not self._started:
                self._started = True
                try:
                    self._thread.start()
                except BaseException:
                    self._started = False
                    raise
                if multiprocessing.parent_process() is not None:
                    # a pool's child closes its queues, and with them Prefect's way to the parent, before threads end
                    multiprocessing.util.Finalize(None, self.stop, exitpriority=_BEFORE_QUEUES)
                    process.before_termination(self.stop)

    def _run(self) -> None:
        with guarded("starting lineage"):
            # imported here: the analyser takes its time, and this thread has it
            with _import_lock:
                from prefect_lineage_events.emission.processor import NoteProcessor

            self._processor = NoteProcessor(self._values, self._exporter.send, self._queue)
        if self._processor is None:
            self._out_of_order = True
            self._queue = NoteQueue(self._values.queue_size)  # nobody will look at what is in it
            return
        self._work(self._processor)

    def _work(self, processor: NoteProcessor) -> None:
        while not (self._stopping.is_set() and self._queue.empty()):
            note = self._next(processor)
            with guarded("analysing lineage"):
                if note is not None:
                    processor.process(note)
            with guarded("sending lineage"):
                processor.tick()
        with guarded("closing at exit"):
            processor.finish()

    def _next(self, processor: NoteProcessor) -> Note | None:
        """The next note, None when something else is due.

        While notes come, our thread looks for them now and then: to be woken by each would cost the user's thread more
        than the note itself.
        """
        note = self._queue.get(0)
        if note is None and not self._stopping.is_set():
            if time.monotonic() - self._last_note < _POLL_FOR:
                self._hurry.wait(min(_POLL, processor.seconds_until_due()))
                self._hurry.clear()
                note = self._queue.get(0)
            else:
                note = self._queue.get(processor.seconds_until_due())
        if note is not None:
            self._last_note = time.monotonic()
        return note


_worker: Worker | None = None
_creation_lock = threading.RLock()
_import_lock = threading.Lock()


def _current() -> Worker:
    global _worker
    if _worker is None:
        with _creation_lock:
            made = Worker(settings())
            _worker = _worker or made  # whoever came in while it was made has another
    return _worker


def put(note: Note) -> bool:
    """Hand a note to our thread. Never raises, never waits."""
    with guarded("noting lineage"):
        return _current().put(note)
    return False


def watch(reader: Any, statement: StatementNote, counts: Counts) -> AbandonedResultNote:
    """Have our thread told when `reader` is gone, unless that is taken back by `unwatch`."""
    return _current().watch(reader, statement, counts)


def unwatch(note: AbandonedResultNote) -> None:
    """The result was read to its end, or given up in so many words."""
    _current().unwatch(note)


def flush(timeout: float = 10.0) -> bool:
    """Wait until all that was noted so far in this process has been handed to Prefect. Was it in time?"""
    return _worker is None or _worker.flush(timeout)


def is_worker_thread() -> bool:
    """Is the calling thread ours? What it does on its own connections is nobody's lineage."""
    return _worker is not None and _worker.is_current_thread()


def _stop() -> None:
    if _worker is not None:
        _worker.stop()


def _settle(run: Run) -> None:
    if _worker is not None:
        _worker.drain(run)


def _close(run: Run) -> None:
    if run.captured and filters.current().enabled:
        put(RunEndedNote(run, elsewhere=True))


def _before_fork() -> None:
    """Let our thread finish importing: a child that inherits half a module could never import the rest."""
    _import_lock.acquire(timeout=_MAX_IMPORT)


def _after_fork() -> None:
    if _import_lock.locked():
        _import_lock.release()


def _after_fork_in_child() -> None:
    global _worker, _creation_lock, _import_lock
    if _worker is not None and _worker._marks is not None:
        _worker._marks.drop()
    _worker, _creation_lock, _import_lock = None, threading.RLock(), threading.Lock()


# Before the threads of executors are joined, which look up hosts for us, and before any `atexit` call.
threading._register_atexit(_stop)  # type: ignore[attr-defined]
process.before_hard_exit(_stop)
before_interruption(_settle)
after_work_elsewhere(_close)
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
