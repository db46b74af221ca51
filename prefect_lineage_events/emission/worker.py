"""Our one thread per process: it starts with the first note, and delays the end of the process by seconds at most.

This module holds the global state of emission. A forked child starts with an empty queue, no thread and new emitters.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from prefect_lineage_events import filters
from prefect_lineage_events.context import process
from prefect_lineage_events.context.child_processes import Marks
from prefect_lineage_events.context.run import Run, after_work_elsewhere, before_interruption
from prefect_lineage_events.emission.exporter import Exporter
from prefect_lineage_events.emission.loss_processor import LossProcessor
from prefect_lineage_events.emission.notes import (
    FlushNote,
    Note,
    RecordNote,
    RunEndedNote,
    SeveralNote,
    StatementNote,
    TallyNote,
)
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.guard import guarded, is_suppressed
from prefect_lineage_events.settings import LineageSettings, settings

_BEFORE_QUEUES = 1_000  # exit priority in `multiprocessing`
_MAX_IMPORT = 5.0  # seconds
# Seconds between two polls of the queue while notes come, the shorter ones while many come, and seconds of polling
# after the last note. Each poll costs the CPU as much as ten notes; many notes at once would keep the user's thread
# waiting for the interpreter's lock.
_POLL, _POLL_OF_MANY, _POLL_FOR = 0.05, 0.01, 0.2
# Notes that are processed before something else may be due; so many between two polls are many.
_MOST_AT_ONCE = 100
_WORK = (StatementNote, RecordNote, SeveralNote, TallyNote)
# Share of the time at the end of the process for the analysis; the rest is for sending.
_FOR_ANALYSIS = 0.7


class Exports(Protocol):
    """The destination of events: Prefect's API, or a test."""

    def send(self, event: dict[str, Any], run: Run) -> bool: ...  # pragma: no cover

    def wait(self, deadline: float) -> int: ...  # pragma: no cover

    def finish(self, deadline: float) -> bool: ...  # pragma: no cover


class Worker:
    """A queue of notes, a thread that takes them, and the processor that it gives them to."""

    def __init__(self, values: LineageSettings, exporter: Exports | None = None) -> None:
        self._values = values
        self.queue = NoteQueue(values.queue_size)
        self._processor: LossProcessor | None = None
        self._exporter: Exports = exporter or Exporter()
        self._stopping = threading.Event()
        self._imported = threading.Event()
        self._hurry = threading.Event()
        self._last_note = 0.0
        self._taken = 0  # since the last poll
        self._thread = threading.Thread(target=self._run, name="prefect-lineage", daemon=True)
        self._lock = threading.RLock()  # a signal handler of the user may run a statement anywhere
        self._started = False
        self._marks = Marks() if process.is_child() else None
        self.thread_id: int | None = None

    def put(self, note: Note) -> bool:
        if self._marks is not None and isinstance(note, _WORK) and note.run is not None:
            self._marks.hold(note.run.key)
        taken = self.queue.put(note)
        if not self._started:
            with guarded("starting lineage's thread"):  # the next note tries again
                self._start()
        return taken

    def flush(self, timeout: float) -> bool:
        """Wait until all earlier notes have been handed to Prefect. Returns whether it was in time."""
        done = threading.Event()
        self.put(FlushNote(done))
        self._hurry.set()
        return done.wait(timeout)

    def drain(self, run: Run) -> None:
        """Close a run that is torn down, and wait until Prefect has sent all its events, up to a deadline."""
        if not self._started or self._stopping.is_set():
            return
        deadline = time.monotonic() + self._values.drain_timeout
        self.put(RunEndedNote(run))
        self.flush(self._values.drain_timeout)
        self._exporter.wait(deadline)

    def stop(self) -> None:
        """Finish the noted work as the process ends, up to a deadline, and report what was not finished. Once."""
        if not self._started or self._stopping.is_set():
            return
        with process.undisturbed():
            self._finish()

    def _finish(self) -> None:
        self._stopping.set()
        self.queue.wake()
        self._hurry.set()
        # A short program on a slow machine would else end without any lineage.
        self._imported.wait(self._values.drain_timeout)
        deadline = time.monotonic() + self._values.drain_timeout
        self._thread.join(self._values.drain_timeout * _FOR_ANALYSIS)
        with guarded("ending with the process"):
            if self._thread.is_alive():
                self._processor = self._processor or LossProcessor(self._values, self._exporter.send, self.queue)
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
                    # a pool's child closes its queues, and so Prefect's connection to the parent, before threads end
                    multiprocessing.util.Finalize(None, self.stop, exitpriority=_BEFORE_QUEUES)
                    process.before_termination(self.stop)

    def _run(self) -> None:
        self.thread_id = threading.get_ident()
        with guarded("starting lineage"):
            # imported here, in our thread: the import of the analyser takes long
            with _import_lock:
                from prefect_lineage_events.emission.processor import NoteProcessor

            self._processor = self._processor or NoteProcessor(self._values, self._exporter.send, self.queue)
        if self._processor is None:
            self._processor = LossProcessor(self._values, self._exporter.send, self.queue)
        self._imported.set()
        self._work(self._processor)

    def _work(self, processor: LossProcessor) -> None:
        while not (self._stopping.is_set() and self.queue.empty()):
            note, taken = self._next(processor), 0
            with guarded("analysing lineage"):
                while note is not None:
                    processor.process(note)
                    taken += 1
                    note = self.queue.get(0) if taken < _MOST_AT_ONCE else None
            self._taken += taken
            with guarded("sending lineage"):
                processor.tick()
        with guarded("closing at exit"):
            processor.finish()

    def _next(self, processor: LossProcessor) -> Note | None:
        """The next note, None when something else is due.

        While notes come, our thread polls for them: to wake it for each would cost the user's thread more than the note
        itself.
        """
        note = self.queue.get(0)
        if note is None and not self._stopping.is_set():
            if time.monotonic() - self._last_note < _POLL_FOR:
                poll = _POLL_OF_MANY if self._taken >= _MOST_AT_ONCE else _POLL
                self._taken = 0
                self._hurry.wait(min(poll, processor.seconds_until_due()))
                self._hurry.clear()
                note = self.queue.get(0)
            else:
                note = self.queue.get(processor.seconds_until_due())
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
            _worker = _worker or made  # a signal handler may have made another one meanwhile
    return _worker


def put(note: Note) -> bool:
    """Hand a note to our thread. Never raises, never waits."""
    try:
        return (_worker or _current()).put(note)
    except Exception as error:
        if not is_suppressed("noting lineage", error):
            raise
    return False


@contextmanager
def replaced_by(own: Worker) -> Iterator[None]:
    """A block in which notes go to another worker, which is stopped at its end: the testing kit's."""
    global _worker
    before, _worker = _worker, own
    try:
        yield
    finally:
        _worker = before
        own.stop()


def queue() -> NoteQueue:
    """The queue of this process."""
    return (_worker or _current()).queue


def flush(timeout: float = 10.0) -> bool:
    """Wait until all earlier notes of this process have been handed to Prefect. Returns whether it was in time."""
    return _worker is None or _worker.flush(timeout)


def is_worker_thread() -> bool:
    """Return whether the calling thread is ours: what it does on its own connections is not reported."""
    return _worker is not None and _worker.thread_id == threading.get_ident()


def _stop() -> None:
    if _worker is not None:
        _worker.stop()


def _drain(run: Run) -> None:
    if _worker is not None:
        _worker.drain(run)


def _close(run: Run) -> None:
    if run.captured and filters.current().enabled:
        put(RunEndedNote(run, elsewhere=True))


def _before_fork() -> None:
    """Let our thread finish its import: a child that inherits half a module could never import the rest."""
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
before_interruption(_drain)
after_work_elsewhere(_close)
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
