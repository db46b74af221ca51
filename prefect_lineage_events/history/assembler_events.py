"""Events that assemblers emitted about runs: `lineage.assembled`, `lineage.incomplete`, `lineage.rejected`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prefect_lineage_events.events import FLOW_LABEL, OWN_FLOW_PREFIX
from prefect_lineage_events.history import api

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# The deployments of the assembler and of its sweep, as FLOW/DEPLOYMENT.
DEPLOYMENT = "lineage"
ASSEMBLER = f"{OWN_FLOW_PREFIX}assemble/{DEPLOYMENT}"
SWEEPER = f"{OWN_FLOW_PREFIX}sweep/{DEPLOYMENT}"
# Prefix of the resource of an event about one run.
RUN_PREFIX = "prefect-lineage.run."
# Events on a page of Prefect's API, its greatest.
PAGE = 50
RECENT = dt.timedelta(hours=24)
# Clocks of clients differ from the API's: an event may be dated later than now.
_AHEAD = dt.timedelta(hours=1)


def runs_of(event: Mapping[str, Any]) -> list[str]:
    """The ids of the flow runs named by an event, such as `lineage.assembled`."""
    runs = event["payload"].get("runs")
    if isinstance(runs, list):
        return [str(one.get("flow_run_id")) for one in runs if isinstance(one, Mapping)]
    return [str(event["resource"].get("prefect.resource.id")).removeprefix(RUN_PREFIX)]


def flow_of(event: Mapping[str, Any]) -> str:
    """The name of the flow of an event about one run. Earlier versions had it for the name of the resource."""
    resource = event["resource"]
    return str(resource.get(FLOW_LABEL) or resource.get("prefect.resource.name") or "")


def refusal_of(event: Mapping[str, Any]) -> str:
    """The target that refused events of a run, and its first reason."""
    payload = event["payload"]
    reasons = payload.get("reasons")
    return f"{payload.get('target')}: {reasons[0] if isinstance(reasons, list) and reasons else 'no reason given'}"


def count_runs(events: Iterable[Mapping[str, Any]]) -> int:
    """The number of runs that these events are about."""
    return len({run for event in events for run in runs_of(event)})


def recent_events(client: SyncPrefectClient, name: str) -> list[dict[str, Any]]:
    """The latest events of that name in the last day, up to one page."""
    return next(pages(client, {"name": [name]}, api.now(client) - RECENT))


def pages(
    client: SyncPrefectClient,
    event: Mapping[str, Any],
    since: dt.datetime,
    order: str = "DESC",
    until: dt.datetime | None = None,
) -> Iterator[list[dict[str, Any]]]:
    """The events since then (until now) that pass this filter of names, a page at a time."""
    occurred = {"since": since.isoformat(), "until": (until or api.now(client) + _AHEAD).isoformat()}
    body = {"filter": {"event": dict(event), "occurred": occurred, "order": order}, "limit": PAGE}
    page = api.post(client, "/events/filter", body)
    while True:
        yield list(page["events"])
        if not page.get("next_page"):
            return
        page = api.get(client, f"/events/filter/next?{urlsplit(page['next_page']).query}")
