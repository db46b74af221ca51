"""Many runs, one after the other, for the sweep and for each part of a backfill.

Runs are taken up in the order in which they began, so that a parent comes before its subflows and an older run of a job
before a newer one: a target that shows what arrived last then shows what is.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
from prefect.exceptions import PrefectHTTPStatusError

from prefect_lineage_events.assembler import lease, ledger, notify, report
from prefect_lineage_events.assembler.assemble import (
    AssemblyOptions,
    AssemblyResult,
    Outcome,
    assemble_run,
    restore_latest,
)
from prefect_lineage_events.assembler.ledger import Entry
from prefect_lineage_events.assembler.outbox import TargetsAwayError
from prefect_lineage_events.assembler.run_lineage import marked_if_cached, stitched
from prefect_lineage_events.assembler.summary import Summary
from prefect_lineage_events.delivery.deliver import TransientDeliveryError
from prefect_lineage_events.escaping import line
from prefect_lineage_events.guard import described
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.reader import Patience, read_history
from prefect_lineage_events.history.runs import UnknownFlowRunError, read_run

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


_NOW = Patience(completeness=0, first_event=0)


def preview_run(
    client: SyncPrefectClient, flow_run_id: UUID, options: AssemblyOptions, *, settled: bool
) -> AssemblyResult:
    """What `assemble_run` would make of a run; `settled`: its targets have what its history said then.

    Costs the reading of the run. Raises UnknownFlowRunError.
    """
    run = read_run(client, flow_run_id)
    history = read_history(client, run, _NOW)
    lineage = marked_if_cached(client, stitched(history, anew=options.reanalyse))
    outcome: Outcome = "would be sent"
    if not lineage.worth_sending:
        outcome = "no lineage"
    elif settled and not options.force and not lineage.reanalysis.changed:
        outcome = "nothing new"
    return AssemblyResult(
        run.id, run.flow_name, outcome, lacks=history.completeness.lacks(), reanalysis=lineage.reanalysis
    )


logger = logging.getLogger(__name__)

# A target, or Prefect's API, that was away for so many runs in a row is away: the rest is left for the next time.
FAILURES_IN_A_ROW = 3


def assemble_each(
    client: SyncPrefectClient,
    runs: Iterable[FlowRun],
    options: AssemblyOptions,
    *,
    dry_run: bool = False,
    history_begins: dt.datetime | None = None,
) -> Summary:
    """Assemble those of the runs that are not settled: at each target that the order names, or if it names none, at one
    of them at least, and at none half way.

    `dry_run`: say what would become of each. Runs without lineage that ended before `history_begins` may have had some.
    """
    summary = Summary(history_begins=history_begins)
    to = [target.id for target in options.to()]
    is_done = Entry.is_done_where_begun if options.targets is None else Entry.is_done
    options = replace(options, targets=to)
    ordered = sorted(runs, key=lambda r: (r.started or r.ended or r.expected_start or _EPOCH, str(r.id)))
    entries = ledger.read(client, [r.id for r in ordered])
    settled = {run.id for run in ordered if run.id in entries and is_done(entries[run.id], run, *to)}
    if dry_run:
        _preview_each(client, ordered, options, summary, settled)
        return summary
    todo = ordered if options.force or options.reanalyse else [run for run in ordered if run.id not in settled]
    summary.already_done = len(ordered) - len(todo)
    with notify.batched(options.announcements) as announcements:
        _work_through(client, todo, replace(options, announcements=announcements), summary)
    return summary


def _preview_each(
    client: SyncPrefectClient,
    runs: Sequence[FlowRun],
    options: AssemblyOptions,
    summary: Summary,
    settled: Collection[UUID],
) -> None:
    for run in runs:
        try:
            if run.id in settled and not (options.force or options.reanalyse):
                _count(AssemblyResult(run.id, run.flow_name, "nothing new"), run, summary)
            else:
                _count(preview_run(client, run.id, options, settled=run.id in settled), run, summary)
        except Exception as error:  # noqa: BLE001 - one run must not stop the others
            logger.error("Run %s (%s) could not be looked at: %s", run.id, line(run.flow_name), described(error))
            summary.failed.append((run, f"{type(error).__name__}: {error}"))


class ApiAwayError(RuntimeError):
    """Prefect's API could not answer, though its client asked again and again."""


class _Away:
    """Targets that are away, so that the others need not wait for them; and the API, without which nobody gets any."""

    def __init__(self, targets: Sequence[str]) -> None:
        self.all = tuple(targets)
        self._in_a_row = dict.fromkeys(targets, 0)
        self._api_in_a_row = 0

    @property
    def not_given_up(self) -> list[str]:
        if self._api_in_a_row >= FAILURES_IN_A_ROW:
            return []
        return [target for target in self.all if self._in_a_row[target] < FAILURES_IN_A_ROW]

    def answered(self, asked: Iterable[str], but: Collection[str] = ()) -> None:
        self._api_in_a_row = 0
        for target in asked:
            self._in_a_row[target] = self._in_a_row[target] + 1 if target in but else 0

    def without_api(self) -> None:
        self._api_in_a_row += 1


def _work_through(
    client: SyncPrefectClient, todo: Sequence[FlowRun], options: AssemblyOptions, summary: Summary
) -> None:
    """Of each flow only the last run has the present put back after it: after every one it would double the work.

    A run that Prefect's API did not answer for has its turn once more after all others: a busy one answers most.
    """
    last = {run.flow_id: run.id for run in todo}
    shown: dict[UUID, FlowRun] = {}
    sent: set[UUID] = set()
    away = _Away(options.targets or ())
    unanswered: dict[UUID, str] = {}
    again: list[FlowRun] = []
    for run in chain(todo, again):
        there = away.not_given_up
        if not there:
            if run.id in unanswered:
                summary.failed.append((run, unanswered[run.id]))
            else:
                summary.left.append(run)
            continue
        is_last = last[run.flow_id] == run.id
        one = replace(
            options,
            restore_latest=options.restore_latest and is_last,
            # The first as well: what became of later ones may depend on the flow being known.
            update_flow_artifact=is_last or run.flow_id not in sent,
            targets=there,
            unavailable=[t for t in away.all if t not in there],
        )
        try:
            assembled = _assemble_one(client, run, one, summary)
            away.answered(there)
        except TargetsAwayError as error:
            logger.warning("Run %s (%s) could not be delivered: %s", run.id, run.flow_name, error)
            summary.failed.append((run, str(error)))
            away.answered(there, but=error.away)
            continue
        except ApiAwayError as error:
            logger.warning("Run %s (%s) could not be assembled: %s", run.id, run.flow_name, error)
            if run.id in unanswered:
                summary.failed.append((run, str(error)))
            else:
                again.append(run)
            unanswered[run.id] = str(error)
            away.without_api()
            continue
        if len(there) < len(away.all):
            summary.left.append(run)
        if assembled and assembled.outcome == "sent":
            sent.add(run.flow_id)
            shown[run.flow_id] = run
            if one.restore_latest:
                del shown[run.flow_id]
    for run in shown.values() if options.restore_latest else ():
        _keep_present(client, run, options, summary)


def _assemble_one(
    client: SyncPrefectClient, run: FlowRun, options: AssemblyOptions, summary: Summary
) -> AssemblyResult | None:
    """One run's trouble is that run's. Raises TargetsAwayError and ApiAwayError, which are everybody's."""
    try:
        assembled = assemble_run(client, run.id, options)
    except lease.BusyError as error:
        logger.info("%s", error)
        summary.busy.append(run)
        return None
    except UnknownFlowRunError:
        logger.info("Run %s (%s) was deleted meanwhile", run.id, line(run.flow_name))
        return None
    except TargetsAwayError:
        raise
    except Exception as error:
        if _is_api_away(error):
            raise ApiAwayError(f"Prefect's API is away: {type(error).__name__}: {error}") from error
        # A run that we cannot put together must not stand in the way of all that came after it.
        logger.error("Run %s (%s) could not be assembled: %s", run.id, line(run.flow_name), described(error))
        summary.broken.append((run, f"{type(error).__name__}: {error}"))
        _show_broken(client, *summary.broken[-1])
        return None
    _count(assembled, run, summary)
    logger.info("%s", assembled)
    return assembled


def _show_broken(client: SyncPrefectClient, run: FlowRun, reason: str) -> None:
    """Say on the run's page why there is no lineage of it. A page that is there stays as it is."""
    try:
        if run.id not in ledger.read(client, [run.id]):
            entry = Entry(None, ledger.end_of(run), complete=False, stored_events=0)
            ledger.write(client, run, entry, report.broken(run.flow_name, reason))
    except Exception as error:  # noqa: BLE001  (the next run has its turn, whatever is wrong with this one's page)
        logger.warning("Nothing could be written on the page of run %s: %s", run.id, error)


def _is_api_away(error: Exception) -> bool:
    """Prefect's client has asked again by then; targets are asked by another library."""
    if isinstance(error, PrefectHTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code == 429
    return isinstance(error, httpx.TransportError)


def _count(assembled: AssemblyResult, run: FlowRun, summary: Summary) -> None:
    begins = summary.history_begins
    without = assembled.outcome == "events gone" or (
        assembled.outcome == "no lineage" and begins is not None and (run.started or run.ended or begins) < begins
    )
    if without:
        summary.gone.append(run)
        return
    summary.assembled.append(assembled)
    if not assembled.complete:
        summary.incomplete.append(run)


def _keep_present(client: SyncPrefectClient, run: FlowRun, options: AssemblyOptions, summary: Summary) -> None:
    try:
        restore_latest(client, run.id, options)
    except TransientDeliveryError as error:
        summary.failed.append((run, f"its job's newest run could not be put back: {error}"))


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
