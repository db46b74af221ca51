"""A connection's transaction, as far as it holds lineage: a write that is rolled back wrote nothing.

Writes inside a transaction are held until it commits; savepoints nest; a rollback, or a connection that is lost, drops
them. A read counts at once.
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
# Prepared transactions, and their drafts, that are kept: another process may end them all.
_MAX_PREPARED = 1_000
_MAX_PREPARED_DRAFTS = 20_000


class Transaction:
    """A connection's open work. Values only: what comes out of `step` is what really happened."""

    def __init__(self, dialect: str = "") -> None:
        self._rules: TransactionRules = transaction_rules(dialect)
        # What was done since the transaction began, and since each of its savepoints.
        self._segments = [Coalescer()]
        self._size_below = 0  # of all segments but the last one
        self._nesting: Nesting = CLOSED
        self._doubt = ""
        self._suspicion = ""

    @property
    def begun(self) -> bool:
        """Was a transaction begun that the driver may not know of (BEGIN as a text, on an autocommit connection)?"""
        return self._nesting.begun

    @property
    def is_open(self) -> bool:
        return self._nesting.is_open

    @property
    def size(self) -> int:
        return self._size_below + len(self._segments[-1])

    @property
    def held(self) -> list[PendingEvent]:
        """What waits for the end of the transaction, in order."""
        return [pending for segment in self._segments for pending in segment.pending_events]

    def hold(self, pending: PendingEvent) -> PendingEvent:
        """Keep a write until its transaction ends; the draft it is counted in."""
        self._nesting = self._nesting.opened()
        return self._segments[-1].add(pending)

    def open(self) -> None:
        """The driver or the store has begun a transaction for the next statement."""
        self._nesting = self._nesting.opened()

    def failed(self, failed: bool = True) -> None:
        """A statement has failed the transaction, or another has shown that it goes on."""
        self._suspicion = ""
        if self._nesting.failed != failed:
            self._nesting = self._nesting.with_failure(failed)

    def suspect(self, reason: str) -> None:
        """A statement may have failed the transaction: a commit leaves doubt, unless another shows that it goes on."""
        self._suspicion = reason

    def doubt(self, reason: str) -> None:
        """From here on it is not known whether what is held comes to be, however the transaction ends."""
        if self.size:
            self._doubt = self._doubt or reason

    def doubt_until_end(self, reason: str) -> None:
        """A step may have been missed, a begin as well: all is in doubt until the next end of a transaction."""
        self._nesting = self._nesting.opened()
        self._doubt = self._doubt or reason

    def step(self, control: Control) -> list[PendingEvent]:
        """Do a step of transaction control; the drafts that are true from now on, in order."""
        suspicion, self._suspicion = self._suspicion, ""
        if suspicion and control.step == "commit":
            self.doubt(suspicion)
        self._nesting, outcome, place = self._nesting.after(control, self._rules)
        if outcome in ("commit", "rollback"):
            return self._ended(is_kept=outcome == "commit")
        if outcome == "mark":
            if place + 1 < len(self._segments):
                self._merge(place)
            self._size_below += len(self._segments[-1])
            self._segments.append(Coalescer())
        elif outcome == "return":
            self._segments[place + 1 :] = [Coalescer()]
            self._size_below = sum(map(len, self._segments))
        elif outcome == "merge":
            for last in range(len(self._segments) - 2, place - 1, -1):
                self._merge(last)
            self._size_below = sum(map(len, self._segments[:-1]))
        return []

    def flush(self) -> list[PendingEvent]:
        """All that is true when a statement has committed by itself what was open."""
        if self._nesting.is_open:
            return self.step(_COMMIT)
        return self._ended(is_kept=True)

    def _ended(self, is_kept: bool) -> list[PendingEvent]:
        held = [pending for segment in self._segments for pending in segment.take()]
        doubt, self._doubt = self._doubt, ""
        self._segments, self._size_below = [Coalescer()], 0
        return list(in_doubt(held, doubt)) if doubt else held if is_kept else []

    def _merge(self, place: int) -> None:
        """Make what came after a savepoint part of what was before it."""
        for pending in self._segments.pop(place + 1).take():
            self._segments[place].add(pending)


def in_doubt(pending_events: Iterable[PendingEvent], reason: str) -> Iterable[PendingEvent]:
    """The drafts as partial ones: it is not known whether they came to be."""
    for pending in pending_events:
        pending.doubt(reason)
        yield pending


@dataclass(slots=True)
class PreparedTransactions:
    """Transactions that were prepared for a commit in two phases, which any connection to the store may end."""

    _by_name: dict[tuple[str, str], list[PendingEvent]] = field(default_factory=dict)

    def put(self, store: str, name: str, pending_events: list[PendingEvent]) -> list[PendingEvent]:
        """Keep what was prepared under the name. Returns, in doubt, that of the oldest names beyond the bounds."""
        if pending_events:
            self._by_name.setdefault((store, name), []).extend(pending_events)
        beyond: list[PendingEvent] = []
        while len(self._by_name) > _MAX_PREPARED or sum(map(len, self._by_name.values())) > _MAX_PREPARED_DRAFTS:
            beyond += in_doubt(self._by_name.pop(next(iter(self._by_name))), _PREPARED)
        return beyond

    def take(self, store: str, name: str) -> list[PendingEvent] | None:
        """The drafts that were prepared under the name; None where that was not seen."""
        return self._by_name.pop((store, name), None)

    def unfinished(self, run: object = None) -> list[PendingEvent]:
        """The drafts that were prepared and not ended, of one run or of all; each is given once."""
        found: list[PendingEvent] = []
        for key, pending_events in list(self._by_name.items()):
            mine = [pending for pending in pending_events if run is None or pending.run.key == run]
            found += in_doubt(mine, _PREPARED)
            others = [pending for pending in pending_events if not (run is None or pending.run.key == run)]
            self._by_name[key] = others
            if not others:
                del self._by_name[key]
        return found
