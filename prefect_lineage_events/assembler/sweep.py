"""The sweep: assembly of runs that ended since the last sweep and were missed, and of runs that still wait."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.assembler import dataset_pages, lease, notify, sweep_state
from prefect_lineage_events.assembler.batch import assemble_each
from prefect_lineage_events.assembler.options import STORED_WITHIN, AssemblyOptions
from prefect_lineage_events.assembler.stale_runs import stale_runs
from prefect_lineage_events.assembler.summary import Summary
from prefect_lineage_events.assembler.sweep_state import MAX_DELAY, MIN_DELAY, SweepState, Waiting
from prefect_lineage_events.assembler.witness import collect
from prefect_lineage_events.events import OWN_FLOW_PREFIX
from prefect_lineage_events.history import api, event_log
from prefect_lineage_events.history.event_log import Window
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.runs import (
    UnknownFlowRunError,
    ended_runs,
    read_run,
    runs_by_id,
    unended_runs,
)
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

# A run is checked again until it ended this long ago: its events may be stored later than its end.
OVERLAP = dt.timedelta(minutes=10)
# Prefect's default retention of events.
KEEP_TRYING = dt.timedelta(days=7)
# Limit of tries for a run whose related runs have ended and lack events themselves.
MAX_RELATED_TRIES = 12
# Limit of awaited runs that one sweep checks.
MAX_AWAITED_RUNS = 10_000
# Seconds between two polls for ended runs.
POLL_SECONDS = 10.0
BUSY = "another assembler is delivering it"
# The state is written after this much of the history: the sweep after a killed one goes on there.
STEP = dt.timedelta(hours=1)


def assemble_recent(client: SyncPrefectClient, options: AssemblyOptions, until: dt.datetime | None = None) -> Summary:
    """Assemble the runs whose emitters closed, or that were cancelled or crashed, within the last minutes.

    Runs that end before `until` are assembled too, so that one run of the assembler serves many. Runs that cannot be
    assembled now are left to the sweep, whose state stays unchanged. Requests: one per 50 such events, three per 200
    runs, and those of the runs that are not done; the same again every ten seconds.
    """
    summary = Summary()
    done: set[UUID] = set()
    since = api.now(client) - OVERLAP
    with notify.batched() as announcements:
        options = replace(options, announcements=announcements)
        while True:
            now = api.now(client)
            ids = [id_ for id_ in event_log.closed_runs(client, Window(since, now + OVERLAP)) if id_ not in done]
            found = assemble_each(client, _ended(client, ids), options)
            left = ((until or now) - api.now(client)).total_seconds()
            if left <= 0:
                summary.add(found)
                return summary
            if not done:
                # Runs that ended before are announced at once, those that end meanwhile at the end.
                announcements.flush()
            done |= {*ids} - found.take_early()
            summary.add(found)
            since = max(since, now - STORED_WITHIN)
            time.sleep(min(POLL_SECONDS, left))


def _ended(client: SyncPrefectClient, ids: Sequence[UUID]) -> list[FlowRun]:
    runs = runs_by_id(client, ids)
    return [run for run in runs if run.ended_for_good and not run.flow_name.startswith(OWN_FLOW_PREFIX)]


def sweep_runs(client: SyncPrefectClient, options: AssemblyOptions) -> Summary:
    """Assemble the runs that ended since the last sweep and are not done, and those that still wait."""
    state = sweep_state.read(client)
    now = api.now(client)
    lookback = now - dt.timedelta(hours=settings().sweep_lookback_hours)
    summary = Summary(stale=stale_runs(client))
    carried: Sequence[Waiting] = _not_due(client, state, now)
    runs = _still_waiting(client, [w for w in state.waiting if w not in carried])
    faults: list[str] = []
    options = replace(options, witnessed=collect.collect(client, runs, now, faults))
    awaits = ": ".join([collect.AWAITS, *faults[:1]])
    if settings().running_events:
        runs += unended_runs(client, started_before=now)
    for step in _steps(state.mark or lookback, now):
        early = {(w.flow_run_id, w.ended) for w in carried}
        ended = [r for rows in ended_runs(client, step.since, step.until) for r in rows]
        runs += [r for r in ended if (r.id, r.ended) not in early]
        done = assemble_each(client, {r.id: r for r in runs}.values(), options)
        assembled = {one.flow_run_id for one in done.assembled}
        dataset_pages.mend(client, [r.id for r in reversed(ended) if r.id not in assembled])
        state = _next_state(done, state, carried, until=step.until, now=now, keep_since=lookback, awaits=awaits)
        sweep_state.write(client, state, summary.stale)
        summary.add(done)
        if done.left:
            break
        runs, carried = [], state.waiting
    if expired := lease.remove_expired(client):
        logger.info("%d leases of assemblers that exited were removed", expired)
    return summary


def _steps(mark: dt.datetime, now: dt.datetime) -> Iterator[Window]:
    """Windows from the mark to now, oldest first; at least one."""
    since = min(mark, now)
    while True:
        until = min(since + STEP, now)
        yield Window(since, until)
        if until == now:
            return
        since = until


def _not_due(client: SyncPrefectClient, state: SweepState, now: dt.datetime) -> list[Waiting]:
    """Waiting runs that are not to be tried yet, or depend on runs which have not ended.

    Limited to `KEEP_TRYING`, since a run may never end, and all users of the API can edit the state.
    """
    lately = [one for one in state.waiting if one.ended and one.ended > now - KEEP_TRYING]
    awaited = sorted({id_ for one in lately for id_ in one.waits_for})[:MAX_AWAITED_RUNS]
    going_on = {run.id for run in runs_by_id(client, awaited) if not run.ended_for_good}
    return [
        one
        for one in lately
        if going_on.intersection(one.waits_for) or (one.not_before is not None and one.not_before > now)
    ]


def _still_waiting(client: SyncPrefectClient, those: Sequence[Waiting]) -> list[FlowRun]:
    runs = {run.id: run for run in runs_by_id(client, [one.flow_run_id for one in those])}
    for one in those:
        if one.flow_run_id not in runs:
            try:
                # A task run outside any flow, or a deleted run.
                runs[one.flow_run_id] = read_run(client, one.flow_run_id)
            except UnknownFlowRunError:
                logger.info("Run %s was deleted; it is no longer waiting", one.flow_run_id)
    return list(runs.values())


def _next_state(
    done: Summary,
    before: SweepState,
    carried: Sequence[Waiting],
    *,
    until: dt.datetime,
    now: dt.datetime,
    keep_since: dt.datetime,
    awaits: str = collect.AWAITS,
) -> SweepState:
    """The state after the runs that ended before `until` were assembled; `carried` are waiting, and were not tried.

    `awaits`: the reason of runs that await the warehouse's access history.

    The mark moves to the time before which all events are stored. Runs that are not done are listed as waiting, so that
    they do not block others. Runs that were not tried hold the mark back instead, since there may be many.
    """
    waited = {w.flow_run_id: w for w in before.waiting}
    unfinished = [(r, reason) for r, reason in done.failed if _ended_after(r, now - KEEP_TRYING)]
    lacks = {a.flow_run_id: f"lacks {'; '.join(a.lacks)}" for a in done.assembled}
    waits_for = {a.flow_run_id: a.waits_for for a in done.assembled}
    give_up = now - dt.timedelta(hours=settings().incomplete_hours)
    unfinished += [(r, reason) for r, reason in done.broken if _ended_after(r, give_up)]
    awaited = {a.flow_run_id for a in done.assembled if a.awaits}
    unfinished += [
        (r, lacks[r.id])
        for r in done.incomplete
        if r.id in awaited
        and _ended_after(r, now - KEEP_TRYING if _waits_for_others(r, waits_for, waited) else give_up)
    ]
    # The lease of a killed assembler may last longer than the overlap.
    unfinished += [(r, BUSY) for r in done.busy if _ended_after(r, now - KEEP_TRYING)]
    unfinished += [(r, waited[r.id].reason) for r in done.left if r.id in waited]
    reasons = {a.flow_run_id: a.kept[0] for a in done.assembled if a.kept}
    listed = {r.id for r, _ in unfinished}
    kept = [r for r in done.kept if _ended_after(r, now - KEEP_TRYING) and r.id not in listed]
    not_before = {r.id: now + _delay(waited[r.id].attempts if r.id in waited else 0) for r in kept}
    unfinished += [(r, reasons[r.id]) for r in kept]
    listed = {r.id for r, _ in unfinished}
    asking = [r for r in done.unwitnessed if r.id not in listed and _ended_after(r, now - KEEP_TRYING)]
    not_before |= {r.id: max(now + collect.ASK_AGAIN, (r.ended or now) + collect.FIRST_AFTER) for r in asking}
    unfinished += [(r, awaits) for r in asking]
    waiting = {w.flow_run_id: w for w in carried} | {
        r.id: Waiting(
            r.id,
            r.flow_name,
            r.ended,
            reason,
            attempts=waited[r.id].attempts + 1 if r.id in waited else 1,
            waits_for=waits_for.get(r.id, ()),
            not_before=not_before.get(r.id),
        )
        for r, reason in unfinished
    }
    untried = [r.ended for r in done.left if r.ended and r.id not in waited]
    mark = min([until, max(before.mark or keep_since, now - OVERLAP), *untried])
    return SweepState(mark=mark, swept=now, waiting=tuple(waiting.values()))


def _waits_for_others(run: FlowRun, waits_for: Mapping[UUID, Sequence[UUID]], waited: Mapping[UUID, Waiting]) -> bool:
    """Return whether it lacks only rows of other runs. It is tried after their ends, a limited number of times."""
    tries = waited[run.id].attempts if run.id in waited else 0
    return bool(waits_for[run.id]) and tries < MAX_RELATED_TRIES


def _delay(attempts: int) -> dt.timedelta:
    """The time until the next try of a run whose events a target may use when its own ingestion has run."""
    return min(MIN_DELAY * (1 << min(attempts, 10)), MAX_DELAY)


def _ended_after(run: FlowRun, time: dt.datetime) -> bool:
    return run.ended is not None and run.ended > time
