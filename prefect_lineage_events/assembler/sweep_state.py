"""How far the sweep has come, kept in Prefect: one table artifact, which is also what a person looks at.

The rows are the runs that wait for another try, with the reason, and those that wait for Prefect to end them, which
were not tried yet; the metadata holds the high-water mark.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler import publishing
from prefect_lineage_events.assembler.in_flight import HOW_TO_END
from prefect_lineage_events.history import api
from prefect_lineage_events.history.model import FlowRun

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

KEY = "prefect-lineage-sweep"
_REASON = 300


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that must be looked at again, and why; where there are runs that it `waits_for`, when these have ended."""

    flow_run_id: UUID
    flow_name: str
    ended: dt.datetime | None
    reason: str
    attempts: int = 1
    waits_for: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepState:
    """`mark`: every run that ended before it is settled or waits by name. `swept`: when the last sweep ran."""

    mark: dt.datetime | None = None
    swept: dt.datetime | None = None
    waiting: tuple[Waiting, ...] = ()


def read(client: SyncPrefectClient) -> SweepState:
    """The state that the last sweep left; an empty one when there was none."""
    raw = _raw(client)
    if raw is None:
        return SweepState()
    metadata: dict[str, str] = raw.get("metadata_") or {}
    rows = raw["data"] if isinstance(raw["data"], list) else json.loads(raw["data"] or "[]")
    return SweepState(
        mark=api.time_of(metadata.get("mark")),
        swept=api.time_of(metadata.get("swept")),
        waiting=tuple(waiting for waiting in map(_waiting, rows) if waiting.attempts),
    )


def write(client: SyncPrefectClient, state: SweepState, stale: Sequence[FlowRun] = ()) -> None:
    """Keep the state, and show the `stale` runs beside it.

    Of two sweeps at once the last word holds; its mark and its rows belong together either way.
    """
    rows = [*state.waiting, *(Waiting(r.id, r.flow_name, None, _stale(r), attempts=0) for r in stale)]
    data = encoding.json_text([_row(w) for w in rows])
    metadata = {"mark": _text(state.mark), "swept": _text(state.swept)}
    description = f"Flow runs whose lineage waits for another try. Last sweep: {_text(state.swept)}."
    raw = _raw(client)
    if raw is not None:
        fields = {"data": data, "description": description, "metadata_": metadata}
        publishing.update_artifact(client, UUID(raw["id"]), **fields)
        return
    publishing.create_artifact(client, key=KEY, type="table", description=description, data=data, metadata_=metadata)


def _raw(client: SyncPrefectClient) -> Mapping[str, Any] | None:
    body = {"artifacts": {"key": {"any_": [KEY]}}, "sort": "UPDATED_DESC", "limit": 1}
    rows: list[Mapping[str, Any]] = api.post(client, "/artifacts/filter", body)
    return rows[0] if rows else None


def _row(waiting: Waiting) -> dict[str, Any]:
    return {
        "flow run": str(waiting.flow_run_id),
        "flow": waiting.flow_name,
        "ended": _text(waiting.ended),
        "attempts": waiting.attempts,
        "reason": waiting.reason[:_REASON],
        "waits for": ", ".join(map(str, waiting.waits_for)),
    }


def _waiting(row: Mapping[str, Any]) -> Waiting:
    ended = api.time_of(row["ended"] or None)
    waits_for = tuple(UUID(id_) for id_ in row.get("waits for", "").split(", ") if id_)
    return Waiting(UUID(row["flow run"]), row["flow"], ended, row["reason"], int(row["attempts"]), waits_for)


def _stale(run: FlowRun) -> str:
    return f"running since {_text(run.started)}, without a sign of life; {HOW_TO_END}"


def _text(time: dt.datetime | None) -> str:
    return time.isoformat() if time else ""
