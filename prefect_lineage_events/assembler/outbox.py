"""A run's events on their way to the target: in the shape it can take, and how far they have come."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from prefect.settings import PREFECT_UI_URL

from prefect_lineage_events.assembly.model import RunLineage
from prefect_lineage_events.openlineage import profiles
from prefect_lineage_events.openlineage.build import run_events
from prefect_lineage_events.openlineage.delivery import Target, TransientDeliveryError, deliver
from prefect_lineage_events.openlineage.transports import Profile
from prefect_lineage_events.settings import settings

Event = dict[str, Any]


class Outbox:
    """Events for a target: a retry goes on where the last try ended.

    `done` of the events were taken or refused, `sent` of them were taken by way of this outbox. `only`: for the parts
    of the target that have this profile.
    """

    def __init__(self, events: list[Event], target: Target, *, done: int = 0, only: Profile | None = None) -> None:
        self.events = events
        self.target = target
        self.done = done
        self.only = only
        self.rejected: list[str] = []
        self.sent = 0

    @property
    def finished(self) -> bool:
        return self.done == len(self.events)

    def flush(self) -> None:
        """Send what is left, in order. Raises TransientDeliveryError when the target cannot take it now."""
        try:
            delivery = deliver(self.events[self.done :], self.target, only=self.only)
        except TransientDeliveryError as error:
            self.done += len(error.accepted)
            self.sent += len(error.accepted)
            raise
        self.done = len(self.events)
        self.sent += len(delivery.accepted)
        self.rejected += [f"{event}: {reason}" for event, reason in delivery.rejected]


def events_for(lineage: RunLineage, target: Target, api_url: str) -> list[Event]:
    """The events of a run in the shape that its target can take."""
    events = run_events(
        lineage,
        namespace=job_namespace(api_url),
        granularity=settings().granularity,
        prefect_url=PREFECT_UI_URL.value() or None,
    )
    return profiles.marquez(events) if target.profile == "marquez" else profiles.plain(events)


def job_namespace(api_url: str) -> str:
    """The OpenLineage job namespace of a Prefect instance: its address, or the workspace on Prefect Cloud.

    Stable over renamed workspaces; the setting `job_namespace` gives a name of one's own.
    """
    if chosen := settings().job_namespace:
        return chosen
    parts = urlsplit(api_url)
    path = parts.path.strip("/").split("/")
    if "workspaces" in path:
        where = path[path.index("workspaces") + 1 :][:1]
        return "/".join([f"prefect://{parts.hostname}", *where])
    return f"prefect://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
