"""Values in events of any producer: of the type that is expected, or empty. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect_lineage_events import encoding

Json = Mapping[str, Any]


def mapping(value: object) -> Json:
    """The value if it is a JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Json]:
    """The JSON objects in a list; none in anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """The value if it is a text, or an empty one."""
    return encoding.text(value) if isinstance(value, str) else ""


def texts(value: object) -> tuple[str, ...]:
    """The texts in a list; none in anything else."""
    return tuple(encoding.text(one) for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def facets_of(event: Json, part: str) -> Json:
    """The facets of an event's run or job."""
    return mapping(mapping(event.get(part)).get("facets"))
