"""Delivery of events to a target, one after the other, with its response to each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prefect_lineage_events.delivery.configuration import fallbacks
from prefect_lineage_events.delivery.profiles.base import Profile
from prefect_lineage_events.delivery.responses import (
    RefusedError,
    TransientDeliveryError,
    classify,
    configuration_error,
    content_of,
    without,
)
from prefect_lineage_events.delivery.targets import Target
from prefect_lineage_events.delivery.transports import OpenTransport, secrets
from prefect_lineage_events.openlineage.facets import Event

__all__ = ["TransientDeliveryError", "Unplaced", "deliver", "event_id", "open_once"]


class Unplaced(str):
    """The reason for which a target has not used an event that it may use later: the sweep sends it again."""

    __slots__ = ()


def event_id(event: Event) -> str:
    """The name of an event of a run: `<run id> <event type>`."""
    return f"{event['run']['runId']} {event['eventType']}"


def deliver(events: Iterable[Event], to: Target) -> Iterator[str | None]:
    """Send events in order. Yields for each event None when the target took it, its reason when it refused it.

    The reason is an `Unplaced` where the profile says that the target may use the event later. Events after a refused
    one are sent all the same. Raises TransientDeliveryError at the first event that the target
    cannot take now.
    """
    transports: list[OpenTransport] = []
    try:
        transports += _opened(to)
        for event in events:
            yield _refusal(event, transports, to.profile)
    finally:
        for transport in transports:
            transport.close()


def open_once(to: Target) -> None:
    """Open and close the target's transports, sending nothing. Raises TransientDeliveryError where that is impossible.

    So an unknown kind of transport, an invalid address and a missing secret block are found before the first run.
    """
    for transport in _opened(to):
        transport.close()


def _opened(to: Target) -> Iterator[OpenTransport]:
    for endpoint in fallbacks(to.endpoint):
        try:
            yield OpenTransport(endpoint)
        except Exception as error:  # noqa: BLE001  (any fault of the configuration leaves the run to the sweep)
            raise configuration_error(error, secrets(endpoint)) from None


def _refusal(event: Event, transports: Sequence[OpenTransport], profile: Profile) -> str | None:
    """Send to the first transport that takes the event; returns the reasons when all refuse it."""
    refusals: list[str] = []
    away: TransientDeliveryError | None = None
    unplaced: Unplaced | None = None
    for transport in transports:
        failure: RefusedError | TransientDeliveryError | None = None
        try:
            transport.emit(event)
        except Exception as error:  # noqa: BLE001  (each transport has errors of its own)
            failure = classify(error, transport.secrets)
        if isinstance(failure, TransientDeliveryError):  # also a login page, which is no response of the target
            away = away or failure
        elif reason := _unplaced(event, transport, profile):
            unplaced = unplaced or reason
        elif failure is None:
            return None
        else:
            refusals.append(str(failure))
    if away is not None:
        # Not from the error: requests' own hold the address, with its password.
        raise away from None
    return unplaced or "; ".join(refusals)


def _unplaced(event: Event, transport: OpenTransport, profile: Profile) -> Unplaced | None:
    if transport.response is None:
        return None
    reason = profile.unplaced(event, transport.response.status_code, content_of(transport.response))
    return Unplaced(without(transport.secrets, reason)) if reason else None
