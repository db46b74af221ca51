"""Claims: one assembler at a time delivers a run, so that two sweeps, or a sweep and an automation, send it once.

A claim is an artifact without a key, which Prefect shows nowhere and makes no event of. Nothing in Prefect is unique
without being seen, so a claim is made before others are looked for: of two that are made at once, at least one sees the
other. A claim holds while it is the run's only one; of those that wait for that, the one with the lowest id stays.
It lasts for the setting `claim_seconds` and is renewed while its holder lives, however long the delivery takes; a dead
one's is taken over.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect.exceptions import ObjectNotFound

from prefect_lineage_events.assembler import publishing
from prefect_lineage_events.history import api
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


_PROC = Path("/proc")


def this_process() -> str:
    """This process among all that ever were on this machine (and in its container); empty where that cannot be told."""
    try:
        return f"{_machine()}/{os.getpid()}/{_began(os.getpid())}"
    except OSError:
        return ""


def has_exited(holder: str) -> bool:
    """Was it a process of this machine, and is it no more? False for what cannot be known."""
    machine, _, process = holder.partition("/")
    pid, _, began = process.partition("/")
    try:
        if machine != _machine():
            return False
    except OSError:
        return False
    try:
        return _began(int(pid)) != began
    except OSError:
        return True


def _machine() -> str:
    """The kernel's boot, and the container's processes in it."""
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    processes = (_PROC / "self/ns/pid").readlink()
    return f"{boot}.{processes}"


def _began(pid: int) -> str:
    """When a process began, in ticks since the boot: ids of processes come again. Killed and not buried is dead."""
    # the name of a program may be any bytes
    state, *rest = (_PROC / str(pid) / "stat").read_text("latin-1").rpartition(")")[2].split()
    if state in "ZX":
        raise ProcessLookupError(pid)
    return rest[18]


logger = logging.getLogger(__name__)

TYPE = "prefect-lineage-claim"
# How often a claim is renewed in the time for which it holds: an API that is away for a while does not end it.
_RENEWALS = 4
# Another assembler may be set to claim for longer than this one, up to so much.
_LONGEST = dt.timedelta(days=1)
# How often the claim with the lowest id looks whether the others have gone, and seconds between two looks.
_LOOKS = 4
_POLL_SECONDS = 0.15


class BusyError(RuntimeError):
    """Another assembler is delivering this run right now."""


@contextmanager
def hold(client: SyncPrefectClient, flow_run_id: UUID, patience: float) -> Iterator[None]:
    """Be the only one who delivers this run.

    Waits up to `patience` seconds for another to finish; raises BusyError then. A dead assembler's claim is taken over.
    """
    deadline = time.monotonic() + patience
    while not (lease_id := try_acquire(client, flow_run_id)):
        if time.monotonic() >= deadline:
            raise BusyError(f"another assembler is delivering flow run {flow_run_id} right now")
        time.sleep(0.5)
    try:
        with _renewed(client, lease_id):
            yield
    finally:
        try:
            publishing.delete_artifact(client, lease_id)
        except httpx.HTTPError as error:
            # What was delivered is delivered, and the claim is over when its time is.
            logger.warning("The claim %s could not be taken back: %s", lease_id, error)


def try_acquire(client: SyncPrefectClient, flow_run_id: UUID) -> UUID | None:
    """The id of the claim; None while another holds the run."""
    # The id stands in the field of a task run's: on the flow run's page nothing of it is shown.
    mine = publishing.create_artifact(client, type=TYPE, data=_value(client), task_run_id=flow_run_id)
    for look in range(_LOOKS):
        others = [row["id"] for row in _valid(client, _leases(client, flow_run_id)) if row["id"] != str(mine)]
        if not others:
            return mine
        if min(others) < str(mine):
            break
        if look < _LOOKS - 1:
            time.sleep(_POLL_SECONDS)
    publishing.delete_artifact(client, mine)
    return None


def remove_expired(client: SyncPrefectClient) -> int:
    """Remove the claims that dead assemblers left behind, of runs that nobody took over; returns how many."""
    rows = list(_leases(client))
    return len(rows) - len(_valid(client, rows))


def _leases(client: SyncPrefectClient, flow_run_id: UUID | None = None) -> Iterator[dict[str, Any]]:
    """The claims on a run, or all there are."""
    chosen: dict[str, Any] = {"type": {"any_": [TYPE]}}
    if flow_run_id is not None:
        chosen["task_run_id"] = {"any_": [str(flow_run_id)]}
    for rows in api.pages(client, "/artifacts/filter", {"artifacts": chosen, "sort": "ID_DESC"}):
        yield from rows


def _valid(client: SyncPrefectClient, rows: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the claims that are not over; the others are removed."""
    living = []
    for row in list(rows):
        if _has_expired(row.get("data"), api.now(client)):
            publishing.delete_artifact(client, UUID(row["id"]))
        else:
            living.append(row)
    return living


@contextmanager
def _renewed(client: SyncPrefectClient, lease_id: UUID) -> Iterator[None]:
    over = Event()
    thread = Thread(target=_renew, args=(client, lease_id, over), name="lineage-claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _renew(client: SyncPrefectClient, lease_id: UUID, over: Event) -> None:
    every = settings().claim_seconds / _RENEWALS
    while not over.wait(every):
        try:
            publishing.update_artifact(client, lease_id, data=_value(client))
        except (httpx.HTTPError, ObjectNotFound) as error:
            # Not the delivery's trouble: the claim holds for a while yet, and the next renewal may succeed.
            logger.warning("The claim %s could not be renewed: %s", lease_id, error)


def _value(client: SyncPrefectClient) -> str:
    """Until when the claim holds, by the API's clock, and who holds it."""
    until = (api.now(client) + dt.timedelta(seconds=settings().claim_seconds)).isoformat()
    return f"{until} {this_process()}".strip()


def _has_expired(hold: object, now: dt.datetime) -> bool:
    """By its time; or, where that can be seen, by the death of the process that made it. So is what is no claim."""
    until, _, by = str(hold).partition(" ")
    try:
        end = dt.datetime.fromisoformat(until)
        # None is made for so long: it was written by hand.
        too_long = now + dt.timedelta(seconds=settings().claim_seconds) + _LONGEST
        return not now <= end <= too_long or (bool(by) and has_exited(by))
    except (ValueError, TypeError, OverflowError):
        return True
