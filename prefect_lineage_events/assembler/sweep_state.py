"""The state of the sweep, stored in Prefect as one table artifact, which people read as well.

The rows are the runs that wait for another try, with the reason, and the stale runs, which Prefect has to end first.
The metadata holds the high-water mark.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler import publishing
from prefect_lineage_events.assembler.stale_runs import HOW_TO_END
from prefect_lineage_events.escaping import line
from prefect_lineage_events.history import api
from prefect_lineage_events.history.model import FlowRun

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

KEY = "prefect-lineage-sweep"
MAX_ROWS = 10_000
# Limit of runs that one row lists as awaited. A run that awaits more is tried when these have ended.
MAX_WAITS_FOR = 1_000
# No mark is older, or later than now by more than this: the clocks of a server and its assemblers differ a little.
OLDEST = dt.timedelta(days=90)
AHEAD = dt.timedelta(minutes=10)
# Limits of the time until a run is tried again whose events a target may use later.
MIN_DELAY, MAX_DELAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that must be tried again, with the reason.

    If it `waits_for` runs, it is tried when these have ended; with `not_before`, not before this time.
    """

    flow_run_id: UUID
    flow_name: str
    ended: dt.datetime | None
    reason: str
    attempts: int = 1
    waits_for: tuple[UUID, ...] = ()
    not_before: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class SweepState:
    """The sweep's state. `mark`: every run that ended before is done or waiting. `swept`: time of the last sweep."""

    mark: dt.datetime | None = None
    swept: dt.datetime | None = None
    waiting: tuple[Waiting, ...] = ()


def read(client: SyncPrefectClient) -> SweepState:
    """The state that the last sweep left; an empty one when there was none.

    All users of the API can edit the artifact. Unreadable parts are left out with a warning: without a mark the sweep
    looks back as far as on its first run, and finds waiting runs in the history.
    """
    return read_with_stale(client)[0]


def read_with_stale(client: SyncPrefectClient) -> tuple[SweepState, tuple[Waiting, ...]]:
    """The state, and the runs that were stale at the last sweep. One request."""
    raw = _raw(client)
    if raw is None:
        return SweepState(), ()
    metadata = raw.get("metadata_")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    now = api.now(client)
    mark, swept = (_time(metadata.get(name), now) for name in ("mark", "swept"))
    rows = _rows(raw.get("data"))
    waiting = [_waiting(row, now) for row in (rows or ())[:MAX_ROWS]]
    readable = tuple(one for one in waiting if one is not None)
    if mark is None or rows is None or len(readable) < len(rows):
        logger.warning(
            "The sweep's state (artifact %r) was edited and cannot be read completely; the sweep looks back for "
            "missing runs",
            KEY,
        )
        mark = None
    stale = tuple(one for one in readable if not one.attempts)
    return SweepState(mark, swept, tuple(one for one in readable if one.attempts)), stale


def _rows(data: object) -> list[Any] | None:
    try:
        found = json.loads(data) if isinstance(data, str) else data
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _time(text: object, now: dt.datetime) -> dt.datetime | None:
    """A time of the past, no longer ago than any history goes; None for anything else."""
    try:
        time = dt.datetime.fromisoformat(str(text))
        return max(time, now - OLDEST) if time <= now + AHEAD else None
    except (ValueError, TypeError, OverflowError):
        return None


def write(client: SyncPrefectClient, state: SweepState, stale: Sequence[FlowRun] = ()) -> None:
    """Write the state, and the `stale` runs beside it.

    Of two sweeps at once the later write counts. Its mark and its rows always belong together.
    """
    rows = [*state.waiting[:MAX_ROWS], *(Waiting(r.id, r.flow_name, None, _stale(r), attempts=0) for r in stale)]
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
        "flow": line(waiting.flow_name),
        "ended": _text(waiting.ended),
        "attempts": waiting.attempts,
        "reason": line(waiting.reason),
        "waits for": ", ".join(map(str, waiting.waits_for[:MAX_WAITS_FOR])),
        "not before": _text(waiting.not_before),
    }


def _waiting(row: object, now: dt.datetime) -> Waiting | None:
    """The run of a row; None for a row that the sweep did not write."""
    if not isinstance(row, Mapping):
        return None
    try:
        waits_for = tuple(UUID(id_) for id_ in str(row.get("waits for") or "").split(", ", MAX_WAITS_FOR) if id_)
        ended = dt.datetime.fromisoformat(row["ended"]) if row["ended"] else None
        attempts = encoding.count(row["attempts"])
        if attempts is None or (ended is not None and ended > now + AHEAD):
            return None
        later = dt.datetime.fromisoformat(row["not before"]) if row.get("not before") else None
        not_before = min(later, now + MAX_DELAY) if later else None
        reason = str(row["reason"])
        return Waiting(UUID(row["flow run"]), str(row["flow"]), ended, reason, attempts, waits_for, not_before)
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
        return None


def _stale(run: FlowRun) -> str:
    return f"running since {_text(run.started)}, but without events for long; {HOW_TO_END}"


def _text(time: dt.datetime | None) -> str:
    return time.isoformat() if time else ""
