"""Processing of statements, failures and transaction steps: writes are reported when their transaction commits."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission.analysis import AnalysedStatement, analyse
from prefect_lineage_events.emission.connection_state import ConnectionState
from prefect_lineage_events.emission.notes import FailureNote, StatementNote, TransactionNote
from prefect_lineage_events.emission.pending import PendingEvent
from prefect_lineage_events.emission.transactions import PreparedTransactions, in_doubt
from prefect_lineage_events.settings import LineageSettings
from prefect_lineage_events.sql.model import Control

# Pending events that a connection may hold for one transaction; equal ones count once.
_MAX_HELD = 20_000
_ROLLBACK = Control("rollback")
_CALLED = "a procedure was called that may have ended its transaction"
_UNSEEN = "the end of its transaction was not seen; whether it was committed is not known"
_OWN_ERROR = "an error without a code came before its commit; whether the server rolled it back is not known"
_REFUSED = "a statement that commits failed after it; whether it was committed is not known"
_BROKEN_OFF = "a later statement of its text failed; whether it was done is not known"
_LOST = "a note of its transaction was lost; whether it was committed is not known"
_TOO_LONG = f"a transaction wrote more than the {_MAX_HELD:,} different statements that are held until it commits"
_IN_PART = "a set of its parameters failed; whether those before it were written is not known"


class TransactionProcessor:
    """Holds writes until their transaction commits.

    `report` takes the events that are true, `drop` those beyond the limit.
    """

    def __init__(
        self,
        values: LineageSettings,
        report: Callable[[list[PendingEvent]], None],
        drop: Callable[[PendingEvent, str], None],
    ) -> None:
        self._values = values
        self._report = report
        self._drop = drop
        self.prepared = PreparedTransactions()

    def statement(self, note: StatementNote, state: ConnectionState) -> None:
        """Report what is true of a successful statement at once, hold the rest."""
        if note.aborted:
            state.failed()
        transaction = state.transaction
        is_held = not (note.autocommit and state.autocommit)
        # The statements of one text may be one transaction, which ends with the text.
        in_transaction = is_held or (state.rules.one_text and ";" in note.sql.rstrip().rstrip(";"))
        note.pending_events = found = []
        for analysed in analyse(note, state, self._values, in_transaction=in_transaction):
            if in_transaction:
                transaction.open()
            if analysed.statement.control is not None:
                self._step(analysed.statement.control, state)
                continue
            transaction.failed(False)
            found += self._outcome(analysed, state)
        if not is_held and not transaction.begun:
            self._report(transaction.flush())
            state.session = state.session.ended()

    def _outcome(self, analysed: AnalysedStatement, state: ConnectionState) -> list[PendingEvent]:
        """Report or hold the events of a statement. Returns the events in which they are counted."""
        transaction, statement = state.transaction, analysed.statement
        if statement.commits and transaction.is_open:
            self._report([*transaction.flush(), *analysed.pending_events])
            return list(analysed.pending_events)
        if statement.may_end_transaction:
            transaction.doubt(_CALLED)
        if transaction.is_open:
            return [self._report_or_hold(pending, state) for pending in analysed.pending_events]
        self._report([*transaction.flush(), *analysed.pending_events])
        return list(analysed.pending_events)

    def _report_or_hold(self, pending: PendingEvent, state: ConnectionState) -> PendingEvent:
        """Report a read at once; hold any other statement until its transaction commits."""
        if pending.event.operation == "read":
            self._report([pending])
        elif state.transaction.size >= _MAX_HELD:
            self._drop(pending, _TOO_LONG)
        else:
            return state.transaction.hold(pending)
        return pending

    def step(self, note: TransactionNote, state: ConnectionState) -> None:
        """Do a step of the transaction that the driver took."""
        if note.in_doubt:
            state.transaction.doubt(_UNSEEN)
        control = Control(note.step, note.name)
        state.session = state.session.step(control)
        self._step(control, state)

    def _step(self, control: Control, state: ConnectionState) -> None:
        """Do a step that the session has done already."""
        store, name = state.store.namespace, control.name
        if control.step == "commit_prepared":
            self._report(self.prepared.take(store, name) or [])
        elif control.step == "rollback_prepared":
            if self.prepared.take(store, name) is None:  # MySQL's XA ROLLBACK of what is not prepared yet
                self._report(state.step(_ROLLBACK))
        elif control.step == "prepare":
            self._report(self.prepared.put(store, name, state.transaction.step(control)))
        else:
            self._report(state.transaction.step(control))

    def leave_in_doubt(self, state: ConnectionState, *, may_have_begun: bool) -> list[Run]:
        """Put the held writes in doubt: a note of the connection was lost, maybe the end of its transaction.

        Returns the runs of these writes. `may_have_begun`: writes up to the next end are in doubt, too.
        """
        state.transaction.doubt_until_end(_LOST) if may_have_begun else state.transaction.doubt(_LOST)
        return [pending.run for pending in state.transaction.held]

    def failed(self, note: FailureNote, state: ConnectionState) -> None:
        """Process a failed statement.

        Its transaction may be over, or accept no other statement; a part of its text may have been done.
        """
        rules, transaction = state.rules, state.transaction
        session = state.session
        found = list(analyse(note.statement, state, self._values))
        undone = len(found) < 2 or (rules.one_text and not any(m.statement.control for m in found))
        state.session = session if undone else session.after_partial_run(state.session)
        first = next((c for m in found if (c := _ending(m)) is not None), None)
        if len(found) > 1 and first is not None:
            self._broken_off(found, first, state)
        elif note.ended or not rules.rolls_back.isdisjoint(note.codes):
            self._report(state.step(_ROLLBACK))
        elif transaction.is_open and rules.failure_aborts and not note.stays_open:
            if rules.sqlstate and not note.codes:
                transaction.suspect(_OWN_ERROR)
            else:
                state.failed()
        elif not undone:
            self._in_doubt(found, _BROKEN_OFF, state)
        elif note.in_part:
            if not note.statement.autocommit:
                transaction.open()
            self._in_doubt(found, _IN_PART, state)
        elif any(m.statement.commits for m in found):
            transaction.doubt(_REFUSED)

    def _in_doubt(self, found: list[AnalysedStatement], reason: str, state: ConnectionState) -> None:
        """Report as partial what may have been done although the statement failed."""
        for pending in in_doubt(chain.from_iterable(m.pending_events for m in found), reason):
            if pending.event.operation != "read" and state.transaction.is_open:
                self._report_or_hold(pending, state)
            elif pending.event.operation != "read":
                self._report([pending])

    def _broken_off(self, found: list[AnalysedStatement], first: str, state: ConnectionState) -> None:
        """Process a failed text that contains ends of transactions. Only a rollback at its begin is certain."""
        if first != "rollback":
            state.transaction.doubt(_BROKEN_OFF)
        self._report(state.step(_ROLLBACK))
        self._report(
            [
                d
                for d in in_doubt(chain.from_iterable(m.pending_events for m in found), _BROKEN_OFF)
                if d.event.operation != "read"
            ]
        )


def _ending(analysed: AnalysedStatement) -> str | None:
    """The step by which a statement ends transactions; None for one that ends none."""
    control = analysed.statement.control
    if control is not None and control.step in ("commit", "rollback", "prepare"):
        return control.step
    return "commit" if analysed.statement.commits else None
