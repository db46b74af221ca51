"""Events about datasets that start automations: emitted once for each fact, also when a run is assembled again.

Their ids are deterministic, and the server stores an id once. Its triggers remember ids for half an hour only, so that
an event of an earlier assembly is looked for before it is emitted again.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID
from weakref import WeakKeyDictionary

from prefect.exceptions import PrefectHTTPStatusError

from prefect_lineage_events.assembler import publishing
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import line
from prefect_lineage_events.event_fields import MAX_LABEL
from prefect_lineage_events.events import FLOW_LABEL
from prefect_lineage_events.history import api, event_log
from prefect_lineage_events.history.model import FlowRun

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# No event about a run that ended longer ago: a late sweep starts no deployments for last week's tables.
RECENT = dt.timedelta(hours=24)
# Limit of events about the datasets of one run.
MAX_EVENTS = 200


@dataclass(frozen=True, slots=True)
class DatasetEvent:
    """An event about a dataset, for people and automations. `kind` is that of the dataset."""

    name: str
    id: UUID
    dataset: Dataset
    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)


def is_recent(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Return whether the run ended so lately that automations are to act on it."""
    return run.ended is not None and api.now(client) - run.ended < RECENT


def is_awaited(client: SyncPrefectClient, event_name: str) -> bool:
    """Return whether an automation on the API has a trigger of this event, read at most once a minute per client.

    An event for each written table would be noise in the feed, and cost of the server, where nothing reacts to it. An
    API that does not list automations (a key without that right) counts as one that has such an automation.
    """
    now = time.monotonic()
    read, texts = _triggers.get(client, (0.0, None))
    if texts is None or now - read > _TRIGGERS_KEPT:
        try:
            rows = chain.from_iterable(api.pages(client, "/automations/filter", {"sort": "NAME_ASC"}))
            texts = [json.dumps(row.get("trigger")) for row in rows]
        except (PrefectHTTPStatusError, ValueError):
            return True
        _triggers[client] = (now, texts)
    every, last = f"{event_name.partition('.')[0]}.*", f'"{event_name}"'
    return any(last in text or f'"{every}"' in text for text in texts)


_TRIGGERS_KEPT = 60.0
_triggers: WeakKeyDictionary[SyncPrefectClient, tuple[float, list[str] | None]] = WeakKeyDictionary()


def emit(client: SyncPrefectClient, run: FlowRun, events: Sequence[DatasetEvent], *, again: bool) -> None:
    """Emit events about datasets of the run. `again`: those that an earlier assembly may have emitted are left out."""
    there = event_log.stored_ids(client, [event.id for event in events[:MAX_EVENTS]]) if again else frozenset()
    for event in events[:MAX_EVENTS]:
        if event.id not in there:
            publishing.emit(
                event.name,
                id=event.id,
                resource={**resource_of(event.dataset, event.kind), FLOW_LABEL: line(run.flow_name, MAX_LABEL)},
                related=run.info.related(),
                payload=event.payload,
            )


def resource_of(dataset: Dataset, kind: str) -> dict[str, str]:
    """A dataset as the primary resource of an event."""
    return {
        "prefect.resource.id": dataset.uri[:MAX_LABEL],
        "prefect.resource.name": line(dataset.name, MAX_LABEL),
        "lineage.namespace": dataset.namespace[:MAX_LABEL],
        "lineage.name": dataset.name[:MAX_LABEL],
        "lineage.kind": kind,
    }
