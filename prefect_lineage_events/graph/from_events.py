"""Lineage of runs that have no stored snapshot: runs in flight, and ended runs that were not assembled yet.

Their events are read and stitched as the assembler does it, without waiting for events that are still to come.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.guard import described
from prefect_lineage_events.history import api, event_log
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.reader import Patience, read_history, window_of
from prefect_lineage_events.history.runs import UnknownFlowRunError, read_run
from prefect_lineage_events.snapshots import Snapshot, snapshot_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

_NO_WAIT = Patience(completeness=0, first_event=0)


@dataclass(frozen=True, slots=True)
class ReadRun:
    """A run that was read from its events. `snapshot` is None if it touched nothing and lacks nothing.

    `stored_events`: the number of its events then; a later count shows whether more arrived. `fault`: the reason why it
    could not be read.
    """

    run_id: UUID
    run: FlowRun | None = None
    stored_events: int = 0
    snapshot: Snapshot | None = None
    fault: str = ""


def read_runs(client: SyncPrefectClient, run_ids: Iterable[UUID]) -> Iterator[ReadRun]:
    """Read and stitch these runs, one after the other: about eight requests each, and one per 50 events.

    A run that was deleted meanwhile is left out.
    """
    for run_id in run_ids:
        try:
            yield _read(client, read_run(client, run_id))
        except UnknownFlowRunError:
            continue
        except Exception as error:  # noqa: BLE001  (a history of any shape; one run must not stop the others)
            logger.debug("Run %s could not be read: %s", run_id, described(error))
            yield ReadRun(run_id, fault=f"it could not be read from its events ({type(error).__name__})")


def _read(client: SyncPrefectClient, run: FlowRun) -> ReadRun:
    # Stitching takes the SQL parser with it, at half a second: graphs of stored snapshots alone need neither.
    from prefect_lineage_events.assembler.run_lineage import stitched

    history = read_history(client, run, _NO_WAIT)
    lineage = stitched(history, facets=False)
    read = ReadRun(run.id, run, history.stored_events)
    has_gaps = bool(lineage.completeness.rejected or lineage.completeness.not_captured)
    if lineage.lineage.empty and not has_gaps:
        return read
    return replace(read, snapshot=snapshot_of(lineage))


def count_events(client: SyncPrefectClient, run: FlowRun) -> int:
    """The number of lineage events of the run that Prefect has now. One request."""
    return event_log.count(client, run.id, window_of(run, api.now(client)), run.kind)
