"""State of the assembler at a glance: lag, waiting and stale runs, deliveries by target, the newest reasons.

A fixed number of requests, side by side and each with a short limit, so that a busy server answers in time. A part that
did not answer is named in `unanswered`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import httpx
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from pydantic import BaseModel, ConfigDict

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler import ledger, sweep_state, unresolved
from prefect_lineage_events.assembler.stale_runs import HOW_TO_END
from prefect_lineage_events.assembler.sweep_state import SweepState, Waiting
from prefect_lineage_events.assembler.unresolved import Unresolved
from prefect_lineage_events.events import (
    ASSEMBLED_EVENT,
    CLOSED_EVENT,
    OWN_FLOW_PREFIX,
)
from prefect_lineage_events.history import api
from prefect_lineage_events.history.assembler_events import (
    ASSEMBLER,
    PAGE,
    count_runs,
    flow_of,
    recent_events,
    refusal_of,
    runs_of,
)
from prefect_lineage_events.history.runs import flow_names, runs_by_id
from prefect_lineage_events.sentences import counted

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

READY = "ready"
# The reasons why no process assembles runs, with the remedies.
_REMEDIES = {
    "not deployed": "no assembler is deployed: run `prefect-lineage serve`, or `deploy --work-pool NAME`",
    "paused": "the assembler is paused: switch its deployment on in the UI, or run `serve` or `deploy` again",
    "no process runs it": "no process runs the assembler: start `prefect-lineage serve`, or a worker of its work pool",
    READY: "the assembler is there, but no sweep took them: unless it is new, see `prefect-lineage doctor`",
}
# A run is assembled within this time of its end, by the automation or at the latest by the sweep.
_ASSEMBLED_WITHIN = dt.timedelta(minutes=15)
_REASONS = 10
# Runs in flight that are listed; all are counted.
_IN_FLIGHT = 10
_AT_ONCE = 6
_TO_DO = {
    "waiting": "the next sweep tries them again: `prefect-lineage doctor` if they stay for hours",
    "stale": HOW_TO_END,
    "incomplete": "`prefect-lineage explain RUN` lists what is missing; the sweep takes what arrives late",
    "rejected": "mend the target or its profile, then `prefect-lineage rejected --retry`",
}
# Runs whose time from end to delivery is looked up.
_TIMED = 50


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class TargetStatus(_Value):
    """Deliveries to a target in the last day, as far as the newest 50 events of each kind show."""

    target: str
    runs: int = 0
    refused: int = 0
    last: dt.datetime | None = None


class Reason(_Value):
    """A run that is not delivered as it should be, and why. `kind`: incomplete, rejected, stale or waiting."""

    kind: str
    run: str
    flow: str
    text: str
    time: dt.datetime | None = None


class RunInFlight(_Value):
    """A run that has not ended; `since` it began, or was created where it has not begun."""

    run: str
    name: str
    flow: str
    state: str
    since: dt.datetime | None = None


class Advice(_Value):
    """The next step for the runs of one kind of reason."""

    kind: str
    text: str


class Status(_Value):
    """The state of the assembler. Times are UTC, spans are seconds; None for what is not known.

    `lag_seconds`: the median time from a run's end to its delivery, of the newest runs. `running`: runs that have not
    ended, of which `in_flight` are the longest; `waiting`: ended runs that wait for another try, the oldest since
    `oldest_waiting`. `unassembled`: runs of the last day that sent lineage and ended after the last sweep, and that no
    assembler took. `incomplete` and `rejected`: runs of the last day that still are. `at_least`: the counts that are
    lower bounds (`more`: some are). `advice`: the next step for each kind of reason. `trouble`: no assembler takes
    runs, and what to do.
    """

    api: str
    at: dt.datetime
    assembler: str | None = None
    swept: dt.datetime | None = None
    lag_seconds: float | None = None
    running: int | None = None
    in_flight: tuple[RunInFlight, ...] = ()
    waiting: int | None = None
    oldest_waiting: dt.datetime | None = None
    stale: int | None = None
    unassembled: int | None = None
    oldest_unassembled: dt.datetime | None = None
    incomplete: int | None = None
    rejected: int | None = None
    more: bool = False
    at_least: tuple[str, ...] = ()
    targets: tuple[TargetStatus, ...] = ()
    reasons: tuple[Reason, ...] = ()
    advice: tuple[Advice, ...] = ()
    unanswered: tuple[str, ...] = ()
    trouble: str = ""


def read_status(client: SyncPrefectClient) -> Status:
    """The state now. At most 20 requests. Raises httpx errors if the API does not answer at all."""
    api.post(client, "/flow_runs/count", {"flow_runs": {"id": {"any_": [str(UUID(int=0))]}}})  # sets the API's clock
    parts: dict[str, Callable[[], Any]] = {
        "assembler": lambda: _assembler(client),
        "sweep": lambda: sweep_state.read_with_stale(client),
        "running": lambda: _running(client),
        "ended": lambda: _ended(client),
        "deliveries": lambda: _timed(client, recent_events(client, ASSEMBLED_EVENT)),
        "incomplete": lambda: unresolved.gaps(client),
        "rejected": lambda: unresolved.refusals(client),
    }
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # The settings of the client are values of the context, which threads of a pool do not have.
        futures = {name: pool.submit(copy_context().run, _answer, part) for name, part in parts.items()}
        answers = {name: future.result() for name, future in futures.items()}
    unanswered = tuple(name for name, answer in answers.items() if isinstance(answer, Exception))
    found = {name: answer for name, answer in answers.items() if name not in unanswered}
    state, stale = found.get("sweep", (SweepState(), ()))
    delivered, lag = found.get("deliveries", ([], None))
    incomplete, rejected = found.get("incomplete", Unresolved()), found.get("rejected", Unresolved())
    ends, undelivered, read_back_to = found.get("ended", _Ended())
    ended = [at for at in ends if state.mark is None or at > state.mark]
    known = {one.flow_run_id for one in state.waiting}
    # The next sweep takes those that ended since the last one; it knows why the older ones still wait.
    since = [
        one for one in _owed(undelivered, delivered) if state.mark is None or (one.ended and one.ended > state.mark)
    ]
    waiting = [*state.waiting, *(one for one in since if one.flow_run_id not in known)]
    lower_bounds = {
        "unassembled": read_back_to is not None and (state.mark is None or read_back_to > state.mark),
        "incomplete": incomplete.more,
        "rejected": rejected.more,
        "targets": len(delivered) >= PAGE,
    }
    at_least = tuple(name for name, lower in lower_bounds.items() if lower)
    reasons = [
        *(_waiting_reason("waiting", one) for one in waiting[:_REASONS]),
        *(_waiting_reason("stale", one) for one in stale[:_REASONS]),
        *(_event_reason("incomplete", one, _missing_text(one["payload"])) for one in incomplete.events),
        *(_event_reason("rejected", one, refusal_of(one)) for one in rejected.events),
    ]
    reasons.sort(key=lambda one: one.time or encoding.EPOCH, reverse=True)
    running, in_flight = found.get("running", (None, ()))
    return Status(
        api=str(client.api_url),
        at=api.now(client),
        assembler=found.get("assembler"),
        swept=state.swept,
        lag_seconds=lag,
        running=running,
        in_flight=in_flight,
        waiting=len(waiting) if "sweep" in found else None,
        oldest_waiting=min((one.ended for one in waiting if one.ended), default=None),
        stale=len(stale) if "sweep" in found else None,
        unassembled=len(ended) if "ended" in found else None,
        oldest_unassembled=min(ended, default=None),
        incomplete=count_runs(incomplete.events) if "incomplete" in found else None,
        rejected=count_runs(rejected.events) if "rejected" in found else None,
        more=bool(at_least),
        at_least=at_least,
        targets=tuple(_targets(delivered, rejected.events)),
        reasons=tuple(reasons[:_REASONS]),
        advice=tuple(
            Advice(kind=kind, text=text) for kind, text in _TO_DO.items() if kind in {r.kind for r in reasons}
        ),
        unanswered=unanswered,
        trouble=_trouble(found.get("assembler"), ended, len(waiting), api.now(client)),
    )


def _trouble(assembler: str | None, ended: Sequence[dt.datetime], waiting: int, now: dt.datetime) -> str:
    """The reason why runs that ended are not assembled, with the remedy; empty if they are."""
    late = assembler == READY and ended and now - min(ended) > _ASSEMBLED_WITHIN
    if late or (assembler not in (None, READY) and (ended or waiting)):
        number = len(ended) or waiting
        runs = counted(number, "run")
        once = "`prefect-lineage sweep` assembles them once, here"
        them, remedy = "it" if number == 1 else "them", _REMEDIES[assembler or READY]
        return f"{runs} ended with lineage and no assembler took {them}: {remedy}; {once}"
    return ""


class _Ended(NamedTuple):
    """Runs of the last day that sent lineage, of the newest 50 events, as far as they are not delivered.

    `unassembled` are the ends of those without an entry in the ledger, `undelivered` are runs of whose events a target
    lacks some, with this target. Before `read_back_to` there may be others; None if there are none.
    """

    unassembled: Sequence[dt.datetime] = ()
    undelivered: Sequence[tuple[Waiting, str]] = ()
    read_back_to: dt.datetime | None = None


def _ended(client: SyncPrefectClient) -> _Ended:
    ends: dict[UUID, dt.datetime] = {}
    flows: dict[UUID, str] = {}
    events = recent_events(client, CLOSED_EVENT)
    for event in events:
        ids = (str(one.get("prefect.resource.id")) for one in event.get("related") or ())
        for run_id in (id_.removeprefix("prefect.flow-run.") for id_ in ids if id_.startswith("prefect.flow-run.")):
            if known := api.id_of(run_id):
                ends.setdefault(known, _time(event))
                flows.setdefault(known, _flow_name(event))
    entries = ledger.read(client, list(ends))
    undelivered = [
        (
            Waiting(run_id, flows[run_id], ended, f"{owed.done} of {owed.total} events are sent to {owed.target}"),
            owed.target,
        )
        for run_id, ended in ends.items()
        if run_id in entries and (owed := entries[run_id].owed)
    ]
    read_back_to = _time(events[-1]) if len(events) >= PAGE else None
    return _Ended([ended for run_id, ended in ends.items() if run_id not in entries], undelivered, read_back_to)


def _owed(undelivered: Iterable[tuple[Waiting, str]], delivered: Sequence[Mapping[str, Any]]) -> Iterator[Waiting]:
    """The runs that a target lacks, unless an assembler delivered without this target since they ended."""
    newest = delivered[0] if delivered else None
    configured = newest["payload"].get("targets") if newest else None
    for one, target in undelivered:
        is_gone = isinstance(configured, list) and target not in configured
        if not (is_gone and newest and one.ended and _time(newest) > one.ended):
            yield one


def _flow_name(event: Mapping[str, Any]) -> str:
    related = event.get("related") or ()
    found = (one for one in related if one.get("prefect.resource.role") == "flow")
    return next((str(one.get("prefect.resource.name") or "") for one in found), "")


def _answer(part: Callable[[], Any]) -> Any:
    """The answer, or the error of a part that the API did not answer."""
    try:
        return part()
    except (httpx.HTTPError, PrefectHTTPStatusError, LookupError, TypeError, ValueError) as error:
        return error


def _assembler(client: SyncPrefectClient) -> str:
    try:
        found = client.read_deployment_by_name(ASSEMBLER)
    except ObjectNotFound:
        return "not deployed"
    if found.paused:
        return "paused"
    return READY if str(getattr(found.status, "value", found.status)) == "READY" else "no process runs it"


def _running(client: SyncPrefectClient) -> tuple[int, tuple[RunInFlight, ...]]:
    """The number of running runs, and those that have been running longest; without those of our own flows."""
    state = {"state": {"type": {"any_": ["RUNNING", "CANCELLING", "PAUSED"]}}}
    own = {"flows": {"name": {"like_": OWN_FLOW_PREFIX}}}
    everything: int = api.post(client, "/flow_runs/count", {"flow_runs": state})
    ours: int = api.post(client, "/flow_runs/count", {"flow_runs": state, **own})
    longest = {"flow_runs": state, "sort": "START_TIME_ASC", "limit": _IN_FLIGHT + min(ours, PAGE)}
    rows: list[dict[str, Any]] = api.post(client, "/flow_runs/filter", longest)
    flows = flow_names(client, [row["flow_id"] for row in rows])
    found = (
        RunInFlight(
            run=str(row["id"]),
            name=str(row["name"]),
            flow=flows.get(row["flow_id"], "?"),
            state=str(row["state_type"]).lower(),
            since=api.time_of(row.get("start_time") or row.get("created")),
        )
        for row in rows
    )
    theirs = [one for one in found if not one.flow.startswith(OWN_FLOW_PREFIX)]
    return max(0, everything - ours), tuple(theirs[:_IN_FLIGHT])


def _timed(
    client: SyncPrefectClient, events: Sequence[Mapping[str, Any]]
) -> tuple[Sequence[Mapping[str, Any]], float | None]:
    """The events of deliveries, and the median time from a run's end to its delivery."""
    delivered: dict[str, dt.datetime] = {}
    for event in events:
        for run in runs_of(event):
            delivered.setdefault(run, _time(event))
    ids = [id_ for run in list(delivered)[:_TIMED] if (id_ := api.id_of(run))]
    runs = runs_by_id(client, ids) if ids else []
    spans = [(delivered[str(run.id)] - run.ended).total_seconds() for run in runs if run.ended]
    return events, median(max(0.0, one) for one in spans) if spans else None


def _targets(delivered: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]]) -> Iterator[TargetStatus]:
    runs: dict[str, set[str]] = {}
    refused: dict[str, set[str]] = {}
    last: dict[str, dt.datetime] = {}
    for event in delivered:
        listed = event["payload"].get("runs")
        rows = listed if isinstance(listed, list) else [event["payload"]]
        for row, run in zip(rows, runs_of(event), strict=False):
            target = str(row.get("target") if isinstance(row, Mapping) else event["payload"].get("target"))
            runs.setdefault(target, set()).add(run)
            last[target] = max(last.get(target, encoding.EPOCH), _time(event))
    for event in rejected:
        refused.setdefault(str(event["payload"].get("target")), set()).update(runs_of(event))
    for target in sorted(runs.keys() | refused.keys()):
        yield TargetStatus(
            target=target,
            runs=len(runs.get(target, ())),
            refused=len(refused.get(target, ())),
            last=last.get(target),
        )


def _waiting_reason(kind: str, one: Waiting) -> Reason:
    return Reason(kind=kind, run=str(one.flow_run_id), flow=one.flow_name, text=one.reason, time=one.ended)


def _event_reason(kind: str, event: Mapping[str, Any], text: str) -> Reason:
    return Reason(kind=kind, run=next(iter(runs_of(event)), ""), flow=flow_of(event), text=text, time=_time(event))


def _missing_text(payload: Mapping[str, Any]) -> str:
    """The parts that an incomplete run lacks, in words."""
    missing = payload.get("missing")
    lists = missing.values() if isinstance(missing, Mapping) else ()
    unclosed = payload.get("unclosed")
    counts = (
        (sum(len(one) for one in lists if isinstance(one, list)), "events have not arrived"),
        (len(unclosed) if isinstance(unclosed, list) else 0, "processes did not report their end"),
        (encoding.count(payload.get("dropped")) or 0, "statements were dropped"),
        (encoding.count(payload.get("rejected")) or 0, "events cannot be read"),
    )
    return ", ".join(f"{number:,} {text}" for number, text in counts if number) or "events are missing"


def _time(event: Mapping[str, Any]) -> dt.datetime:
    return api.time_of(event["occurred"]) or encoding.EPOCH
