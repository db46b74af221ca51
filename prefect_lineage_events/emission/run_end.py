"""Detection of the end of runs in this process, and the counts that are sent at and before it.

An emitter sends `lineage.closed` when its run ends in this process, and `lineage.checkpoint` after a quiet spell and at
exit. The end of a run is found by polling its state: a hook would be logged and change the user's flow.
"""

from __future__ import annotations

from collections.abc import Callable

from prefect_lineage_events import guard
from prefect_lineage_events.context.child_processes import lost
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission import value_matching
from prefect_lineage_events.emission.emitter import Emitter
from prefect_lineage_events.emission.emitters import Emitters, isolated
from prefect_lineage_events.emission.notes import RunEndedNote
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.settings import LineageSettings

# Seconds between two polls of the runs with open emitters; fewer while a detached run has a count to send, because the
# process may be stopped without waiting for us.
_POLL = 0.2
_QUICK_POLL = 0.05
# At exit, write a final checkpoint for at most this many retired runs, the newest ones: a Dask worker may have served
# thousands.
_MAX_FINAL_CHECKPOINTS = 100
# The first counts of a process that sees no end (Ray) are sent as soon as a task is over: it may be killed right then.
_PROMPT_COUNTS = 8
# Seconds without events after which a process that sees no end (a Dask worker) retires a run.
_RETIRE = 120.0
_QUEUE_FULL = "statements came faster than they could be analysed"
_OVERFLOW = "a statement ran where the stack had no room left to note it"


class RunEnd:
    """Polls the runs with open emitters, sends their counts, and retires those that have ended."""

    def __init__(
        self, values: LineageSettings, emitters: Emitters, queue: NoteQueue, clock: Callable[[], float]
    ) -> None:
        self._values = values
        self._emitters = emitters
        self._queue = queue
        self._clock = clock
        self._overflows = guard.overflows
        self.next_poll = 0.0
        self.drop_reason = _QUEUE_FULL

    def poll(self) -> None:
        """Queue the end of runs that have ended, send the count of those that are quiet, if a poll is due."""
        now = self._clock()
        if now < self.next_poll:
            return
        self.count_dropped()
        for emitter in self._emitters:
            with isolated(emitter):
                self._poll_run(emitter, now)
        is_urgent = any(e.run.detached and e.has_unsent_count for e in self._emitters)
        self.next_poll = now + (_QUICK_POLL if is_urgent else _POLL)

    def _poll_run(self, emitter: Emitter, now: float) -> None:
        if emitter.has_ended():
            if not emitter.end_noticed:
                emitter.end_noticed = True
                self._queue.put(RunEndedNote(emitter.run))
        elif self._queue.empty():
            if self._values.schema_lookup:
                emitter.look_up(now)
            if emitter.run.detached and now - emitter.last_active >= _RETIRE and not emitter.has_unsent_count:
                self._emitters.retire(emitter)
            elif emitter.has_unsent_count and now - emitter.last_active >= self._quiet_spell(emitter):
                emitter.flush()
                self._send_count(emitter, closed=False)

    def _quiet_spell(self, emitter: Emitter) -> float:
        """Seconds without events before a checkpoint; fewer where no end will be seen (a Dask worker, a pool's child).

        Such a process may be stopped at any time.
        """
        longest = self._values.checkpoint_seconds
        if not emitter.run.detached:
            return longest
        if emitter.counts_sent < _PROMPT_COUNTS and not emitter.run.is_running():
            return 0.0
        return min(2.0**emitter.counts_sent, longest)

    def close(self, run: Run, *, even_none: bool) -> None:
        """Send what is pending of an ended run and its closing count. `even_none`: also where nothing was reported."""
        key = run.key
        emitter = self._emitters.open(key)
        if emitter is None and even_none and key is not None and self._emitters.known(key) is None:
            emitter = self._emitters.of(run)
        if emitter is None:
            return
        emitter.flush()
        if even_none and key is not None and (children := lost(key)):
            emitter.count_loss(f"{children} child process(es) ended before all of their events were sent", children)
        self._send_count(emitter, closed=True, even_none=even_none)
        self._emitters.retire(emitter)
        value_matching.discard(emitter.run.key)

    def finish(self) -> None:
        """Send the final count of all runs, as the process ends; statements first."""
        for emitter in self._emitters:
            with isolated(emitter):
                emitter.flush()
        # Retired runs that were never closed still need a final checkpoint.
        unclosed = [emitter for emitter in self._emitters.retired if not emitter.closed][-_MAX_FINAL_CHECKPOINTS:]
        for emitter in [*unclosed, *self._emitters]:
            with isolated(emitter):
                self._send_count(emitter, closed=_ends_here(emitter), final=True)

    def abandon(self, reason: str) -> None:
        """Send the final count of all runs at once, without look-ups: there is no time left."""
        for emitter in self._emitters:
            with isolated(emitter):
                emitter.flush()
            with isolated(emitter):
                emitter.send_count(closed=_ends_here(emitter), final=True, reason=reason)

    def count_dropped(self) -> None:
        """Count what never reached our thread: notes that the queue dropped, statements on a stack without room."""
        if guard.overflows != self._overflows:
            self._overflows = guard.overflows
            self._emitters.count_loss_everywhere(_OVERFLOW)
        for run, count in self._queue.dropped():
            known = self._emitters.known(run.key)
            if known is None or known.dropped_by_queue != count:
                emitter = self._emitters.of(run)
                emitter.count_loss(self.drop_reason, 0)
                emitter.dropped_by_queue = count

    def _send_count(self, emitter: Emitter, *, closed: bool, final: bool = False, even_none: bool = False) -> None:
        if self._values.schema_lookup:
            emitter.look_up()
        emitter.send_count(closed=closed, final=final, even_none=even_none)


def _ends_here(emitter: Emitter) -> bool:
    """Return whether the run's part in this process ends with it.

    The state of a cancelled run may be known to its runner only.
    """
    return not emitter.run.detached
