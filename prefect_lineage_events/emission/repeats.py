"""Repeated statements: counted into the pending event of an earlier execution, without being analysed again.

A statement is a repetition if nothing that its analysis depends on has changed: the text, the session, the answers of
the store, the run and the thread. Its event must still be pending, and no dataset of the run may have a new lifetime.
Then the session and the transaction are after it what they were before it. Only our thread uses this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prefect_lineage_events import encoding
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission.analysis import rows_of
from prefect_lineage_events.emission.connection_state import ConnectionState
from prefect_lineage_events.emission.emitter import Emitter
from prefect_lineage_events.emission.notes import StatementNote
from prefect_lineage_events.emission.pending import PendingEvent
from prefect_lineage_events.emission.row_comparison import rows_compared
from prefect_lineage_events.events import Column

_MAX_KNOWN = 500  # of one connection


@dataclass(slots=True)
class _Known:
    """A statement that was analysed, with all that a repetition must have in common with it."""

    run: Run
    session: Any
    store_version: int
    result_columns: tuple[Column, ...]
    lifetimes: int
    pending: PendingEvent
    countable: bool


class Repeats:
    """The statements of one connection that may be repeated, by text, thread and mode."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, bool, bool], _Known] = {}

    def count(self, note: StatementNote, state: ConnectionState, emitter: Emitter | None, now: float) -> bool:
        """Count the statement, if it is a repetition. Returns whether it is one."""
        known = self._known.get((note.sql, note.thread, note.autocommit, note.inlined))
        if (
            known is None
            or emitter is None
            or known.run is not note.run
            or known.session is not state.session
            or known.store_version != _store_version(state)
            or known.lifetimes != emitter.lifetimes
            or not _same(known.result_columns, note.result_columns)
            or note.aborted
            or note.value_origins
        ):
            return False
        pending = known.pending.coalesced()
        if note.compared and dict(rows_compared(note)) != pending.rows_compared:
            return False
        if pending.sent or pending.is_full or not self._is_outside_of_transactions(note, state, pending):
            return False
        state.transaction.failed(False)
        note.countable = known.countable
        note.pending_events = (pending,)
        emitter.count_again(pending, now)
        if not note.compared:
            pending.forget_differences()
        pending.repeat(
            rows_of(note, written=pending.event.output is not None), encoding.seconds(note.duration), note.started
        )
        return True

    def learn(self, note: StatementNote, state: ConnectionState, before: Any, emitter: Emitter | None) -> None:
        """Keep a statement that was analysed, if a repetition would change nothing but its counters."""
        if len(note.pending_events) != 1 or note.run is None or emitter is None or state.session is not before:
            return
        pending = note.pending_events[0]
        if (
            note.aborted
            or note.value_origins
            or pending.changes_lifecycle
            or pending.coalesced().sent
            or pending.event.statement.part != pending.event.statement.parts
            or not self._is_outside_of_transactions(note, state, pending)
        ):
            return
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[note.sql, note.thread, note.autocommit, note.inlined] = _Known(
            note.run, before, _store_version(state), note.result_columns, emitter.lifetimes, pending, note.countable
        )

    @staticmethod
    def _is_outside_of_transactions(note: StatementNote, state: ConnectionState, pending: PendingEvent) -> bool:
        """Return whether the statement is reported at once and ends no transaction: a read, or a committed write."""
        transaction = state.transaction
        if note.autocommit and state.autocommit:
            return not transaction.is_open and not transaction.size
        return pending.event.operation == "read" and transaction.is_open


def _same(columns: tuple[Column, ...], others: tuple[Column, ...]) -> bool:
    # The tuples are cached, so that equal ones are mostly the same object.
    return columns is others or columns == others


def _store_version(state: ConnectionState) -> int:
    return state.schemas.version if state.schemas is not None else 0
