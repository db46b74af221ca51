"""`lineage-incomplete`: the lineage of a run was delivered without some of its events."""

from __future__ import annotations

from prefect_lineage_events.automations import people
from prefect_lineage_events.automations.definition import JSON, NOT_OURS, Definition, Options, reactive
from prefect_lineage_events.events import FLOW_LABEL, INCOMPLETE_EVENT


def _trigger(options: Options) -> JSON:
    match = {"prefect.resource.id": "prefect-lineage.run.*", FLOW_LABEL: NOT_OURS}
    return reactive([INCOMPLETE_EVENT], match, for_each=[FLOW_LABEL], within=people.QUIET_SECONDS)


LINEAGE_INCOMPLETE = Definition(
    name="lineage-incomplete",
    group="people",
    description="Tell people that the lineage of a flow run lacks events: for each flow at most every 15 minutes.",
    cost="Nothing while lineage is complete.",
    trigger=_trigger,
    actions=people.actions,
    options_of=people.options_of,
    message=("Lineage of {{ event.resource['lineage.flow'] }} is incomplete", people.SUMMARY),
    optional=("notify",),
)
