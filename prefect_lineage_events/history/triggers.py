"""The run whose event made an automation start another run.

Prefect names the automation as the creator of the run (`created_by`), and the action's own event names both the run and
the event that triggered it: two requests for a run that an automation started, none for others.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.exceptions import PrefectHTTPStatusError

from prefect_lineage_events.events import OPERATION_EVENTS
from prefect_lineage_events.history import api
from prefect_lineage_events.history.api import JSON

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

_ACTION = "prefect.automation.action.executed"
_RUN = "prefect.flow-run."
# The action's event and the creation of the run are some seconds apart; their trigger may be older, as a schedule of an
# automation may be set.
_NEAR = dt.timedelta(hours=1)
_TRIGGERED_WITHIN = dt.timedelta(days=7)


def triggering_run(client: SyncPrefectClient, raw: JSON) -> tuple[UUID, str] | None:
    """The flow run that emitted the event by which an automation started this one, and the event's name.

    None for a run that no automation started, and where the history does not tell.
    """
    created_by = raw.get("created_by") or {}
    created = api.time_of(raw.get("created"))
    if not isinstance(created_by, Mapping) or created_by.get("type") != "AUTOMATION" or created is None:
        return None
    try:
        action = _event(client, {"event": {"name": [_ACTION]}, "related": {"id": [f"{_RUN}{raw['id']}"]}}, created)
        cause = action and _related(action, "triggering-event", "prefect.event.")
        event = cause and _event(client, {"id": {"id": [cause]}}, created)
    except PrefectHTTPStatusError as error:
        logger.debug("The trigger of run %s is not known: HTTP %s", raw["id"], error.response.status_code)
        return None
    found = _run_of(event) if event else None
    return (found, str(event["event"])) if event and found and str(found) != raw["id"] else None


def _event(client: SyncPrefectClient, chosen: JSON, created: dt.datetime) -> JSON | None:
    window = {"since": (created - _TRIGGERED_WITHIN).isoformat(), "until": (created + _NEAR).isoformat()}
    answer = api.post(client, "/events/filter", {"filter": {**chosen, "occurred": window}, "limit": 1})
    events: list[JSON] = answer.get("events") or []
    return events[0] if events else None


def _run_of(event: JSON) -> UUID | None:
    """The run that an event is about. Events of the assembler name it in their payload: they are related to its own."""
    resource = event.get("resource") or {}
    name = str(event.get("event"))
    if name.startswith("lineage.") and name not in OPERATION_EVENTS:
        payload = event.get("payload") or {}
        return api.id_of(payload.get("flow_run_id")) or api.id_of(_without_prefix(resource.get("prefect.resource.id")))
    return api.id_of(_without_prefix(resource.get("prefect.resource.id"))) or api.id_of(
        _related(event, "flow-run", _RUN)
    )


def _related(event: JSON, role: str, prefix: str) -> str | None:
    for one in event.get("related") or ():
        if one.get("prefect.resource.role") == role and str(one.get("prefect.resource.id")).startswith(prefix):
            return str(one["prefect.resource.id"]).removeprefix(prefix)
    return None


def _without_prefix(resource_id: object) -> str | None:
    text = str(resource_id or "")
    return text.removeprefix(_RUN) if text.startswith(_RUN) else None
