"""Node ids as Marquez reads them, each with `#version` if needed.

They are `job:namespace:name`, `dataset:namespace:name` and `datasetField:namespace:name:field`. Colons separate the
parts, and namespaces contain colons of their own, so some names cannot be requested: if there are more colons than
expected, those before `//` and before a digit (a port) are not counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from tests.marquez.values import Failed, namespace_name, not_blank, parse_uuid

LINE_END = re.compile("[\n\r\x85\u2028\u2029]")
PARTS = {"job": 3, "dataset": 3, "datasetField": 4, "run": 2}


@dataclass(frozen=True)
class NodeId:
    kind: str
    namespace: str
    name: str
    field: str | None = None
    version: UUID | None = None

    def __str__(self) -> str:
        parts = [self.kind, self.namespace, self.name, *([self.field] if self.field is not None else [])]
        return node_id(":".join(parts)) + (f"#{self.version}" if self.version else "")


def node_id(value: str) -> str:
    """Return the id. Raises for ids that the server cannot represent, such as one with a line break."""
    if not re.match("(dataset|datasetField|job|run):", value) or LINE_END.search(value):
        raise Failed(f"node ID ({value}) must start with 'dataset', 'datasetField', 'job' or 'run'")
    return value


def is_node_id(value: str) -> bool:
    return re.match("(dataset|datasetField|job|run):", value) is not None and not LINE_END.search(value)


def parse_node_id(value: str, *, versioned: bool) -> NodeId:
    """Raises `Unacceptable` or `Failed` for ids whose parts cannot be separated or are not valid names.

    Only the graph of columns accepts versions (`versioned`): there, a `#` in a name begins a version.
    """
    kind = value.split(":", 1)[0]
    parts = _parts(value, PARTS[kind])
    version = None
    if versioned and "#" in value:
        parts[-1], _, given = parts[-1].partition("#")
        version = parse_uuid(given)
        if version is None:
            raise Failed(f"Invalid UUID string: {given}")
    if kind == "run":
        return NodeId(kind, "", parts[1])
    namespace, name = namespace_name(parts[1]), not_blank(parts[2])
    return NodeId(kind, namespace, name, not_blank(parts[3]) if kind == "datasetField" else None, version)


def _parts(value: str, expected: int) -> list[str]:
    parts = re.split("[:#]", value)
    while parts and not parts[-1]:  # as Java's split does
        parts.pop()
    if len(parts) < expected:
        raise Failed(f"Expected NodeId with {expected} parts. Got: {value}")
    if len(parts) == expected:
        return parts
    found = []
    start = 0
    delimiter = re.compile(r":(?!//|\d+)")
    for _ in range(expected - 1):
        match = delimiter.search(value, start)
        if not match:
            raise Failed("IllegalStateException: No match available")
        found.append(value[start : match.start()])
        start = match.end()
    return [*found, value[start:]]
