"""The columns of datasets as events before a run observed them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import ValidationError

from prefect_lineage_events.event_fields import MAX_LABEL
from prefect_lineage_events.events import SCHEMA_EVENT, Column, EventDataset, SchemaEvent, parse
from prefect_lineage_events.history import event_log
from prefect_lineage_events.history.event_log import LONGEST_WINDOW

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Datasets in one request, and the events that are read for them: those of busy tables may hide those of others.
_DATASETS = 50
_EVENTS = 200


@dataclass(frozen=True, slots=True)
class EarlierSchema:
    """All columns of a dataset, as the event of this id observed them."""

    event_id: UUID
    columns: tuple[Column, ...]


def earlier_schemas(
    client: SyncPrefectClient, uris: Collection[str], before: dt.datetime, but: Collection[UUID] = ()
) -> Mapping[str, EarlierSchema]:
    """The latest columns of each dataset before a time, by its URI, without those of the events `but`.

    Datasets without any are left out.
    Looks at the newest events that the history has of the last days: one request for up to 50 datasets and events.
    """
    found: dict[str, EarlierSchema] = {}
    wanted = sorted(uris)
    for start in range(0, len(wanted), _DATASETS):
        open_ = set(wanted[start : start + _DATASETS])
        for raw in islice(_schema_events(client, open_, before), _EVENTS):
            for dataset in _datasets(raw) if UUID(raw["id"]) not in but else ():
                if dataset.uri in open_ and dataset.columns:
                    found[dataset.uri] = EarlierSchema(UUID(raw["id"]), dataset.columns)
                    open_.discard(dataset.uri)
            if not open_:
                break
    return found


def _schema_events(client: SyncPrefectClient, uris: Collection[str], before: dt.datetime) -> Iterator[dict[str, Any]]:
    chosen = {
        "occurred": {"since": (before - LONGEST_WINDOW).isoformat(), "until": before.isoformat()},
        "any_resource": {"id": [uri[:MAX_LABEL] for uri in sorted(uris)]},
        # A prefix: the server's databases are slower with exact names.
        "event": {"prefix": [SCHEMA_EVENT]},
        "order": "DESC",
    }
    return event_log.pages(client, {"filter": chosen, "limit": event_log.EVENTS_PAGE})


def _datasets(raw: Mapping[str, Any]) -> tuple[EventDataset, ...]:
    """The datasets of a schema event; none of one that cannot be read: every client can emit events of this name."""
    try:
        event = parse(str(raw["event"]), raw["payload"])
    except (ValidationError, KeyError, TypeError):
        return ()
    return event.datasets if isinstance(event, SchemaEvent) else ()
