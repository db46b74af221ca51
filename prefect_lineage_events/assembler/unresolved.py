"""Refusals and gaps of the last day that still stand: the feed has all of them, the ledger shows which are resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect_lineage_events.assembler import ledger
from prefect_lineage_events.assembler.ledger import Entry
from prefect_lineage_events.events import ASSEMBLED_EVENT, INCOMPLETE_EVENT, REJECTED_EVENT
from prefect_lineage_events.history import api
from prefect_lineage_events.history.assembler_events import PAGE, recent_events, runs_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


@dataclass(frozen=True, slots=True)
class Unresolved:
    """The events, newest first. `more`: only one page of the feed was read, so there may be others."""

    events: Sequence[Mapping[str, Any]] = ()
    more: bool = False


def refusals(client: SyncPrefectClient) -> Unresolved:
    """The events of runs of which a target still refuses events."""
    return _standing(client, REJECTED_EVENT, lambda entry: any(one.rejected for one in entry.targets.values()))


def gaps(client: SyncPrefectClient) -> Unresolved:
    """The events of runs whose lineage is still incomplete."""
    return _standing(client, INCOMPLETE_EVENT, lambda entry: not entry.complete)


def not_archived(client: SyncPrefectClient) -> list[tuple[UUID, str]]:
    """The runs of the latest deliveries that the archive did not take, with its reason. Two or three requests."""
    events = recent_events(client, ASSEMBLED_EVENT)
    runs = [id_ for event in events for run in runs_of(event) if (id_ := api.id_of(run))]
    entries = ledger.read(client, list(dict.fromkeys(runs)))
    return [(run, one.archived.fault) for run, one in entries.items() if one.archived and one.archived.fault]


def _standing(client: SyncPrefectClient, name: str, stands: Callable[[Entry], bool]) -> Unresolved:
    """The events of runs for which it stands by the ledger, or that have no entry in it any more.

    Two or three requests.
    """
    events = recent_events(client, name)
    runs = [_run_of(event) for event in events]
    entries = ledger.read(client, [run for run in dict.fromkeys(runs) if run is not None])
    standing = [e for e, run in zip(events, runs, strict=True) if run not in entries or stands(entries[run])]
    return Unresolved(standing, more=len(events) >= PAGE)


def _run_of(event: Mapping[str, Any]) -> UUID | None:
    """The run of an event about one. Every user of the API can emit one with anything in it."""
    return api.id_of(next(iter(runs_of(event)), None))
