"""Sending events where the official client's configuration says, and what became of them there."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from prefect_lineage_events.openlineage import transports
from prefect_lineage_events.openlineage.errors import sanitised
from prefect_lineage_events.openlineage.facets import Event
from prefect_lineage_events.openlineage.transports import Outlet, Profile
from prefect_lineage_events.settings import settings

# Answers by which a target says that it will never take this event. Others speak of the target, not of the event.
_REFUSING = frozenset({400, 406, 409, 410, 413, 415, 422})
# A 500 may be either's fault. It is the event's when the target took others shortly before, and this one never.
_FAILURES_UNTIL_REFUSED = 3
_SHORTLY = 300.0
_MAX_ANSWER = 500


class TransientDeliveryError(Exception):
    """The target could not take an event now (5xx, 429, network, wrong credentials): worth another try.

    `accepted` are the ids (see `event_id`) of the first events, in order, that need not be sent again; `retry_after`
    the seconds that the target asked for.
    """

    def __init__(self, message: str, accepted: tuple[str, ...] = (), retry_after: float | None = None) -> None:
        super().__init__(message)
        self.accepted = accepted
        self.retry_after = retry_after


class _RefusedError(Exception):
    """The target will never take this event."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where events go. `id` tells targets apart without secrets in it; `profile` is what the target can take."""

    id: str
    profile: Profile = "plain"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of events: ids (see `event_id`) of those taken, and of those refused with the target's reason."""

    accepted: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Memory:
    """What this process knows of deliveries that were broken off, so that trying again neither repeats nor hangs.

    Keys are (outlet, digest of the event). They are forgotten with the end of their delivery.
    """

    taken: set[tuple[str, str]] = field(default_factory=set)
    failures: dict[tuple[str, str], int] = field(default_factory=dict)
    healthy: dict[str, float] = field(default_factory=dict)

    def forget(self, keys: set[tuple[str, str]]) -> None:
        self.taken -= keys
        for key in keys:
            self.failures.pop(key, None)


_memory = _Memory()


def target() -> Target:
    """The target that the official client's configuration names; a JSON-lines file when it names none."""
    config = transports.configuration()
    chosen = settings().profile
    return Target(transports.identity(config), transports.profile(config) if chosen == "auto" else chosen)


def event_id(event: Event) -> str:
    """Names an event of a run: `<run id> <event type>`."""
    return f"{event['run']['runId']} {event['eventType']}"


def deliver(events: Sequence[Event], target: Target, *, only: Profile | None = None) -> Delivery:
    """Send events in order to `target`, which is the one that `target()` gave; `only` to its parts of that profile.

    An event that is refused does not keep those behind it. Raises TransientDeliveryError at the first that could not be
    taken now, and ValueError when the configuration names another target by now.
    """
    config = transports.configuration()
    if transports.identity(config) != target.id:
        raise ValueError(f"events for {target.id!r}, but the configuration sends to {transports.identity(config)!r}")
    outlets = [outlet for outlet in transports.outlets(config) if only in (None, outlet.profile)]
    accepted: list[str] = []
    rejected: list[tuple[str, str]] = []
    keys: set[tuple[str, str]] = set()
    try:
        for event in events:
            digest = sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()
            keys |= {(outlet.id, digest) for outlet in outlets}
            reasons = _send(event, digest, outlets, tuple(accepted) if not rejected else ())
            if reasons:
                rejected.append((event_id(event), "; ".join(reasons)))
            else:
                accepted.append(event_id(event))
    finally:
        for outlet in outlets:
            outlet.client.close(timeout=_SHORTLY)
    _memory.forget(keys)
    return Delivery(tuple(accepted), tuple(rejected))


def _send(event: Event, digest: str, outlets: Sequence[Outlet], before: tuple[str, ...]) -> list[str]:
    """Send one event to each outlet that has not got it; the reasons of those that refused it."""
    reasons = []
    for outlet in outlets:
        if (outlet.id, digest) in _memory.taken:
            continue
        try:
            _emit(outlet, event, (outlet.id, digest), before)
        except _RefusedError as refused:
            reasons.append(str(refused))
        _memory.taken.add((outlet.id, digest))
    return reasons


def _emit(outlet: Outlet, event: Event, key: tuple[str, str], before: tuple[str, ...]) -> None:
    try:
        outlet.emit(event)
    except Exception as error:
        response = _response(error)
        if _refuses(response, outlet.id, key):
            raise _RefusedError(_reason(error, response)) from error
        raise TransientDeliveryError(
            f"{outlet.id}: {_reason(error, response)}", before, _retry_after(response)
        ) from error
    _memory.healthy[outlet.id] = time.monotonic()


def _refuses(response: Any, outlet: str, key: tuple[str, str]) -> bool:
    if response is None:
        return False
    if response.status_code in _REFUSING:
        return True
    if response.status_code != 500:
        return False
    if _unparsable(response):
        return True
    _memory.failures[key] = _memory.failures.get(key, 0) + 1
    healthy = time.monotonic() - _memory.healthy.get(outlet, -_SHORTLY * 2) < _SHORTLY
    return healthy and _memory.failures[key] >= _FAILURES_UNTIL_REFUSED


def _unparsable(response: Any) -> bool:
    """Marquez answers 500 with `{"code": 400, ...}` to what it cannot parse: no retry helps."""
    try:
        answer = response.json()
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("code") == 400


def _response(error: BaseException) -> Any:
    """The HTTP answer behind an error; transports wrap it."""
    found: BaseException | None = error
    while found is not None:
        response = getattr(found, "response", None)
        if response is not None:
            return response
        found = found.__cause__
    return None


def _reason(error: Exception, response: Any) -> str:
    if response is not None:
        return f"HTTP {response.status_code}: {sanitised(response.text[:_MAX_ANSWER])}"
    return sanitised(f"{type(error).__name__}: {error}")


def _retry_after(response: Any) -> float | None:
    """Seconds that the target asks for (RFC 9110, 10.2.3); the form with a date is left to the caller's backoff."""
    text = response.headers.get("Retry-After", "") if response is not None else ""
    return float(text) if text.isdecimal() else None
