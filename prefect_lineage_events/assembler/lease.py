"""Leases: one assembler at a time delivers a run, so that two sweeps, or a sweep and an automation, send it once.

A lease is an artifact without a key, which Prefect shows nowhere and makes no event of. Prefect has no unique field
that stays invisible, so a lease is created before others are looked for: of two created at once, at least one assembler
sees the other. A lease is held while it is the run's only one. Of those that wait for that, the one with the lowest id
stays, and the others wait until they see none. A lease lasts for the setting `claim_seconds` and is renewed while its
owner runs, however long a delivery takes. The lease of an owner that exited is taken over.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
from collections.abc import Iterable, Iterator
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

logger = logging.getLogger(__name__)

TYPE = "prefect-lineage-claim"
# Renewals within the duration of a lease: an API that is away for a while does not end the lease.
_RENEWALS = 4
# Another assembler's `claim_seconds` may be longer than this one's, by at most this.
_MAX_LONGER = dt.timedelta(days=1)
# Polls by the lease with the lowest id for the end of the others, and the seconds between two.
_POLLS = 4
_POLL_SECONDS = 0.15
_RETRY_SECONDS = 0.5
_PROC = Path("/proc")


class BusyError(RuntimeError):
    """Another assembler is delivering this run right now."""


@contextmanager
def hold(client: SyncPrefectClient, flow_run_id: UUID, timeout: float) -> Iterator[None]:
    """Hold the run's lease within the block, taking over the lease of an assembler that exited.

    Waits up to `timeout` seconds for another assembler to finish, and raises BusyError then.
    """
    deadline = time.monotonic() + timeout
    while not (lease_id := try_acquire(client, flow_run_id)):
        # Those that wait look before they create: leases of many would keep each of them from being the only one.
        while True:
            if time.monotonic() >= deadline:
                raise BusyError(f"another assembler is delivering flow run {flow_run_id} right now")
            time.sleep(_RETRY_SECONDS)
            if not _valid(client, _leases(client, flow_run_id)):
                break
    try:
        with _renewed(client, lease_id):
            yield
    finally:
        try:
            publishing.delete_artifact(client, lease_id)
        except httpx.HTTPError as error:
            # The events are delivered all the same, and the lease expires by its time.
            logger.warning("The lease %s could not be released: %s", lease_id, error)


def try_acquire(client: SyncPrefectClient, flow_run_id: UUID) -> UUID | None:
    """Return the id of a new lease on the run, or None while another assembler holds one."""
    # The run's id stands in the field for task runs: so the flow run's page shows nothing of the lease.
    own = publishing.create_artifact(client, type=TYPE, data=_value(client), task_run_id=flow_run_id)
    for poll in range(_POLLS):
        others = [row["id"] for row in _valid(client, _leases(client, flow_run_id)) if row["id"] != str(own)]
        if not others:
            return own
        if min(others) < str(own):
            break
        if poll < _POLLS - 1:
            time.sleep(_POLL_SECONDS)
    publishing.delete_artifact(client, own)
    return None


def remove_expired(client: SyncPrefectClient) -> int:
    """Remove the leases that exited assemblers left on runs since delivered by none; return their number."""
    rows = list(_leases(client))
    return len(rows) - len(_valid(client, rows))


def _leases(client: SyncPrefectClient, flow_run_id: UUID | None = None) -> Iterator[dict[str, Any]]:
    """Leases on a run, or all leases."""
    chosen: dict[str, Any] = {"type": {"any_": [TYPE]}}
    if flow_run_id is not None:
        chosen["task_run_id"] = {"any_": [str(flow_run_id)]}
    for rows in api.pages(client, "/artifacts/filter", {"artifacts": chosen, "sort": "ID_DESC"}):
        yield from rows


def _valid(client: SyncPrefectClient, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leases that have not expired; the others are removed."""
    valid = []
    for row in list(rows):
        if _has_expired(row.get("data"), api.now(client)):
            publishing.delete_artifact(client, UUID(row["id"]))
        else:
            valid.append(row)
    return valid


@contextmanager
def _renewed(client: SyncPrefectClient, lease_id: UUID) -> Iterator[None]:
    over = Event()
    thread = Thread(target=_renew, args=(client, lease_id, over), name="lineage-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _renew(client: SyncPrefectClient, lease_id: UUID, over: Event) -> None:
    interval = settings().claim_seconds / _RENEWALS
    while not over.wait(interval):
        try:
            publishing.update_artifact(client, lease_id, data=_value(client))
        except (httpx.HTTPError, ObjectNotFound) as error:
            # No reason to stop the delivery: the lease lasts for a while yet, and the next renewal may succeed.
            logger.warning("The lease %s could not be renewed: %s", lease_id, error)


def _value(client: SyncPrefectClient) -> str:
    """The end of the lease by the API's clock, and its owner."""
    until = (api.now(client) + dt.timedelta(seconds=settings().claim_seconds)).isoformat()
    return f"{until} {this_process()}".strip()


def _has_expired(lease: object, now: dt.datetime) -> bool:
    """Return whether its time is over, its owner is seen to have exited, or it cannot be read as a lease."""
    until, _, owner = str(lease).partition(" ")
    try:
        end = dt.datetime.fromisoformat(until)
        # No assembler creates a longer one: it was written by hand.
        too_long = now + dt.timedelta(seconds=settings().claim_seconds) + _MAX_LONGER
        return not now <= end <= too_long or (bool(owner) and has_exited(owner))
    except (ValueError, TypeError, OverflowError):
        return True


def this_process() -> str:
    """Identity of this process among all past ones of this machine (and its container); empty where unknown."""
    try:
        return f"{_machine()}/{os.getpid()}/{_start_ticks(os.getpid())}"
    except OSError:
        return ""


def has_exited(owner: str) -> bool:
    """Return whether it was a process of this machine that has exited. False for what cannot be known."""
    machine, _, process = owner.partition("/")
    pid, _, began = process.partition("/")
    try:
        if machine != _machine():
            return False
    except OSError:
        return False
    try:
        return _start_ticks(int(pid)) != began
    except OSError:
        return True


def _machine() -> str:
    """The kernel's boot, and the container's process namespace in it."""
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    processes = (_PROC / "self/ns/pid").readlink()
    return f"{boot}.{processes}"


def _start_ticks(pid: int) -> str:
    """Start of a process in ticks since the boot: PIDs are reused, so start times are compared. A zombie has exited."""
    # The name of a program may be any bytes.
    state, *rest = (_PROC / str(pid) / "stat").read_text("latin-1").rpartition(")")[2].split()
    if state in "ZX":
        raise ProcessLookupError(pid)
    return rest[18]
