"""A run's events on their way to one target, their retries, and their delivery to several targets at a time.

`delivery.responses` classifies a target's responses: refused for good, or to be tried again. How often is defined here.
Prefect's and the client's own retries are off (`delivery.configuration`): they would hide the responses.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from prefect import get_run_logger

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler.ledger import DeliveryState
from prefect_lineage_events.delivery.deliver import TransientDeliveryError, Unplaced, deliver, event_id
from prefect_lineage_events.delivery.targets import Target

Event = dict[str, Any]

# Seconds before each retry within one run of the assembler; then the run is left to the sweep.
RETRY_DELAYS = [1.0, 4.0, 15.0]
# A target that asks for a longer wait (Retry-After) is left to the sweep at once.
_LONGEST_RETRY_AFTER = 60.0
# A 500 may be the fault of the event or of the target. After 3 responses of 500, an event is refused if the target
# accepted events of other runs meanwhile.
_FAULTS_UNTIL_REFUSED = 3
# After 4 (every retry of the flow failed), also if the target accepted the event before it just now.
_FAULTS_ALONE = 4


class Outbox:
    """Events for a target: a retry goes on where the last try ended, in this process or in another.

    `state`: the target's state in the run's ledger, which `record` receives whenever it changes. `took_since`: returns
    whether the target took events of other runs since a time. `sent`: events taken through this outbox; `refused` and
    `kept`: the reasons for those that were refused, and for those that the target may use later.
    """

    def __init__(
        self,
        events: list[Event],
        target: Target,
        *,
        state: DeliveryState | None = None,
        record: Callable[[DeliveryState], None] = lambda state: None,
        took_since: Callable[[dt.datetime], bool] = lambda since: False,
    ) -> None:
        self.events = events
        self.target = target
        self.state = state or DeliveryState(target.id, encoding.digest_of(events), 0, len(events))
        self.sent = 0
        self.refused: list[str] = []
        self.kept: list[str] = []
        self._record = record
        self._took_since = took_since

    @property
    def finished(self) -> bool:
        return self.state.done == len(self.events)

    def send(self, *, retry: bool = False) -> None:
        """Send the remaining events in order; what was taken is not sent again. `retry`: with the retries of this file.

        Raises TransientDeliveryError when the target cannot take them now.
        """
        for delay in RETRY_DELAYS if retry else ():
            try:
                self.flush()
                return
            except TransientDeliveryError as error:
                if not error.retry_soon or (error.retry_after or 0.0) > _LONGEST_RETRY_AFTER:
                    raise
                get_run_logger().info("%s: %s; trying again", self.target.name, error)
                time.sleep(max(delay, error.retry_after or 0.0))
        self.flush()

    def flush(self) -> None:
        """Send the remaining events once, in order, and record what the target takes and refuses. Raises as `send`."""
        while not self.finished:
            try:
                for refusal in deliver(self.events[self.state.done :], self.target):
                    self._advance(refusal)
            except TransientDeliveryError as error:
                if not error.ambiguous:
                    raise
                self._count_fault()
                if not self._is_the_events_fault():
                    raise
                self._advance(str(error))

    def _advance(self, refusal: str | None) -> None:
        """Record that the next event was taken, or refused with this reason."""
        state = replace(self.state, done=self.state.done + 1, faults=0)
        if refusal is None:
            self.sent += 1
            state = replace(state, taken_at=_now().isoformat(), faulty_since="")
        else:
            reason = f"{event_id(self.events[self.state.done])}: {refusal}"
            state = replace(state, rejected=state.rejected + 1, reasons=(*state.reasons, reason))
            if isinstance(refusal, Unplaced):
                state = replace(state, kept=state.kept + 1)
                self.kept.append(reason)
            else:
                self.refused.append(reason)
        self._set(state)

    def _count_fault(self) -> None:
        since = self.state.faulty_since or _now().isoformat()
        self._set(replace(self.state, faults=self.state.faults + 1, faulty_since=since))

    def _is_the_events_fault(self) -> bool:
        """Return whether the 500s are the fault of the event and not of the target."""
        if self.state.faults < _FAULTS_UNTIL_REFUSED:
            return False
        if self.sent and self.state.faults >= _FAULTS_ALONE:
            return True
        return self._took_since(dt.datetime.fromisoformat(self.state.faulty_since))

    def _set(self, state: DeliveryState) -> None:
        self.state = state
        self._record(state)


class TargetsAwayError(TransientDeliveryError):
    """Some targets could not take a run's events now; `away` are their ids. The others have them."""

    def __init__(self, failures: Sequence[tuple[Outbox, TransientDeliveryError]]) -> None:
        super().__init__("; ".join(f"{outbox.target.name}: {error}" for outbox, error in failures))
        self.away = tuple(outbox.target.id for outbox, _ in failures)

    def __reduce__(self) -> tuple[object, ...]:
        """Prefect pickles a flow's exception: its text is kept."""
        return TransientDeliveryError, (str(self),)


def send_all(outboxes: Sequence[Outbox], *, retry: bool) -> Iterator[tuple[Outbox, TransientDeliveryError | None]]:
    """Yield each outbox as soon as it is sent, with the error if its target could not take all of it now."""
    if len(outboxes) == 1:
        yield outboxes[0], _failure(outboxes[0], retry)
        return
    with ThreadPoolExecutor(max_workers=max(1, len(outboxes)), thread_name_prefix="lineage-delivery") as threads:
        # Each with a copy of the context: it holds the flow run, and with it Prefect's client and logger.
        sending: dict[Future[TransientDeliveryError | None], Outbox] = {
            threads.submit(copy_context().run, _failure, outbox, retry): outbox for outbox in outboxes
        }
        for future in as_completed(sending):
            yield sending[future], future.result()


def _failure(outbox: Outbox, retry: bool) -> TransientDeliveryError | None:
    """Send the outbox; returns the error if its target could not take all of it now."""
    try:
        outbox.send(retry=retry)
    except TransientDeliveryError as error:
        return error
    return None


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)
