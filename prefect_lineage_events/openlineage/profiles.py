"""What is made of events for a target that cannot take everything: pure functions of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Event = dict[str, Any]


def plain(events: Sequence[Event]) -> list[Event]:
    """The events as they are."""
    return list(events)


def marquez(events: Sequence[Event]) -> list[Event]:
    """Events that break none of Marquez's lists and graphs, with all it needs to keep its graph true."""
    raise NotImplementedError
