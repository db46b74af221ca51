"""`lineage_of(flow_run_id)`: the stitched lineage of a flow run, read from Prefect's event history."""

from __future__ import annotations

from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.utilities.asyncutils import run_sync_in_worker_thread

from prefect_lineage_events.assembler.assemble import patience
from prefect_lineage_events.assembler.run_lineage import stitched
from prefect_lineage_events.history.reader import Patience, parse_run_id, read_history
from prefect_lineage_events.history.runs import read_run
from prefect_lineage_events.lineage_values import RunLineage, value_of


def lineage_of(flow_run_id: UUID | str, *, wait: float | None = None) -> RunLineage:
    """The lineage of a flow run, read from Prefect's event history and stitched.

    The events of a run arrive some seconds after its end. `wait` is the number of seconds for which to wait for those
    that are counted and missing; by default that of the setting `completeness_timeout`, 0 to take what is there.
    A run that has not ended has the lineage so far, and is not complete.

    Raises ValueError for an id that is no UUID or that this Prefect API does not know.
    """
    patient = patience() if wait is None else Patience(completeness=wait, first_event=min(wait, Patience().first_event))
    with get_client(sync_client=True) as client:
        run = read_run(client, parse_run_id(flow_run_id))
        return value_of(stitched(read_history(client, run, patient), facets=False))


async def alineage_of(flow_run_id: UUID | str, *, wait: float | None = None) -> RunLineage:
    """`lineage_of` in a worker thread, so that the event loop is not blocked."""
    return await run_sync_in_worker_thread(lineage_of, flow_run_id, wait=wait)
