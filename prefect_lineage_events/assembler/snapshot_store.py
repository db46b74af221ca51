"""Snapshots of runs in Prefect: each is an artifact beside the run's lineage artifact, for programs to read.

Its type is `result`, which Prefect's UIs leave out of a run's page, and it has no key, so that it makes no event
(`flow_artifact`). The ledger's entry holds its id and digest. All users of the API can edit or delete it: an assembler
that works on the run writes it again.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from prefect_lineage_events import encoding, snapshot_wire
from prefect_lineage_events.assembler import flow_artifact, publishing
from prefect_lineage_events.history import api
from prefect_lineage_events.snapshot_wire import UnreadableSnapshotError
from prefect_lineage_events.snapshots import Snapshot, snapshot_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.stitching.model import RunLineage

logger = logging.getLogger(__name__)

TYPE = "result"
# The mark of our artifacts among Prefect's own of this type. Its value is the version of the snapshot.
MARK = "lineage.snapshot"
# Runs whose snapshots one request asks for.
RUNS_A_REQUEST = api.PAGE
_UPDATES_A_REQUEST = 50
_ALL: Mapping[str, Any] = {"key": {"exists_": False}, "type": {"any_": [TYPE]}}


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """The snapshot of a run as the ledger knows it. Without an id: Prefect did not accept it, and it is not tried again
    until it differs.
    """

    artifact_id: UUID | None
    digest: str

    def to_json(self) -> str:
        """The text of this value, for the ledger's metadata."""
        return encoding.json_text({"artifact": self.artifact_id and str(self.artifact_id), "digest": self.digest})

    @classmethod
    def from_json(cls, text: object) -> StoredSnapshot | None:
        """The value in this text; None if it is of another form."""
        try:
            values = json.loads(str(text))
            id_ = values["artifact"]
            return cls(UUID(id_) if id_ is not None else None, str(values["digest"]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None


def is_snapshot(raw: Mapping[str, Any]) -> bool:
    """Return whether an artifact is a snapshot."""
    metadata = raw.get("metadata_")
    return raw.get("type") == TYPE and isinstance(metadata, Mapping) and MARK in metadata


def wanted(lineage: RunLineage) -> bool:
    """Return whether the run gets a snapshot: it has ended, and it touched something or its history has gaps."""
    gaps = not lineage.completeness.complete or lineage.completeness.not_captured
    return lineage.run.ended_for_good and bool(gaps or not lineage.lineage.empty)


def store(
    client: SyncPrefectClient,
    lineage: RunLineage,
    known: StoredSnapshot | None,
    found: Sequence[Mapping[str, Any]] = (),
) -> StoredSnapshot:
    """Write the run's snapshot, unless Prefect has this one. At most one request, two when it was deleted meanwhile.

    `known`: the snapshot that the ledger names; `found`: the snapshots of the run that Prefect has now.
    """
    data = encoding.json_value(snapshot_wire.encode(snapshot_of(lineage)))
    digest = encoding.digest_of(data)
    if known is not None and known.artifact_id is None and known.digest == digest:
        return known
    current = next((raw for raw in found if known and str(known.artifact_id) == raw["id"]), None)
    current = current or next(iter(found), None)
    try:
        return StoredSnapshot(_write(client, lineage, data, digest, current), digest)
    except PrefectHTTPStatusError as error:
        if not 400 <= error.response.status_code < 500 or error.response.status_code in (401, 403, 408, 429):
            raise
        # Such as a limit of a proxy for the size of requests: the lineage is delivered all the same.
        logger.warning("Prefect refused the snapshot of run %s: HTTP %d", lineage.run.id, error.response.status_code)
        return StoredSnapshot(None, digest)


def _write(client: SyncPrefectClient, lineage: RunLineage, data: Mapping[str, Any], digest: str, current: Any) -> UUID:
    metadata = {MARK: str(snapshot_wire.VERSION)}
    if current is not None:
        id_ = UUID(current["id"])
        if encoding.digest_of(current.get("data")) == digest:
            return id_
        try:
            publishing.update_artifact(client, id_, data=data, metadata_=metadata)
            return id_
        except ObjectNotFound:
            logger.info("The snapshot of run %s was deleted by hand; it is created again", lineage.run.id)
    run = lineage.run
    return publishing.create_artifact(
        client,
        type=TYPE,
        description=flow_artifact.description(run),
        data=data,
        metadata_=metadata,
        flow_run_id=run.id,
        task_run_id=run.id if run.kind == "task-run" else None,
    )


def all_exist(client: SyncPrefectClient, stored: Collection[StoredSnapshot]) -> bool:
    """Return whether Prefect has all of these snapshots: a request per 200 of them, which transfers no data."""
    ids = [str(one.artifact_id) for one in stored if one.artifact_id is not None]
    for start in range(0, len(ids), RUNS_A_REQUEST):
        page = ids[start : start + RUNS_A_REQUEST]
        if api.post(client, "/artifacts/count", {"artifacts": {"id": {"any_": page}}}) != len(page):
            return False
    return True


@dataclass(frozen=True, slots=True)
class FoundSnapshot:
    """A run's snapshot in Prefect. `snapshot` is None if it cannot be read, for the reason in `fault`.

    `updated`: the time of its last change. `data`: the JSON object that it was decoded from.
    """

    run_id: UUID
    updated: dt.datetime
    snapshot: Snapshot | None
    fault: str = ""
    data: Any = field(default=None, repr=False)


def read(client: SyncPrefectClient, flow_run_ids: Sequence[UUID]) -> Iterator[FoundSnapshot]:
    """The snapshots of these runs; runs without one are left out. One request per 200 runs.

    Of several snapshots of a run, the last that was written counts.
    """
    for start in range(0, len(flow_run_ids), RUNS_A_REQUEST):
        page = [str(id_) for id_ in flow_run_ids[start : start + RUNS_A_REQUEST]]
        chosen = {**_ALL, "flow_run_id": {"any_": page}}
        rows = chain.from_iterable(api.pages(client, "/artifacts/filter", {"artifacts": chosen, "sort": "ID_DESC"}))
        newest: dict[str, Mapping[str, Any]] = {}
        for raw in filter(is_snapshot, rows):
            before = newest.get(raw["flow_run_id"])
            if before is None or _updated(before) < _updated(raw):
                newest[raw["flow_run_id"]] = raw
        yield from map(_found, newest.values())


def updated_since(client: SyncPrefectClient, since: dt.datetime) -> Iterator[FoundSnapshot]:
    """The snapshots that were written at that time or later, last written first. One request per 50."""
    body = {"artifacts": _ALL, "sort": "UPDATED_DESC"}
    for rows in api.pages(client, "/artifacts/filter", body, size=_UPDATES_A_REQUEST):
        for raw in rows:
            if _updated(raw) < since:
                return
            if is_snapshot(raw) and raw.get("flow_run_id"):
                yield _found(raw)


def _found(raw: Mapping[str, Any]) -> FoundSnapshot:
    run_id, updated, data = UUID(raw["flow_run_id"]), _updated(raw), raw.get("data")
    try:
        return FoundSnapshot(run_id, updated, decoded(data, run_id), data=data)
    except UnreadableSnapshotError as error:
        return FoundSnapshot(run_id, updated, None, str(error), data)


def _updated(raw: Mapping[str, Any]) -> dt.datetime:
    return api.time_of(raw.get("updated")) or encoding.EPOCH


def decoded(data: object, run_id: UUID) -> Snapshot:
    """The snapshot of this run in a JSON object. Raises UnreadableSnapshotError."""
    snapshot = snapshot_wire.decode(data)
    if snapshot.run.id != run_id:
        raise UnreadableSnapshotError("the snapshot is of another run")
    return snapshot
