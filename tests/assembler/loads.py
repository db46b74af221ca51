"""Flows with lineage, and the wait until the server has stored it."""

from __future__ import annotations

import datetime as dt
import time
from uuid import UUID

from prefect import flow
from prefect.runtime import flow_run

from prefect_lineage_events.assembler import assemble
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.reader import Patience
from prefect_lineage_events.history.runs import UnknownFlowRunError
from tests.by_hand import emit_writes


@flow(name="daily load")
def daily_load() -> UUID:
    emit_writes([("loaded", "source")])
    return UUID(flow_run.id)


@flow(name="hourly load")
def hourly_load() -> UUID:
    emit_writes([("hourly", "source")])
    return UUID(flow_run.id)


@flow(name="no load")
def no_load() -> UUID:
    return UUID(flow_run.id)


# A server that others load as well takes its time to store what it received.
_PATIENCE = dt.timedelta(seconds=300)


def now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


def stored(client, *run_ids: UUID, complete: bool = True) -> None:
    """Wait until the runs' closing events are stored: the sweep does not wait."""
    for run_id in run_ids:
        deadline = now() + _PATIENCE
        while True:
            history = assemble.read_history(client, known_run(client, run_id), Patience(completeness=0))
            if history.stored_events and history.completeness.complete == complete:
                break
            assert now() < deadline, f"not all events of {run_id} were stored: {history.completeness}"
            time.sleep(0.1)


def known_run(client, run_id: UUID) -> FlowRun:
    """The run, once the server has recorded it: a task run outside any flow is recorded from events, some seconds after it ended."""
    deadline = now() + _PATIENCE
    while True:
        try:
            return assemble.read_run(client, run_id)
        except UnknownFlowRunError:
            assert now() < deadline, f"the server has recorded nothing of {run_id}"
            time.sleep(0.2)
