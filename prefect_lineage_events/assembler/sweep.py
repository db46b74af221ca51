"""The sweep: assemble what ended since the last one and was missed, and what earlier ones left waiting."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.assembler import lease, notify, sweep_state
from prefect_lineage_events.assembler.batch import assemble_each
from prefect_lineage_events.assembler.options import AssemblyOptions
from prefect_lineage_events.assembler.stale_runs import stale_runs
from prefect_lineage_events.assembler.summary import Summary
from prefect_lineage_events.assembler.sweep_state import SweepState, Waiting
from prefect_lineage_events.history import api, event_log
from prefect_lineage_events.history.event_log import Window
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.runs import (
    OWN_FLOW_PREFIX,
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

# A run is looked at again until it ended this long ago: its events may be stored later than its end.
OVERLAP = dt.timedelta(minutes=10)
# As long as Prefect keeps events, unless told otherwise.
KEEP_TRYING = dt.timedelta(days=7)
# So often a run is looked at whose kin have ended, and lack events themselves.
MAX_RELATED_TRIES = 12
# Runs that others wait for, looked at in one sweep.
MAX_AWAITED_RUNS = 10_000
# Seconds between two looks for runs that ended, and how late their events may be stored.
POLL_SECONDS = 10.0
STORED_WITHIN = dt.timedelta(minutes=2)
BUSY = "another assembler has it in hand"
# What is done is written down after so much of the history: where a sweep was killed, the next one goes on.
STEP = dt.timedelta(hours=1)


def assemble_recent(client: SyncPrefectClient, options: AssemblyOptions, until: dt.datetime | None = None) -> Summary:
    """Assemble the runs whose emitters closed, or that were cancelled or crashed, within the last minutes, and those of
    which that is told up to `until`: one run of the assembler then stands for many.

    What cannot be assembled now waits for the sweep, whose state is left alone. Requests: one for 50 such events, three
    for 200 runs, and those of the runs that are not settled; as many each ten seconds.
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
                # Those that were waited for are announced at once, and all that came meanwhile at the end.
                announcements.flush()
            done |= {*ids} - found.take_early()
            summary.add(found)
            since = max(since, now - STORED_WITHIN)
            time.sleep(min(POLL_SECONDS, left))


def _ended(client: SyncPrefectClient, ids: Sequence[UUID]) -> list[FlowRun]:
    runs = runs_by_id(client, ids)
    return [run for run in runs if run.ended_for_good and not run.flow_name.startswith(OWN_FLOW_PREFIX)]


def sweep_runs(client: SyncPrefectClient, options: AssemblyOptions) -> Summary:
    """Assemble what ended since the last sweep and is not settled, and what earlier sweeps left waiting."""
    state = sweep_state.read(client)
    now = api.now(client)
    lookback = now - dt.timedelta(hours=settings().sweep_lookback_hours)
    summary = Summary(stale=stale_runs(client))
    carried: Sequence[Waiting] = _before_their_time(client, state, now)
    runs = _still_waiting(client, [w for w in state.waiting if w not in carried])
    if settings().running_events:
        runs += unended_runs(client, started_before=now)
    for step in _steps(state.mark or lookback, now):
        early = {(w.flow_run_id, w.ended) for w in carried}
        ended = [r for rows in ended_runs(client, step.since, step.until) for r in rows]
        runs += [r for r in ended if (r.id, r.ended) not in early]
        done = assemble_each(client, {r.id: r for r in runs}.values(), options)
        state = _next_state(done, state, carried, until=step.until, now=now, keep_since=lookback)
        sweep_state.write(client, state, summary.stale)
        summary.add(done)
        if done.left:
            break
        runs, carried = [], state.waiting
    if dead := lease.remove_expired(client):
        logger.info("%d claims of assemblers that died were removed", dead)
    return summary


def _steps(mark: dt.datetime, now: dt.datetime) -> Iterator[Window]:
    """From the mark to now, oldest first; one at least."""
    since = min(mark, now)
    while True:
        until = min(since + STEP, now)
        yield Window(since, until)
        if until == now:
            return
        since = until


def _before_their_time(client: SyncPrefectClient, state: SweepState, now: dt.datetime) -> list[Waiting]:
    """Those that wait for the end of runs which still go on: nothing new can be learned before.

    Not for ever, since a run may never end, and anybody can edit the state.
    """
    lately = [one for one in state.waiting if one.ended and one.ended > now - KEEP_TRYING]
    awaited = sorted({id_ for one in lately for id_ in one.waits_for})[:MAX_AWAITED_RUNS]
    going_on = {run.id for run in runs_by_id(client, awaited) if not run.ended_for_good}
    return [one for one in lately if going_on.intersection(one.waits_for)]


def _still_waiting(client: SyncPrefectClient, those: Sequence[Waiting]) -> list[FlowRun]:
    runs = {run.id: run for run in runs_by_id(client, [one.flow_run_id for one in those])}
    for one in those:
        if one.flow_run_id not in runs:
            try:
                # A task outside any flow, or none.
                runs[one.flow_run_id] = read_run(client, one.flow_run_id)
            except UnknownFlowRunError:
                logger.info("Run %s was deleted; it waits no longer", one.flow_run_id)
    return list(runs.values())


def _next_state(
    done: Summary,
    before: SweepState,
    carried: Sequence[Waiting],
    *,
    until: dt.datetime,
    now: dt.datetime,
    keep_since: dt.datetime,
) -> SweepState:
    """The state after what ended `until` then was looked at; `carried` wait, and were not looked at.

    The mark moves up to what is surely stored. Runs that are not settled wait by name, so that they hold nothing up;
    those that were not even tried hold the mark, for there may be many.
    """
    waited = {w.flow_run_id: w for w in before.waiting}
    unsettled = [(r, reason) for r, reason in done.failed if _since(r, now - KEEP_TRYING)]
    lacks = {a.flow_run_id: f"lacks {'; '.join(a.lacks)}" for a in done.assembled}
    waits_for = {a.flow_run_id: a.waits_for for a in done.assembled}
    give_up = now - dt.timedelta(hours=settings().incomplete_hours)
    unsettled += [(r, reason) for r, reason in done.broken if _since(r, give_up)]
    awaited = {a.flow_run_id for a in done.assembled if a.awaits}
    unsettled += [
        (r, lacks[r.id])
        for r in done.incomplete
        if r.id in awaited and _since(r, now - KEEP_TRYING if _waits_for_others(r, waits_for, waited) else give_up)
    ]
    # The claim of an assembler that was killed may outlive the overlap.
    unsettled += [(r, BUSY) for r in done.busy if _since(r, now - KEEP_TRYING)]
    unsettled += [(r, waited[r.id].reason) for r in done.left if r.id in waited]
    waiting = {w.flow_run_id: w for w in carried} | {
        r.id: Waiting(
            r.id,
            r.flow_name,
            r.ended,
            reason,
            attempts=waited[r.id].attempts + 1 if r.id in waited else 1,
            waits_for=waits_for.get(r.id, ()),
        )
        for r, reason in unsettled
    }
    untried = [r.ended for r in done.left if r.ended and r.id not in waited]
    mark = min([until, max(before.mark or keep_since, now - OVERLAP), *untried])
    return SweepState(mark=mark, swept=now, waiting=tuple(waiting.values()))


def _waits_for_others(run: FlowRun, waits_for: Mapping[UUID, Sequence[UUID]], waited: Mapping[UUID, Waiting]) -> bool:
    """Does it lack only what other runs hand over? It is looked at when these have ended, and then not for ever."""
    tries = waited[run.id].attempts if run.id in waited else 0
    return bool(waits_for[run.id]) and tries < MAX_RELATED_TRIES


def _since(run: FlowRun, time: dt.datetime) -> bool:
    return run.ended is not None and run.ended > time
