"""Artifacts and events that the assembler writes into Prefect, encoded so that any server can store them.

The artifact routes are called as they are: the client's own methods emit an event with each call.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.events import emit_event
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from prefect_lineage_events import encoding

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Prefect's own limit of a label is far above; nothing beyond this is read by people.
_MAX_LABEL = 512


def create_artifact(client: SyncPrefectClient, **fields: Any) -> UUID:
    """Create an artifact with these fields of Prefect's `ArtifactCreate`. Returns its id."""
    body = ArtifactCreate(**_encoded(fields)).model_dump(mode="json", exclude_unset=True)
    return UUID(client.request("POST", "/artifacts/", json=body).json()["id"])


def update_artifact(client: SyncPrefectClient, artifact_id: UUID, **fields: Any) -> None:
    """Change these fields of an artifact. Raises ObjectNotFound when it was deleted."""
    body = ArtifactUpdate(**_encoded(fields)).model_dump(mode="json", exclude_unset=True)
    try:
        client.request("PATCH", "/artifacts/{id}", path_params={"id": artifact_id}, json=body)
    except PrefectHTTPStatusError as error:
        _not_found(error)


def delete_artifact(client: SyncPrefectClient, artifact_id: UUID) -> None:
    """Delete an artifact; nothing happens when it is not there any more."""
    try:
        client.request("DELETE", "/artifacts/{id}", path_params={"id": artifact_id})
    except PrefectHTTPStatusError as error:
        if error.response.status_code != 404:
            raise


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


def _not_found(error: PrefectHTTPStatusError) -> NoReturn:
    if error.response.status_code == 404:
        raise ObjectNotFound(error) from error
    raise error


def _encoded(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value if isinstance(value, UUID) else encoding.json_value(value) for key, value in fields.items()}


def _labels(resource: Mapping[str, str]) -> dict[str, str]:
    return {key: encoding.text(str(value)[:_MAX_LABEL]) for key, value in resource.items()}
