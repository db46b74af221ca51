"""The answers that differ between targets.

A profile changes events into a shape its target can take, and states what the target's graphs need of the order in
which events arrive. Another profile takes a file here and a line in `registry`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from prefect_lineage_events.openlineage.facets import Event


class Profile:
    """A target that takes events as they are, in any order. Subclasses change the answers that differ.

    `needs_parents_first`: an unknown parent run is made up, with the state of its child. `shows_last_event`: a job's
    graph shows the last event received, whichever run is the latest. `accepts_running`: a run without an end does no
    harm.
    """

    name: str = "plain"
    needs_parents_first: bool = False
    shows_last_event: bool = False
    accepts_running: bool = True

    def matches(self, address: str) -> bool:
        """Return whether this is the profile of a target with this HTTP address."""
        return False

    def shape(self, events: Sequence[Event]) -> list[Event]:
        """Return the events in a shape the target can take, perhaps more or fewer of them; pure."""
        return list(events)

    def unplaced(self, event: Event, status: int, content: Any) -> str | None:
        """Return the reason for which the target has not used the event yet, by its response; None if it has.

        `content`: the response's JSON, None for other responses. An event that is not used is kept for the sweep.
        """
        return None

    def __str__(self) -> str:
        return self.name


def events_to_restore(sent: Iterable[Event], latest: Iterable[Event]) -> list[Event]:
    """Return the events to send after `sent`, so that a graph of the last event received shows the latest run again.

    `latest`: events of the job's latest completed run, in the same shape. Its end is sent again for each job of which
    `sent` holds another run: a failed run, or an older one of a backfill. This states nothing false: the run keeps its
    times, and it is the job's latest run. An end without inputs and outputs would only remove edges. A task that
    completed later, although its flow failed, is itself the latest completed run of its job.
    """
    last = {_job(event): event for event in sent}
    return [
        event
        for event in latest
        if event["eventType"] == "COMPLETE"
        and (event["inputs"] or event["outputs"])
        and _job(event) in last
        and _hides(last[_job(event)], event)
    ]


def _hides(last: Event, latest: Event) -> bool:
    """Return whether the job's last event is of another run and shows less: an older end, a failed or empty one."""
    if last["run"]["runId"] == latest["run"]["runId"]:
        return False
    shows_edges = last["eventType"] == "COMPLETE" and (last["inputs"] or last["outputs"])
    return not shows_edges or str(last["eventTime"]) < str(latest["eventTime"])


def _job(event: Event) -> tuple[str, str]:
    return event["job"]["namespace"], event["job"]["name"]
