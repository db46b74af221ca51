"""Run lineage as OpenLineage events (specification 2-0-2). Pure: the same history gives the same bytes."""

from __future__ import annotations

from typing import Any, Literal

from prefect_lineage_events.assembly.model import RunLineage

Event = dict[str, Any]


def run_events(
    run: RunLineage,
    *,
    namespace: str,
    granularity: Literal["flow", "task"] = "flow",
    prefect_url: str | None = None,
) -> list[Event]:
    """The events of a run in sending order, ready for JSON: START, then its end (none for a run that has not ended).

    With granularity `task` the parent's START comes first, its end last, each task's pair between them.
    """
    raise NotImplementedError
