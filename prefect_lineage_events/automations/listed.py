"""The list of all automations."""

from __future__ import annotations

from prefect_lineage_events.automations.assemble import ASSEMBLE
from prefect_lineage_events.automations.assemble_batched import ASSEMBLE_BATCHED
from prefect_lineage_events.automations.assemble_on_completion import ASSEMBLE_ON_COMPLETION
from prefect_lineage_events.automations.definition import Definition
from prefect_lineage_events.automations.lineage_incomplete import LINEAGE_INCOMPLETE
from prefect_lineage_events.automations.lineage_rejected import LINEAGE_REJECTED
from prefect_lineage_events.automations.schema_changed import SCHEMA_CHANGED
from prefect_lineage_events.automations.table_stale import TABLE_STALE
from prefect_lineage_events.automations.table_written import TABLE_WRITTEN
from prefect_lineage_events.nearness import did_you_mean, nearest

AUTOMATIONS = (
    ASSEMBLE,
    ASSEMBLE_ON_COMPLETION,
    ASSEMBLE_BATCHED,
    TABLE_WRITTEN,
    TABLE_STALE,
    SCHEMA_CHANGED,
    LINEAGE_INCOMPLETE,
    LINEAGE_REJECTED,
)
ASSEMBLERS = tuple(one for one in AUTOMATIONS if one.group == "assembler")


def automation(name: str) -> Definition:
    """The automation of this name. Raises ValueError, with the names there are."""
    for one in AUTOMATIONS:
        if one.name == name:
            return one
    names = [one.name for one in AUTOMATIONS]
    raise ValueError(
        f"there is no automation {name!r}: use one of {', '.join(names)}{did_you_mean(nearest(name, names))}"
    )
