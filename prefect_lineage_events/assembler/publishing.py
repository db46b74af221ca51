"""Artifacts and events that the assembler writes into Prefect, encoded so that any server can store them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.events import emit_event

from prefect_lineage_events import encoding

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Prefect's own limit of a label is far above; nothing beyond this is read by people.
_MAX_LABEL = 512


def create_artifact(client: SyncPrefectClient, **fields: Any) -> UUID:
    """Create an artifact with these fields of Prefect's `ArtifactCreate`. Returns its id."""
    return client.create_artifact(ArtifactCreate(**_encoded(fields))).id


def update_artifact(client: SyncPrefectClient, artifact_id: UUID, **fields: Any) -> None:
    """Change these fields of an artifact. Raises ObjectNotFound when it was deleted."""
    client.update_artifact(artifact_id, ArtifactUpdate(**_encoded(fields)))


def emit(
    name: str,
    *,
    id: UUID,
    resource: Mapping[str, str],
    related: Iterable[Mapping[str, str]],
    payload: Mapping[str, Any] | None = None,
    occurred: dt.datetime | None = None,
) -> None:
    """Emit a Prefect event. With the same id it is stored once, however often it is emitted."""
    emit_event(
        event=name,
        id=id,
        occurred=occurred and encoding.moment(occurred),
        resource=_labels(resource),
        related=[_labels(one) for one in related],
        payload=encoding.json_value(payload or {}),
    )


def _encoded(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value if isinstance(value, UUID) else encoding.json_value(value) for key, value in fields.items()}


def _labels(resource: Mapping[str, str]) -> dict[str, str]:
    return {key: encoding.text(str(value)[:_MAX_LABEL]) for key, value in resource.items()}
