"""`lineage-rejected`: a target refused events of a run. No later attempt helps: a person must act."""

from __future__ import annotations

from prefect_lineage_events.automations import people
from prefect_lineage_events.automations.definition import JSON, NOT_OURS, Definition, Options, reactive
from prefect_lineage_events.events import FLOW_LABEL, REJECTED_EVENT, TARGET_LABEL


def _trigger(options: Options) -> JSON:
    match = {"prefect.resource.id": "prefect-lineage.run.*", FLOW_LABEL: NOT_OURS}
    return reactive([REJECTED_EVENT], match, for_each=[TARGET_LABEL], within=people.QUIET_SECONDS)


LINEAGE_REJECTED = Definition(
    name="lineage-rejected",
    group="people",
    description="Tell people that a target refused lineage: for each target at most every 15 minutes.",
    cost="Nothing while targets take all events.",
    trigger=_trigger,
    actions=people.actions,
    options_of=people.options_of,
    message=("Lineage of {{ event.resource['lineage.flow'] }} was refused", people.SUMMARY),
    optional=("notify",),
)
