"""Limits of events, far below what Prefect refuses (1.5 MB). An event reports what was left out of it.

Names are bounded by `encoding.name`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import MAX_RELATED_DATASETS, EventDataset, LineageEvent, UnnumberedEvent
from prefect_lineage_events.object_stores import without_user
from prefect_lineage_events.settings import LineageSettings

if TYPE_CHECKING:  # so that events can be sent where the analyser cannot be imported
    from prefect_lineage_events.sql.model import Statement


def clean_dataset(dataset: Dataset) -> Dataset:
    """The dataset without a password in its namespace or a token in the query of an address (`record_read`).

    A name may have a question mark of its own, but no setting behind it.
    """
    scheme, separator, authority = dataset.namespace.partition("://")
    name, _, query = dataset.name.partition("?")
    if scheme not in ("http", "https") and "=" not in query:
        name = dataset.name
    if "@" not in authority and name == dataset.name:
        return dataset
    return Dataset(f"{scheme}{separator}{without_user(scheme, authority)}", name or "/")


def sql_for_event(statement: Statement, sql: str, values: LineageSettings) -> str | None:
    """A statement's text by the setting `sql_text`: sanitised (literals are `?`, no comments), as written, or none.

    A text that could not be sanitised is left out: better no text than a secret.
    """
    if values.sql_text == "none":
        return None
    text = sql if values.sql_text == "full" else statement.sanitised
    if len(text) > values.sql_text_limit:
        text = text[: max(values.sql_text_limit - 1, 0)] + "…"
    return text or None


# Characters of all names of an event's inputs together: far below what a server takes (1.5 MB), labels included.
_MAX_NAMES = 60_000


def split_inputs(inputs: Sequence[EventDataset]) -> list[tuple[EventDataset, ...]]:
    """The inputs in portions that fit one event each; at least one portion, which may be empty."""
    portions: list[list[EventDataset]] = [[]]
    length = 0
    for dataset in inputs:
        names = len(dataset.namespace) + len(dataset.name)
        if portions[-1] and (len(portions[-1]) >= MAX_RELATED_DATASETS or length + names > _MAX_NAMES):
            portions.append([])
            length = 0
        portions[-1].append(dataset)
        length += names
    return [tuple(portion) for portion in portions]


MAX_COLUMNS = 2_000
MAX_EDGES = 3_000
MAX_RENAMES = 500
MAX_BYTES = 400_000
# Characters of a statement's text in an event that is too large otherwise.
_SHORT_SQL = 1_000


def truncated(event: LineageEvent) -> LineageEvent:
    """The event itself if it is small enough; else without its largest parts: edges beyond a limit, then columns."""
    cut: list[str] = []
    if len(event.columns) > MAX_EDGES:
        cut.append(f"{len(event.columns) - MAX_EDGES} column edges")
        event = event.model_copy(update={"columns": event.columns[:MAX_EDGES]})
    listed = [event.result_columns, event.bound_columns or (), event.constant_columns, event.program_columns]
    if any(len(columns) > MAX_COLUMNS for columns in (*listed, *(d.columns for d in event.datasets))):
        cut.append(f"columns beyond {MAX_COLUMNS} of a dataset")
        event = _with_columns(event, MAX_COLUMNS)
    if len(event.statement.renames) > MAX_RENAMES:
        cut.append(f"{len(event.statement.renames) - MAX_RENAMES} renames")
        event = _with_statement(event, renames=event.statement.renames[:MAX_RENAMES])
    if _size(event) > MAX_BYTES and len(event.statement.sql or "") > _SHORT_SQL:
        cut.append("most of the statement's text")
        event = _with_statement(event, sql=f"{(event.statement.sql or '')[:_SHORT_SQL]}…")
    if _size(event) > MAX_BYTES:
        cut.append("all columns")
        event = _with_columns(event, 0).model_copy(update={"columns": ()})
    return _with_reason(event, cut) if cut else event


def _with_columns(event: LineageEvent, limit: int) -> LineageEvent:
    return event.model_copy(
        update={
            "output": event.output and event.output.model_copy(update={"columns": event.output.columns[:limit]}),
            "inputs": tuple(d.model_copy(update={"columns": d.columns[:limit]}) for d in event.inputs),
            "result_columns": event.result_columns[:limit],
            **_without_long_lists(event, limit),
        }
    )


def _with_statement(event: LineageEvent, **changes: object) -> LineageEvent:
    return event.model_copy(update={"statement": event.statement.model_copy(update=changes)})


def _without_long_lists(event: LineageEvent, limit: int) -> dict[str, tuple[str, ...] | None]:
    """Values that mean "unknown" for lists of names beyond the limit: a part of such a list would be wrong."""
    bound, constant = event.bound_columns or (), event.constant_columns
    if max(len(bound), len(constant), len(event.program_columns)) <= limit:
        return {}
    return {"bound_columns": None, "constant_columns": (), "program_columns": ()}


def _size(event: LineageEvent) -> int:
    """Bytes, estimated from above without serialising the ordinary small event."""
    names = sum(len(d.columns) for d in event.datasets) + len(event.result_columns) + 3 * len(event.columns)
    names += len(event.bound_columns or ()) + len(event.constant_columns) + 2 * len(event.program_columns)
    if names < 100 and len(event.statement.sql or "") < MAX_BYTES // 8 and len(event.statement.renames) < 50:
        return 0
    return len(event.model_dump_json(exclude_defaults=True))


def _with_reason(event: LineageEvent, cut: list[str]) -> LineageEvent:
    reason = "; ".join(filter(None, [event.statement.reason, f"too large for one event, left out: {', '.join(cut)}"]))
    return _with_statement(event, confidence="partial", reason=reason)


def portions(fields: dict[str, Any], inputs: tuple[EventDataset, ...]) -> Iterator[UnnumberedEvent]:
    """One event, or several that share the statement's id where there are more inputs than an event can name."""
    split = split_inputs(inputs)
    if len(split) == 1:
        yield UnnumberedEvent(**fields, inputs=inputs)
        return
    statement, output, edges = fields["statement"], fields.get("output"), fields.get("columns", ())
    for number, portion in enumerate(split, 1):
        uris = {d.uri for d in portion} | ({output.uri} if output else set())
        part = {
            "statement": statement.model_copy(update={"part": number, "parts": len(split)}),
            "columns": tuple(e for e in edges if e.source in uris),
        }
        yield UnnumberedEvent(**{**fields, **part}, inputs=portion)
