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
from prefect_lineage_events.assembler.ledger import DeliveryState, Entry
from prefect_lineage_events.assembler.outbox import Outbox, Send, TargetsAwayError, events_for, send_all
from prefect_lineage_events.assembler.run_lineage import marked_if_cached, stitched
from prefect_lineage_events.assembler.run_record import RunRecord
from prefect_lineage_events.delivery.deliver import TransientDeliveryError
from prefect_lineage_events.delivery.targets import Target, targets
from prefect_lineage_events.escaping import line
from prefect_lineage_events.guard import described
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

    def __str__(self) -> str:
        text = f"{line(self.flow_name)} ({self.flow_run_id}): {_WORDS[self.outcome]}"
        if self.sent or self.rejected:
            text += f", {self.sent} events taken"
        if self.rejected:
            text += f", {len(self.rejected)} refused ({line(self.rejected[0])})"
        return text if self.complete else f"{text}; incomplete, it lacks {'; '.join(map(line, self.lacks))}"


@dataclass(frozen=True, slots=True)
class AssemblyOptions:
    """Options of assembling a run.

    `force`: send it again. `skip_recent`: leave a run whose events are still arriving to a later sweep, without waiting
    for them. `lease_timeout`: seconds to wait for another assembler that delivers the same run. `restore_latest`: send
    the job's latest completed run again to targets that show the last event received. `targets`: names or ids of the
    targets that are to receive it (None: all configured ones). `unavailable`: ids of targets that are not asked now and
    are to receive it later. `reanalyse`: let the current analyser read the run's statements. `update_flow_artifact`:
    show the run in its flow's artifact. `announcements`: those shared by many runs (None: the run has its own).
    """

    send: Send = Outbox.flush
    patience: Patience | None = None
    force: bool = False
    skip_recent: bool = False
    lease_timeout: float = 60.0
    restore_latest: bool = True
    targets: Sequence[str] | None = None
    unavailable: Sequence[str] = ()
    reanalyse: bool = False
    update_flow_artifact: bool = True
    announcements: notify.Announcements | None = None

    def to(self) -> tuple[Target, ...]:
        """The targets. Raises ValueError for a name of none."""
        return targets(self.targets)


def assemble_run(
    client: SyncPrefectClient, flow_run_id: UUID, options: AssemblyOptions = AssemblyOptions()
) -> AssemblyResult:
    """Assemble one flow run and deliver it to each of its targets that has not got it already.

    Raises UnknownFlowRunError; BusyError when another keeps delivering it; TargetsAwayError when a target cannot take
    it now: then nothing is marked as sent that was not taken, and the next assembling goes on there.
    """
    run = read_run(client, flow_run_id)
    if run.flow_name.startswith(OWN_FLOW_PREFIX):
        return AssemblyResult(run.id, run.flow_name, "own flow")
    to = options.to() if run.ended_for_good else _targets_that_accept_running(options.to())
    if not to:
        return AssemblyResult(run.id, run.flow_name, "not ended")
    history = read_history(client, run, options.patience or patience())
    if options.skip_recent and _still_arriving(history, api.now(client)):
        return AssemblyResult(run.id, run.flow_name, "too early")
    lineage = marked_if_cached(client, stitched(history, anew=options.reanalyse))
    lacks = history.completeness
    if not lineage.worth_sending:
        if lacks.rejected:
            _show_rejected(client, lineage)
        return AssemblyResult(run.id, run.flow_name, "no lineage", lacks=lacks.lacks(), awaits=lacks.awaited)
    with lease.hold(client, run.id, options.lease_timeout):
        page = RunRecord(client, lineage, history.stored_events)
        if page.reanalysed_before and not options.reanalyse:
            # What a backfill corrected stays so, whoever assembles the run again.
            lineage = stitched(history, anew=True)
            page = RunRecord(client, lineage, history.stored_events)
        with notify.batched(options.announcements) as announcements:
            assembled = _deliver(client, lineage, page, to, options, announcements)
    return replace(assembled, waits_for=lacks.waits_for, awaits=lacks.awaited)


def _show_rejected(client: SyncPrefectClient, lineage: RunLineage) -> None:
    """Say on the page of a run that has no lineage to send which of its events could not be read."""
    run = lineage.run
    if run.id not in ledger.read(client, [run.id]):
        entry = Entry(None, ledger.end_of(run), complete=False, stored_events=0, empty=True)
        ledger.write(client, run, entry, report.markdown(lineage))


def restore_latest(client: SyncPrefectClient, flow_run_id: UUID, options: AssemblyOptions) -> None:
    """Let the targets show the newest good run of this run's job, after others of it were sent."""
    run = read_run(client, flow_run_id)
    lineage = stitched(read_history(client, run, Patience(completeness=0)), anew=options.reanalyse)
    for to in options.to():
        restore_latest_run(
            client, run, events_for(lineage, to, str(client.api_url)), to, options.send, anew=options.reanalyse
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
    options: AssemblyOptions,
    announcements: notify.Announcements,
) -> AssemblyResult:
    run, lacks = lineage.run, lineage.completeness.lacks()
    if page.lost_events:
        # Prefect's retention took some of what there was: what targets have is truer than what is left.
        return AssemblyResult(run.id, run.flow_name, "events gone", lacks=lacks)
    outboxes = [_outbox(client, lineage, target, page, options) for target in to]
    lacking = [outbox for outbox in outboxes if not outbox.line.finished]
    if not lacking and not page.changed:
        return AssemblyResult(run.id, run.flow_name, "nothing new", lacks=lacks, reanalysis=lineage.reanalysis)
    page.open({t.id: t.name for t in to}, [outbox.line for outbox in outboxes], unavailable=options.unavailable)
    configured = [target.id for target in targets()]
    failures: list[tuple[Outbox, TransientDeliveryError]] = []
    for outbox, away in send_all(_behind_their_parents(client, run, lacking, options, failures), options.send):
        trouble = away or _settle(client, lineage, outbox, page, options)
        notify.delivered(lineage, outbox, configured, announcements)
        if trouble:
            failures.append((outbox, trouble))
    notify.announce_findings(lineage, outboxes)
    if settings().emit_assets:
        assets.emit(lineage)
    if options.update_flow_artifact:
        page.update_flow_artifact()
    if failures:
        raise TargetsAwayError(failures)
    sent, rejected = sum(o.sent for o in lacking), [reason for o in lacking for reason in o.refused]
    outcome: Outcome = "sent" if sent or rejected else "nothing new"
    return AssemblyResult(run.id, run.flow_name, outcome, sent, tuple(rejected), lacks, lineage.reanalysis)


def _behind_their_parents(
    client: SyncPrefectClient,
    run: FlowRun,
    outboxes: Sequence[Outbox],
    options: AssemblyOptions,
    failures: list[tuple[Outbox, TransientDeliveryError]],
) -> list[Outbox]:
    """Those outboxes whose targets know the runs above `run` now; the others go to `failures`."""
    ready = []
    for outbox in outboxes:
        try:
            _parents_first(client, run, outbox.target, options)
            ready.append(outbox)
        except TransientDeliveryError as error:
            failures.append((outbox, error))
    return ready


def _parents_first(client: SyncPrefectClient, run: FlowRun, to: Target, options: AssemblyOptions) -> None:
    """Whole, if they have ended; else, or where that cannot be done now, their START."""
    for parent_id in parents.unknown(client, run, to):
        parent = read_run(client, parent_id)
        if parent.ended_for_good:
            try:
                assemble_run(client, parent_id, replace(options, targets=[to.id], force=False))
            except (TransientDeliveryError, lease.BusyError):
                raise
            except Exception as error:  # noqa: BLE001 - the run itself can still be assembled
                logger.error(
                    "Run %s above %s could not be assembled; its START alone is sent: %s",
                    parent_id,
                    run.id,
                    described(error),
                )
        parents.send_start(client, parent, to, options.send, options.lease_timeout)


def _outbox(
    client: SyncPrefectClient, lineage: RunLineage, to: Target, page: RunRecord, options: AssemblyOptions
) -> Outbox:
    """The run's events for a target, from where the ledger says that it stands."""
    events = events_for(lineage, to, str(client.api_url))
    digest = ledger.digest_of(events)
    had = None if options.force else page.line(to.id, digest)
    if had is not None and had.total != len(events):
        had = None  # a record that was edited
    # The present of a target that has one is put back behind the run's events: until then something is left to do.
    started = page.started(to.id) and not options.force
    final = not (options.restore_latest and to.profile == "marquez")
    fresh = DeliveryState(to.id, digest, int(started), len(events), final=final)
    return Outbox(
        events,
        to,
        line=had or fresh,
        record=page.record,
        took_since=lambda since: ledger.took_since(client, to.id, since, but=lineage.run.id),
    )


def _settle(
    client: SyncPrefectClient, lineage: RunLineage, outbox: Outbox, page: RunRecord, options: AssemblyOptions
) -> TransientDeliveryError | None:
    """Behind the run's events, the present is put back where a target shows what arrived last."""
    if outbox.line.final:
        return None
    try:
        if options.restore_latest:
            restore_latest_run(client, lineage.run, outbox.events, outbox.target, options.send, anew=options.reanalyse)
    except TransientDeliveryError as error:
        return error
    outbox.line = replace(outbox.line, final=True)
    page.record(outbox.line)
    return None
