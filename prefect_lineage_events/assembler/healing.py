"""Keeps the present in place at a target that shows what arrived last.

After a failed run, or an older one of a backfill, such a target's graph shows that run. So the end of the job's newest
good run is sent once more: nothing false is said by it, and the graph is the present again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prefect_lineage_events.assembler import ledger
from prefect_lineage_events.assembler.outbox import Event, Outbox, events_for
from prefect_lineage_events.assembly.stitch import stitch
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.read import Patience, read_history
from prefect_lineage_events.history.runs import completed_runs, read_run
from prefect_lineage_events.openlineage import profiles
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.assembly.model import RunLineage
    from prefect_lineage_events.history.model import RunHistory
    from prefect_lineage_events.openlineage.targets import Target

_NOW = Patience(completeness=0, settle=0)


def heal(
    client: SyncPrefectClient,
    run: FlowRun,
    sent: list[Event],
    to: Target,
    send: Callable[[Outbox], None],
    *,
    stitched: Callable[[RunHistory], RunLineage] | None = None,
) -> FlowRun | None:
    """Send again what a target needs after `sent` of `run`; returns the run whose end was sent, if one was.

    `stitched` makes the lineage of a history, where it is not made as ever. Raises TransientDeliveryError when the
    target cannot take it now.
    """
    if to.profile != "marquez":
        return None
    good = newest_good(client, run, to.id)
    if good is None:
        return None
    lineage = (stitched or _as_ever)(read_history(client, good, _NOW))
    again = profiles.healing(sent, events_for(lineage, to, str(client.api_url)))
    if not again:
        return None
    send(Outbox(again, to))
    return good


def _as_ever(history: RunHistory) -> RunLineage:
    return stitch(history, infer_columns=settings().infer_columns)


def newest_good(client: SyncPrefectClient, run: FlowRun, target_id: str) -> FlowRun | None:
    """The newest completed run of the same job that the target has; None when it is `run` itself, or there is none.

    A subflow is another job under each parent.
    """
    candidates = completed_runs(client, run.flow_id)
    entries = ledger.read(client, [c.id for c in candidates])
    for candidate in candidates:
        if candidate.id == run.id:
            if run.state == "COMPLETED":
                return None
            continue
        had = entries[candidate.id].sent_to(target_id) if candidate.id in entries else None
        if had is None or not had.taken:
            continue
        full = read_run(client, candidate.id)
        if [p.flow_name for p in full.parents] == [p.flow_name for p in run.parents]:
            return full
    return None
