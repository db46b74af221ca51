"""Assembly of one run: read its history, stitch it, build its events, deliver them and record that.

The flows, the sweep and the backfill all call `assemble_run`.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler import (
    announced,
    assets,
    dataset_pages,
    lease,
    ledger,
    notify,
    parents,
    schema_changes,
    snapshot_store,
    table_events,
)
from prefect_lineage_events.assembler.latest_run import restore_latest_run
from prefect_lineage_events.assembler.ledger import DeliveryState, Entry
from prefect_lineage_events.assembler.options import (
    DEFAULT_OPTIONS,
    STORED_WITHIN,
    AssemblyOptions,
    AssemblyResult,
    Outcome,
)
from prefect_lineage_events.assembler.outbox import Outbox, TargetsAwayError, send_all
from prefect_lineage_events.assembler.pages import run_page
from prefect_lineage_events.assembler.run_lineage import events_for, marked_if_cached, stitched
from prefect_lineage_events.assembler.run_record import RunRecord
from prefect_lineage_events.assembler.witness import collect
from prefect_lineage_events.delivery.deliver import TransientDeliveryError
from prefect_lineage_events.delivery.targets import Target, targets
from prefect_lineage_events.events import OWN_FLOW_PREFIX, TABLE_WRITTEN_EVENT
from prefect_lineage_events.guard import described
from prefect_lineage_events.history import api
from prefect_lineage_events.history.reader import Patience, read_history
from prefect_lineage_events.history.runs import read_run
from prefect_lineage_events.settings import settings
from prefect_lineage_events.stitching.model import RunLineage

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.history.model import FlowRun, RunHistory

logger = logging.getLogger(__name__)


def assemble_run(
    client: SyncPrefectClient, flow_run_id: UUID, options: AssemblyOptions = DEFAULT_OPTIONS
) -> AssemblyResult:
    """Assemble one flow run and deliver it to each of its targets that does not have it yet.

    Raises UnknownFlowRunError; BusyError when another assembler keeps delivering it; TargetsAwayError when a target
    cannot take it now: only what was taken is recorded as sent, and the next assembly goes on there.
    """
    run = read_run(client, flow_run_id)
    if run.flow_name.startswith(OWN_FLOW_PREFIX):
        return AssemblyResult(run.id, run.flow_name, "own flow")
    chosen = options.chosen_targets()
    if not run.ended_for_good:
        chosen = _targets_that_accept_running(chosen)
    if not chosen:
        return AssemblyResult(run.id, run.flow_name, "not ended")
    history = read_history(client, run, options.patience or patience())
    if options.skip_recent and _still_arriving(history, api.now(client)):
        return AssemblyResult(run.id, run.flow_name, "too early")
    history = collect.with_answers(history, options.witnessed)
    lineage = marked_if_cached(client, stitched(history, reanalyse=options.reanalyse))
    if collect.is_on():
        lineage = collect.awaiting(lineage, history, api.now(client))
    completeness = history.completeness
    if not lineage.worth_sending:
        if completeness.rejected or completeness.not_captured or lineage.warehouse:
            _show_gaps(client, lineage)
        result = AssemblyResult(run.id, run.flow_name, "no lineage", lacks=completeness.lacks())
        return replace(result, awaits=completeness.awaited, unwitnessed=lineage.unwitnessed)
    with lease.hold(client, run.id, options.lease_timeout):
        record = RunRecord(client, lineage, history.stored_events)
        if record.reanalysed_before and not options.reanalyse:
            # A backfill's correction stays, whichever assembler handles the run again.
            lineage = replace(
                stitched(history, reanalyse=True), warehouse=lineage.warehouse, unwitnessed=lineage.unwitnessed
            )
            record = RunRecord(client, lineage, history.stored_events)
        if options.start_automations and not record.lost_events:
            # Before the delivery: an assembler that is killed repeats them, and the server stores each once.
            _announce_datasets(client, history, lineage, options, again=record.same_end)
        with (
            notify.batched(options.announcements) as announcements,
            dataset_pages.batched(client, options.dataset_pages) as pages,
        ):
            result = _deliver(client, lineage, record, chosen, options, announcements, pages)
    return replace(
        result, waits_for=completeness.waits_for, awaits=completeness.awaited, unwitnessed=lineage.unwitnessed
    )


def patience() -> Patience:
    """Time to wait for events, by the settings."""
    return Patience(completeness=settings().completeness_timeout)


def _show_gaps(client: SyncPrefectClient, lineage: RunLineage) -> None:
    """Name unreadable events, and libraries that are not captured, on the page of a run without lineage to send.

    Unreadable events are in the feed as well: they may be those of a whole process with a later version.
    """
    run = lineage.run
    entry, found = ledger.read_run(client, run.id)
    if entry is None:
        if lineage.completeness.rejected:
            notify.announce_findings(lineage)
        snapshot = snapshot_store.store(client, lineage, None, found) if snapshot_store.wanted(lineage) else None
        entry = Entry(None, ledger.end_of(run), complete=False, stored_events=0, empty=True, snapshot=snapshot)
    elif not entry.empty or entry.unwitnessed == lineage.unwitnessed:
        return
    ledger.write(client, run, replace(entry, unwitnessed=lineage.unwitnessed), run_page.markdown(lineage))


def _announce_datasets(
    client: SyncPrefectClient, history: RunHistory, lineage: RunLineage, options: AssemblyOptions, *, again: bool
) -> None:
    """Emit the events of written tables, where an automation reacts to them, and of changed schemas."""
    run = history.run
    if announced.is_recent(client, run):
        written = tuple(table_events.written(lineage))
        if written and not announced.is_awaited(client, TABLE_WRITTEN_EVENT):
            written = ()
        events = [*written, *schema_changes.changed(client, history, options.affected)]
        announced.emit(client, run, events, again=again)


def _still_arriving(history: RunHistory, now: dt.datetime) -> bool:
    """Return whether the run ended so short ago that missing events may only be late."""
    ended = history.run.ended
    recent = ended is not None and now - ended < STORED_WITHIN
    # A closing count alone may be that of a flow whose tasks ran in other processes.
    return recent and (history.completeness.awaited or not (history.events or history.assets))


def _targets_that_accept_running(chosen: Sequence[Target]) -> tuple[Target, ...]:
    return tuple(target for target in chosen if target.profile.accepts_running) if settings().running_events else ()


def _deliver(  # noqa: PLR0917
    client: SyncPrefectClient,
    lineage: RunLineage,
    record: RunRecord,
    chosen: Sequence[Target],
    options: AssemblyOptions,
    announcements: notify.Announcements,
    pages: dataset_pages.DatasetPages,
) -> AssemblyResult:
    run, lacks = lineage.run, lineage.completeness.lacks()
    if record.lost_events:
        # Prefect's retention deleted a part of the history: what targets have is truer than what is left.
        return AssemblyResult(run.id, run.flow_name, "events deleted", lacks=lacks)
    outboxes = [_outbox(client, lineage, target, record, options) for target in chosen]
    unfinished = [outbox for outbox in outboxes if not outbox.state.finished]
    snapshot_changed = record.store_snapshot()
    names = {target.id: target.name for target in chosen}
    states = [outbox.state for outbox in outboxes]
    if not unfinished and not record.changed:
        if snapshot_changed:
            record.update()
        if record.archive(str(client.api_url)):
            record.open(names, states, records=pages.of(lineage))
        refused = sum(state.rejected - state.kept for state in states)
        result = AssemblyResult(run.id, run.flow_name, "nothing new", lacks=lacks, reanalysis=lineage.reanalysis)
        return replace(result, refused_before=refused)
    record.open(names, states, unavailable=options.unavailable, records=pages.of(lineage))
    pages.add(lineage)
    if options.dataset_pages is None:
        # Before the delivery: a run whose assembler is killed here is assembled again.
        pages.flush()
    configured = [target.id for target in targets()]
    failures: list[tuple[Outbox, TransientDeliveryError]] = []
    for outbox, error in send_all(_with_known_parents(client, run, unfinished, options, failures), retry=options.retry):
        failure = error or _finish(client, lineage, outbox, record, options)
        notify.announce_delivery(lineage, outbox, configured, announcements)
        if failure:
            failures.append((outbox, failure))
    if record.archive(str(client.api_url)):
        record.rewrite()
    notify.announce_findings(lineage, outboxes)
    if settings().emit_assets:
        assets.emit(lineage)
    if options.update_flow_artifact:
        record.update_flow_artifact()
    if failures:
        raise TargetsAwayError(failures)
    sent = sum(outbox.sent for outbox in unfinished)
    rejected = tuple(chain.from_iterable(outbox.refused for outbox in unfinished))
    kept = tuple(chain.from_iterable(outbox.kept for outbox in unfinished))
    outcome: Outcome = "sent" if sent or rejected or kept else "nothing new"
    return AssemblyResult(run.id, run.flow_name, outcome, sent, rejected, lacks, lineage.reanalysis, kept=kept)


def _with_known_parents(
    client: SyncPrefectClient,
    run: FlowRun,
    outboxes: Sequence[Outbox],
    options: AssemblyOptions,
    failures: list[tuple[Outbox, TransientDeliveryError]],
) -> list[Outbox]:
    """Outboxes whose targets have the runs above `run`; the others are appended to `failures`."""
    ready = []
    for outbox in outboxes:
        try:
            _send_parents(client, run, outbox.target, options)
            ready.append(outbox)
        except TransientDeliveryError as error:
            failures.append((outbox, error))
    return ready


def _send_parents(client: SyncPrefectClient, run: FlowRun, target: Target, options: AssemblyOptions) -> None:
    """Send the unknown runs above `run`: in full if they have ended, their START if not or where that fails."""
    for parent_id in parents.unknown(client, run, target):
        parent = read_run(client, parent_id)
        if parent.ended_for_good:
            try:
                assemble_run(client, parent_id, replace(options, targets=[target.id], force=False))
            except (TransientDeliveryError, lease.BusyError):
                raise
            except Exception as error:  # noqa: BLE001 - the run itself can still be assembled
                logger.error(
                    "Run %s above %s could not be assembled; its START alone is sent: %s",
                    parent_id,
                    run.id,
                    described(error),
                )
        parents.send_start(client, parent, target, options)


def _outbox(
    client: SyncPrefectClient, lineage: RunLineage, target: Target, record: RunRecord, options: AssemblyOptions
) -> Outbox:
    """The run's events for a target, from where its delivery stands by the ledger."""
    events = events_for(lineage, target, str(client.api_url))
    digest = encoding.digest_of(events)
    known = None if options.force else record.state(target.id, digest)
    if known is not None and (known.total != len(events) or (known.kept and known.done == known.total)):
        known = None  # edited, or all is sent again: a target that keeps events has no harm from a repetition
    started = bool(events) and events[0]["eventType"] == "START" and record.started(target.id) and not options.force
    # Where the target shows the last event received, the latest run is restored after the run's events.
    final = not (options.restore_latest and target.profile.shows_last_event)
    new = DeliveryState(target.id, digest, int(started), len(events), final=final)
    return Outbox(
        events,
        target,
        state=known or new,
        record=record.record,
        took_since=lambda since: ledger.took_since(client, target.id, since, but=lineage.run.id),
    )


def _finish(
    client: SyncPrefectClient, lineage: RunLineage, outbox: Outbox, record: RunRecord, options: AssemblyOptions
) -> TransientDeliveryError | None:
    """Restore the latest run after the run's events, where that is due; returns the error if it cannot be done now."""
    if outbox.state.final:
        return None
    try:
        if options.restore_latest:
            restore_latest_run(client, lineage.run, outbox.events, outbox.target, options)
    except TransientDeliveryError as error:
        return error
    outbox.state = replace(outbox.state, final=True)
    record.record(outbox.state)
    return None
