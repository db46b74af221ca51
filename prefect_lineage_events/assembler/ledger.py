"""The ledger: what has been assembled up to where. It lives in Prefect, as the run's lineage artifact.

The artifact is written through the API at once, so a second assembler sees it; the `lineage.assembled` event beside it,
stored seconds later, is for people and automations. What is kept stands in the artifact's metadata, whose values the
server cuts at 500 characters. It has no key, so that it makes no event (`flow_artifact`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.exceptions import ObjectNotFound
from pydantic import TypeAdapter

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler import flow_artifact, publishing
from prefect_lineage_events.history import api
from prefect_lineage_events.history.model import END_STATES, FlowRun

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

Event = dict[str, Any]

_TYPE = "markdown"
# What a run's artifact is found by; versions before gave it the key of its flow.
_OWN: Mapping[str, Any] = {"key": {"exists_": False}, "type": {"any_": [_TYPE]}}
_WITH_KEY: Mapping[str, Any] = {"key": {"like_": flow_artifact.KEY_PREFIX}, "type": {"any_": [_TYPE]}}
_TARGET = "lineage.target."
_REFUSED = "lineage.refused."
_RUN = "lineage.run"
# The server cuts metadata values at 500 characters.
_LONGEST_VALUE = 490
_SHOWN_TARGET = 120
_SHOWN_REASON = 200
_LATEST = 50


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """What a target has of a run: the digest of the events, how many of them it took or refused, of how many.

    `target` is the target's id, for people to read; `reasons` are those for what it refused; `final`: nothing is
    left to do there, the present included. `taken_at`: when it last took one. `faults`: how often it answered the next
    one with a 500, `faulty_since` when first. Times are ISO texts, empty for never.
    """

    target: str

    digest: str
    done: int
    total: int
    rejected: int = 0
    final: bool = True
    faults: int = 0
    faulty_since: str = ""
    taken_at: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        return self.done == self.total and self.final

    @property
    def taken(self) -> bool:
        return self.done == self.total and not self.rejected


_SENT: TypeAdapter[DeliveryState] = TypeAdapter(DeliveryState)


@dataclass(frozen=True, slots=True)
class Entry:
    """The ledger's page about one run. `end` is the run's state and end as it was assembled (see `end_of`).

    `targets` are by `target_key`. `anew`: a backfill had its statements read by a later analyser, and they were read
    otherwise: so they are ever after. `empty`: the run touched nothing itself, so that its end shows no edges.
    """

    artifact_id: UUID | None
    end: str
    complete: bool
    stored_events: int
    targets: Mapping[str, DeliveryState] = field(default_factory=dict)
    anew: bool = False
    empty: bool = False

    def is_done(self, run: FlowRun, *target_ids: str) -> bool:
        """Is nothing left to do for the run as it ended, at each of these targets?"""
        sent = [self.delivery_to(id_) for id_ in target_ids]
        return self._stands_for(run) and all(s is not None and s.finished for s in sent)

    def is_done_where_begun(self, run: FlowRun, *target_ids: str) -> bool:
        """Has some target the run as it ended, and none of these a part of it?

        A target that was added since has nothing, and is given what it lacks when it is asked for by name.
        """
        begun = [s for s in map(self.delivery_to, target_ids) if s is not None]
        some = any(s.finished for s in self.targets.values())
        return self._stands_for(run) and some and all(s.finished for s in begun)

    def _stands_for(self, run: FlowRun) -> bool:
        return self.complete and self.end == end_of(run)

    def with_delivery(self, sent: DeliveryState) -> Entry:
        return replace(self, targets={**self.targets, target_key(sent.target): sent})

    def delivery_to(self, target_id: str) -> DeliveryState | None:
        return self.targets.get(target_key(target_id))


def end_of(run: FlowRun) -> str:
    """The run's state and end: a run that is run again under its id ends differently."""
    return f"{run.state} {run.ended.isoformat() if run.ended else '-'}"


def is_end(end: str) -> bool:
    """Had the run ended, of which `end_of` gave this?"""
    return end.partition(" ")[0] in END_STATES


def digest_of(events: Sequence[Event]) -> str:
    """The same events give the same digest."""
    return hashlib.sha256(json.dumps(events, sort_keys=True, default=str).encode()).hexdigest()[:32]


def read(client: SyncPrefectClient, flow_run_ids: Sequence[UUID]) -> dict[UUID, Entry]:
    """The entries of these runs; a run that was never assembled has none."""
    entries: dict[UUID, Entry] = {}
    for start in range(0, len(flow_run_ids), api.PAGE):
        some = flow_run_ids[start : start + api.PAGE]
        entries |= _found(client, some, _OWN)
        if without := [id_ for id_ in some if id_ not in entries]:
            entries |= _found(client, without, _WITH_KEY)
    return entries


def _found(client: SyncPrefectClient, flow_run_ids: Sequence[UUID], by: Mapping[str, Any]) -> dict[UUID, Entry]:
    chosen = {"flow_run_id": {"any_": [str(id_) for id_ in flow_run_ids]}, **by}
    rows = chain.from_iterable(api.pages(client, "/artifacts/filter", {"artifacts": chosen, "sort": "ID_DESC"}))
    return {UUID(raw["flow_run_id"]): entry for raw in rows if (entry := _entry(raw))}


def write(client: SyncPrefectClient, run: FlowRun, entry: Entry, text: str) -> Entry:
    """Write the run's artifact, in place of the one that the entry was read from, if any."""
    metadata = _metadata(entry)
    if entry.artifact_id is not None:
        try:
            publishing.update_artifact(client, entry.artifact_id, data=text, metadata_=metadata)
            return entry
        except ObjectNotFound:
            logger.info("The lineage artifact of run %s was deleted by hand; it is written anew", run.id)
    artifact_id = publishing.create_artifact(
        client,
        type=_TYPE,
        description=flow_artifact.description(run),
        data=text,
        metadata_=metadata,
        # By this one id pages are found. A task run outside any flow shows its own beside.
        flow_run_id=run.id,
        task_run_id=run.id if run.kind == "task-run" else None,
    )
    return replace(entry, artifact_id=artifact_id)


def note(client: SyncPrefectClient, entry: Entry) -> None:
    """Write what targets have, and leave the text as it is. Of an artifact deleted by hand since, nothing is noted."""
    if entry.artifact_id is None:
        raise ValueError("only an entry that was written has a page to note something on")
    try:
        publishing.update_artifact(client, entry.artifact_id, metadata_=_metadata(entry))
    except ObjectNotFound:
        logger.info("The lineage artifact %s was deleted by hand; it is written anew at the end", entry.artifact_id)


def took_since(client: SyncPrefectClient, target_id: str, since: dt.datetime, *, but: UUID) -> bool:
    """Did the target take events since then, of other runs than `but`? Only the latest few pages are looked at."""
    body = {"artifacts": _OWN, "sort": "UPDATED_DESC", "limit": _LATEST}
    for raw in api.post(client, "/artifacts/filter", body):
        entry = _entry(raw) if raw["flow_run_id"] != str(but) else None
        sent = entry.delivery_to(target_id) if entry else None
        if sent and sent.taken_at and dt.datetime.fromisoformat(sent.taken_at) > since:
            return True
    return False


def _metadata(entry: Entry) -> dict[str, str]:
    state = {"end": entry.end, "complete": entry.complete, "events": entry.stored_events}
    told = {_RUN: encoding.json_text({**state, "anew": entry.anew, "empty": entry.empty})}
    for key, sent in entry.targets.items():
        line = asdict(replace(sent, target=sent.target.encode("ascii", "replace").decode()[:_SHOWN_TARGET]))
        reasons, line["settled"] = line.pop("reasons"), line.pop("final")
        told[_TARGET + key] = encoding.json_text(line)
        if reasons:
            told[_REFUSED + key] = _bounded(reasons)
    return told


def _bounded(reasons: Sequence[str]) -> str:
    """As many reasons as one value holds, each shortened if it must be."""
    shown = [reason[:_SHOWN_REASON] for reason in reasons]
    while len(text := encoding.json_text(shown)) > _LONGEST_VALUE:
        shown = shown[:-1] if len(shown) > 1 else [shown[0][: len(shown[0]) // 2]]
    return text


def _entry(raw: Mapping[str, Any]) -> Entry | None:
    """The entry in an artifact; None for another artifact.

    Anybody can edit it. What cannot be read counts as not written: the run is then assembled again.
    """
    metadata = raw.get("metadata_")
    if not isinstance(metadata, Mapping) or _RUN not in metadata:
        return None
    try:
        state = json.loads(metadata[_RUN])
        keys = [name.removeprefix(_TARGET) for name in metadata if name.startswith(_TARGET)]
        lines = {key: _sent(metadata[_TARGET + key], metadata.get(_REFUSED + key)) for key in keys}
        targets = {key: line for key, line in lines.items() if line is not None}
        later = {name: bool(state.get(name, False)) for name in ("anew", "empty")}
        events = encoding.count(state["events"]) or 0
        return Entry(UUID(raw["id"]), str(state["end"]), state["complete"] is True, events, targets, **later)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        logger.warning("The record in artifact %s was changed and cannot be read; it counts for nothing", raw["id"])
        return Entry(UUID(raw["id"]), "", complete=False, stored_events=0)


def _sent(text: object, reasons: object) -> DeliveryState | None:
    """A target's line; None for one that cannot be. What a later version adds is not for this one."""
    try:
        told = json.loads(str(text))
        given = json.loads(str(reasons)) if reasons else []
        known = {f.name: told[f.name] for f in fields(DeliveryState) if f.name in told}
        known["final"] = told.get("settled", True)
        line = _SENT.validate_python({**known, "reasons": tuple(map(str, given))})
    except (ValueError, TypeError, RecursionError):
        return None
    counts = (line.done, line.total, line.rejected, line.faults)
    if any(encoding.count(number) is None for number in counts) or line.done > line.total:
        return None
    return line if all(map(_is_time, (line.faulty_since, line.taken_at))) else None


def _is_time(text: str) -> bool:
    try:
        return not text or dt.datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def target_key(target_id: str) -> str:
    """A target's id may be longer than a metadata value."""
    return hashlib.sha256(target_id.encode()).hexdigest()[:16]
