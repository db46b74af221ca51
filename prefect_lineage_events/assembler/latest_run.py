"""Keeps the present in place at a target that shows what arrived last.

After a failed run, or an older one of a backfill, such a target's graph shows that run. So the end of the job's newest
good run is sent once more: nothing false is said by it, and the graph is the present again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from prefect_lineage_events.assembler import ledger
from prefect_lineage_events.assembler.ledger import Entry
from prefect_lineage_events.assembler.outbox import Event, Outbox, events_for
from prefect_lineage_events.assembler.run_lineage import stitched
from prefect_lineage_events.delivery.profiles import marquez
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.reader import Patience, read_history
from prefect_lineage_events.history.runs import completed_runs, read_run
from prefect_lineage_events.openlineage.job_facets import job_name, names_deployment
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.delivery.targets import Target

_NOW = Patience(completeness=0, first_event=0)


class LatestRun(NamedTuple):
    """A run that completed and that a target has, with the ledger's page about it."""

    run: FlowRun
    page: Entry


def restore_latest_run(
    client: SyncPrefectClient,
    run: FlowRun,
    sent: list[Event],
    to: Target,
    send: Callable[[Outbox], None],
    *,
    anew: bool = False,
) -> FlowRun | None:
    """Send again what a target needs after `sent` of `run`; returns the run whose end was sent, if one was.

    `anew`: today's analyser reads its statements, as it does where it has read them before. Raises
    TransientDeliveryError when the target cannot take it now.
    """
    if to.profile != "marquez":
        return None
    good = latest_completed(client, run, to.id)
    if good is None:
        return None
    lineage = stitched(read_history(client, good.run, _NOW), anew=anew or good.page.anew)
    again = marquez.events_to_restore(sent, events_for(lineage, to, str(client.api_url)))
    if not again:
        return None
    send(Outbox(again, to))
    return good.run


def latest_completed(client: SyncPrefectClient, run: FlowRun, target_id: str) -> LatestRun | None:
    """The newest completed run of the same job that touched data and that the target has; None when it is `run` itself,
    or there is none.

    A subflow is another job under each parent, and by the setting `job_name` a flow is under each deployment.
    """
    template = settings().job_name
    candidates = completed_runs(client, run, of_deployment=names_deployment(template))
    entries = ledger.read(client, [c.id for c in candidates])
    for candidate in candidates:
        page = entries.get(candidate.id)
        if page is not None and page.empty:
            continue
        if candidate.id == run.id:
            if run.state == "COMPLETED":
                return None
            continue
        had = page.delivery_to(target_id) if page else None
        if page is None or had is None or not had.taken:
            continue
        full = read_run(client, candidate.id)
        if job_name(full, template) == job_name(run, template):
            return LatestRun(full, page)
    return None
