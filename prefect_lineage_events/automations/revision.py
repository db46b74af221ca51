"""The revision in the description of an automation: whether a person has edited it since `deploy` wrote it.

Prefect stores no author of an automation. A digest of its content stands in its description instead, where people see
that a command made it, and which one.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from prefect.events.schemas.automations import AutomationCore

from prefect_lineage_events.automations.definition import JSON

_MARK = re.compile(r"\(`prefect-lineage deploy`, revision ([0-9a-f]{8})\)\Z")


def content_of(automation: AutomationCore) -> JSON:
    """The content of an automation: without ids, the switch, the revision and everything that has its default.

    A later version of Prefect adds fields with defaults, which change nothing here.
    """
    fields = set(AutomationCore.model_fields) - {"enabled", "owner_resource"}
    content = automation.model_dump(mode="json", include=fields, exclude_defaults=True)
    content["description"] = _unmarked(automation.description)
    return {name: _sorted(value) for name, value in content.items()}


def _sorted(value: Any) -> Any:
    """A value without ids and empty parts. Sets of Prefect's, whose order is chance, are sorted."""
    if isinstance(value, dict):
        kept = {key: _sorted(one) for key, one in sorted(value.items()) if key != "id"}
        return {key: one for key, one in kept.items() if one not in (None, {}, [])}
    if isinstance(value, list):
        values = [_sorted(one) for one in value]
        return sorted(values) if all(isinstance(one, str) for one in values) else values
    return value


def revision_of(automation: AutomationCore) -> str:
    """A digest of the content."""
    text = json.dumps(content_of(automation), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def marked(automation: AutomationCore) -> AutomationCore:
    """The automation with its revision in its description."""
    text = _unmarked(automation.description)
    description = f"{text} (`prefect-lineage deploy`, revision {revision_of(automation)})"
    return automation.model_copy(update={"description": description})


def _unmarked(description: str) -> str:
    """The description without a revision."""
    return _MARK.sub("", description.rstrip()).rstrip()


def is_as_deployed(automation: AutomationCore) -> bool:
    """Return whether the content is that of the revision in the description; False without one."""
    found = _MARK.search(automation.description.rstrip())
    return found is not None and found[1] == revision_of(automation)
