"""A run's events on their way to one target: in the shape it can take, and how far they have come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextvars import copy_context
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from prefect.settings import PREFECT_UI_URL

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler.ledger import DeliveryState, digest_of
from prefect_lineage_events.delivery.deliver import TransientDeliveryError, deliver, event_id
from prefect_lineage_events.delivery.profiles import marquez
from prefect_lineage_events.delivery.targets import Target
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.settings import settings
from prefect_lineage_events.stitching.model import RunLineage

Event = dict[str, Any]

# A 500 may be the event's fault or the target's. It is the event's when it came so often, and others were taken since;
_FAULTS_UNTIL_REFUSED = 3
# or, where there are no others, when the event before it was taken just now, and every retry of the flow failed.
_FAULTS_ALONE = 4


class Outbox:
    """Events for a target: a retry goes on where the last try ended, in this process or in another.

    `line` is the target's line in the run's ledger, and is told to `record` whenever it changes. `took_since` says
    whether the target took events of other runs since a time. `sent` events were taken by way of this outbox.
    """

    def __init__(
        self,
        events: list[Event],
        target: Target,
        *,
        line: DeliveryState | None = None,
        record: Callable[[DeliveryState], None] = lambda line: None,
        took_since: Callable[[dt.datetime], bool] = lambda since: False,
    ) -> None:
        self.events = events
        self.target = target
        self.line = line or DeliveryState(target.id, digest_of(events), 0, len(events))
        self.sent = 0
        self._refused_before = len(self.line.reasons)
        self._record = record
        self._took_since = took_since

    @property
    def finished(self) -> bool:
        return self.line.done == len(self.events)

    @property
    def refused(self) -> list[str]:
        """The target's reasons for what it refused by way of this outbox."""
        return list(self.line.reasons[self._refused_before :])

    def flush(self) -> None:
        """Send what is left, in order. Raises TransientDeliveryError when the target cannot take it now."""
        while not self.finished:
            try:
                for refusal in deliver(self.events[self.line.done :], self.target):
                    self._step(refusal)
            except TransientDeliveryError as error:
                if not error.ambiguous:
                    raise
                self._fault()
                if not self._is_to_blame():
                    raise
                self._step(str(error))

    def _step(self, refusal: str | None) -> None:
        """One more event is done with."""
        line = replace(self.line, done=self.line.done + 1, faults=0)
        if refusal is None:
            self.sent += 1
            line = replace(line, taken_at=_now().isoformat(), faulty_since="")
        else:
            name = event_id(self.events[self.line.done])
            line = replace(line, rejected=line.rejected + 1, reasons=(*line.reasons, f"{name}: {refusal}"))
        self._tell(line)

    def _fault(self) -> None:
        since = self.line.faulty_since or _now().isoformat()
        self._tell(replace(self.line, faults=self.line.faults + 1, faulty_since=since))

    def _is_to_blame(self) -> bool:
        """Is the event that failed at fault, and not the target?"""
        if self.line.faults < _FAULTS_UNTIL_REFUSED:
            return False
        if self.sent and self.line.faults >= _FAULTS_ALONE:
            return True
        return self._took_since(dt.datetime.fromisoformat(self.line.faulty_since))

    def _tell(self, line: DeliveryState) -> None:
        self.line = line
        self._record(line)


def events_for(lineage: RunLineage, target: Target, api_url: str) -> list[Event]:
    """The events of a run in the shape that its target can take."""
    events = run_events(
        lineage,
        namespace=job_namespace(api_url),
        granularity=settings().granularity,
        prefect_url=PREFECT_UI_URL.value() or None,
        job_template=settings().job_name,
    )
    shaped = marquez.marquez(events) if target.profile == "marquez" else marquez.plain(events)
    return [encoding.json_value(event) for event in shaped]


def job_namespace(api_url: str) -> str:
    """The OpenLineage job namespace of a Prefect instance: its address, or the workspace on Prefect Cloud.

    Stable over renamed workspaces; the setting `job_namespace` gives a name of one's own.
    """
    if chosen := settings().job_namespace:
        return chosen
    parts = urlsplit(api_url)
    path = parts.path.strip("/").split("/")
    if "workspaces" in path:
        where = path[path.index("workspaces") + 1 :][:1]
        return "/".join([f"prefect://{parts.hostname}", *where])
    return f"prefect://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


Send = Callable[[Outbox], None]


class TargetsAwayError(TransientDeliveryError):
    """Some targets could not take a run's events now; `away` are their ids. The others have them."""

    def __init__(self, failures: Sequence[tuple[Outbox, TransientDeliveryError]]) -> None:
        super().__init__("; ".join(f"{outbox.target.name}: {error}" for outbox, error in failures))
        self.away = tuple(outbox.target.id for outbox, _ in failures)

    def __reduce__(self) -> tuple[object, ...]:
        """Prefect keeps a flow's exception; it is told by its text."""
        return TransientDeliveryError, (str(self),)


def send_all(outboxes: Sequence[Outbox], send: Send) -> Iterator[tuple[Outbox, TransientDeliveryError | None]]:
    """Each outbox as soon as it is sent, with the error if its target could not take all of it now."""
    if len(outboxes) == 1:
        yield outboxes[0], _sent(outboxes[0], send)
        return
    with ThreadPoolExecutor(max_workers=max(1, len(outboxes)), thread_name_prefix="lineage-delivery") as threads:
        # Each with a copy of the context: it holds the flow run, and with it Prefect's client and logger.
        sending: dict[Future[TransientDeliveryError | None], Outbox] = {
            threads.submit(copy_context().run, _sent, outbox, send): outbox for outbox in outboxes
        }
        for future in as_completed(sending):
            yield sending[future], future.result()


def _sent(outbox: Outbox, send: Send) -> TransientDeliveryError | None:
    try:
        send(outbox)
    except TransientDeliveryError as error:
        return error
    return None
