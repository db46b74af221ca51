"""A lineage target that keeps what it is given, and is away or refuses when told to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect_lineage_events.openlineage.delivery import Delivery, Target, TransientDeliveryError
from prefect_lineage_events.openlineage.transports import Profile

Event = dict[str, Any]


class RecordingTarget:
    """`away_after`: how many events it still takes before it is away (None: always there)."""

    def __init__(self, name: str = "recording", profile: Profile = "plain"):
        self.name = name
        self.profile = profile
        self.events: list[Event] = []
        self.away_after: int | None = None
        self.refusal: str | None = None

    def target(self) -> Target:
        return Target(self.name, self.profile)

    def deliver(self, events: Sequence[Event], target: Target, *, only: Profile | None = None) -> Delivery:
        taken: list[str] = []
        for event in events:
            if self.away_after is not None and self.away_after <= 0:
                raise TransientDeliveryError("503 Service Unavailable", accepted=tuple(taken))
            if self.refusal:
                return Delivery(rejected=tuple((name_of(e), self.refusal) for e in events))
            self.away_after = None if self.away_after is None else self.away_after - 1
            self.events.append(event)
            taken.append(name_of(event))
        return Delivery(accepted=tuple(taken))

    def of(self, flow_run_id: object) -> list[Event]:
        return [e for e in self.events if e["run"]["runId"] == str(flow_run_id)]

    def types(self, flow_run_id: object) -> list[str]:
        return [e["eventType"] for e in self.of(flow_run_id)]


def name_of(event: Event) -> str:
    return f"{event['run']['runId']} {event['eventType']}"
