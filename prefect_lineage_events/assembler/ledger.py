"""The ledger: for each run, what its targets have received. Stored in Prefect, as the run's lineage artifact.

The artifact is written through the API at once, so a second assembler sees it; the `lineage.assembled` event beside it,
stored seconds later, is for people and automations. An entry is the artifact's metadata; the server cuts its values at
500 characters. The artifact has no key, so that it makes no event (`flow_artifact`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.exceptions import ObjectNotFound
from pydantic import TypeAdapter

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler import archive, artifact_keys, flow_artifact, publishing, snapshot_store
from prefect_lineage_events.assembler.archive import ArchiveMark
from prefect_lineage_events.assembler.snapshot_store import StoredSnapshot
from prefect_lineage_events.history import api
from prefect_lineage_events.history.model import END_STATES, FlowRun

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

Event = dict[str, Any]

_TYPE = "markdown"
# Filters that find a run's artifact; earlier versions gave it the key of its flow.
_OWN: Mapping[str, Any] = {"key": {"exists_": False}, "type": {"any_": [_TYPE]}}
_WITH_KEY: Mapping[str, Any] = {"key": {"like_": artifact_keys.FLOW_PREFIX}, "type": {"any_": [_TYPE]}}
_TARGET = "lineage.target."
_REFUSED = "lineage.refused."
_RUN = "lineage.run"
_SNAPSHOT = "lineage.snapshot"
_ARCHIVE = "lineage.archive"
# The server cuts metadata values at 500 characters.
_LONGEST_VALUE = 490
_SHOWN_TARGET = 120
_SHOWN_REASON = 200
_LATEST = 50


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """The delivery of a run to a target: `done` of `total` events with this digest were taken or refused.

    `target`: the target's id, for people to read. `rejected`: how many were refused, for these `reasons`; `kept`: how
    many of these the target may use later, so that the sweep sends the run again. `final`: no events must follow these,
    neither the run's end nor the job's latest run. `taken_at`: time of the last event taken.
    `faults`: responses of 500 to the next event, the first at `faulty_since`. Times are ISO texts, empty for never.
    """

    target: str
    digest: str
    done: int
    total: int
    rejected: int = 0
    kept: int = 0
    final: bool = True
    faults: int = 0
    faulty_since: str = ""
    taken_at: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        return self.done == self.total and self.final and not self.kept

    @property
    def taken(self) -> bool:
        return self.done == self.total and not self.rejected


_DELIVERY_STATE: TypeAdapter[DeliveryState] = TypeAdapter(DeliveryState)


@dataclass(frozen=True, slots=True)
class Entry:
    """The ledger's entry of one run. `end`: the run's state and end when it was assembled (see `end_of`).

    `targets`: by `target_key`. `reanalysed`: a backfill read its statements with a later analyser, to another result,
    so every later assembly does the same. `empty`: the run touched nothing itself, so its end shows no edges.
    `snapshot`: that of the run as data; earlier versions stored none. `archived`: the run's file in the archive.
    `unwitnessed`: statements of it that await the warehouse's access history.
    """

    artifact_id: UUID | None
    end: str
    complete: bool
    stored_events: int
    targets: Mapping[str, DeliveryState] = field(default_factory=dict)
    reanalysed: bool = False
    empty: bool = False
    snapshot: StoredSnapshot | None = None
    archived: ArchiveMark | None = None
    unwitnessed: int = 0

    @property
    def lacks_snapshot(self) -> bool:
        """Return whether the run touched something, and an earlier version assembled it, which stored no snapshot."""
        return self.snapshot is None and not self.empty

    @property
    def lacks_archive(self) -> bool:
        """Return whether assemblers write to an archive that the run is not in."""
        return archive.is_written() and not (self.archived is not None and self.archived.current)

    @property
    def owed(self) -> DeliveryState | None:
        """The delivery to a target that lacks events of the run."""
        return next((state for state in self.targets.values() if state.done < state.total), None)

    def is_done(self, run: FlowRun, *target_ids: str) -> bool:
        """Return whether each of these targets has all of the run as it ended."""
        sent = [self.delivery_to(id_) for id_ in target_ids]
        return self._stands_for(run) and all(s is not None and s.finished for s in sent)

    def is_done_where_begun(self, run: FlowRun, *target_ids: str) -> bool:
        """Return whether some target has all of the run as it ended, and none of these only a part of it.

        A target that was added since has nothing; it receives older runs when a backfill names it.
        """
        begun = [s for s in map(self.delivery_to, target_ids) if s is not None]
        some = any(s.finished for s in self.targets.values())
        return self._stands_for(run) and some and all(s.finished for s in begun)

    def _stands_for(self, run: FlowRun) -> bool:
        return self.complete and self.end == end_of(run)

    def with_delivery(self, state: DeliveryState) -> Entry:
        return replace(self, targets={**self.targets, target_key(state.target): state})

    def delivery_to(self, target_id: str) -> DeliveryState | None:
        return self.targets.get(target_key(target_id))


def end_of(run: FlowRun) -> str:
    """The run's state and end: a run that is repeated under its id ends differently."""
    return f"{run.state} {run.ended.isoformat() if run.ended else '-'}"


def is_end(end: str) -> bool:
    """Return whether the run for which `end_of` gave this had ended."""
    return end.partition(" ")[0] in END_STATES


def read(client: SyncPrefectClient, flow_run_ids: Sequence[UUID]) -> dict[UUID, Entry]:
    """The entries of these runs; a run that was never assembled has none."""
    entries: dict[UUID, Entry] = {}
    for start in range(0, len(flow_run_ids), api.PAGE):
        page = flow_run_ids[start : start + api.PAGE]
        entries |= _found(client, page, _OWN)
        if without := [id_ for id_ in page if id_ not in entries]:
            entries |= _found(client, without, _WITH_KEY)
    return entries


def read_run(client: SyncPrefectClient, flow_run_id: UUID) -> tuple[Entry | None, list[Mapping[str, Any]]]:
    """The entry of a run, and the artifacts that are its snapshots. One request, two for a run without an entry."""
    by = {**_OWN, "type": {"any_": [_TYPE, snapshot_store.TYPE]}}
    rows = list(_artifacts(client, [flow_run_id], by))
    entry = next((entry for raw in rows if (entry := _entry(raw))), None)
    found = [raw for raw in rows if snapshot_store.is_snapshot(raw)]
    return entry or _found(client, [flow_run_id], _WITH_KEY).get(flow_run_id), found


def _found(client: SyncPrefectClient, flow_run_ids: Sequence[UUID], by: Mapping[str, Any]) -> dict[UUID, Entry]:
    rows = _artifacts(client, flow_run_ids, by)
    return {UUID(raw["flow_run_id"]): entry for raw in rows if (entry := _entry(raw))}


def _artifacts(
    client: SyncPrefectClient, flow_run_ids: Sequence[UUID], by: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    chosen = {"flow_run_id": {"any_": [str(id_) for id_ in flow_run_ids]}, **by}
    return chain.from_iterable(api.pages(client, "/artifacts/filter", {"artifacts": chosen, "sort": "ID_DESC"}))


def write(client: SyncPrefectClient, run: FlowRun, entry: Entry, text: str) -> Entry:
    """Write the run's artifact, in place of the one from which the entry was read, if any."""
    metadata = _metadata(entry)
    if entry.artifact_id is not None:
        try:
            publishing.update_artifact(client, entry.artifact_id, data=text, metadata_=metadata)
            return entry
        except ObjectNotFound:
            logger.info("The lineage artifact of run %s was deleted by hand; it is created again", run.id)
    artifact_id = publishing.create_artifact(
        client,
        type=_TYPE,
        description=flow_artifact.description(run),
        data=text,
        metadata_=metadata,
        # Entries are found by this id. The page of a task run outside any flow needs its own id beside it.
        flow_run_id=run.id,
        task_run_id=run.id if run.kind == "task-run" else None,
    )
    return replace(entry, artifact_id=artifact_id)


def update(client: SyncPrefectClient, entry: Entry) -> None:
    """Write the entry, and leave the text as it is. Does nothing if the artifact was deleted by hand since."""
    if entry.artifact_id is None:
        raise ValueError("only an entry that was written can be updated")
    try:
        publishing.update_artifact(client, entry.artifact_id, metadata_=_metadata(entry))
    except ObjectNotFound:
        logger.info("The lineage artifact %s was deleted by hand; it is created again at the end", entry.artifact_id)


def took_since(client: SyncPrefectClient, target_id: str, since: dt.datetime, *, but: UUID) -> bool:
    """Return whether the target took events of runs other than `but` since then, by the latest few entries."""
    body = {"artifacts": _OWN, "sort": "UPDATED_DESC", "limit": _LATEST}
    for raw in api.post(client, "/artifacts/filter", body):
        entry = _entry(raw) if raw["flow_run_id"] != str(but) else None
        sent = entry.delivery_to(target_id) if entry else None
        if sent and sent.taken_at and dt.datetime.fromisoformat(sent.taken_at) > since:
            return True
    return False


def _metadata(entry: Entry) -> dict[str, str]:
    state = {"end": entry.end, "complete": entry.complete, "events": entry.stored_events}
    state |= {"asks": entry.unwitnessed} if entry.unwitnessed else {}
    metadata = {_RUN: encoding.json_text({**state, "anew": entry.reanalysed, "empty": entry.empty})}
    if entry.snapshot is not None:
        metadata[_SNAPSHOT] = entry.snapshot.to_json()
    if entry.archived is not None:
        metadata[_ARCHIVE] = entry.archived.to_json()
    for key, sent in entry.targets.items():
        values = asdict(replace(sent, target=sent.target.encode("ascii", "replace").decode()[:_SHOWN_TARGET]))
        reasons, values["settled"] = values.pop("reasons"), values.pop("final")
        metadata[_TARGET + key] = encoding.json_text(values)
        if reasons:
            metadata[_REFUSED + key] = _bounded(reasons)
    return metadata


def _bounded(reasons: Sequence[str]) -> str:
    """As many reasons as one metadata value holds, shortened where that is necessary."""
    shown = [reason[:_SHOWN_REASON] for reason in reasons]
    while len(text := encoding.json_text(shown)) > _LONGEST_VALUE:
        shown = shown[:-1] if len(shown) > 1 else [shown[0][: len(shown[0]) // 2]]
    return text


def _entry(raw: Mapping[str, Any]) -> Entry | None:
    """The entry in an artifact; None for another artifact.

    All users of the API can edit it. An unreadable entry counts as not written: the run is then assembled again.
    """
    metadata = raw.get("metadata_")
    if not isinstance(metadata, Mapping) or _RUN not in metadata:
        return None
    try:
        state = json.loads(metadata[_RUN])
        keys = [name.removeprefix(_TARGET) for name in metadata if name.startswith(_TARGET)]
        states = {key: _delivery_state(metadata[_TARGET + key], metadata.get(_REFUSED + key)) for key in keys}
        return Entry(
            UUID(raw["id"]),
            str(state["end"]),
            complete=state["complete"] is True,
            stored_events=encoding.count(state["events"]) or 0,
            targets={key: one for key, one in states.items() if one is not None},
            reanalysed=bool(state.get("anew", False)),
            empty=bool(state.get("empty", False)),
            snapshot=StoredSnapshot.from_json(metadata[_SNAPSHOT]) if _SNAPSHOT in metadata else None,
            archived=ArchiveMark.from_json(metadata[_ARCHIVE]) if _ARCHIVE in metadata else None,
            unwitnessed=encoding.count(state.get("asks", 0)) or 0,
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        logger.warning("The record in artifact %s was edited and cannot be read; it is ignored", raw["id"])
        return Entry(UUID(raw["id"]), "", complete=False, stored_events=0)


def _delivery_state(text: object, reasons: object) -> DeliveryState | None:
    """A target's state; None for an impossible one. Fields that a later version adds are ignored."""
    try:
        values = json.loads(str(text))
        texts = json.loads(str(reasons)) if reasons else []
        known = {f.name: values[f.name] for f in fields(DeliveryState) if f.name in values}
        known["final"] = values.get("settled", True)
        state = _DELIVERY_STATE.validate_python({**known, "reasons": tuple(map(str, texts))})
    except (ValueError, TypeError, RecursionError):
        return None
    counts = (state.done, state.total, state.rejected, state.kept, state.faults)
    if any(encoding.count(number) is None for number in counts) or state.done > state.total:
        return None
    return state if all(map(_is_time, (state.faulty_since, state.taken_at))) else None


def _is_time(text: str) -> bool:
    try:
        return not text or dt.datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def target_key(target_id: str) -> str:
    """A key of fixed length for a target's id, which may be longer than a metadata value."""
    return hashlib.sha256(target_id.encode()).hexdigest()[:16]
