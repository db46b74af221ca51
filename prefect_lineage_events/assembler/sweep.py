"""The sweep: assemble what ended since the last one and was missed, and what earlier ones left waiting."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.assembler import sweep_state
from prefect_lineage_events.assembler.many_runs import Summary, assemble_each
from prefect_lineage_events.assembler.one_run import Order
from prefect_lineage_events.assembler.sweep_state import SweepState, Waiting
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.runs import UnknownFlowRunError, ended_runs, read_run
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

# A run is looked at again until it ended this long ago: its events may be stored later than its end.
OVERLAP = dt.timedelta(minutes=10)
# As long as Prefect keeps events, unless told otherwise.
KEEP_TRYING = dt.timedelta(days=7)


def sweep_runs(client: SyncPrefectClient, order: Order, now: dt.datetime | None = None) -> Summary:
    """Assemble what ended since the last sweep and is not settled, and what earlier sweeps left waiting."""
    now = now or dt.datetime.now(dt.timezone.utc)
    state = sweep_state.read(client)
    lookback = now - dt.timedelta(hours=settings().sweep_lookback_hours)
    since = state.mark or lookback
    runs = [r for rows in ended_runs(client, since, now) for r in rows]
    runs += _still_waiting(client, state, {r.id for r in runs})
    summary = assemble_each(client, runs, order)
    sweep_state.write(client, _next_state(summary, state, since, now, keep_since=lookback))
    return summary


def _still_waiting(client: SyncPrefectClient, state: SweepState, found: set[UUID]) -> list[FlowRun]:
    runs = []
    for waiting in state.waiting:
        if waiting.flow_run_id in found:
            continue
        try:
            runs.append(read_run(client, waiting.flow_run_id))
        except UnknownFlowRunError:
            logger.info("Run %s was deleted; it waits no longer", waiting.flow_run_id)
    return runs


def _next_state(
    summary: Summary, before: SweepState, since: dt.datetime, now: dt.datetime, keep_since: dt.datetime
) -> SweepState:
    """The mark moves up to what is surely stored. Runs that are not settled wait by name, so that they hold nothing up;
    those that were not even tried hold the mark, for there may be many."""
    waited = {w.flow_run_id: w for w in before.waiting}
    unsettled = [(r, reason) for r, reason in summary.failed if _since(r, now - KEEP_TRYING)]
    unsettled += [(r, "some of its events have not arrived") for r in summary.incomplete if _since(r, keep_since)]
    unsettled += [(r, waited[r.id].reason) for r in summary.left if r.id in waited]
    waiting = [
        Waiting(r.id, r.flow_name, r.ended, reason, waited[r.id].attempts + 1 if r.id in waited else 1)
        for r, reason in unsettled
    ]
    untried = [r.ended for r in summary.left if r.ended and r.id not in waited]
    return SweepState(mark=min([max(since, now - OVERLAP), *untried]), swept=now, waiting=tuple(waiting))


def _since(run: FlowRun, time: dt.datetime) -> bool:
    return run.ended is not None and run.ended > time
