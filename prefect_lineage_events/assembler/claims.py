"""Claims: one assembler at a time delivers a run, so that two sweeps, or a sweep and an automation, send it once.

A Prefect variable is the claim, since its name is unique. It holds for the setting `claim_seconds` and is renewed
while its holder lives, however long the delivery takes; a dead one's is taken over.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect.client.schemas.actions import VariableCreate
from prefect.exceptions import ObjectAlreadyExists, PrefectHTTPStatusError

from prefect_lineage_events.assembler import holder
from prefect_lineage_events.history import api
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

NAME_PREFIX = "prefect_lineage_delivering_"
# How often a claim is renewed in the time for which it holds: an API that is away for a while does not end it.
_RENEWALS = 4


class BusyError(RuntimeError):
    """Another assembler is delivering this run right now."""


@contextmanager
def claim(client: SyncPrefectClient, flow_run_id: UUID, patience: float) -> Iterator[None]:
    """Be the only one who delivers this run.

    Waits up to `patience` seconds for another to finish; raises BusyError then. A dead assembler's claim is taken over.
    """
    deadline = time.monotonic() + patience
    while not (variable_id := try_claim(client, flow_run_id)):
        if time.monotonic() >= deadline:
            raise BusyError(f"another assembler is delivering flow run {flow_run_id} right now")
        time.sleep(0.5)
    try:
        with _renewed(client, variable_id):
            yield
    finally:
        try:
            _release(client, variable_id)
        except httpx.HTTPError as error:
            # What was delivered is delivered, and the claim is over when its time is.
            logger.warning("The claim %s could not be taken back: %s", variable_id, error)


def try_claim(client: SyncPrefectClient, flow_run_id: UUID) -> UUID | None:
    """The id of the claim; None while another holds the run."""
    name = f"{NAME_PREFIX}{flow_run_id.hex}"
    try:
        return client.create_variable(VariableCreate(name=name, value=_value(client))).id
    except ObjectAlreadyExists:
        held = client.read_variable_by_name(name)
    if held is None or not _is_over(str(held.value), api.now(client)):
        return None
    # By id: where two take over at once, the slower one must not delete the quicker one's new claim.
    _release(client, held.id)
    return try_claim(client, flow_run_id)


def release_dead(client: SyncPrefectClient) -> int:
    """Remove the claims that dead assemblers left behind, of runs that nobody took over; returns how many."""
    chosen = {"variables": {"name": {"like_": NAME_PREFIX}}, "sort": "NAME_ASC"}
    rows: list[dict[str, Any]] = [row for page in api.pages(client, "/variables/filter", chosen) for row in page]
    now = api.now(client)
    dead = [row for row in rows if row["name"].startswith(NAME_PREFIX) and _is_over(str(row["value"]), now)]
    for row in dead:
        _release(client, UUID(row["id"]))
    return len(dead)


@contextmanager
def _renewed(client: SyncPrefectClient, variable_id: UUID) -> Iterator[None]:
    over = Event()
    thread = Thread(target=_renew, args=(client, variable_id, over), name="lineage-claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _renew(client: SyncPrefectClient, variable_id: UUID, over: Event) -> None:
    every = settings().claim_seconds / _RENEWALS
    while not over.wait(every):
        try:
            path = {"id": variable_id}
            client.request("PATCH", "/variables/{id}", path_params=path, json={"value": _value(client)})
        except httpx.HTTPError as error:
            # Not the delivery's trouble: the claim holds for a while yet, and the next renewal may succeed.
            logger.warning("The claim %s could not be renewed: %s", variable_id, error)


def _value(client: SyncPrefectClient) -> str:
    """Until when the claim holds, by the API's clock, and who holds it."""
    until = (api.now(client) + dt.timedelta(seconds=settings().claim_seconds)).isoformat()
    return f"{until} {holder.this_process()}".strip()


def _is_over(claim: str, now: dt.datetime) -> bool:
    """By its time; or, where that can be seen, by the death of the process that made it."""
    until, _, by = claim.partition(" ")
    return dt.datetime.fromisoformat(until) < now or (bool(by) and holder.is_dead(by))


def _release(client: SyncPrefectClient, variable_id: UUID) -> None:
    try:
        client.request("DELETE", "/variables/{id}", path_params={"id": variable_id})
    except PrefectHTTPStatusError as error:
        if error.response.status_code != 404:
            raise
