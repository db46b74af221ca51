"""The state of the sweep, also after edits."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.assembler import sweep, sweep_state
from prefect_lineage_events.assembler.sweep_state import SweepState, Waiting
from prefect_lineage_events.history import api
from prefect_lineage_events.history.model import FlowRun
from tests.by_hand import NOON

RUN, PARENT = UUID(int=1), UUID(int=2)
ROW = {
    "flow run": str(RUN),
    "flow": "f",
    "ended": (NOON - dt.timedelta(hours=1)).isoformat(),
    "attempts": 1,
    "reason": "lacks rows",
    "waits for": str(PARENT),
    "not before": "",
}


def state_of(monkeypatch: pytest.MonkeyPatch, *rows: dict[str, Any]) -> SweepState:
    metadata = {"mark": NOON.isoformat(), "swept": NOON.isoformat()}
    monkeypatch.setattr(sweep_state, "_raw", lambda _: {"data": json.dumps(rows), "metadata_": metadata})
    monkeypatch.setattr(api, "now", lambda _: NOON)
    return sweep_state.read(None)  # type: ignore[arg-type]


def test_a_row_is_read_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    state = state_of(monkeypatch, ROW)
    assert state.mark == NOON
    assert [sweep_state._row(one) for one in state.waiting] == [ROW]


@pytest.mark.parametrize(
    "changes",
    [
        {"ended": "9999-12-31T23:59:59+00:00"},
        {"ended": "2026-05-01T11:00:00"},
        {"attempts": -1},
        {"attempts": 2**70},
        {"attempts": "1"},
        {"attempts": True},
        {"attempts": 1e300},
        {"waits for": "everything"},
        {"waits for": ", ".join(str(UUID(int=n)) for n in range(sweep_state.MAX_WAITS_FOR + 2))},
        {"flow run": None},
    ],
    ids=lambda changes: "-".join(f"{name} {str(value)[:12]}" for name, value in changes.items()),
)
def test_unreadable_row_resets_the_mark(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> None:
    state = state_of(monkeypatch, {**ROW, **changes}, ROW)
    assert (state.mark, [one.flow_run_id for one in state.waiting]) == (None, [RUN])


def test_more_runs_than_a_row_holds_are_waited_for_in_turns() -> None:
    many = tuple(uuid4() for _ in range(sweep_state.MAX_WAITS_FOR + 5))
    row = sweep_state._row(Waiting(RUN, "f", NOON, "", waits_for=many))
    assert row["waits for"].count(",") == sweep_state.MAX_WAITS_FOR - 1


@pytest.mark.parametrize(
    ("ended", "waits"),
    [
        (NOON - dt.timedelta(hours=1), True),
        (NOON - sweep.KEEP_TRYING - dt.timedelta(minutes=1), False),
        (None, False),
    ],
    ids=["an hour ago", "over a week ago", "never"],
)
def test_a_run_waits_for_another_that_goes_on_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, ended: dt.datetime | None, waits: bool
) -> None:
    going_on = FlowRun(PARENT, "p", uuid4(), "parent", "RUNNING")
    monkeypatch.setattr(sweep, "runs_by_id", lambda _, ids: [going_on] if PARENT in ids else [])
    waiting = Waiting(RUN, "f", ended, "lacks rows", waits_for=(PARENT,))
    carried = sweep._not_due(None, SweepState(waiting=(waiting,)), NOON)  # type: ignore[arg-type]
    assert carried == ([waiting] if waits else [])
