"""Histories of processes whose clock is off by days: nothing is lost, and nothing is out of order."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest

from prefect_lineage_events.history.clocks import correct_tasks
from prefect_lineage_events.history.model import FlowRun, RunHistory, TaskRun
from prefect_lineage_events.history.reader import Clock, Patience, read_history, window_of
from tests.by_hand import NOON, closing, write
from tests.history.fake_api import FakeApi

DAYS = [dt.timedelta(days=days) for days in (-2, 2)]


def run_until(ended: dt.datetime) -> FlowRun:
    started = ended - dt.timedelta(minutes=1)
    return FlowRun(uuid4(), "busy-bee", uuid4(), "nightly", "COMPLETED", started=started, ended=ended)


def read(api: FakeApi, run: FlowRun) -> RunHistory:
    clock = Clock(now=lambda: api.now, sleep=api.sleep)
    return read_history(api, run, Patience(completeness=60, first_event=20, poll=1), clock)  # type: ignore[arg-type]


@pytest.mark.parametrize("off", DAYS)
def test_events_of_a_process_whose_clock_is_off_by_days_are_in_the_window(off: dt.timedelta) -> None:
    run = run_until(NOON)
    window = window_of(run, NOON)
    assert run.started is not None
    assert window.since <= run.started + off <= window.until
    assert len(list(window.parts())) == 1


@pytest.mark.parametrize("off", DAYS)
def test_times_of_a_process_whose_clock_is_off_are_those_of_the_server(off: dt.timedelta) -> None:
    begin, emitter, right = NOON - dt.timedelta(seconds=50), uuid4(), uuid4()
    api = FakeApi(begin)
    api.store(write("out", "in", emitter=emitter, at=begin + off))
    api.sleep(10)
    api.store(write("between", emitter=right, at=api.now))
    api.sleep(10)
    api.store(write("out", "in", emitter=emitter, sequence=1, at=api.now + off))
    api.store(closing(emitter, 2, at=api.now + off))
    api.store(closing(right, 1, at=api.now))
    api.now = NOON
    history = read(api, run_until(NOON))
    assert history.completeness.complete
    in_order = sorted(history.events, key=lambda event: event.statement.started or NOON)
    assert [event.emitter.id for event in in_order] == [emitter, right, emitter]
    assert in_order[0].statement.started == begin


def test_an_event_that_arrives_late_keeps_its_time() -> None:
    api, emitter = FakeApi(NOON + dt.timedelta(hours=5)), uuid4()
    at = NOON - dt.timedelta(seconds=30)
    api.store(write("out", emitter=emitter, at=at))
    api.store(closing(emitter, 1, at=at))
    (event,) = read(api, run_until(NOON)).events
    assert event.statement.started == at


@pytest.mark.parametrize("off", DAYS)
def test_task_runs_of_a_process_whose_clock_is_off_are_within_their_flow_run(off: dt.timedelta) -> None:
    run, task = run_until(NOON), TaskRun(uuid4(), "load-0", "load", started=NOON + off, ended=NOON + off)
    right = TaskRun(uuid4(), "load-1", "load", started=NOON, ended=NOON)
    found = correct_tasks({task.id: task, right.id: right}, run, [-off])
    assert [(one.started, one.ended) for one in found.values()] == [(NOON, NOON)] * 2
