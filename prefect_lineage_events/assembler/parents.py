"""Parent runs, sent before their subflows to targets that create unknown parents.

A subflow ends, and is assembled, before its parent. Marquez creates an unknown parent with the state of the child, so
that a parent that is still running counts as failed. So such a target receives the parent's START first, without inputs
and outputs, which are sent when the parent has ended. Other targets take events in any order, and receive each run when
it is assembled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.assembler import lease, ledger
from prefect_lineage_events.assembler.latest_run import restore_latest_run
from prefect_lineage_events.assembler.ledger import Entry
from prefect_lineage_events.assembler.options import AssemblyOptions
from prefect_lineage_events.assembler.outbox import Outbox
from prefect_lineage_events.assembler.pages import run_page
from prefect_lineage_events.assembler.run_lineage import events_for
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.stitching.model import Lineage, RunLineage

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.delivery.targets import Target


def unknown(client: SyncPrefectClient, run: FlowRun, target: Target) -> Iterator[UUID]:
    """The runs above `run` that the target does not have yet, from the root down. One request, for a subflow only."""
    if not run.parents or not target.profile.needs_parents_first:
        return
    above = [parent.flow_run_id for parent in reversed(run.parents)]
    entries = ledger.read(client, above)
    yield from (id_ for id_ in above if not _is_known(target, entries.get(id_)))


def send_start(client: SyncPrefectClient, run: FlowRun, target: Target, options: AssemblyOptions) -> None:
    """Send the START of a run whose end is sent later, unless the target has received it meanwhile.

    Raises BusyError when another assembler keeps delivering the run, TransientDeliveryError when the target cannot take
    it now.
    """
    with lease.hold(client, run.id, options.lease_timeout):
        entry = ledger.read(client, [run.id]).get(run.id)
        if _is_known(target, entry):
            return
        start = events_for(RunLineage(run, Lineage()), target, str(client.api_url))[:1]
        outbox = Outbox(start, target)
        outbox.send(retry=options.retry)
        # The run's own end must follow.
        state = replace(outbox.state, final=False)
        if entry:
            ledger.update(client, entry.with_delivery(state))
        else:
            entry = Entry(None, ledger.end_of(run), complete=False, stored_events=0)
            ledger.write(client, run, entry.with_delivery(state), run_page.before_end(run.flow_name))
    restore_latest_run(client, run, start, target, replace(options, reanalyse=False))


def _is_known(target: Target, entry: Entry | None) -> bool:
    state = entry.delivery_to(target.id) if entry else None
    return state is not None and state.done > 0
