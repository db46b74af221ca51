"""A flow run by its id, its page's address, its name, or its flow's name, from Prefect's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect_lineage_events.graph.names import AmbiguousNameError, UnknownNameError, run_id_in
from prefect_lineage_events.history import api
from prefect_lineage_events.history.runs import flow_names
from prefect_lineage_events.nearness import nearest
from prefect_lineage_events.sentences import listed

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_SHOWN = 10


def run_id_of(client: SyncPrefectClient, text: str) -> UUID:
    """The id of the run that a text names; a flow's name is its newest run. No request for an id, else up to five.

    Raises UnknownNameError, with the nearest names, or AmbiguousNameError.
    """
    wanted = text.strip()
    if (run_id := run_id_in(wanted)) is not None:
        return run_id
    of_name = {"flow_runs": {"name": {"any_": [wanted]}}}
    named = _runs(client, of_name, _SHOWN)
    if len(named) == 1:
        return UUID(named[0]["id"])
    if named:
        flows = flow_names(client, [run["flow_id"] for run in named])
        ids = [f"{run['id']} ({flows.get(run['flow_id'], '?')})" for run in named]
        total: int = api.post(client, "/flow_runs/count", of_name)
        raise AmbiguousNameError(f"{total:,} runs have the name {wanted!r}: {listed(ids, _SHOWN, total=total)}")
    if of_flow := _runs(client, {"flows": {"name": {"any_": [wanted.removesuffix("@last")]}}}, 1):
        return UUID(of_flow[0]["id"])
    recent = _runs(client, {}, 200)
    flows = flow_names(client, [run["flow_id"] for run in recent])
    near = nearest(wanted, {*(run["name"] for run in recent), *flows.values()})
    how = "" if near else ": give its name, its id (a UUID), or its page's address"
    raise UnknownNameError(f"there is no run or flow {wanted!r} at {client.api_url}{how}", near)


def _runs(client: SyncPrefectClient, chosen: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """The newest runs of a filter."""
    rows: list[dict[str, Any]] = api.post(
        client, "/flow_runs/filter", {**chosen, "sort": "EXPECTED_START_TIME_DESC", "limit": limit}
    )
    return rows
