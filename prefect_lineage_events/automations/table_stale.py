"""`table-stale`: a table was not written for some hours.

A write starts the time, and each later one starts it again. So the trigger fires once, when the time is over, and then
not before the table has been written again. Writes of any run count, also of one that failed afterwards: their events
are sent after the commit, and need no assembler. A table that is only defined, as by CREATE TABLE IF NOT EXISTS at the
beginning of a flow, is not written.
"""

from __future__ import annotations

import datetime as dt

from prefect.events.schemas.automations import AutomationCore

from prefect_lineage_events.automations import people
from prefect_lineage_events.automations.definition import JSON, Definition, Options
from prefect_lineage_events.automations.tables import ANY_TABLE, pattern_of, table_of
from prefect_lineage_events.events import ROWS_LABEL, ROWS_WRITTEN

# A table that is written once a day may be some time late.
HOURS = 26.0
_WRITES = ["lineage.write", "lineage.create"]


def _trigger(options: Options) -> JSON:
    # The same events in `after` and `expect`: each write starts the time again.
    return {
        "posture": "Proactive",
        "after": list(_WRITES),
        "expect": list(_WRITES),
        "match": {"prefect.resource.id": pattern_of(options.table or ANY_TABLE), ROWS_LABEL: ROWS_WRITTEN},
        "for_each": ["prefect.resource.id"],
        "threshold": 1,
        "within": 3600 * (options.hours or HOURS),
    }


def _options_of(found: AutomationCore) -> Options:
    within = getattr(found.trigger, "within", None)
    hours = within.total_seconds() / 3600 if isinstance(within, dt.timedelta) and within else None
    actions = people.options_of(found).actions
    return Options(table=table_of(found), hours=hours, actions=actions)


def _subject(options: Options) -> str:
    return options.table or ""


TABLE_STALE = Definition(
    name="table-stale",
    group="tables",
    description="Tell people that a table has not been written for a time.",
    cost="Nothing while tables are written in time.",
    trigger=_trigger,
    actions=people.actions,
    options_of=_options_of,
    message=(
        "{{ event.resource.name }} is stale",
        people.body("{{ event.resource.name }} was last written at {{ event.occurred }}, and not since."),
    ),
    subject=_subject,
    required=("table",),
    optional=("hours", "notify"),
    example=Options(table="postgres://warehouse:5432/shop/public/orders", hours=HOURS),
)
