"""Reads the ids of the runs that ended in a window, without the rest of them: for readers of thousands of runs.

Prefect's own route for the runs' dots on its pages returns a thousand at a time, with five small fields each. Servers
without this route are asked for whole runs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.exceptions import PrefectHTTPStatusError

from prefect_lineage_events.events import OWN_FLOW_PREFIX
from prefect_lineage_events.history import api
from prefect_lineage_events.history.api import JSON
from prefect_lineage_events.history.model import END_STATES
from prefect_lineage_events.history.runs import ended_runs

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_ROUTE = "/ui/flow_runs/history"
_PAGE = 1_000


def ended_run_ids(client: SyncPrefectClient, start: dt.datetime, end: dt.datetime) -> Iterator[list[UUID]]:
    """The ids of the flow runs that ended in [start, end], newest first, in pages; those of our own flows are left out.

    Two requests, and one per 1,000 runs.
    """
    try:
        own = _own_runs(client, start, end)
        for rows in _rows(client, {"flow_runs": _ended(start, end)}):
            yield [id_ for row in rows if (id_ := UUID(row["id"])) not in own]
    except PrefectHTTPStatusError as error:
        if error.response.status_code not in (404, 405, 422):
            raise
        yield from ([run.id for run in runs if run.kind == "flow-run"] for runs in ended_runs(client, start, end))


def count_ended(client: SyncPrefectClient, start: dt.datetime, end: dt.datetime) -> int:
    """The number of flow runs that ended in [start, end], those of our own flows included. One request."""
    return int(api.post(client, "/flow_runs/count", {"flow_runs": _ended(start, end)}))


def _own_runs(client: SyncPrefectClient, start: dt.datetime, end: dt.datetime) -> set[UUID]:
    named = {"flows": {"name": {"like_": OWN_FLOW_PREFIX}}}
    flows = [row["id"] for rows in api.pages(client, "/flows/filter", named) for row in rows if _is_own(row["name"])]
    if not flows:
        return set()
    body = {"flow_runs": _ended(start, end), "flows": {"id": {"any_": flows}}}
    return {UUID(row["id"]) for rows in _rows(client, body) for row in rows}


def _is_own(flow_name: str) -> bool:
    return flow_name.startswith(OWN_FLOW_PREFIX)


def _rows(client: SyncPrefectClient, body: JSON) -> Iterator[list[JSON]]:
    return api.pages(client, _ROUTE, {**body, "sort": "END_TIME_DESC"}, size=_PAGE)


def _ended(start: dt.datetime, end: dt.datetime) -> JSON:
    window = {"after_": start.isoformat(), "before_": end.isoformat()}
    return {"end_time": window, "state": {"type": {"any_": sorted(END_STATES)}}}
