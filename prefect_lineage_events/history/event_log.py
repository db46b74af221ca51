"""A flow run's lineage and asset events, read from Prefect's event history.

The route pages by offset over `occurred` without a tie-break, so rows may shift while events still arrive: they are
read in ascending order, each id is taken once, and completeness is judged by the emitters' numbers, not by the total.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from prefect_lineage_events import events
from prefect_lineage_events.escaping import line
from prefect_lineage_events.events import CountEvent, LineageEvent, SchemaEvent
from prefect_lineage_events.history import api, assets
from prefect_lineage_events.history.model import AssetEvent, RejectedEvent, RunKind
from prefect_lineage_events.history.validation import checked, rejected

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

# A self-hosted server refuses more than 50 events a page, Cloud a query over more than 14 days.
EVENTS_PAGE = 50
LONGEST_WINDOW = dt.timedelta(days=13)
PREFIXES = ("lineage.", "prefect.asset.")
# Of one run: beyond it, nothing is read.
MAX_EVENTS = 200_000
# Columns, edges and datasets of them together: some gigabytes in memory.
MAX_VALUES = 5_000_000
# Ends of runs that are looked at within some minutes, the newest: the sweep takes the others.
MAX_CLOSED = 2_000
_TAKEN = "its emitter has another event of this number"
_TOO_MANY = (
    f"the run has more than {MAX_EVENTS:,} events, or {MAX_VALUES:,} columns and edges in them; this one and those "
    "behind it are not read"
)


@dataclass(slots=True)
class EventLog:
    """The history as it was read. `stored` counts all events found, those that are not read included.

    `numbered`: the event of each number of an emitter, and whether it has the id that its emitter gives it.
    """

    lineage: list[LineageEvent] = field(default_factory=list)
    schemas: list[SchemaEvent] = field(default_factory=list)
    counts: list[CountEvent] = field(default_factory=list)
    assets: list[AssetEvent] = field(default_factory=list)
    rejected: list[RejectedEvent] = field(default_factory=list)
    stored: int = 0
    values: int = 0
    numbered: dict[tuple[UUID, int], tuple[LineageEvent | SchemaEvent, bool]] = field(default_factory=dict)

    @property
    def from_emitters(self) -> bool:
        return bool(self.lineage or self.schemas or self.counts or self.rejected)

    @property
    def empty(self) -> bool:
        return not (self.lineage or self.assets)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of `occurred`, both ends included."""

    since: dt.datetime
    until: dt.datetime

    def parts(self) -> Iterator[Window]:
        """The window in spans that every backend takes, oldest first."""
        since = self.since
        while since < self.until:
            until = min(since + LONGEST_WINDOW, self.until)
            yield Window(since, until)
            since = until


def read(client: SyncPrefectClient, flow_run_id: UUID, window: Window, kind: RunKind = "flow-run") -> EventLog:
    """All lineage and asset events of one run, in the order of the emitters' numbers."""
    log = EventLog()
    for raw in _unique(_raw_events(client, [flow_run_id], window, kind)):
        log.stored += 1
        if log.stored > MAX_EVENTS or log.values > MAX_VALUES:
            log.rejected.append(RejectedEvent(str(raw["id"]), str(raw["event"]), _TOO_MANY))
            break
        _add(log, raw, flow_run_id)
    _put_in_order(log)
    return log


def count(client: SyncPrefectClient, flow_run_id: UUID, window: Window, kind: RunKind = "flow-run") -> int:
    """How many such events are stored by now: the cheapest way to see that more have arrived."""
    body = {"filter": _filter([flow_run_id], PREFIXES, window, kind), "limit": 1}
    return sum(int(api.post(client, "/events/filter", _with_window(body, part))["total"]) for part in window.parts())


def is_stored(client: SyncPrefectClient, event_id: UUID, window: Window) -> bool:
    """Is this very event there?"""
    occurred = {"since": window.since.isoformat(), "until": window.until.isoformat()}
    body = {"filter": {"id": {"id": [str(event_id)]}, "occurred": occurred}, "limit": 1}
    return bool(api.post(client, "/events/filter", body)["events"])


def any_event(client: SyncPrefectClient, flow_run_id: UUID, window: Window) -> bool:
    """Has the run an event of any kind there, its own or one that is related to it?"""
    chosen = {
        "occurred": {"since": window.since.isoformat(), "until": window.until.isoformat()},
        "any_resource": {"id": [f"prefect.flow-run.{flow_run_id}"]},
    }
    return bool(api.post(client, "/events/filter", {"filter": chosen, "limit": 1})["events"])


def any_lineage(client: SyncPrefectClient, flow_run_ids: Sequence[UUID], window: Window) -> bool:
    """Has one of these runs an event about data? Asked for 50 runs at a time."""
    names = [*sorted(events.OPERATION_EVENTS), f"{assets.MATERIALISED}succeeded"]
    for start in range(0, len(flow_run_ids), EVENTS_PAGE):
        some = flow_run_ids[start : start + EVENTS_PAGE]
        for part in window.parts():
            chosen = {**_filter(some, (), part), "event": {"name": names}}
            if api.post(client, "/events/filter", {"filter": chosen, "limit": 1})["events"]:
                return True
    return False


def closed_runs(client: SyncPrefectClient, window: Window) -> list[UUID]:
    """The flow runs of which an emitter closed, or that were cancelled or crashed, in the window; newest first.

    Not more than some thousand: anybody can emit such events.
    """
    names = [events.CLOSED_EVENT, "prefect.flow-run.Cancelled", "prefect.flow-run.Crashed"]
    occurred = {"since": window.since.isoformat(), "until": window.until.isoformat()}
    body = {"filter": {"event": {"name": names}, "occurred": occurred, "order": "DESC"}, "limit": EVENTS_PAGE}
    found: dict[UUID, None] = {}
    for raw in islice(_pages(client, body), MAX_CLOSED):
        for resource in (raw["resource"], *(raw.get("related") or ())):
            kind, _, id_ = str(resource.get("prefect.resource.id")).rpartition(".")
            if kind == "prefect.flow-run" and (run_id := _uuid(id_)):
                found[run_id] = None
                break
    return list(found)


def oldest(client: SyncPrefectClient, window: Window) -> dt.datetime | None:
    """When the first event of any kind that is still stored in the window occurred; None when there is none.

    Each state of a run is an event of Prefect's own: a run that ended before this had its events, and they are gone.
    """
    for part in window.parts():
        occurred = {"since": part.since.isoformat(), "until": part.until.isoformat()}
        body = {"filter": {"occurred": occurred, "order": "ASC"}, "limit": 1}
        found: list[dict[str, Any]] = api.post(client, "/events/filter", body)["events"]
        if found:
            return api.time_of(found[0]["occurred"])
    return None


def _filter(
    run_ids: Iterable[UUID], prefixes: Sequence[str], window: Window, kind: RunKind = "flow-run"
) -> dict[str, Any]:
    return {
        "occurred": {"since": window.since.isoformat(), "until": window.until.isoformat()},
        "related": {"id": [f"prefect.{kind}.{id_}" for id_ in run_ids]},
        "event": {"prefix": list(prefixes)},
        "order": "ASC",
    }


def _with_window(body: dict[str, Any], window: Window) -> dict[str, Any]:
    occurred = {"since": window.since.isoformat(), "until": window.until.isoformat()}
    return {**body, "filter": {**body["filter"], "occurred": occurred}}


def _raw_events(
    client: SyncPrefectClient, run_ids: Sequence[UUID], window: Window, kind: RunKind
) -> Iterator[dict[str, Any]]:
    for part in window.parts():
        yield from _pages(client, {"filter": _filter(run_ids, PREFIXES, part, kind), "limit": EVENTS_PAGE})


def _pages(client: SyncPrefectClient, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of all pages, up to somewhat more than are ever read: a page may name itself as the next."""
    page = api.post(client, "/events/filter", body)
    yield from page["events"]
    read = len(page["events"])
    while page.get("next_page") and read <= MAX_EVENTS:
        # The address in the page is the server's own view of itself, which a proxy may hide: keep to the client's.
        token = parse_qs(urlsplit(page["next_page"]).query)["page-token"][0]
        page = api.get(client, "/events/filter/next", {"page-token": token}) or {"events": []}
        yield from page["events"]
        read += max(len(page["events"]), 1)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _unique(raw_events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for raw in raw_events:
        if raw["id"] not in seen:
            seen.add(raw["id"])
            yield raw


def _add(log: EventLog, raw: dict[str, Any], flow_run_id: UUID) -> None:
    try:
        if raw["event"].startswith(assets.MATERIALISED):
            if asset := assets.parse(raw):
                log.assets.append(asset)
            return
        event = events.parse(raw["event"], raw["payload"])
    except Exception as error:  # noqa: BLE001  (anybody can emit an event of any shape)
        if _says_it_is_of_another(raw.get("payload"), flow_run_id):
            return
        log.rejected.append(rejected(raw, error))
        logger.warning("Rejected: %s", log.rejected[-1])
        return
    if event is not None and event.run.flow_run_id not in (flow_run_id, None):
        # Prefect's client may relate an event to the run that was the first of its process to send one.
        return
    if isinstance(event, CountEvent):
        log.counts.append(_by_the_servers_clock(event, raw))
    elif event is not None:
        event = checked(event) if isinstance(event, LineageEvent) else event
        log.values += _values(event)
        _take(log, event, raw)


def _values(event: LineageEvent | SchemaEvent) -> int:
    if isinstance(event, SchemaEvent):
        return sum(1 + len(dataset.columns) for dataset in event.datasets)
    own = len(event.columns) + len(event.result_columns) + len(event.task_runs)
    return own + sum(1 + len(dataset.columns) for dataset in event.datasets)


def _take(log: EventLog, event: LineageEvent | SchemaEvent, raw: Mapping[str, Any]) -> None:
    """Add the event, unless another has its number: an emitter gives each number to one event of any kind, and derives
    the event's id from it."""
    number = (event.emitter.id, event.emitter.sequence)
    is_the_emitters = str(raw["id"]) == str(event.emitter.event_id())
    if number not in log.numbered:
        log.numbered[number] = (event, is_the_emitters)
        return
    if is_the_emitters and not log.numbered[number][1]:
        log.numbered[number] = (event, True)
    log.rejected.append(RejectedEvent(line(str(raw["id"])), line(str(raw["event"])), _TAKEN, *number))
    logger.warning("Rejected: %s", log.rejected[-1])


def _says_it_is_of_another(payload: object, flow_run_id: UUID) -> bool:
    run = payload.get("run") if isinstance(payload, Mapping) else None
    said = run.get("flow_run_id") if isinstance(run, Mapping) else None
    of = _uuid(str(said)) if said else None
    return of is not None and of != flow_run_id


def _by_the_servers_clock(count: CountEvent, raw: dict[str, Any]) -> CountEvent:
    """A count was told no later than it was received: a process whose clock is ahead tells of a later hour."""
    told, received = count.occurred, api.time_of(raw.get("received"))
    return count.model_copy(update={"occurred": received}) if told and received and received < told else count


def _put_in_order(log: EventLog) -> None:
    """By emitter, in the order in which the emitters began, then by number: the same history reads the same."""
    numbered = [event for event, _ in log.numbered.values()]
    log.lineage = [event for event in numbered if isinstance(event, LineageEvent)]
    log.schemas = [event for event in numbered if isinstance(event, SchemaEvent)]
    began: dict[UUID, int] = {}
    for event in log.lineage:
        began.setdefault(event.emitter.id, len(began))
    log.lineage.sort(key=lambda e: (began[e.emitter.id], e.emitter.sequence))
    log.schemas.sort(key=lambda e: (began.get(e.emitter.id, len(began)), str(e.emitter.id), e.emitter.sequence))
