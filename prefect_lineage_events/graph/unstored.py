"""Ended runs without a stored snapshot: those that may have touched something, and what is known of the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.assembler import ledger, sweep_state
from prefect_lineage_events.graph.values import Gap
from prefect_lineage_events.history import event_log
from prefect_lineage_events.history.event_log import LONGEST_WINDOW, Window

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Events of runs that ended just before a sweep were perhaps stored after it.
_OVERLAP = dt.timedelta(minutes=15)
# Runs that are named one by one in the gaps.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Unstored:
    """`run_ids`: runs to be read from their events, newest first."""

    run_ids: tuple[UUID, ...] = ()
    gaps: tuple[Gap, ...] = ()


def find(
    client: SyncPrefectClient,
    run_ids: Sequence[UUID],
    start: dt.datetime,
    until: dt.datetime,
    *,
    before_history: Collection[UUID] = (),
) -> Unstored:
    """Those of these ended runs that may have touched something, by the ledger and by the ends that emitters sent.

    The sweep has looked at all runs that ended before its mark. So of those only the ones with a ledger entry count:
    an earlier version assembled them, or their snapshot was deleted. Events of `before_history` are deleted.
    Requests: one or two per 200 runs, and one per 50 runs that ended since the last sweep.
    """
    if not run_ids:
        return Unstored()
    entries = ledger.read(client, run_ids)
    assembled = {id_ for id_, entry in entries.items() if not entry.empty or entry.snapshot is not None}
    state = sweep_state.read(client)
    since = max(start, state.mark - _OVERLAP) if state.mark else start
    since = max(since, until - LONGEST_WINDOW)
    closed = event_log.closed_runs(client, Window(since, until + _OVERLAP)) if since < until else []
    waiting = (one.flow_run_id for one in state.waiting)
    chosen = {*closed, *waiting, *assembled}.difference(before_history)
    lost = [id_ for id_ in run_ids if id_ in before_history]
    return Unstored(tuple(id_ for id_ in run_ids if id_ in chosen), _beyond_retention(lost, assembled))


def _beyond_retention(lost: Sequence[UUID], assembled: Collection[UUID]) -> tuple[Gap, ...]:
    with_lineage = [id_ for id_ in lost if id_ in assembled]
    gaps = [
        Gap(
            kind="beyond retention", text=f"the lineage of run {id_} was not stored as data, and its events are deleted"
        )
        for id_ in with_lineage[:_NAMED]
    ]
    if more := len(with_lineage) - len(gaps):
        gaps.append(Gap(kind="beyond retention", text=f"the same holds for {more:,} more runs"))
    if rest := len(lost) - len(with_lineage):
        text = f"{rest:,} runs have no stored lineage, and their events are deleted: they may have touched something"
        gaps.append(Gap(kind="beyond retention", text=text))
    return tuple(gaps)
