"""Tables in automations: patterns for their URIs."""

from __future__ import annotations

from prefect.events.schemas.automations import AutomationCore

from prefect_lineage_events.automations.definition import literal
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.event_fields import MAX_LABEL

_ID = "prefect.resource.id"
ANY_TABLE = "*"


def pattern_of(table: str) -> str:
    """Prefect's pattern for a URI in which `*` stands for any text. All other characters stand for themselves."""
    # Labels of events are cut at this length, and so is what must match them.
    return "*".join(literal(part) for part in table[:MAX_LABEL].split("*"))


def table_of(found: AutomationCore) -> str | None:
    """The URI or pattern from which a deployed automation's pattern was made; None where it was edited beyond that."""
    match = getattr(found.trigger, "match", None)
    value = match.root.get(_ID) if match is not None else None
    (pattern,) = value if isinstance(value, list) and len(value) == 1 else (value,)
    if not isinstance(pattern, str):
        return None
    table = pattern.replace("[*]", "\0").replace("[?]", "?").replace("[[]", "[")
    return None if "\0" in table or pattern_of(table) != pattern else table


def checked(table: str) -> str:
    """The table as given. Raises ValueError for a text that is neither a dataset's URI nor a pattern of one."""
    if "*" in table:
        if table.startswith("!"):
            raise ValueError(f"{table!r} is no pattern of a dataset's URI: Prefect reads a first ! as a negation")
        return table
    return Dataset.from_uri(table).uri
