"""The backfill: assemble what ended in a window of time and is not settled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect_lineage_events.assembler.many_runs import Progress, Summary, assemble_each
from prefect_lineage_events.assembler.one_run import Order
from prefect_lineage_events.history.runs import ended_runs

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


@dataclass(frozen=True, slots=True)
class TimeWindow:
    start: dt.datetime
    end: dt.datetime


def parse_window(start: dt.datetime | str, end: dt.datetime | str) -> TimeWindow:
    """The window between two times. Raises ValueError, saying what is expected."""
    window = TimeWindow(_parse_time("start", start), _parse_time("end", end))
    if window.end < window.start:
        raise ValueError(f"the end {window.end.isoformat()} is before the start {window.start.isoformat()}")
    return window


def backfill_runs(
    client: SyncPrefectClient,
    window: TimeWindow,
    order: Order,
    *,
    flows: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Assemble what ended in the window and is not settled. `progress` is told how many of how many runs are done."""
    runs = [r for rows in ended_runs(client, window.start, window.end, flows) for r in rows]
    return assemble_each(client, runs, order, targets=targets, dry_run=dry_run, progress=progress)


def _parse_time(name: str, value: dt.datetime | str) -> dt.datetime:
    expected = "a time with its zone, such as 2026-01-31T06:00:00+00:00 or 2026-01-31T06:00:00Z"
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        except ValueError:
            raise ValueError(f"{name}={value!r} is no time: expected {expected}") from None
    if value.tzinfo is None:
        raise ValueError(f"{name}={value.isoformat()} has no time zone: expected {expected}")
    return value.astimezone(dt.timezone.utc)
