"""Assembly of many runs, one after the other, for the sweep and for each part of a backfill.

Runs are assembled in the order in which they began, so that a parent comes before its subflows and a job's older run
before a newer one: a target that shows the last event received then shows the latest run.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
from prefect.exceptions import PrefectHTTPStatusError

from prefect_lineage_events.assembler import (
    archive,
    archived_runs,
    dataset_pages,
    lease,
    ledger,
    notify,
    snapshot_store,
)
from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.assembler.latest_run import try_restore_after
from prefect_lineage_events.assembler.ledger import Entry
from prefect_lineage_events.assembler.options import AssemblyOptions, AssemblyResult, Outcome
from prefect_lineage_events.assembler.outbox import TargetsAwayError
from prefect_lineage_events.assembler.pages import run_page
from prefect_lineage_events.assembler.run_lineage import marked_if_cached, stitched
from prefect_lineage_events.assembler.summary import Summary
from prefect_lineage_events.assembler.witness import collect
from prefect_lineage_events.escaping import line
from prefect_lineage_events.guard import described
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.reader import Patience, read_history
from prefect_lineage_events.history.runs import UnknownFlowRunError, read_run

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

# After failures for so many runs in a row, a target or Prefect's API is away: the rest is left for the next time.
FAILURES_IN_A_ROW = 3
_NO_WAIT = Patience(completeness=0, first_event=0)


def assemble_each(
    client: SyncPrefectClient,
    runs: Iterable[FlowRun],
    options: AssemblyOptions,
    *,
    dry_run: bool = False,
    history_begins: dt.datetime | None = None,
) -> Summary:
    """Assemble those of the runs that are not done.

    A run is done if each target that the options name has it; if they name none, if one target has it and none has a
    part of it. `dry_run`: send nothing, and summarise what would be sent. Runs without lineage that ended before
    `history_begins` may have had some.
    """
    summary = Summary(history_begins=history_begins)
    target_ids = [target.id for target in options.chosen_targets()]
    is_done = Entry.is_done_where_begun if options.targets is None else Entry.is_done
    options = replace(options, targets=target_ids)
    ordered = sorted(runs, key=lambda r: (r.began, str(r.id)))
    entries = ledger.read(client, [r.id for r in ordered])
    done = {run.id for run in ordered if run.id in entries and is_done(entries[run.id], run, *target_ids)}
    if dry_run:
        _preview_each(client, ordered, options, summary, done)
        return summary
    done -= _without_snapshot(client, ordered, entries, done, history_begins)
    done -= options.witnessed.keys()
    summary.unwitnessed += [
        run for run in ordered if run.id in done and entries[run.id].unwitnessed and collect.is_on()
    ]
    remaining = ordered if options.force or options.reanalyse else [run for run in ordered if run.id not in done]
    summary.already_done = len(ordered) - len(remaining)
    with (
        notify.batched(options.announcements) as announcements,
        dataset_pages.batched(client, options.dataset_pages) as pages,
    ):
        shared = replace(options, announcements=announcements, dataset_pages=pages)
        _assemble_in_turn(client, remaining, shared, summary)
    return summary


def _without_snapshot(
    client: SyncPrefectClient,
    runs: Iterable[FlowRun],
    entries: Mapping[UUID, Entry],
    done: Collection[UUID],
    history_begins: dt.datetime | None,
) -> set[UUID]:
    """Done runs that are not in the archive yet, or whose snapshot is missing: an earlier version assembled them, or it
    was deleted by hand.

    Of runs that began before `history_begins`, events are gone, so no snapshot can be made. One request per 200 runs.
    """
    checked = [run for run in runs if run.id in done and (history_begins is None or run.began >= history_begins)]
    missing = {run.id for run in checked if entries[run.id].lacks_snapshot or entries[run.id].lacks_archive}
    for start in range(0, len(checked), snapshot_store.RUNS_A_REQUEST):
        page = checked[start : start + snapshot_store.RUNS_A_REQUEST]
        stored = {run.id: snapshot for run in page if (snapshot := entries[run.id].snapshot)}
        if not snapshot_store.all_exist(client, stored.values()):
            found = {one.run_id for one in snapshot_store.read(client, list(stored))}
            missing |= {id_ for id_, snapshot in stored.items() if snapshot.artifact_id and id_ not in found}
    return missing


def preview_run(
    client: SyncPrefectClient, flow_run_id: UUID, options: AssemblyOptions, *, done: bool
) -> AssemblyResult:
    """The result that `assemble_run` would have. `done`: its targets have all events of its last assembly.

    Reads the history of the run. Raises UnknownFlowRunError.
    """
    run = read_run(client, flow_run_id)
    history = read_history(client, run, _NO_WAIT)
    lineage = marked_if_cached(client, stitched(history, reanalyse=options.reanalyse))
    outcome: Outcome = "would be sent"
    if not lineage.worth_sending:
        outcome = "no lineage"
    elif done and not options.force and not lineage.reanalysis.changed:
        outcome = "nothing new"
    return AssemblyResult(
        run.id, run.flow_name, outcome, lacks=history.completeness.lacks(), reanalysis=lineage.reanalysis
    )


def _preview_each(
    client: SyncPrefectClient,
    runs: Sequence[FlowRun],
    options: AssemblyOptions,
    summary: Summary,
    done: Collection[UUID],
) -> None:
    for run in runs:
        try:
            if run.id in done and not (options.force or options.reanalyse):
                _count(AssemblyResult(run.id, run.flow_name, "nothing new"), run, summary)
            else:
                _count(_preview(client, run, options, summary.history_begins, done=run.id in done), run, summary)
        except Exception as error:  # noqa: BLE001 - one run must not stop the others
            logger.error("Run %s (%s) could not be previewed: %s", run.id, line(run.flow_name), described(error))
            summary.failed.append((run, f"{type(error).__name__}: {error}"))


def _preview(
    client: SyncPrefectClient, run: FlowRun, options: AssemblyOptions, history_begins: dt.datetime | None, *, done: bool
) -> AssemblyResult:
    from_archive = AssemblyResult(run.id, run.flow_name, "would be sent")
    try:
        result = preview_run(client, run.id, options, done=done)
    except UnknownFlowRunError:
        if archive.is_on() and archived_runs.find(run):
            return from_archive
        raise
    if archive.is_on() and _events_deleted(result, run, history_begins) and archived_runs.find(run):
        return from_archive
    return result


class ApiAwayError(RuntimeError):
    """Prefect's API did not respond, though its client tried again and again."""


class _Availability:
    """Failures in a row of each target and of Prefect's API. One that is away is not tried again."""

    def __init__(self, targets: Sequence[str]) -> None:
        self.targets = tuple(targets)
        self._failures = dict.fromkeys(targets, 0)
        self._api_failures = 0

    @property
    def available(self) -> list[str]:
        """The targets to be tried; none while the API is away, without which nothing can be assembled."""
        if self._api_failures >= FAILURES_IN_A_ROW:
            return []
        return [target for target in self.targets if self._failures[target] < FAILURES_IN_A_ROW]

    def record(self, tried: Iterable[str], away: Collection[str] = ()) -> None:
        self._api_failures = 0
        for target in tried:
            self._failures[target] = self._failures[target] + 1 if target in away else 0

    def record_api_failure(self) -> None:
        self._api_failures += 1


def _assemble_in_turn(
    client: SyncPrefectClient, remaining: Sequence[FlowRun], options: AssemblyOptions, summary: Summary
) -> None:
    """Assemble the runs in order. The latest run is restored after the last run of a flow: after each run, this would
    double the work.

    A run for which Prefect's API did not respond is tried once more after all others: a busy API responds to most.
    """
    last = {run.flow_id: run.id for run in remaining}
    to_restore: dict[UUID, FlowRun] = {}
    sent: set[UUID] = set()
    availability = _Availability(options.targets or ())
    failed_once: dict[UUID, str] = {}
    again: list[FlowRun] = []
    for run in chain(remaining, again):
        available = availability.available
        if not available:
            if run.id in failed_once:
                summary.failed.append((run, failed_once[run.id]))
            else:
                summary.left.append(run)
            continue
        is_last = last[run.flow_id] == run.id
        of_run = replace(
            options,
            restore_latest=options.restore_latest and is_last,
            # The first run as well: the outcome of later ones may depend on the flow's artifact.
            update_flow_artifact=is_last or run.flow_id not in sent,
            targets=available,
            unavailable=[target for target in availability.targets if target not in available],
        )
        try:
            result = _assemble_one(client, run, of_run, summary)
            availability.record(available)
        except TargetsAwayError as error:
            logger.warning("Run %s (%s) could not be delivered: %s", run.id, run.flow_name, error)
            summary.failed.append((run, str(error)))
            availability.record(available, away=error.away)
            continue
        except ApiAwayError as error:
            logger.warning("Run %s (%s) could not be assembled: %s", run.id, run.flow_name, error)
            if run.id in failed_once:
                summary.failed.append((run, str(error)))
            else:
                again.append(run)
            failed_once[run.id] = str(error)
            availability.record_api_failure()
            continue
        if len(available) < len(availability.targets):
            summary.left.append(run)
        if result and result.outcome == "sent":
            sent.add(run.flow_id)
            to_restore[run.flow_id] = run
            if of_run.restore_latest:
                del to_restore[run.flow_id]
    for run in to_restore.values() if options.restore_latest else ():
        summary.failed += try_restore_after(client, run, options)


def _assemble_one(
    client: SyncPrefectClient, run: FlowRun, options: AssemblyOptions, summary: Summary
) -> AssemblyResult | None:
    """Assemble a run; its own failure is counted. Raises TargetsAwayError and ApiAwayError, which concern all runs."""
    try:
        result = _assemble_or_deliver(client, run, options, summary.history_begins)
    except lease.BusyError as error:
        logger.info("%s", error)
        summary.busy.append(run)
        return None
    except UnknownFlowRunError:
        logger.info("Run %s (%s) was deleted", run.id, line(run.flow_name))
        return None
    except TargetsAwayError:
        raise
    except Exception as error:
        if _is_api_away(error):
            raise ApiAwayError(f"Prefect's API is away: {type(error).__name__}: {error}") from error
        # A run that cannot be assembled must not block those after it.
        logger.error("Run %s (%s) could not be assembled: %s", run.id, line(run.flow_name), described(error))
        summary.broken.append((run, f"{type(error).__name__}: {error}"))
        _show_broken(client, *summary.broken[-1])
        return None
    _count(result, run, summary)
    logger.info("%s", result)
    return result


def _assemble_or_deliver(
    client: SyncPrefectClient, run: FlowRun, options: AssemblyOptions, history_begins: dt.datetime | None
) -> AssemblyResult:
    """Assemble the run from its events, or deliver it from the archive if they are deleted."""
    try:
        result = assemble_run(client, run.id, options)
    except UnknownFlowRunError:
        if archived := archived_runs.deliver(client, run, options) if archive.is_on() else None:
            return archived
        raise
    if archive.is_on() and _events_deleted(result, run, history_begins):
        return archived_runs.deliver(client, run, options) or result
    return result


def _show_broken(client: SyncPrefectClient, run: FlowRun, reason: str) -> None:
    """Write on the run's page why its lineage could not be assembled. An existing page stays as it is."""
    try:
        if run.id not in ledger.read(client, [run.id]):
            entry = Entry(None, ledger.end_of(run), complete=False, stored_events=0)
            ledger.write(client, run, entry, run_page.broken(run.flow_name, reason))
    except Exception as error:  # noqa: BLE001  (a fault of this run's artifact does not stop the next run)
        logger.warning("Nothing could be written on the page of run %s: %s", run.id, error)


def _events_deleted(result: AssemblyResult, run: FlowRun, history_begins: dt.datetime | None) -> bool:
    """Return whether Prefect's retention has deleted events of the run, or may have deleted all of them."""
    began = run.started or run.ended
    before_history = began is not None and history_begins is not None and began < history_begins
    return result.outcome == "events deleted" or (result.outcome == "no lineage" and before_history)


def _is_api_away(error: Exception) -> bool:
    """Return whether Prefect's client raised it, after its own retries; targets are reached by another library."""
    if isinstance(error, PrefectHTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code == 429
    return isinstance(error, httpx.TransportError)


def _count(result: AssemblyResult, run: FlowRun, summary: Summary) -> None:
    if _events_deleted(result, run, summary.history_begins):
        summary.deleted.append(run)
        return
    summary.assembled.append(result)
    if not result.complete:
        summary.incomplete.append(run)
    if result.kept:
        summary.kept.append(run)
    if result.unwitnessed:
        summary.unwitnessed.append(run)
