"""Write `docs/reference/events.md` from the models of the events. python docs/make_events_page.py"""

from __future__ import annotations

import datetime as dt
import json
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

from prefect_lineage_events import definitions, events
from prefect_lineage_events.history import witnessed

PAGE = Path(__file__).resolve().parent / "reference" / "events.md"
_ID = "00000000-0000-4000-8000-00000000000"
_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false", UUID: "UUID", dt.datetime: "time"}

HEAD = """\
# Events

<!-- Written by docs/make_events_page.py from the models of the events: change those, then run it again. -->

All events are in Prefect's event feed and at its API. [The explanation](../explanation/events.md) says why lineage travels in
them, and [automations](../automations.md) react to them.

## Names
| event | emitted by | resource | says |
|---|---|---|---|
| `lineage.read` | the flow's process | the first dataset read; the others are related, role `lineage-input` | one statement or access that only read |
| `lineage.write`, `lineage.create`, `lineage.alter`, `lineage.drop` | the flow's process | the dataset written; its sources are related, role `lineage-input` | one statement, and one of its outputs |
| `lineage.misc` | the flow's process | the dataset, or the emitter | a statement that is none of these: CALL, GRANT, one that was not understood |
| `lineage.schema` | the flow's process | the emitter | columns that were looked up |
| `lineage.checkpoint` | the flow's process | the emitter | the number of events so far |
| `lineage.closed` | the flow's process | the emitter | the number of events at the end, and what is lacking |
| `lineage.assembled` | the assembler | the run, or a group of up to 40 runs | a target accepted the lineage |
| `lineage.incomplete` | the assembler | the run | the lineage lacks events: `missing`, `unclosed`, `dropped`, `rejected` (with `reasons`) |
| `lineage.rejected` | the assembler | the run | a target refused events, or keeps one for later: `reasons`, `refused`, `kept` |
| `lineage.witnessed` | the assembler | the run | what the warehouse's access history says of one statement: `query_id`, and its `statements` with what they read and wrote |
| `lineage.table-written` | the assembler | the dataset | a run that completed wrote it ([fields](../automations.md#chains-of-flows-by-tables)) |
| `lineage.schema-changed` | the assembler | the dataset | columns were added, dropped or retyped ([fields](../automations.md#changed-schemas)) |

The resource of a dataset has its URI as `prefect.resource.id`, and the labels `lineage.namespace`, `lineage.name` and
`lineage.kind`. That of a dataset that a statement writes or creates has `lineage.rows` too: `written`, or `none` where a CREATE
only defines the table. The flow run, the task run and the flow are related resources of each event. Ids are made from the
emitter and the number, so an event that is sent twice is stored once.

## Compatibility
The payload has a `schema_version` (now {version}). A later version of this package reads what all earlier ones wrote: fields are
only added, and unknown ones are ignored. Fields with their default value are left out. `summary` is a sentence for people.

## A statement
An example of `lineage.create`, as Prefect stores it:

```json
{example}
```

"""


# The models of all payloads, each with the heading of its fields.
MODELS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("## Payload of a statement", events.LineageEvent),
    ("### `statement`", events.StatementInfo),
    ("### A dataset: `output`, `inputs`, `datasets`", events.EventDataset),
    ("### A column", events.Column),
    ("### A column edge: `columns`", events.EventColumnEdge),
    ("### `run`", events.RunInfo),
    ("### `emitter`", events.EmitterInfo),
    ("## Payload of looked up columns", events.SchemaEvent),
    ("## Payload of `lineage.closed` and `lineage.checkpoint`", events.CountEvent),
    ("### `definitions`", definitions.RunDefinitions),
    ("### `definitions.flow`", definitions.Definition),
    ("### A task: `definitions.tasks`", definitions.TaskDefinition),
    ("## Payload of `lineage.witnessed`", witnessed.Witnessed),
    ("### A statement of the warehouse: `statements`", witnessed.WitnessedStatement),
    ("### A write: `writes`", witnessed.WitnessedWrite),
)


def page() -> str:
    return HEAD.format(version=events.SCHEMA_VERSION, example=example()) + "".join(_sections()).rstrip() + "\n"


def example() -> str:
    """The event of one statement, as it is emitted."""
    orders = events.EventDataset(namespace="postgres://db:5432", name="shop.raw.orders")
    total = events.Column(name="total", type="numeric")
    event = events.LineageEvent(
        operation="create",
        statement=events.StatementInfo(
            sql="CREATE TABLE mart.sales AS SELECT sum(amount) AS total FROM raw.orders WHERE day = ?",
            rows=31,
            started=dt.datetime(2026, 11, 28, 6, 0, tzinfo=dt.timezone.utc),
            duration=0.25,
            dialect="postgres",
            id=UUID(f"{_ID}1"),
        ),
        output=events.EventDataset(namespace="postgres://db:5432", name="shop.mart.sales", columns=(total,)),
        inputs=(orders,),
        columns=(
            events.EventColumnEdge(
                column="total", source=orders.uri, source_column="amount", transformation="AGGREGATION"
            ),
        ),
        run=events.RunInfo(flow_run_id=UUID(f"{_ID}2"), flow_run_name="crafty-otter", flow_name="nightly", run_count=1),
        emitter=events.EmitterInfo(id=UUID(f"{_ID}3"), sequence=0),
    )
    return json.dumps(event.to_prefect(), indent=2, default=str)


def _sections() -> Iterator[str]:
    for title, model in MODELS:
        yield f"{title}\n{_text(model)}\n\n| field | type | default |\n|---|---|---|\n{''.join(_rows(model))}\n"


def _text(model: type[BaseModel]) -> str:
    """The docstring of a model, each paragraph as one line."""
    documented = events.UnnumberedEvent if model is events.LineageEvent else model
    return "\n\n".join(" ".join(part.split()) for part in (documented.__doc__ or "").split("\n\n")).strip()


def _rows(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if name in ("closed",):
            continue
        default = "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
        yield f"| `{name}` | {_type(field.annotation)} | {default} |\n"


def _default(value: Any) -> str:
    if value is None or isinstance(value, BaseModel):
        return "none"
    if value == ():
        return "empty"
    return f"`{json.dumps(value)}`"


def _type(kind: Any) -> str:
    """A type in words."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type(inner[0])
    if origin in (Union, types.UnionType):
        return ", or ".join(_type(one) for one in inner if one is not type(None))
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in inner)
    if origin is tuple:
        return (
            f"list of {_type(inner[0])}".replace("list of pairs", "pairs")
            if inner[-1] is ...
            else f"pairs of {' and '.join(map(_type, inner))}"
        )
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__.removeprefix("Event").removesuffix("Info")).lower()
    return _NAMES.get(kind, str(kind))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
