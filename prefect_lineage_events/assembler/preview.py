"""What would become of a run, were it assembled now: read and stitched, and nothing said to anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.assembler.assemble import Assembled, Order, Outcome
from prefect_lineage_events.assembler.run_lineage import stitched, told_by_cache
from prefect_lineage_events.history.reader import Patience, read_history
from prefect_lineage_events.history.runs import read_run

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_NOW = Patience(completeness=0, settle=0)


def preview_run(client: SyncPrefectClient, flow_run_id: UUID, order: Order, *, settled: bool) -> Assembled:
    """What `assemble_run` would make of a run; `settled`: its targets have what its history said then.

    Costs the reading of the run. Raises UnknownFlowRunError.
    """
    run = read_run(client, flow_run_id)
    history = read_history(client, run, _NOW)
    lineage = told_by_cache(client, stitched(history, anew=order.reanalyse))
    outcome: Outcome = "would be sent"
    if not lineage.worth_sending:
        outcome = "no lineage"
    elif settled and not order.force and not lineage.reanalysis.changed:
        outcome = "nothing new"
    return Assembled(run.id, run.flow_name, outcome, lacks=history.completeness.lacks(), reanalysis=lineage.reanalysis)
