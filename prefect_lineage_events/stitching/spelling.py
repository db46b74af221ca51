"""One spelling for each table of a store that compares names without case (`Dialect.keeps_spelling`).

`dbo.Orders` of one process and `dbo.orders` of another are one table of SQL Server. It has the spelling of the
statement that created it, or else that of its first use.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.events import EventDataset, LineageEvent, SchemaEvent
from prefect_lineage_events.history.model import RunHistory
from prefect_lineage_events.naming import SCHEMES

_PREFIXES = tuple(f"{name}://" for name, scheme in SCHEMES.items() if dialect_of(scheme.dialect).keeps_spelling)


def in_one_spelling(history: RunHistory) -> RunHistory:
    """The history with one spelling of each such table; the same object if there is nothing to change."""
    spellings = _spellings(history)
    if not spellings:
        return history
    return replace(
        history,
        events=tuple(_event(event, spellings) for event in history.events),
        schemas=tuple(_schemas(event, spellings) for event in history.schemas),
    )


def _spellings(history: RunHistory) -> dict[str, EventDataset]:
    """The table in its one spelling, by the URI of each other spelling."""
    created = [e.output for e in history.events if e.output and e.operation == "create"]
    used = [d for e in history.events for d in (*e.inputs, *([e.output] if e.output else []))]
    looked_up = [d for e in history.schemas for d in e.datasets]
    first: dict[tuple[str, str], EventDataset] = {}
    changed = {}
    for dataset in (*created, *used, *looked_up):
        if not dataset.namespace.startswith(_PREFIXES):
            continue
        kept = first.setdefault((dataset.namespace, dataset.name.casefold()), dataset)
        if kept.name != dataset.name:
            changed[dataset.uri] = kept
    return changed


def _event(event: LineageEvent, spellings: dict[str, EventDataset]) -> LineageEvent:
    def uri(text: str) -> str:
        return spellings[text].uri if text in spellings else text

    renames = tuple((uri(old), uri(new)) for old, new in event.statement.renames)
    return event.model_copy(
        update={
            "output": event.output and _dataset(event.output, spellings),
            "inputs": _once(_dataset(d, spellings) for d in event.inputs),
            "columns": tuple(edge.model_copy(update={"source": uri(edge.source)}) for edge in event.columns),
            "statement": event.statement.model_copy(update={"renames": renames}),
        }
    )


def _schemas(event: SchemaEvent, spellings: dict[str, EventDataset]) -> SchemaEvent:
    return event.model_copy(update={"datasets": tuple(_dataset(d, spellings) for d in event.datasets)})


def _dataset(dataset: EventDataset, spellings: dict[str, EventDataset]) -> EventDataset:
    kept = spellings.get(dataset.uri)
    return dataset.model_copy(update={"name": kept.name}) if kept else dataset


def _once(datasets: Iterable[EventDataset]) -> tuple[EventDataset, ...]:
    return tuple({d.uri: d for d in datasets}.values())
