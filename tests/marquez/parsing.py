"""Parsing of a POST: Marquez refuses some events before it stores anything.

There are two refusals, distinguished because a sender must: *unparsable* (500, a JSON body whose `code` is 400) if
Jackson cannot make the typed object, *invalid* (422, a list of errors) if the object lacks required members.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.marquez.values import encode, is_uri, parse_time, zoned

DEEPEST = 1000
LONGEST_NUMBER = 1000
LONGEST_STRING = 20_000_000
TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]|-?\d[\d.eE+-]*', re.DOTALL)


class Unparsable(Exception):
    """A refusal with 500 and `code: 400`: sending the same bytes again never helps."""


class Invalid(Exception):
    """A refusal with 422."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True)
class Shape:
    """One typed object of Marquez's model. Kinds of a member: text, uri, time, any, a `Shape` or a list of one."""

    members: dict[str, Any]
    required: tuple[str, ...] = ()
    values: Shape | None = None
    """Type of all other members; None where those are free. They are typed, but nothing is required of them."""


def _facet(required: tuple[str, ...] = (), **members: Any) -> Shape:
    return Shape({"_producer": "uri", "_schemaURL": "uri", **members}, ("_producer", "_schemaURL", *required))


SCHEMA_FIELD = Shape({"name": "text", "type": "text", "description": "text"}, ("name",))
INPUT_FIELD = Shape({"namespace": "text", "name": "text", "field": "text"})
OUTPUT_COLUMN = Shape({"inputFields": [INPUT_FIELD], "transformationDescription": "text", "transformationType": "text"})
SYMLINK = Shape({"namespace": "text", "name": "text", "type": "text"}, ("namespace", "name"))
DATASET_FACETS = Shape(
    {
        "documentation": _facet(("description",), description="text"),
        "schema": _facet(fields=[SCHEMA_FIELD]),
        "lifecycleStateChange": _facet(lifecycleStateChange="text"),
        "dataSource": _facet(name="text", uri="text"),
        "columnLineage": _facet(fields=Shape({}, values=OUTPUT_COLUMN)),
        "symlinks": _facet(identifiers=[SYMLINK]),
        "description": "text",
    }
)
DATASET = Shape(
    {
        "namespace": "text",
        "name": "text",
        "facets": DATASET_FACETS,
        "inputFacets": Shape({}),
        "outputFacets": Shape({}),
    },
    ("namespace", "name"),
)
JOB = Shape(
    {
        "namespace": "text",
        "name": "text",
        "facets": Shape(
            {
                "documentation": _facet(("description",), description="text"),
                "sourceCodeLocation": _facet(type="text", url="text"),
                "sql": _facet(("query",), query="text"),
                "jobType": _facet(
                    ("processingType", "integration", "jobType"),
                    processingType="text",
                    integration="text",
                    jobType="text",
                ),
            }
        ),
    },
    ("namespace", "name"),
)
PARENT = _facet(
    ("run", "job"),
    run=Shape({"runId": "text"}, ("runId",)),
    job=Shape({"namespace": "text", "name": "text"}, ("namespace", "name")),
)
RUN = Shape(
    {
        "runId": "text",
        "facets": Shape(
            {
                "nominalTime": _facet(("nominalStartTime",), nominalStartTime="time", nominalEndTime="time"),
                "parent": PARENT,
                "parentRun": PARENT,
            }
        ),
    },
    ("runId",),
)
_ALWAYS = {"eventTime": "time", "producer": "text", "schemaURL": "uri"}
RUN_EVENT = Shape(
    {**_ALWAYS, "eventType": "text", "run": RUN, "job": JOB, "inputs": [DATASET], "outputs": [DATASET]},
    ("run", "eventTime", "job", "producer"),
)
DATASET_EVENT = Shape({**_ALWAYS, "dataset": DATASET}, ("eventTime", "producer", "schemaURL"))
JOB_EVENT = Shape(
    {**_ALWAYS, "job": JOB, "inputs": [DATASET], "outputs": [DATASET]}, ("eventTime", "job", "producer", "schemaURL")
)
KINDS = {"/DatasetEvent": DATASET_EVENT, "/JobEvent": JOB_EVENT}


def parse(body: bytes) -> tuple[Shape, dict[str, Any]]:
    """The event and its kind, one of three, determined by the end of its `schemaURL`."""
    document = _json(body)
    if document is None:
        raise Invalid(["The request body must not be null"])
    if not isinstance(document, dict):
        raise Unparsable("Cannot deserialize value of type `marquez.service.models.LineageEvent`")
    url = document.get("schemaURL")
    kind = KINDS.get(url[url.rfind("/") :], RUN_EVENT) if isinstance(url, str) and "/" in url else RUN_EVENT
    event = _typed(document, kind)
    errors = list(_missing(event, kind, ""))
    if errors:
        raise Invalid(errors)
    return kind, event


def _json(body: bytes) -> Any:
    try:
        document = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unparsable(f"Invalid UTF-8 start byte {body[error.start]:#x}") from error
    if not document.strip():
        return None
    _check_sizes(document)
    try:
        return json.loads(document, parse_constant=_refuse_constant, strict=True)
    except (ValueError, RecursionError) as error:
        raise Unparsable(str(error)) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"Non-standard token '{name}'")


def _check_sizes(document: str) -> None:
    if len(document) <= LONGEST_NUMBER:
        return
    depth = 0
    for match in TOKEN.finditer(document):
        token = match[0]
        if token in "[{":
            depth += 1
            if depth > DEEPEST:
                raise Unparsable(f"Document nesting depth ({depth}) exceeds the maximum allowed ({DEEPEST})")
        elif token in "]}":
            depth -= 1
        elif token[0] == '"':
            if len(token) - 2 > LONGEST_STRING:
                raise Unparsable(f"String value length ({len(token)}) exceeds the maximum allowed ({LONGEST_STRING})")
        elif len(token) > LONGEST_NUMBER:
            raise Unparsable(f"Number value length ({len(token)}) exceeds the maximum allowed ({LONGEST_NUMBER})")


def _typed(value: Any, kind: Any) -> Any:
    """The value as Jackson represents it: numbers in place of texts become texts, and nulls count as missing."""
    if value is None or kind == "any":
        return value
    if isinstance(kind, list):
        if not isinstance(value, list):
            raise Unparsable("Cannot deserialize value of type `java.util.ArrayList`")
        return [_typed(item, kind[0]) for item in value]
    if isinstance(kind, Shape):
        if not isinstance(value, dict):
            raise Unparsable("Cannot construct instance from a value that is no object")
        sent = {key: item for key, item in value.items() if item is not None or key not in kind.members}
        return {key: _typed(item, kind.members.get(key, kind.values or "any")) for key, item in sent.items()}
    return _scalar(value, kind)


def _scalar(value: Any, kind: str) -> Any:
    if isinstance(value, (dict, list)):
        raise Unparsable(f"Cannot deserialize value of type {kind} from an object or an array")
    if kind == "time":
        if value == "":
            return None
        try:
            parse_time(value)
            return zoned(value)
        except ValueError as error:
            raise Unparsable(f"Cannot deserialize value of type `java.time.ZonedDateTime` from {value!r}") from error
    as_text = json.dumps(value) if not isinstance(value, str) else value
    if kind == "uri" and not is_uri(as_text):
        raise Unparsable(f"Cannot deserialize value of type `java.net.URI` from {value!r}")
    return encode(as_text).decode()


def _missing(value: Any, kind: Any, path: str) -> Iterator[str]:
    if value is None:
        return
    if isinstance(kind, list):
        for index, item in enumerate(value):
            yield from _missing(item, kind[0], f"{path}[{index}]")
    if isinstance(kind, Shape):
        dot = f"{path}." if path else ""
        yield from (f"{dot}{name} must not be null" for name in kind.required if value.get(name) is None)
        for name, member in kind.members.items():
            yield from _missing(value.get(name), member, f"{dot}{name}")


def completed(value: Any, kind: Any) -> Any:
    """The event as Marquez shows it: members of a typed object that were not sent are null, except for its old name."""
    if isinstance(value, list) and isinstance(kind, list):
        return [completed(item, kind[0]) for item in value]
    if isinstance(value, dict) and isinstance(kind, Shape):
        whole = {**{name: None for name in kind.members if name != "parentRun"}, **value}
        return {key: completed(item, kind.members.get(key, kind.values or "any")) for key, item in whole.items()}
    return value
