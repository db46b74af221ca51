"""Restoring the latest run at targets that show the last event received.

After a failed run, or an older one of a backfill, such a target's graph shows that run. So the end of the job's latest
completed run is sent once more. It states nothing false, and the graph shows the current state of the job again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from prefect_lineage_events.assembler import ledger
from prefect_lineage_events.assembler.ledger import Entry
from prefect_lineage_events.assembler.options import AssemblyOptions
from prefect_lineage_events.assembler.outbox import Event, Outbox
from prefect_lineage_events.assembler.run_lineage import events_for, stitched
from prefect_lineage_events.delivery.deliver import TransientDeliveryError
from prefect_lineage_events.delivery.profiles.base import events_to_restore
from prefect_lineage_events.history import api
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.reader import Patience, read_history
from prefect_lineage_events.history.runs import UnknownFlowRunError, completed_runs, read_run
from prefect_lineage_events.job_names import names_deployment
from prefect_lineage_events.openlineage.job_facets import job_name
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.delivery.targets import Target

logger = logging.getLogger(__name__)

_NO_WAIT = Patience(completeness=0, first_event=0)
_FAILURE = "its job's latest run could not be restored: {}"


class LatestRun(NamedTuple):
    """A completed run that a target has, with its ledger entry."""

    run: FlowRun
    entry: Entry


def restore_latest_run(
    client: SyncPrefectClient, run: FlowRun, sent: list[Event], target: Target, options: AssemblyOptions
) -> FlowRun | None:
    """Send the end of the job's latest run again if `sent`, events of `run`, hide it; returns that run, or None.

    Its statements are reanalysed with the option `reanalyse`, or if they were before. Raises TransientDeliveryError
    when the target cannot take it now.
    """
    if not target.profile.shows_last_event:
        return None
    latest = latest_completed(client, run, target.id)
    if latest is None:
        return None
    history = read_history(client, latest.run, _NO_WAIT)
    lineage = stitched(history, reanalyse=options.reanalyse or latest.entry.reanalysed)
    events = events_to_restore(sent, events_for(lineage, target, str(client.api_url)))
    if not events:
        return None
    Outbox(events, target).send(retry=options.retry)
    return latest.run


def restore_after(client: SyncPrefectClient, flow_run_id: UUID, options: AssemblyOptions) -> None:
    """Restore the latest run of this run's job at each target, after events of this run were sent."""
    run = read_run(client, flow_run_id)
    lineage = stitched(read_history(client, run, Patience(completeness=0)), reanalyse=options.reanalyse)
    for target in options.chosen_targets():
        restore_latest_run(client, run, events_for(lineage, target, str(client.api_url)), target, options)


def try_restore_after(client: SyncPrefectClient, run: FlowRun, options: AssemblyOptions) -> list[tuple[FlowRun, str]]:
    """As `restore_after`; returns the run with the reason when a target cannot take it now."""
    try:
        restore_after(client, run.id, options)
    except TransientDeliveryError as error:
        return [(run, _FAILURE.format(error))]
    return []


def restore_latest_runs(
    client: SyncPrefectClient, jobs: Iterable[Sequence[UUID]], options: AssemblyOptions
) -> list[tuple[FlowRun, str]]:
    """Restore the latest run of each job after a backfill; returns the runs that still hide one, with the reason.

    A job is given by some of its runs. The ledger holds which run a target took last, so what a killed backfill left
    undone is done by the next one.
    """
    showing = [target for target in options.chosen_targets() if target.profile.shows_last_event]
    failures = []
    for job in jobs if showing else ():
        entries = ledger.read(client, job)
        for target in showing:
            if run_id := _taken_last(entries, target):
                try:
                    run = read_run(client, run_id)
                except UnknownFlowRunError:
                    continue  # delivered from the archive, which restored the latest run at once
                try:
                    _restore_if_hidden(client, run, entries[run_id], target, options)
                except TransientDeliveryError as error:
                    failures.append((run, _FAILURE.format(error)))
    return failures


def latest_completed(client: SyncPrefectClient, run: FlowRun, target_id: str) -> LatestRun | None:
    """The latest completed run of the same job that touched data and that the target has.

    None when that is `run` itself, or there is none. A subflow is another job under each parent, and by the setting
    `job_name` a flow is another job under each deployment.
    """
    template = settings().job_name
    candidates = completed_runs(client, run, of_deployment=names_deployment(template))
    entries = ledger.read(client, [c.id for c in candidates])
    for candidate in candidates:
        entry = entries.get(candidate.id)
        if entry is not None and entry.empty:
            continue
        if candidate.id == run.id:
            if run.state == "COMPLETED":
                return None
            continue
        state = entry.delivery_to(target_id) if entry else None
        if entry is None or state is None or not state.taken:
            continue
        full = read_run(client, candidate.id)
        if job_name(full, template) == job_name(run, template):
            return LatestRun(full, entry)
    return None


def _taken_last(entries: dict[UUID, Entry], target: Target) -> UUID | None:
    """The run whose events the target took last."""
    states = {run_id: state for run_id, entry in entries.items() if (state := entry.delivery_to(target.id))}
    taken = {run_id: state for run_id, state in states.items() if state.done}
    return max(taken, key=lambda run_id: (taken[run_id].taken_at, str(run_id)), default=None)


def _restore_if_hidden(
    client: SyncPrefectClient, run: FlowRun, entry: Entry, target: Target, options: AssemblyOptions
) -> None:
    latest = latest_completed(client, run, target.id)
    if latest is None:
        return
    of_latest, of_run = latest.entry.delivery_to(target.id), entry.delivery_to(target.id)
    if of_latest is None or of_run is None or of_latest.taken_at > of_run.taken_at:
        return
    restore_after(client, run.id, replace(options, targets=[target.id]))
    ledger.update(client, latest.entry.with_delivery(replace(of_latest, taken_at=api.now(client).isoformat())))
    logger.info("Run %s is the latest of %s again at %s", latest.run.id, latest.run.flow_name, target.name)
