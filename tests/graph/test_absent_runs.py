"""Reasons why the graph does not hold a run that Prefect has."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import pytest

from prefect_lineage_events.graph import absent_runs
from prefect_lineage_events.graph.graph import Window
from prefect_lineage_events.history.model import FlowRun

NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.timezone.utc)
RUN = UUID(int=1)


@pytest.mark.parametrize(
    ("ended_before", "events", "reason"),
    [
        (dt.timedelta(seconds=3), 9, "it ended just now, and its lineage events are still arriving"),
        (None, 9, "it is running, and its lineage events are still arriving"),
        (dt.timedelta(hours=1), 9, "Prefect has 9 lineage events of it, which name no dataset"),
        (dt.timedelta(seconds=3), 0, "it ended just now: its events may still arrive"),
        (dt.timedelta(hours=1), 0, "Prefect has no lineage event of it"),
    ],
)
def test_events_that_may_still_arrive_are_not_said_to_name_nothing(
    ended_before: dt.timedelta | None, events: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = None if ended_before is None else NOW - ended_before
    run = FlowRun(
        id=RUN,
        name="crafty-otter",
        flow_id=UUID(int=2),
        flow_name="sales",
        state="RUNNING" if ended is None else "COMPLETED",
        started=NOW - dt.timedelta(hours=2),
        ended=ended,
    )
    monkeypatch.setattr(absent_runs, "run_id_of", lambda client, text: RUN)
    monkeypatch.setattr(absent_runs, "read_run", lambda client, run_id: run)
    monkeypatch.setattr(absent_runs, "count_events", lambda client, run: events)
    monkeypatch.setattr(absent_runs.api, "now", lambda client: NOW)

    found = absent_runs.absent_run(None, "crafty-otter", Window())  # type: ignore[arg-type]
    assert found is not None
    assert found.gaps[0].text.startswith(reason)
