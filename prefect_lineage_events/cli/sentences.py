"""Events of the lineage feed as sentences. Pure: a sentence for each event, whatever is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prefect_lineage_events.encoding import count as whole
from prefect_lineage_events.escaping import line
from prefect_lineage_events.events import FLOW_LABEL

_VERBS = {"write": "wrote", "read": "read", "create": "created", "alter": "altered", "drop": "dropped"}
_EFFECTS = {"update": "updated", "delete": "deleted from", "truncate": "emptied", "overwrite": "overwrote"}
_INPUTS = 3


def sentence(name: str, resource: Mapping[str, Any], related: Sequence[Mapping[str, Any]], payload: object) -> str:
    """The sentence of an event of this name. Names in it control no terminal."""
    values = payload if isinstance(payload, Mapping) else {}
    subject = _run(related)
    about = line(str(resource.get("prefect.resource.name") or resource.get("prefect.resource.id") or "something"))
    flow = line(str(resource.get(FLOW_LABEL) or about))
    kind = name.removeprefix("lineage.")
    if kind in ("assembled", "rejected", "incomplete"):
        return _of_assembler(kind, flow, values)
    if kind == "closed":
        return f"{subject} ended, and reported {_count(values)}"
    if kind == "checkpoint":
        return f"{subject} goes on, and reported {_count(values)} so far"
    if kind == "schema-changed":
        return f"columns changed: {about}"
    if kind == "schema":
        return f"{subject} reported {about}"
    return f"{subject} {_statement(kind, about, related, values)}"


def _statement(kind: str, about: str, related: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> str:
    info = values.get("statement")
    info = info if isinstance(info, Mapping) else {}
    verb = _EFFECTS.get(str(info.get("effect"))) or _VERBS.get(kind) or f"did {line(kind)} on"
    rows = whole(info.get("rows"))
    many = f" ({rows:,} row{'' if rows == 1 else 's'})" if rows is not None else ""
    inputs = [line(str(one.get("prefect.resource.name") or "")) for one in related if _role(one) == "lineage-input"]
    more = f" and {len(inputs) - _INPUTS} more" if len(inputs) > _INPUTS else ""
    joint = " and" if kind == "read" else " from"
    sources = f"{joint} {', '.join(inputs[:_INPUTS])}{more}" if inputs else ""
    unsure = ", not understood whole" if info.get("confidence") == "partial" else ""
    return f"{verb} {about}{many}{sources}{unsure}"


def _of_assembler(kind: str, about: str, values: Mapping[str, Any]) -> str:
    target = line(str(values.get("target") or "the target"))
    if kind == "assembled":
        inputs, outputs = whole(values.get("inputs")), whole(values.get("outputs"))
        counts = f" ({inputs:,} in, {outputs:,} out)" if inputs is not None and outputs is not None else ""
        return f"lineage of {about}{counts} delivered to {target}"
    if kind == "rejected":
        reasons = values.get("reasons")
        reason = reasons[0] if isinstance(reasons, list) and reasons else "no reason given"
        return f"{target} refused events of {about}: {line(str(reason))}"
    return f"lineage of {about} is incomplete: events of it are missing"


def _run(related: Sequence[Mapping[str, Any]]) -> str:
    names = {_role(one): line(str(one.get("prefect.resource.name") or "")) for one in reversed(related)}
    return " / ".join(names[role] for role in ("flow", "flow-run") if names.get(role)) or "a process outside runs"


def _role(resource: Mapping[str, Any]) -> str:
    return str(resource.get("prefect.resource.role") or "")


def _count(values: Mapping[str, Any]) -> str:
    number = whole(values.get("count"))
    return "its end" if number is None else f"{number:,} lineage event{'' if number == 1 else 's'}"
