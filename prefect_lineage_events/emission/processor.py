"""What our thread does with notes, in order: analyse, hold until commit, count together, number, send, close.

No thread and no clock of its own: `Worker` drives it, tests drive it by hand.
"""

from __future__ import annotations

import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from uuid import UUID

from prefect_lineage_events import guard
from prefect_lineage_events.context.child_processes import lost
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission import value_matching
from prefect_lineage_events.emission.analysis import from_record
from prefect_lineage_events.emission.connection_state import ConnectionState
from prefect_lineage_events.emission.emitter import Emitter, Send
from prefect_lineage_events.emission.notes import (
    AbandonedResultNote,
    Connection,
    FailureNote,
    LossNote,
    Note,
    RecordNote,
    RowsNote,
    RunEndedNote,
    StatementNote,
    TransactionNote,
    subject,
)
from prefect_lineage_events.emission.pending import PendingEvent
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.emission.transaction_processor import TransactionProcessor
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.settings import LineageSettings

# The longest wait for the like of a statement that has come many times, in units of `coalesce_seconds`.
_LONGEST = 12
_FIRST = 0.1
# How often the runs with open emitters are looked at for their end, seconds; and where nobody may wait for our process.
_POLL = 0.2
_QUICK_POLL = 0.05
_IDLE = 60.0
_MAX_RETIRED = 1_000
# A Dask worker that served thousands of runs says of the latest ones that it goes.
_MAX_FINAL_CHECKPOINTS = 100
# So many times a process that sees no end tells its count as soon as a task is over: it may be killed right then (Ray).
_PROMPT = 8
# After so many quiet seconds a process that sees no end (a Dask worker) has heard the last of a run.
_RETIRE = 120.0
_NOT_CLOSED = "the end of the run could not be worked on"
_NOT_WORKED_ON = "a note of the flow's process could not be worked on"
_QUEUE_FULL = "statements came faster than they could be analysed"
_OVERFLOW = "a statement ran where the stack had no room left to note it"


class NoteProcessor:
    """Everything that our thread knows: connections, emitters of runs, schemas. Used by one thread only.

    `abandon` is the exception: the exit calls it when our thread has not finished in time.
    """

    def __init__(
        self, values: LineageSettings, send: Send, queue: NoteQueue, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._values = values
        self._send = send
        self._queue = queue
        self._clock = clock
        self._connections: weakref.WeakKeyDictionary[Connection, ConnectionState] = weakref.WeakKeyDictionary()
        self._emitters: dict[UUID, Emitter] = {}
        # Runs that are over, as far as one knows; what still comes of one goes on with its numbers.
        self._retired: OrderedDict[UUID, Emitter] = OrderedDict()
        self._next_poll = 0.0
        self._current_note: StatementNote | None = None
        self._abandoned = False
        self._overflows = guard.overflows
        self._unassigned = ""  # the reason of a loss that no run is known of
        self._transactions = TransactionProcessor(values, self._report, self._drop)

    def process(self, note: Note) -> None:
        """Work on one note. One that cannot be worked on is counted as dropped, and its error raised."""
        try:
            self._process(note)
        except Exception:
            self._lose(note)
            raise

    def _lose(self, note: Note) -> None:
        """Count a note of any kind for its run, and for those whose writes wait for what it may have said."""
        run, connection = subject(note)
        runs = [run] if run is not None else []
        state = self._connections.get(connection) if connection is not None else None
        if state is not None and isinstance(note, StatementNote | FailureNote | TransactionNote):
            runs += self._transactions.leave_in_doubt(state, may_have_begun=isinstance(note, TransactionNote))
        for emitter in {run.key: self._emitter(run) for run in runs}.values():
            emitter.count_loss(_NOT_WORKED_ON)
            if isinstance(note, RunEndedNote):
                emitter.send_count(closed=True, reason=_NOT_CLOSED)

    def _count_loss(self, note: LossNote) -> None:
        """Count what was lost before it became a note, for its run and for those whose writes it leaves in doubt."""
        if note.in_any_run:
            self._lose_everywhere(note.reason)
        runs = [note.run] if note.run is not None else []
        for state in self._states_in_doubt(note):
            runs += self._transactions.leave_in_doubt(state, may_have_begun=note.in_step)
        for emitter in {run.key: self._emitter(run) for run in runs}.values():
            emitter.count_loss(note.reason)

    def _states_in_doubt(self, note: LossNote) -> list[ConnectionState]:
        """The connections whose transactions a loss may concern: where its own is not known, all that hold writes."""
        if note.connection is not None:
            known = self._state(note.connection) if note.in_step else self._connections.get(note.connection)
            return [known] if known is not None else []
        key = note.run.key if note.run is not None else None
        return [s for s in self._connections.values() if any(d.run.key == key for d in s.transaction.held)]

    def _lose_everywhere(self, reason: str) -> None:
        """Count a loss whose run is not known for the runs that are open, or for the next one."""
        for emitter in self._emitters.values():
            emitter.count_loss(reason)
        self._unassigned = "" if self._emitters else reason

    def _process(self, note: Note) -> None:
        if isinstance(note, StatementNote):
            self._current_note = note
            try:
                self._transactions.statement(note, self._state(note.connection))
            finally:
                self._current_note = None
        elif isinstance(note, FailureNote):
            self._transactions.failed(note, self._state(note.statement.connection))
        elif isinstance(note, TransactionNote):
            self._transactions.step(note, self._state(note.connection))
        elif isinstance(note, RowsNote):
            self._rows(note.statement, note.rows, whole=note.whole)
        elif isinstance(note, AbandonedResultNote):
            if rows := note.counts.rows_so_far():
                self._rows(note.statement, rows, whole=False)
        elif isinstance(note, RecordNote):
            self._report(from_record(note))
        elif isinstance(note, RunEndedNote):
            self._close(note.run, even_none=note.elsewhere)
        elif isinstance(note, LossNote):
            self._count_loss(note)
        else:
            try:
                for emitter in self._emitters.values():
                    with _isolated(emitter):
                        emitter.flush()
            finally:
                note.done.set()

    def seconds_until_due(self) -> float:
        """Seconds that may pass before `tick` is due again."""
        if not self._emitters:
            return _IDLE
        due = min((e.due for e in self._emitters.values() if e.due is not None), default=self._next_poll)
        return max(min(due, self._next_poll) - self._clock(), 0.001)

    def tick(self) -> None:
        """Send what has waited long enough, notice runs that ended, tell the count of those that went quiet."""
        now = self._clock()
        for emitter in list(self._emitters.values()):
            if emitter.due is not None and emitter.due <= now:
                with _isolated(emitter):
                    emitter.flush()
        if now >= self._next_poll:
            self._poll_runs(now)
            hurried = any(e.run.detached and e.has_unsent_count for e in self._emitters.values())
            self._next_poll = now + (_QUICK_POLL if hurried else _POLL)

    def finish(self) -> None:
        """The process ends: all runs tell what they have, first of all their statements."""
        self._count_dropped()
        self._report(self._transactions.prepared.unfinished())
        for emitter in self._emitters.values():
            with _isolated(emitter):
                emitter.flush()
        # Of those at rest, the ones that nobody closed have not had their last word either.
        unclosed = [emitter for emitter in self._retired.values() if not emitter.closed][-_MAX_FINAL_CHECKPOINTS:]
        for emitter in [*unclosed, *self._emitters.values()]:
            with _isolated(emitter):
                self._tell(emitter, closed=_ends_here(emitter), final=True)

    def abandon(self, reason: str) -> None:
        """There is no time left: tell what is known to be true; the rest is counted as dropped, and told so."""
        self._abandoned = True
        self._queue.drop_rest()
        self._count_dropped()
        at_work = self._current_note
        if at_work is not None and at_work.run is not None:
            self._emitter(at_work.run).count_loss()
        for state in list(self._connections.values()):
            for pending in state.transaction.held:  # its commit may be among what nobody will look at
                self._drop(pending)
        for emitter in list(self._emitters.values()):
            with _isolated(emitter):
                emitter.flush()
            with _isolated(emitter):
                emitter.send_count(closed=_ends_here(emitter), final=True, reason=reason)

    def _drop(self, pending: PendingEvent, reason: str = "") -> None:
        """Count what cannot be held until its transaction ends, or cannot be reported."""
        self._emitter(pending.run).count_loss(reason, pending.executions)

    def _rows(self, statement: StatementNote, rows: int, *, whole: bool) -> None:
        """Rows that a statement returned; a write has written them all, however few were taken."""
        if not statement.countable:
            return
        for pending in statement.pending_events:
            coalesced = pending.coalesced()
            if (pending.event.output is None or whole) and coalesced.add_rows(rows) and coalesced.sent:
                self._report([coalesced.late_rows()])

    def _report(self, pending_events: list[PendingEvent]) -> None:
        if self._abandoned:
            return
        now = self._clock()
        for pending in pending_events:
            with guarded("reporting a statement", partial(self._drop, pending)):
                self._emitter(pending.run).add(pending, now)

    def _state(self, connection: Connection) -> ConnectionState:
        state = self._connections.get(connection)
        if state is None:
            state = self._connections[connection] = ConnectionState.of(connection)
        return state

    def _emitter(self, run: Run) -> Emitter:
        key = run.key
        assert key is not None, "a run has a flow run or a task run"
        emitter = self._emitters.get(key)
        if emitter is None:
            seconds = self._values.coalesce_seconds
            emitter = self._retired.pop(key, None) or Emitter(run, self._send, seconds * _FIRST, seconds * _LONGEST)
            self._emitters[key] = emitter
            if self._unassigned:
                emitter.count_loss(self._unassigned)
                self._unassigned = ""
        emitter.update_run(run)
        return emitter

    def _poll_runs(self, now: float) -> None:
        self._count_dropped()
        for emitter in list(self._emitters.values()):
            with _isolated(emitter):
                self._poll_run(emitter, now)

    def _poll_run(self, emitter: Emitter, now: float) -> None:
        if emitter.has_ended():
            if not emitter.end_noticed:
                emitter.end_noticed = True
                self._queue.put(RunEndedNote(emitter.run))
        elif self._queue.empty():
            if self._values.schema_lookup:
                emitter.look_up(now)
            if emitter.run.detached and now - emitter.last_active >= _RETIRE and not emitter.has_unsent_count:
                self._retire(emitter)
            elif emitter.has_unsent_count and now - emitter.last_active >= self._quiet_spell(emitter):
                emitter.flush()
                self._tell(emitter, closed=False)

    def _quiet_spell(self, emitter: Emitter) -> float:
        """Where no end will be seen (a Dask worker, a pool's child), the count is told sooner: the process may go."""
        longest = self._values.checkpoint_seconds
        if not emitter.run.detached:
            return longest
        if emitter.counts_sent < _PROMPT and not emitter.run.is_running():
            return 0.0
        return min(2.0**emitter.counts_sent, longest)

    def _close(self, run: Run, *, even_none: bool) -> None:
        key = run.key
        self._report(self._transactions.prepared.unfinished(key))
        emitter = self._emitters.get(key) if key is not None else None
        if emitter is None and even_none and key is not None and key not in self._retired:
            emitter = self._emitter(run)
        if emitter is None:
            return
        emitter.flush()
        if even_none and key is not None and (children := lost(key)):
            emitter.count_loss(f"{children} child process(es) ended before all of their events were sent", children)
        self._tell(emitter, closed=True, even_none=even_none)
        self._retire(emitter)
        value_matching.forget(emitter.run.key)

    def _retire(self, emitter: Emitter) -> None:
        key = emitter.run.key
        assert key is not None, "an emitter belongs to a run"
        self._emitters.pop(key, None)
        emitter.retire()
        self._retired[key] = emitter
        while len(self._retired) > _MAX_RETIRED:
            self._retired.popitem(last=False)

    def _tell(self, emitter: Emitter, *, closed: bool, final: bool = False, even_none: bool = False) -> None:
        if self._values.schema_lookup:
            emitter.look_up()
        emitter.send_count(closed=closed, final=final, even_none=even_none)

    def _count_dropped(self) -> None:
        if guard.overflows != self._overflows:
            self._overflows = guard.overflows
            self._lose_everywhere(_OVERFLOW)
        for run, count in self._queue.dropped():
            known = self._emitters.get(run.key) or self._retired.get(run.key) if run.key else None
            if known is None or known.dropped_by_queue != count:
                emitter = self._emitter(run)
                emitter.count_loss("" if self._abandoned else _QUEUE_FULL, 0)
                emitter.dropped_by_queue = count


def _isolated(emitter: Emitter) -> guarded:
    """A block in which what fails for one run is counted there, and costs no other run anything."""
    return guarded("sending lineage", emitter.count_loss)


def _ends_here(emitter: Emitter) -> bool:
    """Does the run's part in this process end with it? A cancelled run's state may be known to its runner only."""
    return not emitter.run.detached
