"""The emitter: it numbers the events of one flow run in one process without a gap, and sends their count at the end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import prefect

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.context.running import is_over
from prefect_lineage_events.definitions import RunDefinitions
from prefect_lineage_events.emission.coalescer import Coalescer, Waits
from prefect_lineage_events.emission.column_lookup import ColumnLookup
from prefect_lineage_events.emission.definitions_sent import Definitions
from prefect_lineage_events.emission.limits import truncated
from prefect_lineage_events.emission.pending import PendingEvent
from prefect_lineage_events.events import CountEvent, EmitterInfo, EventDataset, RunInfo, SchemaEvent
from prefect_lineage_events.guard import guarded

# Takes keyword arguments of `emit_event`, and the run whose Prefect settings apply; returns whether it was handed over.
Send = Callable[[dict[str, Any], Run], bool]

_MAX_PENDING = 500
_MAX_REASONS = 10
_MAX_LIBRARIES = 50


class Emitter:
    """Collects the pending events of a run for a short while, then numbers and sends them, in order."""

    def __init__(self, run: Run, send: Send, coalesce_seconds: float) -> None:
        self.id = uuid4()
        self.run = run
        self.dropped_by_processor = 0
        self.dropped_by_queue = 0  # the queue was full
        self.closed = False
        self.end_noticed = False
        self.last_active = 0.0
        self.counts_sent = 0
        self.not_captured: dict[str, None] = {}
        self.children = False
        self._definitions = Definitions()
        self._send = send
        self._live: Any = None
        self._sequence = 0
        self._failed = 0
        self._reasons: dict[str, None] = {}
        self._last_count: tuple[bool, bool, int, int, int, int, bool] | None = None
        self._pending = Coalescer()
        self._due: float | None = None
        self._waits = Waits(coalesce_seconds)
        self._columns = ColumnLookup()
        self._look_up_at: float | None = None
        self._lookups = 0

    def update_run(self, run: Run) -> None:
        """Keep the newest attempt of the run, and a reference to the object whose state shows its end."""
        self.run = run
        self._definitions.add(*run.defined)
        self._live = run.live() or self._live

    def has_ended(self) -> bool:
        """Return whether the run has ended in this process.

        Its state is gone some time after the end, possibly before the first event of a short run is processed.
        """
        self._live = self.run.live() or self._live
        return self.closed or self.run.was_live if self._live is None else is_over(self._live)

    def retire(self) -> None:
        """Release what only a running flow needs. The numbers go on if another event comes."""
        self.end_noticed = False
        self._live = None

    def count_loss(self, reason: str = "", statements: int = 1) -> None:
        """Count statements, or anything else, of the run that could not be processed."""
        self.dropped_by_processor += statements
        if reason and len(self._reasons) < _MAX_REASONS:
            self._reasons[reason] = None

    @property
    def dropped(self) -> int:
        return self.dropped_by_queue + self.dropped_by_processor

    @property
    def due(self) -> float | None:
        """The time at which the next sending is due, on the clock of `add`; None when nothing is pending."""
        return self._due

    def add(self, pending: PendingEvent, now: float) -> None:
        """Add an event that is known to be true. It is counted together with an equal pending one."""
        self.last_active = now
        self._columns.observe(pending)
        if self._columns.wanted and self._look_up_at is None:
            self._look_up_at = now + self._waits.after(self._lookups)
        self._pending.add(pending)
        wait = self._waits.of(pending.key)
        self._due = now + wait if self._due is None else min(self._due, now + wait)
        if len(self._pending) >= _MAX_PENDING or wait == 0:
            self.flush()

    def withdraw(self, pending: PendingEvent) -> None:
        """Count one execution less of an event that is not sent."""
        if not pending.sent:
            self._pending.withdraw(pending)

    @property
    def lifetimes(self) -> int:
        """The number of changes of datasets' lifetimes so far."""
        return self._pending.lifetimes

    def count_again(self, pending: PendingEvent, now: float) -> None:
        """Note that a pending event is counted once more. It is due when it was: it has waited already."""
        self.last_active = now
        self._pending.count_again(pending)

    def flush(self) -> list[PendingEvent]:
        """Number and send what is pending. Returns the events that were sent."""
        self._due = None
        pending_events = self._pending.take()
        for pending in pending_events:
            pending.sent = True
            self._waits.count(pending.key)
            self._number(partial(_statement_event, pending))
        return pending_events

    def look_up(self, now: float | None = None) -> None:
        """Look up the wanted columns and send them; with `now`, only if that is due. May wait for the database."""
        if not self._columns.wanted or (now is not None and (self._look_up_at is None or now < self._look_up_at)):
            return
        self._look_up_at = None
        self._lookups += 1
        for datasets in self._columns.look_up():
            self._number(partial(self._schema_event, datasets))

    def send_count(self, *, closed: bool, final: bool = False, reason: str = "", even_none: bool = False) -> None:
        """Send the number of events, unless it was sent before. `final`: the process ends."""
        self.closed = self.closed or closed
        # After `lineage.closed`, no final checkpoint is sent.
        count = (closed, final and not closed, *self._counts)
        if count == self._last_count or not (any(self._counts) or even_none):
            return
        self._last_count = count
        self.counts_sent = min(self.counts_sent + 1, 30)
        event = CountEvent(
            closed=closed,
            final=final,
            emitter_id=self.id,
            count=self._sequence,
            dropped=self.dropped,
            failed=self._failed,
            reason="; ".join(dict.fromkeys(filter(None, (reason, *self._reasons)))),
            children=self.children,
            not_captured=tuple(sorted(self.not_captured))[:_MAX_LIBRARIES],
            occurred=_now(),
            run=self._flow_run,
            definitions=self._definitions_of_count(closed or final),
            engine_version=prefect.__version__,
        )
        self._send(event.to_prefect(), self.run)

    def _definitions_of_count(self, final: bool) -> RunDefinitions | None:
        with guarded("describing the code of a run"):
            return self._definitions.take(again=final)
        return None

    @property
    def has_unsent_count(self) -> bool:
        """Return whether anything has happened since the count was sent."""
        return self._due is not None or self._last_count is None or self._last_count[2:] != self._counts

    @property
    def _counts(self) -> tuple[int, int, int, int, bool]:
        return self._sequence, self.dropped, self._failed, len(self.not_captured), self.children

    def _schema_event(self, datasets: list[EventDataset], emitter: EmitterInfo) -> dict[str, Any]:
        event = SchemaEvent(datasets=tuple(datasets), observed=_now(), run=self._flow_run, emitter=emitter)
        return event.to_prefect()

    @property
    def _flow_run(self) -> RunInfo:
        """The run without the task that happened to be the last: the event is about the whole run."""
        info = self.run.info
        of_task = {"task_run_id": None, "task_run_name": None, "task_name": None}
        return info.model_copy(update=of_task) if info.flow_run_id else info

    def _number(self, make: Callable[[EmitterInfo], dict[str, Any]]) -> None:
        """Send an event with the next number. A failure is counted and leaves no gap: its number is used again.

        An event that cannot be made is such a failure; the pending ones after it are sent all the same.
        """
        taken = False
        with guarded("making a lineage event"):
            taken = self._send(make(EmitterInfo(id=self.id, sequence=self._sequence)), self.run)
        if taken:
            self._sequence += 1
        else:
            self._failed += 1


def _statement_event(pending: PendingEvent, emitter: EmitterInfo) -> dict[str, Any]:
    return truncated(pending.to_event(emitter)).to_prefect()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)
