"""One run of the assembler assembles all runs that end while it gathers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.assembler import sweep
from prefect_lineage_events.assembler.options import AssemblyOptions, AssemblyResult, Outcome
from prefect_lineage_events.assembler.summary import Summary
from prefect_lineage_events.history import api, event_log
from prefect_lineage_events.history.event_log import Window
from prefect_lineage_events.history.model import FlowRun
from tests.by_hand import NOON

FIRST, SECOND = UUID(int=1), UUID(int=2)


class Gathering:
    """A history in which runs end at seconds after noon, and an assembler that finds some of them too early once."""

    def __init__(self, patch: pytest.MonkeyPatch, ends: dict[UUID, float], early: Iterable[UUID] = ()) -> None:
        self.now = NOON
        self.assembled: list[list[UUID]] = []
        self.early = set(early)
        self.ends = {id_: NOON + dt.timedelta(seconds=after) for id_, after in ends.items()}
        patch.setattr(api, "now", lambda _: self.now)
        patch.setattr(sweep.time, "sleep", self.sleep)
        patch.setattr(event_log, "closed_runs", self.closed)
        patch.setattr(sweep, "runs_by_id", lambda _, ids: [run(id_) for id_ in ids])
        patch.setattr(sweep, "assemble_each", self.assemble)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += dt.timedelta(seconds=seconds)

    def closed(self, _: object, window: Window) -> list[UUID]:
        return [id_ for id_, end in self.ends.items() if window.since <= end <= self.now]

    def assemble(self, _: object, runs: Iterable[FlowRun], options: AssemblyOptions) -> Summary:
        assert options.announcements is not None, "all of them are announced together"
        ids = [one.id for one in runs]
        self.assembled.append(ids)
        outcomes: dict[UUID, Outcome] = {id_: "too early" if id_ in self.early else "sent" for id_ in ids}
        self.early -= set(ids)
        return Summary(assembled=[AssemblyResult(id_, "nightly", outcome) for id_, outcome in outcomes.items()])


def run(id_: UUID) -> FlowRun:
    return FlowRun(id_, "r", uuid4(), "nightly", "COMPLETED", ended=NOON)


def test_recent_runs_are_listed_once_without_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    gathering = Gathering(monkeypatch, {FIRST: -5, SECOND: 5})
    assert [a.flow_run_id for a in sweep.assemble_recent(None, AssemblyOptions()).assembled] == [FIRST]  # type: ignore[arg-type]
    assert (gathering.now, gathering.assembled) == (NOON, [[FIRST]])


def test_runs_that_end_meanwhile_are_assembled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gathering = Gathering(monkeypatch, {FIRST: -5, SECOND: 25})
    until = NOON + dt.timedelta(seconds=48)
    summary = sweep.assemble_recent(None, AssemblyOptions(), until)  # type: ignore[arg-type]
    assert [a.flow_run_id for a in summary.assembled] == [FIRST, SECOND]
    assert [ids for ids in gathering.assembled if ids] == [[FIRST], [SECOND]]
    assert gathering.now == until


def test_early_run_is_tried_again_and_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Gathering(monkeypatch, {FIRST: -5}, early=[FIRST])
    summary = sweep.assemble_recent(None, AssemblyOptions(), NOON + dt.timedelta(seconds=30))  # type: ignore[arg-type]
    assert [(a.flow_run_id, a.outcome) for a in summary.assembled] == [(FIRST, "sent")]


def test_run_that_stays_early_is_in_the_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    Gathering(monkeypatch, {FIRST: -5}, early=[FIRST])
    assert [a.outcome for a in sweep.assemble_recent(None, AssemblyOptions()).assembled] == ["too early"]  # type: ignore[arg-type]
