"""The processor of notes, in order: analyse, hold until commit, count together, number, send, close.

It has no thread and no clock of its own: `Worker` drives it, tests drive it by hand.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from functools import partial

from prefect_lineage_events.emission.connection_state import ConnectionState
from prefect_lineage_events.emission.emitter import Send
from prefect_lineage_events.emission.loss_processor import LossProcessor
from prefect_lineage_events.emission.moved_files import record_of, remember
from prefect_lineage_events.emission.notes import (
    AbandonedResultNote,
    Connection,
    FailureNote,
    FileNote,
    FlushNote,
    LossNote,
    Note,
    RecordNote,
    RowsNote,
    RunEndedNote,
    SampleNote,
    SeveralNote,
    StatementNote,
    TallyNote,
    TransactionNote,
    subject,
)
from prefect_lineage_events.emission.pending import PendingEvent
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.emission.records import from_record
from prefect_lineage_events.emission.repeats import Repeats
from prefect_lineage_events.emission.row_comparison import RowComparison
from prefect_lineage_events.emission.transaction_processor import TransactionProcessor
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.settings import LineageSettings

_NOT_CLOSED = "the end of the run could not be processed"
_NOT_PROCESSED = "a note of the flow's process could not be processed"


class NoteProcessor(LossProcessor):
    """The state of our thread: connections, transactions, emitters of runs."""

    def __init__(
        self, values: LineageSettings, send: Send, queue: NoteQueue, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(values, send, queue, clock)
        self._connections: weakref.WeakKeyDictionary[Connection, ConnectionState] = weakref.WeakKeyDictionary()
        self._repeats: weakref.WeakKeyDictionary[Connection, Repeats] = weakref.WeakKeyDictionary()
        self._current_note: StatementNote | None = None
        self._abandoned = False
        self._transactions = TransactionProcessor(values, self._report, self._drop)
        self._row_comparison = RowComparison()

    def process(self, note: Note) -> None:
        """Process one note. A note that cannot be processed is counted as dropped, and the error raised."""
        try:
            self._process(note)
        except Exception:
            self._lose(note)
            raise

    def _lose(self, note: Note) -> None:
        """Count the loss of a note for its run, and for the runs whose held writes it may have decided."""
        run, connection = subject(note)
        runs = [run] if run is not None else []
        state = self._connections.get(connection) if connection is not None else None
        if state is not None and isinstance(note, StatementNote | FailureNote | TransactionNote):
            runs += self._transactions.leave_in_doubt(state, may_have_begun=isinstance(note, TransactionNote))
        for emitter in {run.key: self._emitters.of(run) for run in runs}.values():
            emitter.count_loss(_NOT_PROCESSED)
            if isinstance(note, RunEndedNote):
                emitter.send_count(closed=True, reason=_NOT_CLOSED)

    def _count_loss(self, note: LossNote) -> None:
        """Count a loss in the user's thread, for its run and for runs whose held writes it leaves in doubt."""
        if note.in_any_run:
            self._emitters.count_loss_everywhere(note.reason)
        runs = [note.run] if note.run is not None else []
        for state in self._states_in_doubt(note):
            runs += self._transactions.leave_in_doubt(state, may_have_begun=note.in_step)
        for emitter in {run.key: self._emitters.of(run) for run in runs}.values():
            emitter.count_loss(note.reason)

    def _states_in_doubt(self, note: LossNote) -> list[ConnectionState]:
        """The connections whose transactions a loss may concern: all with held writes, where its own is not known."""
        if note.connection is not None:
            known = self._state(note.connection) if note.in_step else self._connections.get(note.connection)
            return [known] if known is not None else []
        key = note.run.key if note.run is not None else None
        return [s for s in self._connections.values() if any(d.run.key == key for d in s.transaction.held)]

    def _process(self, note: Note) -> None:
        if isinstance(note, StatementNote):
            self._statement(note)
            if fetched := note.take_rows():
                self._store_rows(note)
                self._rows(note, fetched[0], whole=fetched[1])
        elif isinstance(note, FailureNote):
            self._transactions.failed(note, self._state(note.statement.connection))
        elif isinstance(note, TransactionNote):
            self._transactions.step(note, self._state(note.connection))
        elif isinstance(note, RowsNote):
            self._store_rows(note.statement)
            self._rows(note.statement, note.rows, whole=note.whole)
        elif isinstance(note, SampleNote):
            self._row_comparison.store(note.statement, note.sample)
        elif isinstance(note, AbandonedResultNote):
            self._row_comparison.store(note.statement, note.counts.sample())
            if rows := note.counts.rows_so_far():
                self._rows(note.statement, rows, whole=False)
        elif isinstance(note, RecordNote):
            self._record(note)
        elif isinstance(note, FileNote | TallyNote):
            record = record_of(note) if isinstance(note, FileNote) else note.tally.take()
            self._report(from_record(record) if record is not None else [])
        elif isinstance(note, SeveralNote):
            for one in note.records():
                self._record(one)
        elif isinstance(note, RunEndedNote):
            self._report(self._transactions.prepared.unfinished(note.run.key))
            self._run_end.close(note.run, even_none=note.elsewhere)
            self._row_comparison.discard(note.run.key)
        elif isinstance(note, LossNote):
            self._count_loss(note)
        elif isinstance(note, FlushNote):
            self._flush(note)
        else:
            self._remark(note)

    def _store_rows(self, note: StatementNote) -> None:
        """Store digests of the rows that the note kept. The values themselves are let go: the note lives longer."""
        kept, note.kept = note.kept, None
        self._row_comparison.store(note, kept)

    def _record(self, note: RecordNote) -> None:
        if note.opening is not None:
            self._withdraw(note.opening)
            note.opening = None
        if note.operation == "read":
            self._row_comparison.expect(note)
            self._row_comparison.store(note, note.sample)
            note.sample = None
        else:
            self._row_comparison.compare(note)
        found = from_record(note)
        note.pending_events += found
        self._report(found)

    def _withdraw(self, note: RecordNote) -> None:
        """Leave out a read that another one replaces, as far as it is not sent."""
        self._row_comparison.withdraw(note)
        events, note.pending_events = note.pending_events, []
        emitter = self._emitters.open(note.run.key)
        for pending in events:
            if emitter is not None:
                emitter.withdraw(pending.coalesced())

    def _statement(self, note: StatementNote) -> None:
        self._row_comparison.compare(note)
        if note.result_columns:
            self._row_comparison.expect(note)
        state = self._state(note.connection)
        emitter = self._emitters.open(note.run.key) if note.run is not None else None
        repeats = self._repeats.get(note.connection)
        if repeats is None:
            repeats = self._repeats[note.connection] = Repeats()
        if repeats.count(note, state, emitter, self._clock()):
            return
        self._current_note = note
        try:
            before = state.session
            self._transactions.statement(note, state)
            if note.run is not None:
                repeats.learn(note, state, before, self._emitters.open(note.run.key))
        finally:
            self._current_note = None

    def finish(self) -> None:
        self._run_end.count_dropped()
        self._report(self._transactions.prepared.unfinished())
        super().finish()

    def abandon(self, reason: str) -> None:
        self._abandoned = True
        current = self._current_note
        if current is not None and current.run is not None:
            self._emitters.of(current.run).count_loss()
        for state in list(self._connections.values()):
            for pending in state.transaction.held:  # its commit may be among the notes that are dropped
                self._drop(pending)
        super().abandon(reason)

    def _drop(self, pending: PendingEvent, reason: str = "") -> None:
        """Count an event that cannot be held until its transaction ends, or cannot be reported."""
        self._emitters.of(pending.run).count_loss(reason, pending.executions)

    def _rows(self, statement: StatementNote, rows: int, *, whole: bool) -> None:
        """Add the rows that a statement returned. A write wrote all of them, even if only some were fetched."""
        if whole and not rows:
            self._row_comparison.without_rows(statement)
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
                self._emitters.of(pending.run).add(pending, now)
                remember(pending)

    def _state(self, connection: Connection) -> ConnectionState:
        state = self._connections.get(connection)
        if state is None:
            state = self._connections[connection] = ConnectionState.of(connection)
        return state
