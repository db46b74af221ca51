"""The runs above a subflow's, made known to Marquez before it.

A subflow ends before its parent, and is assembled then. When Marquez hears of a run whose parent it does not know, it
makes that parent up and gives it the state of the child, so that one that goes on running has failed. So it gets the
parent's START first, without inputs and outputs, since these are told when the parent has ended. Other targets take
events in any order, and each run's when it is assembled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.assembler import lease, ledger
from prefect_lineage_events.assembler.latest_run import restore_latest_run
from prefect_lineage_events.assembler.ledger import DeliveryState, Entry
from prefect_lineage_events.assembler.outbox import Outbox, Send, events_for
from prefect_lineage_events.escaping import word
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.stitching.model import Lineage, RunLineage

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.delivery.targets import Target

_TEXT = (
    "# Lineage of {name}\n\nA run below this one was assembled before it; its own lineage follows when it has ended.\n"
)


def unknown(client: SyncPrefectClient, run: FlowRun, target: Target) -> Iterator[UUID]:
    """The runs above `run` that the target would make up, from the root down. One request, for a subflow only."""
    if not run.parents or target.profile != "marquez":
        return
    above = [parent.flow_run_id for parent in reversed(run.parents)]
    entries = ledger.read(client, above)
    yield from (id_ for id_ in above if not _knows(target, entries.get(id_)))


def send_start(client: SyncPrefectClient, run: FlowRun, target: Target, send: Send, lease_timeout: float) -> None:
    """Send the START of a run whose end is told later, unless the target has come to know of it meanwhile.

    Raises BusyError when another keeps delivering the run, TransientDeliveryError when the target cannot take it now.
    """
    with lease.hold(client, run.id, lease_timeout):
        page = ledger.read(client, [run.id]).get(run.id)
        if _knows(target, page):
            return
        start = events_for(RunLineage(run, Lineage()), target, str(client.api_url))[:1]
        outbox = Outbox(start, target)
        send(outbox)
        # The run has more to tell: nothing is settled by this line.
        line = replace(outbox.line, final=False)
        if page:
            ledger.note(client, page.with_delivery(line))
        else:
            page = Entry(None, ledger.end_of(run), complete=False, stored_events=0)
            ledger.write(client, run, page.with_delivery(line), _TEXT.format(name=word(run.flow_name)))
    restore_latest_run(client, run, start, target, send)


def _knows(target: Target, page: Entry | None) -> bool:
    line: DeliveryState | None = page.delivery_to(target.id) if page else None
    return line is not None and line.done > 0
