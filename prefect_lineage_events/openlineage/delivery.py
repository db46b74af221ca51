"""Where events go, by the official client's own configuration, and what became of them there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Event = dict[str, Any]


class TransientDeliveryError(Exception):
    """The target could not take an event now (5xx, 429, network): worth another try.

    `accepted` are the ids (see `event_id`) of the events that it took before; `retry_after` seconds as it asked, if it did.
    """

    def __init__(self, message: str, accepted: tuple[str, ...] = (), retry_after: float | None = None) -> None:
        super().__init__(message)
        self.accepted = accepted
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Target:
    """Where events go. `id` tells targets apart without secrets in it; `profile` is what the target can take."""

    id: str
    profile: Literal["plain", "marquez"] = "plain"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of events: ids (see `event_id`) of those taken, and of those refused with the target's reason."""

    accepted: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()


def target() -> Target:
    """The target that the official client's configuration names; a JSON-lines file when it names none."""
    raise NotImplementedError


def event_id(event: Event) -> str:
    """Names an event of a run: `<run id> <event type>`."""
    raise NotImplementedError


def deliver(events: Sequence[Event], target: Target) -> Delivery:
    """Send events in order. Raises TransientDeliveryError at the first that the target could not take now."""
    raise NotImplementedError
