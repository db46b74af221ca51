"""The present, put back after a backfill: of each job, a target that shows what arrived last shows the newest good run.

What each target took last stands in the ledger, so a backfill that was killed in the middle leaves nothing behind that
the next one would not see.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.assembler import ledger
from prefect_lineage_events.assembler.assemble import AssemblyOptions, restore_latest
from prefect_lineage_events.assembler.latest_run import latest_completed
from prefect_lineage_events.delivery.deliver import TransientDeliveryError
from prefect_lineage_events.history import api
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.runs import read_run

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.delivery.targets import Target

logger = logging.getLogger(__name__)


def restore_latest_runs(
    client: SyncPrefectClient, jobs: Iterable[Sequence[UUID]], options: AssemblyOptions
) -> list[tuple[FlowRun, str]]:
    """For each job, given some of its runs: let it show its newest good run. Returns the runs that hide it still, and
    why.
    """
    showing = [target for target in options.to() if target.profile == "marquez"]
    failures = []
    for job in jobs if showing else ():
        entries = ledger.read(client, job)
        for target in showing:
            if latest := _taken_last(entries, target):
                run = read_run(client, latest)
                try:
                    _put_back(client, run, entries[latest], target, options)
                except TransientDeliveryError as error:
                    failures.append((run, f"its job's newest run could not be put back: {error}"))
    return failures


def _taken_last(entries: dict[UUID, ledger.Entry], target: Target) -> UUID | None:
    """The run whose events the target took last."""
    taken = {run_id: sent for run_id, entry in entries.items() if (sent := entry.delivery_to(target.id)) and sent.done}
    return max(taken, key=lambda run_id: (taken[run_id].taken_at, str(run_id)), default=None)


def _put_back(
    client: SyncPrefectClient, latest: FlowRun, page: ledger.Entry, target: Target, options: AssemblyOptions
) -> None:
    good = latest_completed(client, latest, target.id)
    if good is None:
        return
    line, taken = good.page.delivery_to(target.id), page.delivery_to(target.id)
    if line is None or taken is None or line.taken_at > taken.taken_at:
        return
    restore_latest(client, latest.id, replace(options, targets=[target.id]))
    ledger.note(client, good.page.with_delivery(replace(line, taken_at=api.now(client).isoformat())))
    logger.info("Run %s is the newest of %s again at %s", good.run.id, good.run.flow_name, target.name)
