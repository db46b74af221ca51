"""`schema-changed`: columns of a table were added, dropped or retyped since an earlier run."""

from __future__ import annotations

from prefect_lineage_events.automations import people
from prefect_lineage_events.automations.definition import JSON, NOT_OURS, Definition, Options, reactive
from prefect_lineage_events.events import FLOW_LABEL, SCHEMA_CHANGED_EVENT


def _trigger(options: Options) -> JSON:
    # The events have deterministic ids, and the same change is seen once: no time without firing is needed.
    return reactive([SCHEMA_CHANGED_EVENT], {FLOW_LABEL: NOT_OURS}, for_each=["prefect.resource.id"])


SCHEMA_CHANGED = Definition(
    name="schema-changed",
    group="people",
    description="Tell people that columns of a table were added, dropped or retyped, and what reads them.",
    cost="Nothing while schemas stay the same.",
    trigger=_trigger,
    actions=people.actions,
    options_of=people.options_of,
    message=("Columns of {{ event.resource.name }} changed", people.SUMMARY),
    optional=("notify",),
)
