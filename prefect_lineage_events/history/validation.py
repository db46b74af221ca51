"""Validation of stored events before use: every user of the API can emit any event.

A lineage event that is far larger than one of ours is cut, with the reason in it; an event that cannot be read is
listed with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from prefect_lineage_events import encoding
from prefect_lineage_events.datasets import parse_uri
from prefect_lineage_events.escaping import line
from prefect_lineage_events.events import EventDataset, LineageEvent
from prefect_lineage_events.history.model import RejectedEvent

MAX_INPUTS = 1_000
MAX_COLUMNS = 5_000
MAX_EDGES = 10_000
MAX_TASK_RUNS = 5_000
MAX_RENAMES = 1_000
MAX_SQL = 100_000
_MAX_REASON = 300


def rejected(raw: Mapping[str, Any], error: Exception) -> RejectedEvent:
    """The entry for an event that could not be read because of the error."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}" if where else first["msg"]
    else:
        reason = f"{type(error).__name__}: {error}"
    payload = raw.get("payload")
    emitter, sequence = _number(payload.get("emitter")) if isinstance(payload, Mapping) else (None, None)
    return RejectedEvent(line(str(raw.get("id"))), line(str(raw.get("event"))), line(reason), emitter, sequence)


def checked(event: LineageEvent) -> LineageEvent:
    """The event within the limits and without dangling references; its reason lists what was left out."""
    left_out: list[str] = []
    changes: dict[str, Any] = {}
    statement: dict[str, Any] = {}
    if len(event.inputs) > MAX_INPUTS:
        left_out.append(f"{len(event.inputs) - MAX_INPUTS:,} inputs")
        changes["inputs"] = event.inputs[:MAX_INPUTS]
    if event.output and len(event.output.columns) > MAX_COLUMNS:
        left_out.append("columns of the output")
        changes["output"] = _cut(event.output)
    if any(len(dataset.columns) > MAX_COLUMNS for dataset in event.inputs):
        left_out.append("columns of inputs")
        changes["inputs"] = tuple(map(_cut, changes.get("inputs", event.inputs)))
    if len(event.result_columns) > MAX_COLUMNS:
        left_out.append("columns of the result")
        changes["result_columns"] = event.result_columns[:MAX_COLUMNS]
    if len(event.task_runs) > MAX_TASK_RUNS:
        left_out.append(f"{len(event.task_runs) - MAX_TASK_RUNS:,} task runs")
        changes["task_runs"] = event.task_runs[:MAX_TASK_RUNS]
    if event.columns:
        known = {dataset.uri for dataset in (event.output, *changes.get("inputs", event.inputs)) if dataset}
        edges = tuple(edge for edge in event.columns if edge.source in known)[:MAX_EDGES]
        if len(edges) < len(event.columns):
            left_out.append(f"{len(event.columns) - len(edges):,} column edges")
            changes["columns"] = edges
    info = event.statement
    if info.renames:
        renames = tuple(pair for pair in info.renames if all(map(_is_uri, pair)))[:MAX_RENAMES]
        if len(renames) < len(info.renames):
            left_out.append(f"{len(info.renames) - len(renames):,} renames")
            statement["renames"] = renames
    if len(info.sql or "") > MAX_SQL:
        left_out.append("most of the statement's text")
        statement["sql"] = f"{(info.sql or '')[:MAX_SQL]}…"
    if not left_out:
        return event
    reason = "; ".join(filter(None, [info.reason[:_MAX_REASON], f"left out on reading: {', '.join(left_out)}"]))
    statement |= {"confidence": "partial", "reason": reason}
    return event.model_copy(update={**changes, "statement": info.model_copy(update=statement)})


def _cut(dataset: EventDataset) -> EventDataset:
    return dataset.model_copy(update={"columns": dataset.columns[:MAX_COLUMNS]})


def _is_uri(text: str) -> bool:
    try:
        parse_uri(text)
    except ValueError:
        return False
    return True


def _number(emitter: object) -> tuple[UUID | None, int | None]:
    """The emitter's id and the event's number; None for each that cannot be read."""
    if not isinstance(emitter, Mapping):
        return None, None
    try:
        return UUID(str(emitter.get("id"))), encoding.count(emitter.get("sequence"))
    except ValueError:
        return None, None
