"""A flow's artifact: the datasets that its newest run read and wrote, on Prefect's page of artifacts.

Each run has an artifact of its own, without a key: Prefect shows it on the run's page. Creating an artifact with a key
makes an event that holds its whole text. So a flow has a single one with a key, which is changed in place.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.exceptions import ObjectNotFound

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler import artifact_keys, publishing
from prefect_lineage_events.escaping import word
from prefect_lineage_events.history import api

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.history.model import FlowRun

_SHOWS = "lineage.shows"


def show(client: SyncPrefectClient, run: FlowRun, text: str) -> None:
    """Show this run in the flow's artifact, unless that shows one that began later. Two requests."""
    existing = _read(client, run)
    shown = encoding.json_text({"flow_run_id": str(run.id), "started": _began(run).isoformat()})
    fields = {"description": description(run), "data": text, "metadata_": {_SHOWS: shown}}
    # Earlier versions gave a run's own artifact the key.
    if existing is None or existing.get("flow_run_id"):
        publishing.create_artifact(client, key=key(run), type="markdown", **fields)
    elif _shown_since(existing) <= _began(run):
        with suppress(ObjectNotFound):  # deleted by hand just now
            publishing.update_artifact(client, UUID(existing["latest_id"]), **fields)


def exists(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Return whether a run of this flow was ever assembled with lineage. One request."""
    existing = _read(client, run)
    return existing is not None and existing.get("description") == description(run)


def key(run: FlowRun) -> str:
    """The key of the flow's artifact."""
    return artifact_keys.flow_key(run.flow_name, run.flow_id)


def description(run: FlowRun) -> str:
    """The description of the artifacts of a flow and of its runs."""
    return f"Lineage of flow {word(run.flow_name)}: what this run read and wrote."


def _read(client: SyncPrefectClient, run: FlowRun) -> Mapping[str, Any] | None:
    body = {"artifacts": {"key": {"any_": [key(run)]}}, "limit": 1}
    found: list[Mapping[str, Any]] = api.post(client, "/artifacts/latest/filter", body)
    return found[0] if found else None


def _shown_since(artifact: Mapping[str, Any]) -> dt.datetime:
    """The start of the run that it shows; `EPOCH` if it cannot be read, since all users can edit it."""
    try:
        began = dt.datetime.fromisoformat(json.loads(artifact["metadata_"][_SHOWS])["started"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return encoding.EPOCH
    return began if began.tzinfo else encoding.EPOCH


def _began(run: FlowRun) -> dt.datetime:
    return run.started or run.ended or encoding.EPOCH
