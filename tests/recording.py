"""A lineage target that records events, and can be unreachable or refuse them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

from prefect_lineage_events.assembler import assemble, options, outbox
from prefect_lineage_events.delivery.deliver import TransientDeliveryError
from prefect_lineage_events.delivery.profiles.registry import PROFILES
from prefect_lineage_events.delivery.targets import Target

Event = dict[str, Any]


class RecordingTarget:
    """A target. `away_after`: the number of events that it accepts before it becomes unreachable (None: never)."""

    def __init__(self, name: str = "recording", profile: str = "plain"):
        self.name = name
        self.profile = profile
        self.events: list[Event] = []
        self.away_after: int | None = None
        self.refusal: str | None = None

    @property
    def target(self) -> Target:
        return Target(self.name, self.name, PROFILES[self.profile])

    def deliver(self, events: Iterable[Event]) -> Iterator[str | None]:
        for event in events:
            if self.away_after is not None and self.away_after <= 0:
                raise TransientDeliveryError("503 Service Unavailable")
            if self.refusal:
                yield self.refusal
                continue
            self.away_after = None if self.away_after is None else self.away_after - 1
            self.events.append(event)
            yield None

    def of(self, flow_run_id: object) -> list[Event]:
        return [e for e in self.events if e["run"]["runId"] == str(flow_run_id)]

    def types(self, flow_run_id: object) -> list[str]:
        return [e["eventType"] for e in self.of(flow_run_id)]


def configure(monkeypatch: pytest.MonkeyPatch, *configured: RecordingTarget) -> None:
    """Make these the targets that the configuration names."""
    by_id = {one.name: one for one in configured}

    def targets(names: Sequence[str] | None = None) -> tuple[Target, ...]:
        return tuple(by_id[name].target for name in (by_id if names is None else names))

    for module in (assemble, options):
        monkeypatch.setattr(module, "targets", targets)
    monkeypatch.setattr(outbox, "deliver", lambda events, to: by_id[to.id].deliver(events))
