"""The open transaction of a connection, with the pending events that wait for its end.

Writes inside a transaction are held until it commits; savepoints nest. A rollback, or the loss of the connection, drops
them: a write that is rolled back wrote nothing. A read counts at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from prefect_lineage_events.emission.coalescer import Coalescer
from prefect_lineage_events.emission.pending import PendingEvent
from prefect_lineage_events.sql.model import Control
from prefect_lineage_events.sql.transactions.nesting import CLOSED, Nesting
from prefect_lineage_events.sql.transactions.rules import TransactionRules, transaction_rules

_COMMIT = Control("commit")
_PREPARED = "prepared; whether it was committed is not known"
# Prepared transactions that are kept, and their pending events: another process may end them all.
_MAX_PREPARED = 1_000
_MAX_PREPARED_EVENTS = 20_000


class Transaction:
    """The open transaction of a connection. It uses no connection: `step` returns the events that are true."""

    def __init__(self, dialect: str = "") -> None:
        self._rules: TransactionRules = transaction_rules(dialect)
        # The writes since the transaction began, and since each of its savepoints.
        self._segments = [Coalescer()]
        self._size_below = 0  # of all segments but the last one
        self._nesting: Nesting = CLOSED
        self._doubt = ""
        self._suspicion = ""

    @property
    def begun(self) -> bool:
        """Return whether a statement began a transaction (BEGIN on an autocommit connection), unseen by the driver."""
        return self._nesting.begun

    @property
    def is_open(self) -> bool:
        return self._nesting.is_open

    @property
    def size(self) -> int:
        return self._size_below + len(self._segments[-1])

    @property
    def held(self) -> list[PendingEvent]:
        """The events that wait for the end of the transaction, in order."""
        return [pending for segment in self._segments for pending in segment.pending_events]

    def hold(self, pending: PendingEvent) -> PendingEvent:
        """Keep a write until its transaction ends. Returns the event in which it is counted."""
        self._nesting = self._nesting.opened()
        return self._segments[-1].add(pending)

    def open(self) -> None:
        """Note that the driver or the store has begun a transaction for the next statement."""
        self._nesting = self._nesting.opened()

    def failed(self, failed: bool = True) -> None:
        """Note that a statement has failed the transaction, or that another has shown that it goes on."""
        self._suspicion = ""
        if self._nesting.failed != failed:
            self._nesting = self._nesting.with_failure(failed)

    def suspect(self, reason: str) -> None:
        """Note that a statement may have failed the transaction.

        A commit leaves doubt then, unless another statement shows that the transaction goes on.
        """
        self._suspicion = reason

    def doubt(self, reason: str) -> None:
        """Note that it is not known whether the held writes are committed, however the transaction ends."""
        if self.size:
            self._doubt = self._doubt or reason

    def doubt_until_end(self, reason: str) -> None:
        """Note that a step, maybe a begin, was missed: all is in doubt until the next end of a transaction."""
        self._nesting = self._nesting.opened()
        self._doubt = self._doubt or reason

    def step(self, control: Control) -> list[PendingEvent]:
        """Do a step of transaction control. Returns the events that are true from now on, in order."""
        suspicion, self._suspicion = self._suspicion, ""
        if suspicion and control.step == "commit":
            self.doubt(suspicion)
        self._nesting, outcome, position = self._nesting.after(control, self._rules)
        if outcome in ("commit", "rollback"):
            return self._ended(is_kept=outcome == "commit")
        if outcome == "mark":
            if position + 1 < len(self._segments):
                self._merge(position)
            self._size_below += len(self._segments[-1])
            self._segments.append(Coalescer())
        elif outcome == "return":
            self._segments[position + 1 :] = [Coalescer()]
            self._size_below = sum(map(len, self._segments))
        elif outcome == "merge":
            for last in range(len(self._segments) - 2, position - 1, -1):
                self._merge(last)
            self._size_below = sum(map(len, self._segments[:-1]))
        return []

    def flush(self) -> list[PendingEvent]:
        """End the transaction, which a statement has committed by itself. Returns the events that are true."""
        if self._nesting.is_open:
            return self.step(_COMMIT)
        return self._ended(is_kept=True)

    def _ended(self, is_kept: bool) -> list[PendingEvent]:
        held = [pending for segment in self._segments for pending in segment.take()]
        doubt, self._doubt = self._doubt, ""
        self._segments, self._size_below = [Coalescer()], 0
        return list(in_doubt(held, doubt)) if doubt else held if is_kept else []

    def _merge(self, position: int) -> None:
        """Add the writes after a savepoint to those before it."""
        for pending in self._segments.pop(position + 1).take():
            self._segments[position].add(pending)


def in_doubt(pending_events: Iterable[PendingEvent], reason: str) -> Iterable[PendingEvent]:
    """The events as partial ones: it is not known whether they came to be."""
    for pending in pending_events:
        pending.doubt(reason)
        yield pending


@dataclass(slots=True)
class PreparedTransactions:
    """Transactions prepared for a commit in two phases. Any connection to the store may end them."""

    _by_name: dict[tuple[str, str], list[PendingEvent]] = field(default_factory=dict)

    def put(self, store: str, name: str, pending_events: list[PendingEvent]) -> list[PendingEvent]:
        """Keep the events prepared under a name. Returns those of the oldest names beyond the limits, in doubt."""
        if pending_events:
            self._by_name.setdefault((store, name), []).extend(pending_events)
        beyond: list[PendingEvent] = []
        while len(self._by_name) > _MAX_PREPARED or sum(map(len, self._by_name.values())) > _MAX_PREPARED_EVENTS:
            beyond += in_doubt(self._by_name.pop(next(iter(self._by_name))), _PREPARED)
        return beyond

    def take(self, store: str, name: str) -> list[PendingEvent] | None:
        """Remove and return the events that were prepared under a name; None for an unknown name."""
        return self._by_name.pop((store, name), None)

    def unfinished(self, run: object = None) -> list[PendingEvent]:
        """Remove and return the prepared events without an end, of one run or of all, in doubt."""
        found: list[PendingEvent] = []
        for key, pending_events in list(self._by_name.items()):
            mine = [pending for pending in pending_events if run is None or pending.run.key == run]
            found += in_doubt(mine, _PREPARED)
            others = [pending for pending in pending_events if not (run is None or pending.run.key == run)]
            self._by_name[key] = others
            if not others:
                del self._by_name[key]
        return found
