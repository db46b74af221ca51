"""A flow run's lineage and asset events, read from Prefect's event history.

The route pages by offset over `occurred` without a tie-break, so rows may shift while events still arrive. So they are
read in ascending order, each id is taken once, and completeness is checked by the emitters' numbers, not by the total.
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
from prefect_lineage_events.definitions import Definition, RunDefinitions, TaskDefinition
from prefect_lineage_events.escaping import line
from prefect_lineage_events.events import CountEvent, LineageEvent, SchemaEvent
from prefect_lineage_events.history import api, assets, witnessed
from prefect_lineage_events.history.model import AssetEvent, RejectedEvent, RunKind
from prefect_lineage_events.history.validation import checked, rejected
from prefect_lineage_events.history.witnessed import WITNESSED_EVENT, Witnessed

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

# A self-hosted server refuses more than 50 events per page, Cloud a query over more than 14 days.
EVENTS_PAGE = 50
LONGEST_WINDOW = dt.timedelta(days=13)
PREFIXES = ("lineage.", "prefect.asset.")
# The number of events of one run that are read.
MAX_EVENTS = 200_000
# The number of columns, edges and datasets in these events: some gigabytes in memory.
MAX_VALUES = 5_000_000
# The number of closed runs that `closed_runs` returns, the newest; the sweep finds the others.
MAX_CLOSED = 2_000
_DUPLICATE = "its emitter has another event of this number"
_TOO_MANY = (
    f"the run has more than {MAX_EVENTS:,} events, or {MAX_VALUES:,} columns and edges in them; this event and later "
    "ones are not read"
)


@dataclass(frozen=True, slots=True)
class Timing:
    """The time at which the first event of an emitter occurred, and the shortest latency of its events.

    Events occur by the clock of their process, and are received by the server's: the latency includes the difference of
    the clocks.
    """

    first: dt.datetime
    latency: dt.timedelta


@dataclass(slots=True)
class EventLog:
    """The events of one run. `stored` counts all events found, those that are not read included.

    `numbered`: the event of each number of an emitter, and whether it has the id that its emitter derives for it.
    `timings` and `clock_offsets` are by emitter (`clocks`).
    """

    lineage: list[LineageEvent] = field(default_factory=list)
    schemas: list[SchemaEvent] = field(default_factory=list)
    counts: list[CountEvent] = field(default_factory=list)
    assets: list[AssetEvent] = field(default_factory=list)
    rejected: list[RejectedEvent] = field(default_factory=list)
    witnessed: list[Witnessed] = field(default_factory=list)
    stored: int = 0
    values: int = 0
    numbered: dict[tuple[UUID, int], tuple[LineageEvent | SchemaEvent, bool]] = field(default_factory=dict)
    timings: dict[UUID, Timing] = field(default_factory=dict)
    clock_offsets: dict[UUID, dt.timedelta] = field(default_factory=dict)

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
    _sort(log)
    return log


def count(client: SyncPrefectClient, flow_run_id: UUID, window: Window, kind: RunKind = "flow-run") -> int:
    """The number of such events stored by now: the cheapest way to see that more have arrived."""
    body = {"filter": _filter([flow_run_id], PREFIXES, window, kind), "limit": 1}
    return sum(int(api.post(client, "/events/filter", _with_window(body, part))["total"]) for part in window.parts())


def is_stored(client: SyncPrefectClient, event_id: UUID, window: Window) -> bool:
    """Return whether the history has the event of this id."""
    occurred = {"since": window.since.isoformat(), "until": window.until.isoformat()}
    body = {"filter": {"id": {"id": [str(event_id)]}, "occurred": occurred}, "limit": 1}
    return bool(api.post(client, "/events/filter", body)["events"])


def stored_ids(client: SyncPrefectClient, event_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of the ids of which the history has the event."""
    found: set[UUID] = set()
    for start in range(0, len(event_ids), EVENTS_PAGE):
        ids = [str(id_) for id_ in event_ids[start : start + EVENTS_PAGE]]
        answer = api.post(client, "/events/filter", {"filter": {"id": {"id": ids}}, "limit": EVENTS_PAGE})
        found |= {UUID(raw["id"]) for raw in answer["events"]}
    return frozenset(found)


def any_event(client: SyncPrefectClient, flow_run_id: UUID, window: Window) -> bool:
    """Return whether the history has an event of any kind of the run, or related to it, in the window."""
    chosen = {
        "occurred": {"since": window.since.isoformat(), "until": window.until.isoformat()},
        "any_resource": {"id": [f"prefect.flow-run.{flow_run_id}"]},
    }
    return bool(api.post(client, "/events/filter", {"filter": chosen, "limit": 1})["events"])


def any_lineage(client: SyncPrefectClient, flow_run_ids: Sequence[UUID], window: Window) -> bool:
    """Return whether one of these runs has a lineage event about data, or an asset event. One request per 50 runs."""
    names = [*sorted(events.OPERATION_EVENTS), f"{assets.MATERIALISED}succeeded"]
    for start in range(0, len(flow_run_ids), EVENTS_PAGE):
        page = flow_run_ids[start : start + EVENTS_PAGE]
        for part in window.parts():
            chosen = {**_filter(page, (), part), "event": {"name": names}}
            if api.post(client, "/events/filter", {"filter": chosen, "limit": 1})["events"]:
                return True
    return False


def closed_runs(client: SyncPrefectClient, window: Window) -> list[UUID]:
    """The flow runs that an emitter closed, or that were cancelled or crashed, in the window; newest first.

    At most MAX_CLOSED of them: every user of the API can emit such events.
    """
    occurred = {"since": window.since.isoformat(), "until": window.until.isoformat()}
    body = {
        "filter": {"event": {"name": list(events.END_EVENTS)}, "occurred": occurred, "order": "DESC"},
        "limit": EVENTS_PAGE,
    }
    found: dict[UUID, None] = {}
    for raw in islice(pages(client, body), MAX_CLOSED):
        for resource in (raw["resource"], *(raw.get("related") or ())):
            kind, _, id_ = str(resource.get("prefect.resource.id")).rpartition(".")
            if kind == "prefect.flow-run" and (run_id := api.id_of(id_)):
                found[run_id] = None
                break
    return list(found)


def closed_outside_flows(
    client: SyncPrefectClient, window: Window, task_run_ids: Iterable[UUID] | None = None
) -> list[UUID]:
    """The task runs outside any flow that an emitter closed in the window, newest first, at most MAX_CLOSED of them.

    `task_run_ids`: only these.
    """
    wanted = None if task_run_ids is None else [f"prefect.task-run.{id_}" for id_ in task_run_ids]
    related = {"role": ["task-run"]} if wanted is None else {"id": wanted}
    found: dict[UUID, None] = {}
    for part in reversed(list(window.parts())):
        occurred = {"since": part.since.isoformat(), "until": part.until.isoformat()}
        chosen = {"event": {"name": [events.CLOSED_EVENT]}, "related": related, "occurred": occurred, "order": "DESC"}
        for raw in islice(pages(client, {"filter": chosen, "limit": EVENTS_PAGE}), MAX_CLOSED - len(found)):
            ids = [str(one.get("prefect.resource.id")).rpartition(".") for one in raw.get("related") or ()]
            runs = {kind: api.id_of(id_) for kind, _, id_ in ids}
            if "prefect.flow-run" not in runs and (run_id := runs.get("prefect.task-run")):
                found[run_id] = None
    return list(found)


def oldest(client: SyncPrefectClient, window: Window) -> dt.datetime | None:
    """The time of the oldest event of any kind that is still stored in the window; None if there is none.

    Each state of a run is an event of Prefect's own: the events of a run that ended before that time were deleted.
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
        yield from pages(client, {"filter": _filter(run_ids, PREFIXES, part, kind), "limit": EVENTS_PAGE})


def pages(client: SyncPrefectClient, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of all pages, up to somewhat more than MAX_EVENTS: a page may name itself as the next."""
    page = api.post(client, "/events/filter", body)
    yield from page["events"]
    read = len(page["events"])
    while page.get("next_page") and read <= MAX_EVENTS:
        # The URL of the next page has the server's own host, which a proxy may hide: only its token is used.
        token = parse_qs(urlsplit(page["next_page"]).query)["page-token"][0]
        page = api.get(client, "/events/filter/next", {"page-token": token}) or {"events": []}
        yield from page["events"]
        read += max(len(page["events"]), 1)


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
        if raw["event"] == WITNESSED_EVENT:
            log.witnessed += [said] if (said := witnessed.parse(raw["payload"])).flow_run_id == flow_run_id else []
            return
        event = events.parse(raw["event"], raw["payload"])
    except Exception as error:  # noqa: BLE001  (every user of the API can emit an event of any shape)
        if _names_another_run(raw.get("payload"), flow_run_id):
            return
        log.rejected.append(rejected(raw, error))
        logger.warning("Rejected: %s", log.rejected[-1])
        return
    if event is not None and event.run.flow_run_id not in (flow_run_id, None):
        # Prefect's client may relate an event to the run that was the first of its process to send one.
        return
    if event is not None:
        _add_timing(log, event.emitter_id if isinstance(event, CountEvent) else event.emitter.id, raw)
    if isinstance(event, CountEvent):
        log.counts.append(_by_server_clock(event, raw))
    elif event is not None:
        event = checked(event) if isinstance(event, LineageEvent) else event
        log.values += _values(event)
        _number(log, event, raw)


def _add_timing(log: EventLog, emitter: UUID, raw: Mapping[str, Any]) -> None:
    occurred, received = api.time_of(raw.get("occurred")), api.time_of(raw.get("received"))
    if occurred and received:
        known = log.timings.get(emitter, Timing(occurred, received - occurred))
        log.timings[emitter] = Timing(min(known.first, occurred), min(known.latency, received - occurred))


def _values(event: LineageEvent | SchemaEvent) -> int:
    if isinstance(event, SchemaEvent):
        return sum(1 + len(dataset.columns) for dataset in event.datasets)
    own = len(event.columns) + len(event.result_columns) + len(event.task_runs)
    return own + sum(1 + len(dataset.columns) for dataset in event.datasets)


def merged_definitions(counts: Iterable[CountEvent]) -> RunDefinitions:
    """The latest definitions of a run's flow and tasks, of all processes that counted events of the run."""
    flow: Definition | None = None
    tasks: dict[tuple[str, str], TaskDefinition] = {}
    flows: dict[str, None] = {}
    for found in (count.definitions for count in counts):
        if found is not None:
            flow = found.flow or flow
            flows |= dict.fromkeys(found.flows)
            for task in found.tasks:
                known = tasks.get((task.name, task.key))
                tasks[task.name, task.key] = task if task.ran or known is None else known
    return RunDefinitions(flow=flow, tasks=tuple(tasks.values()), flows=tuple(flows))


def _number(log: EventLog, event: LineageEvent | SchemaEvent, raw: Mapping[str, Any]) -> None:
    """Add the event, unless another has its number: an emitter gives each number to one event of any kind, and derives
    the event's id from it."""
    number = (event.emitter.id, event.emitter.sequence)
    has_derived_id = str(raw["id"]) == str(event.emitter.event_id())
    if number not in log.numbered:
        log.numbered[number] = (event, has_derived_id)
        return
    if has_derived_id and not log.numbered[number][1]:
        log.numbered[number] = (event, True)
    log.rejected.append(RejectedEvent(line(str(raw["id"])), line(str(raw["event"])), _DUPLICATE, *number))
    logger.warning("Rejected: %s", log.rejected[-1])


def _names_another_run(payload: object, flow_run_id: UUID) -> bool:
    run = payload.get("run") if isinstance(payload, Mapping) else None
    named = run.get("flow_run_id") if isinstance(run, Mapping) else None
    run_id = api.id_of(named) if named else None
    return run_id is not None and run_id != flow_run_id


def _by_server_clock(count: CountEvent, raw: dict[str, Any]) -> CountEvent:
    """The count with the time of receipt, if it claims a later one: the process's clock was ahead."""
    occurred, received = count.occurred, api.time_of(raw.get("received"))
    is_ahead = occurred and received and received < occurred
    return count.model_copy(update={"occurred": received}) if is_ahead else count


def _sort(log: EventLog) -> None:
    """Sort by emitter, in the order in which the emitters began, then by number: the same history reads the same."""
    numbered = [event for event, _ in log.numbered.values()]
    log.lineage = [event for event in numbered if isinstance(event, LineageEvent)]
    log.schemas = [event for event in numbered if isinstance(event, SchemaEvent)]
    began: dict[UUID, int] = {}
    for event in log.lineage:
        began.setdefault(event.emitter.id, len(began))
    log.lineage.sort(key=lambda e: (began[e.emitter.id], e.emitter.sequence))
    log.schemas.sort(key=lambda e: (began.get(e.emitter.id, len(began)), str(e.emitter.id), e.emitter.sequence))
