"""Runs of which a target refuses events, from the feed and the ledger: the ledger shows what was accepted since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect_lineage_events.assembler import ledger
from prefect_lineage_events.assembler.ledger import DeliveryState
from prefect_lineage_events.encoding import EPOCH
from prefect_lineage_events.events import REJECTED_EVENT
from prefect_lineage_events.history import api
from prefect_lineage_events.history.assembler_events import flow_of, pages, runs_of
from prefect_lineage_events.history.event_log import LONGEST_WINDOW
from prefect_lineage_events.sentences import counted

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Pages of the feed that one question reads, 50 events each.
MAX_PAGES = 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """A target refuses events of a run, for the reasons in `state`. `at`: the time of the newest refusal."""

    run_id: UUID
    flow: str
    at: dt.datetime
    state: DeliveryState

    def __str__(self) -> str:
        """One line for people."""
        number, reasons = self.state.rejected, "; ".join(self.state.reasons) or "no reason is stored"
        return f"{self.state.target} refused {counted(number, 'event')}: {reasons}"


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refusals, newest first. `read_back_to`: older events were left out; None if all of them were read."""

    found: tuple[Refusal, ...] = ()
    read_back_to: dt.datetime | None = None

    def by_run(self) -> dict[UUID, tuple[str, ...]]:
        """A line for each target that refuses events of a run."""
        texts: dict[UUID, tuple[str, ...]] = {}
        for one in self.found:
            texts[one.run_id] = (*texts.get(one.run_id, ()), str(one))
        return texts


def read(client: SyncPrefectClient, since: dt.datetime, max_pages: int = MAX_PAGES) -> Refusals:
    """The refusals since then. Requests: one per 50 events of refusals, and one or two per 200 runs."""
    newest: dict[UUID, dict[str, Any]] = {}
    back_to: dt.datetime | None = None
    for number, page in enumerate(_pages(client, since), 1):
        for event in page:
            for run_id in _ids(event)[:1]:
                newest.setdefault(run_id, event)
        if number >= max_pages and page:
            back_to = _time(page[-1])
            break
    entries = ledger.read(client, list(newest))
    found = tuple(
        Refusal(run_id, flow_of(event), _time(event), state)
        for run_id, event in newest.items()
        for state in (entries[run_id].targets.values() if run_id in entries else ())
        if state.rejected
    )
    return Refusals(found, back_to)


def _pages(client: SyncPrefectClient, since: dt.datetime) -> Iterator[list[dict[str, Any]]]:
    """The events of refusals, newest first, in spans that every backend takes; an empty one is taken for the last."""
    until = None
    while until is None or until > since:
        begin = max(since, (until or api.now(client)) - LONGEST_WINDOW)
        empty = True
        for page in pages(client, {"name": [REJECTED_EVENT]}, begin, until=until):
            empty = empty and not page
            yield page
        if empty:
            return
        until = begin


def _ids(event: dict[str, Any]) -> list[UUID]:
    """The runs of an event. Every user of the API can emit one with anything in it."""
    try:
        return [UUID(run) for run in runs_of(event)]
    except (ValueError, AttributeError, LookupError, TypeError):
        return []


def _time(event: dict[str, Any]) -> dt.datetime:
    return api.time_of(event["occurred"]) or EPOCH
