"""A run that exists in Prefect and that the graph does not hold: what it is, and why nothing is known of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prefect_lineage_events.events import OWN_FLOW_PREFIX
from prefect_lineage_events.graph.evidence import ref_of
from prefect_lineage_events.graph.from_events import count_events
from prefect_lineage_events.graph.graph import Window
from prefect_lineage_events.graph.names import UnknownNameError
from prefect_lineage_events.graph.run_names import run_id_of
from prefect_lineage_events.graph.values import Gap, RunDetails, RunSummary
from prefect_lineage_events.history import api
from prefect_lineage_events.history.model import END_STATES, FlowRun
from prefect_lineage_events.history.runs import UnknownFlowRunError, read_run

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Events arrive and are assembled within this time of a run's end.
_ARRIVING = dt.timedelta(minutes=2)


def absent_run(client: SyncPrefectClient, text: str, window: Window) -> RunDetails | None:
    """The run that this text names, with the reasons why the graph of the window does not hold it; None for no run.

    About ten requests. Raises AmbiguousNameError if several runs have the name.
    """
    try:
        run = read_run(client, run_id_of(client, text))
    except (UnknownFlowRunError, UnknownNameError):
        return None
    ref = ref_of(run)
    in_flight = run.state not in END_STATES
    return RunDetails(
        summary=RunSummary(run=ref, complete=False, in_flight=in_flight),
        gaps=tuple(Gap(kind="no lineage", text=text, run=ref) for text in _reasons(client, run, window)),
    )


def _reasons(client: SyncPrefectClient, run: FlowRun, window: Window) -> Iterator[str]:
    if run.flow_name.startswith(OWN_FLOW_PREFIX):
        yield "it is a run of the assembler itself, which is never captured"
        return
    if run.started is None:
        yield f"it did not begin: its state is {run.state.lower()}"
        return
    if run.ended is not None and not window.holds(run.ended):
        yield "it ended outside the window of this question: ask with an earlier --since, or another --as-of"
        return
    count = count_events(client, run)
    is_recent = run.ended is None or api.now(client) - run.ended < _ARRIVING
    if count and is_recent:
        # They may have arrived since the graph was loaded: a server stores events up to five seconds late.
        when = "it ended just now" if run.ended else "it is running"
        yield f"{when}, and its lineage events are still arriving: ask again in some seconds"
        return
    if count:
        yield (
            f"Prefect has {count:,} lineage events of it, which name no dataset that outlived the run, or cannot be "
            f"read: `prefect-lineage assemble {run.id}` says more"
        )
        return
    if run.ended is not None and is_recent:
        yield "it ended just now: its events may still arrive"
    yield (
        "Prefect has no lineage event of it: it read and wrote nothing that is captured, or lineage was not switched "
        "on in its process (PREFECT_PLUGINS_ENABLED=true and PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT=true "
        "there; `prefect-lineage doctor` checks it in that environment), or its events are past Prefect's retention"
    )
