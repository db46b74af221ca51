"""One run's way from Prefect's history to its target: read, stitch, build, deliver, and remember.

The flows, the sweep and the backfill all go through `assemble_run`; how a delivery is retried is theirs to say.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from prefect_lineage_events.assembler import announce, artifact, ledger
from prefect_lineage_events.assembler.healing import heal
from prefect_lineage_events.assembler.outbox import Outbox, events_for
from prefect_lineage_events.assembly.model import RunLineage
from prefect_lineage_events.assembly.stitch import stitch
from prefect_lineage_events.history.read import Patience, read_history
from prefect_lineage_events.history.runs import OWN_FLOW_PREFIX, read_run
from prefect_lineage_events.openlineage.delivery import Target, target
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.history.model import RunHistory

logger = logging.getLogger(__name__)

Outcome = Literal["sent", "nothing new", "no lineage", "not ended", "too early", "own flow"]

_WORDS: dict[Outcome, str] = {
    "sent": "lineage sent",
    "nothing new": "nothing new to send",
    "no lineage": "no lineage, so nothing was sent",
    "not ended": "has not ended, so nothing was sent; the sweep takes it up when it has",
    "too early": "its events are still arriving, so nothing was sent yet; the sweep takes it up",
    "own flow": "is a run of the lineage assembler itself, which has no lineage",
}


@dataclass(frozen=True, slots=True)
class Assembled:
    """What became of one run. `sent` events were taken by the target, `rejected` are its reasons for refusing some."""

    flow_run_id: UUID
    flow_name: str
    outcome: Outcome
    sent: int = 0
    rejected: tuple[str, ...] = ()
    complete: bool = True

    @property
    def settled(self) -> bool:
        """Is there nothing left to do for this run?"""
        return self.complete and self.outcome not in ("not ended", "too early")

    def __str__(self) -> str:
        text = f"{self.flow_name} ({self.flow_run_id}): {_WORDS[self.outcome]}"
        if self.sent or self.rejected:
            text += f", {self.sent} events taken"
        if self.rejected:
            text += f", {len(self.rejected)} refused ({self.rejected[0]})"
        return text if self.complete else f"{text}; incomplete, some of the run's events have not arrived"


@dataclass(frozen=True, slots=True)
class Order:
    """How a run is to be assembled.

    `force` sends it again; `hasty` leaves a run whose events are still arriving to a later sweep instead of
    waiting for them; `busy_patience` seconds to wait for another who delivers the same run; `keep_present`: a target
    that shows what arrived last is to show the job's newest good run again afterwards.
    """

    send: Callable[[Outbox], None] = Outbox.flush
    patience: Patience | None = None
    force: bool = False
    hasty: bool = False
    busy_patience: float = 60.0
    keep_present: bool = True


def assemble_run(client: SyncPrefectClient, flow_run_id: UUID, order: Order = Order()) -> Assembled:
    """Assemble one flow run and deliver it, unless the target has it already.

    Raises UnknownFlowRunError; BusyError when another keeps delivering it; TransientDeliveryError when the target
    cannot take it now: then nothing is marked as sent that was not taken, and the next assembling goes on there.
    """
    run = read_run(client, flow_run_id)
    if run.flow_name.startswith(OWN_FLOW_PREFIX):
        return Assembled(run.id, run.flow_name, "own flow")
    if not run.ended_for_good and not settings().running_events:
        return Assembled(run.id, run.flow_name, "not ended")
    history = read_history(client, run, order.patience or patience())
    if order.hasty and _still_arriving(history):
        return Assembled(run.id, run.flow_name, "too early")
    lineage = stitch(history, infer_columns=settings().infer_columns)
    if not lineage.worth_sending:
        return Assembled(run.id, run.flow_name, "no lineage", complete=history.completeness.complete)
    with ledger.claim(client, run.id, order.busy_patience):
        return _deliver(client, lineage, history.stored_events, order)


def keep_present(client: SyncPrefectClient, flow_run_id: UUID, order: Order) -> None:
    """Let the target show the newest good run of this run's job, after others of it were sent."""
    run = read_run(client, flow_run_id)
    lineage = stitch(read_history(client, run, Patience(completeness=0)), infer_columns=settings().infer_columns)
    to = target()
    heal(client, run, events_for(lineage, to, str(client.api_url)), to, order.send)


def patience() -> Patience:
    """How long to wait for events, by the settings."""
    return Patience(completeness=settings().completeness_timeout)


def _still_arriving(history: RunHistory) -> bool:
    """Was the run's end so short ago that missing events may only be late?"""
    import datetime as dt

    ended = history.run.ended
    recent = ended is not None and dt.datetime.now(dt.timezone.utc) - ended < dt.timedelta(minutes=2)
    return recent and not (history.completeness.complete and history.stored_events)


def _deliver(client: SyncPrefectClient, lineage: RunLineage, stored_events: int, order: Order) -> Assembled:
    run, to = lineage.run, target()
    events = events_for(lineage, to, str(client.api_url))
    digest = ledger.digest_of(events)
    entry = ledger.read(client, [run.id]).get(run.id)
    had = None if order.force else _taken_of_these(entry, to, digest)
    new = _page(entry, lineage, stored_events)
    if entry and had and had.finished and entry.end == new.end and entry.complete == new.complete:
        return Assembled(run.id, run.flow_name, "nothing new", complete=new.complete)
    outbox = Outbox(events, to, done=had.done if had else 0)
    settled = False
    try:
        if not outbox.finished:
            order.send(outbox)
        if order.keep_present:
            heal(client, run, events, to, order.send)
        settled = True
    finally:
        # After a failed delivery too: what was taken counts, and the graph is there to be seen.
        sent = ledger.Sent(to.id, digest, outbox.done, len(events), len(outbox.rejected), settled)
        ledger.write(client, run, new.with_sent(sent), artifact.markdown(lineage, outbox.rejected))
    _announce(lineage, to, digest, outbox)
    outcome: Outcome = "sent" if outbox.sent or outbox.rejected else "nothing new"
    return Assembled(run.id, run.flow_name, outcome, outbox.sent, tuple(outbox.rejected), new.complete)


def _taken_of_these(entry: ledger.Entry | None, to: Target, digest: str) -> ledger.Sent | None:
    had = entry.sent_to(to.id) if entry else None
    return had if had and had.digest == digest else None


def _page(entry: ledger.Entry | None, lineage: RunLineage, stored_events: int) -> ledger.Entry:
    """The ledger's page as it will be. What targets have stands only while the run has not ended anew since."""
    end = ledger.end_of(lineage.run)
    return ledger.Entry(
        artifact_id=entry.artifact_id if entry else None,
        end=end,
        complete=lineage.completeness.complete,
        stored_events=stored_events,
        targets=entry.targets if entry and entry.end == end else {},
    )


def _announce(lineage: RunLineage, to: Target, digest: str, outbox: Outbox) -> None:
    if outbox.sent:
        announce.assembled(lineage, to.id, digest)
    if outbox.rejected:
        announce.rejected(lineage, to.id, digest, outbox.rejected)
    if not lineage.completeness.complete:
        announce.incomplete(lineage, to.id, digest)
    if lineage.schema_changes:
        announce.schemas_changed(lineage, to.id, digest)
