"""Events of the lineage feed as sentences. Pure: a sentence for each event, whatever is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prefect_lineage_events.escaping import line
from prefect_lineage_events.events import CHECKPOINT_EVENT, CLOSED_EVENT, OPERATION_EVENTS, SCHEMA_EVENT

# Events of flows, whose summary does not name the run. Those of the assembler do.
_OF_FLOWS = OPERATION_EVENTS | {CHECKPOINT_EVENT, CLOSED_EVENT, SCHEMA_EVENT}


def sentence(name: str, resource: Mapping[str, Any], related: Sequence[Mapping[str, Any]], payload: object) -> str:
    """The sentence of an event of this name. Names in it control no terminal."""
    summary = payload.get("summary") if isinstance(payload, Mapping) else None
    if isinstance(summary, str) and summary:
        return f"{_run(related)}: {line(summary)}" if name in _OF_FLOWS else line(summary)
    # Events of earlier versions have no summary.
    about = line(str(resource.get("prefect.resource.name") or resource.get("prefect.resource.id") or "something"))
    return f"{_run(related)}: {line(name.removeprefix('lineage.'))} {about}"


def _run(related: Sequence[Mapping[str, Any]]) -> str:
    names = {str(one.get("prefect.resource.role")): one.get("prefect.resource.name") for one in reversed(related)}
    return " / ".join(line(str(names[role])) for role in ("flow", "flow-run") if names.get(role)) or "outside of runs"
