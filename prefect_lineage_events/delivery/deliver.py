"""Sending events to a target, one after the other, and what it says to each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prefect_lineage_events.delivery.configuration import fallbacks
from prefect_lineage_events.delivery.responses import (
    RefusedError,
    TransientDeliveryError,
    classify,
    configuration_error,
)
from prefect_lineage_events.delivery.targets import Target
from prefect_lineage_events.delivery.transports import OpenTransport, secrets
from prefect_lineage_events.openlineage.facets import Event

__all__ = ["TransientDeliveryError", "deliver", "event_id", "open_once"]


def event_id(event: Event) -> str:
    """Names an event of a run: `<run id> <event type>`."""
    return f"{event['run']['runId']} {event['eventType']}"


def deliver(events: Iterable[Event], to: Target) -> Iterator[str | None]:
    """Send events in order. For each that is done with: None when the target took it, its reason when it refused.

    A refused event does not keep those behind it. Raises TransientDeliveryError at the first that it cannot take now.
    """
    outlets: list[OpenTransport] = []
    try:
        outlets += _opened(to)
        for event in events:
            yield _refusal(event, outlets)
    finally:
        for outlet in outlets:
            outlet.close()


def open_once(to: Target) -> None:
    """Open and close the target's transports, sending nothing. Raises TransientDeliveryError for one that cannot be.

    A kind that there is not, an address that is none, a secret block that is missing: found before the first run.
    """
    for outlet in _opened(to):
        outlet.close()


def _opened(to: Target) -> Iterator[OpenTransport]:
    for endpoint in fallbacks(to.endpoint):
        try:
            yield OpenTransport(endpoint)
        except Exception as error:  # noqa: BLE001  (whatever is wrong with the configuration, the run may wait)
            raise configuration_error(error, secrets(endpoint)) from None


def _refusal(event: Event, outlets: Sequence[OpenTransport]) -> str | None:
    """Send to the first outlet that takes it; the reasons when all refuse."""
    refusals: list[str] = []
    away: TransientDeliveryError | None = None
    for outlet in outlets:
        try:
            outlet.emit(event)
        except Exception as error:  # noqa: BLE001  (each transport has errors of its own)
            told = classify(error, outlet.secrets)
            if isinstance(told, RefusedError):
                refusals.append(str(told))
            else:
                away = away or told
        else:
            return None
    if away is not None:
        # Not from the error: requests' own hold the address, with its password.
        raise away from None
    return "; ".join(refusals)
