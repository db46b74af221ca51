"""One run's way from Prefect's history to its targets: read, stitch, build, deliver, and remember.

The flows, the sweep and the backfill all go through `assemble_run`; how a delivery is retried is theirs to say.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from prefect_lineage_events.assembler import assets, lease, ledger, notify, parents, report
from prefect_lineage_events.assembler.latest_run import restore_latest_run
from prefect_lineage_events.assembler.ledger import Entry, Sent
from prefect_lineage_events.assembler.outbox import Outbox, Send, TargetsAwayError, events_for, hand_over
from prefect_lineage_events.assembler.run_lineage import stitched, told_by_cache
from prefect_lineage_events.assembler.run_record import RunRecord
from prefect_lineage_events.delivery.deliver import TransientDeliveryError
from prefect_lineage_events.delivery.targets import Target, targets
from prefect_lineage_events.escaping import line
from prefect_lineage_events.history import api
from prefect_lineage_events.history.reader import Patience, read_history
from prefect_lineage_events.history.runs import OWN_FLOW_PREFIX, read_run
from prefect_lineage_events.settings import settings
from prefect_lineage_events.stitching.model import Reanalysis, RunLineage

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.history.model import FlowRun, RunHistory

logger = logging.getLogger(__name__)

# Missing events of a run that ended after this may only be late.
_RECENTLY = dt.timedelta(minutes=2)

Outcome = Literal[
    "sent", "nothing new", "no lineage", "not ended", "too early", "own flow",
    "would be sent",  # by a dry run
    "events gone",  # by Prefect's retention
]  # fmt: skip

_WORDS: dict[Outcome, str] = {
    "sent": "lineage sent",
    "nothing new": "nothing new to send",
    "no lineage": "no lineage, so nothing was sent",
    "not ended": "has not ended, so nothing was sent; the sweep takes it up when it has",
    "too early": "its events are still arriving, so nothing was sent yet; the sweep takes it up",
    "own flow": "is a run of the lineage assembler itself, which has no lineage",
    "would be sent": "lineage would be sent",
    "events gone": "events of it are gone from Prefect's history, so nothing was sent, and what was sent stands",
}


@dataclass(frozen=True, slots=True)
class AssemblyResult:
    """What became of one run.

    `sent` events were taken by its targets; `rejected` are their reasons for the others. `lacks` names what of the
    run's history has not arrived, or cannot be read; `awaits`: some of it may still arrive; `waits_for` are the runs
    that must tell more first, where nothing else is missing.
    """

    flow_run_id: UUID
    flow_name: str
    outcome: Outcome
    sent: int = 0
    rejected: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    reanalysis: Reanalysis = field(default_factory=Reanalysis)
    waits_for: tuple[UUID, ...] = ()
    awaits: bool = True

    @property
    def complete(self) -> bool:
        return not self.lacks

    @property
    def settled(self) -> bool:
        """Is there nothing left to do for this run?"""
        return (self.complete or not self.awaits) and self.outcome not in ("not ended", "too early")

    def __str__(self) -> str:
        text = f"{line(self.flow_name)} ({self.flow_run_id}): {_WORDS[self.outcome]}"
        if self.sent or self.rejected:
            text += f", {self.sent} events taken"
        if self.rejected:
            text += f", {len(self.rejected)} refused ({line(self.rejected[0])})"
        return text if self.complete else f"{text}; incomplete, it lacks {'; '.join(map(line, self.lacks))}"


@dataclass(frozen=True, slots=True)
class AssemblyOptions:
    """How a run is to be assembled.

    `force` sends it again; `hasty` leaves a run whose events are still arriving to a later sweep instead of
    waiting for them; `busy_patience` seconds to wait for another who delivers the same run; `keep_present`: a target
    that shows what arrived last is to show the job's newest good run again afterwards; `targets`: names or ids
    of those that are to have it (None: all that are configured); `absent`: ids of those that are not asked now, and
    must have it later; `reanalyse`: today's analyser reads its statements; `show_on_flow`: the flow's artifact is to
    show it; `announcements` are those of many runs (None: it is announced by itself).
    """

    send: Send = Outbox.flush
    patience: Patience | None = None
    force: bool = False
    hasty: bool = False
    busy_patience: float = 60.0
    keep_present: bool = True
    targets: Sequence[str] | None = None
    absent: Sequence[str] = ()
    reanalyse: bool = False
    show_on_flow: bool = True
    announcements: notify.Announcements | None = None

    def to(self) -> tuple[Target, ...]:
        """The targets. Raises ValueError for a name of none."""
        return targets(self.targets)


def assemble_run(
    client: SyncPrefectClient, flow_run_id: UUID, order: AssemblyOptions = AssemblyOptions()
) -> AssemblyResult:
    """Assemble one flow run and deliver it to each of its targets that has not got it already.

    Raises UnknownFlowRunError; BusyError when another keeps delivering it; TargetsAwayError when a target cannot take
    it now: then nothing is marked as sent that was not taken, and the next assembling goes on there.
    """
    run = read_run(client, flow_run_id)
    if run.flow_name.startswith(OWN_FLOW_PREFIX):
        return AssemblyResult(run.id, run.flow_name, "own flow")
    to = order.to() if run.ended_for_good else _targets_that_accept_running(order.to())
    if not to:
        return AssemblyResult(run.id, run.flow_name, "not ended")
    history = read_history(client, run, order.patience or patience())
    if order.hasty and _still_arriving(history, api.now(client)):
        return AssemblyResult(run.id, run.flow_name, "too early")
    lineage = told_by_cache(client, stitched(history, anew=order.reanalyse))
    lacks = history.completeness
    if not lineage.worth_sending:
        if lacks.rejected:
            _tell_rejected(client, lineage)
        return AssemblyResult(run.id, run.flow_name, "no lineage", lacks=lacks.lacks(), awaits=lacks.awaited)
    with lease.claim(client, run.id, order.busy_patience):
        page = RunRecord(client, lineage, history.stored_events)
        if page.read_anew_before and not order.reanalyse:
            # What a backfill corrected stays so, whoever assembles the run again.
            lineage = stitched(history, anew=True)
            page = RunRecord(client, lineage, history.stored_events)
        with notify.gathered(order.announcements) as announcements:
            assembled = _deliver(client, lineage, page, to, order, announcements)
    return replace(assembled, waits_for=lacks.waits_for, awaits=lacks.awaited)


def _tell_rejected(client: SyncPrefectClient, lineage: RunLineage) -> None:
    """Say on the page of a run that has no lineage to send which of its events could not be read."""
    run = lineage.run
    if run.id not in ledger.read(client, [run.id]):
        entry = Entry(None, ledger.end_of(run), complete=False, stored_events=0, empty=True)
        ledger.write(client, run, entry, report.markdown(lineage))


def keep_present(client: SyncPrefectClient, flow_run_id: UUID, order: AssemblyOptions) -> None:
    """Let the targets show the newest good run of this run's job, after others of it were sent."""
    run = read_run(client, flow_run_id)
    lineage = stitched(read_history(client, run, Patience(completeness=0)), anew=order.reanalyse)
    for to in order.to():
        restore_latest_run(
            client, run, events_for(lineage, to, str(client.api_url)), to, order.send, anew=order.reanalyse
        )


def patience() -> Patience:
    """How long to wait for events, by the settings."""
    return Patience(completeness=settings().completeness_timeout)


def _still_arriving(history: RunHistory, now: dt.datetime) -> bool:
    """Was the run's end so short ago that missing events may only be late?"""
    ended = history.run.ended
    recent = ended is not None and now - ended < _RECENTLY
    # A closing count alone may be that of a flow whose tasks ran elsewhere.
    return recent and (history.completeness.awaited or not (history.events or history.assets))


def _targets_that_accept_running(to: Sequence[Target]) -> tuple[Target, ...]:
    """Marquez takes the edges of a job away when one of its runs has a START and no end."""
    return tuple(t for t in to if t.profile != "marquez") if settings().running_events else ()


def _deliver(  # noqa: PLR0917
    client: SyncPrefectClient,
    lineage: RunLineage,
    page: RunRecord,
    to: Sequence[Target],
    order: AssemblyOptions,
    announcements: notify.Announcements,
) -> AssemblyResult:
    run, lacks = lineage.run, lineage.completeness.lacks()
    if page.lost_events:
        # Prefect's retention took some of what there was: what targets have is truer than what is left.
        return AssemblyResult(run.id, run.flow_name, "events gone", lacks=lacks)
    outboxes = [_outbox(client, lineage, target, page, order) for target in to]
    lacking = [outbox for outbox in outboxes if not outbox.line.finished]
    if not lacking and not page.changed:
        return AssemblyResult(run.id, run.flow_name, "nothing new", lacks=lacks, reanalysis=lineage.reanalysis)
    page.open({t.id: t.name for t in to}, [outbox.line for outbox in outboxes], absent=order.absent)
    configured = [target.id for target in targets()]
    failures: list[tuple[Outbox, TransientDeliveryError]] = []
    for outbox, away in hand_over(_behind_their_parents(client, run, lacking, order, failures), order.send):
        trouble = away or _settle(client, lineage, outbox, page, order)
        notify.delivered(lineage, outbox, configured, announcements)
        if trouble:
            failures.append((outbox, trouble))
    notify.oddities(lineage, outboxes)
    if settings().emit_assets:
        assets.emit(lineage)
    if order.show_on_flow:
        page.show_on_flow()
    if failures:
        raise TargetsAwayError(failures)
    sent, rejected = sum(o.sent for o in lacking), [reason for o in lacking for reason in o.refused]
    outcome: Outcome = "sent" if sent or rejected else "nothing new"
    return AssemblyResult(run.id, run.flow_name, outcome, sent, tuple(rejected), lacks, lineage.reanalysis)


def _behind_their_parents(
    client: SyncPrefectClient,
    run: FlowRun,
    outboxes: Sequence[Outbox],
    order: AssemblyOptions,
    failures: list[tuple[Outbox, TransientDeliveryError]],
) -> list[Outbox]:
    """Those outboxes whose targets know the runs above `run` now; the others go to `failures`."""
    ready = []
    for outbox in outboxes:
        try:
            _parents_first(client, run, outbox.target, order)
            ready.append(outbox)
        except TransientDeliveryError as error:
            failures.append((outbox, error))
    return ready


def _parents_first(client: SyncPrefectClient, run: FlowRun, to: Target, order: AssemblyOptions) -> None:
    """Whole, if they have ended; else, or where that cannot be done now, their START."""
    for parent_id in parents.unknown(client, run, to):
        parent = read_run(client, parent_id)
        if parent.ended_for_good:
            try:
                assemble_run(client, parent_id, replace(order, targets=[to.id], force=False))
            except (TransientDeliveryError, lease.BusyError):
                raise
            except Exception:
                logger.exception("Run %s above %s could not be assembled; its START alone is sent", parent_id, run.id)
        parents.tell_start(client, parent, to, order.send, order.busy_patience)


def _outbox(
    client: SyncPrefectClient, lineage: RunLineage, to: Target, page: RunRecord, order: AssemblyOptions
) -> Outbox:
    """The run's events for a target, from where the ledger says that it stands."""
    events = events_for(lineage, to, str(client.api_url))
    digest = ledger.digest_of(events)
    had = None if order.force else page.line(to.id, digest)
    if had is not None and had.total != len(events):
        had = None  # a record that was edited
    # The present of a target that has one is put back behind the run's events: until then something is left to do.
    started = page.started(to.id) and not order.force
    settled = not (order.keep_present and to.profile == "marquez")
    anew = Sent(to.id, digest, int(started), len(events), settled=settled)
    return Outbox(
        events,
        to,
        line=had or anew,
        record=page.record,
        took_since=lambda since: ledger.took_since(client, to.id, since, but=lineage.run.id),
    )


def _settle(
    client: SyncPrefectClient, lineage: RunLineage, outbox: Outbox, page: RunRecord, order: AssemblyOptions
) -> TransientDeliveryError | None:
    """Behind the run's events, the present is put back where a target shows what arrived last."""
    if outbox.line.settled:
        return None
    try:
        if order.keep_present:
            restore_latest_run(client, lineage.run, outbox.events, outbox.target, order.send, anew=order.reanalyse)
    except TransientDeliveryError as error:
        return error
    outbox.line = replace(outbox.line, settled=True)
    page.record(outbox.line)
    return None
