"""The assembler is killed at every step of its way; the sweep finishes what it began, and nothing is told twice."""

from __future__ import annotations

import itertools
import time
from uuid import UUID

import pytest

from prefect_lineage_events.assembler import sweep_state
from tests.assembler.loads import daily_load, hourly_load, stored
from tests.chaos import child

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(850)]
CLAIM_OVER = 2.5


def kill_at_every_step(flow_name, environment, prepare):
    """Runs the flow until it gets through alive, killed one request later each time; `prepare` gives its arguments."""
    for number in itertools.count(1):
        arguments = prepare()
        code = child.run(flow_name, environment, *arguments, kill_behind=number)
        if code == 0:
            return number - 1
        assert code == child.KILLED, f"killed behind request {number}, it ended with {code}"
        assert number < 200, "it never gets through"
    raise AssertionError


def told_at_most_once_more(target, run_ids):
    """An event whose answer died with the assembler is sent again, and no other: the same words, in the same order."""
    for run_id in run_ids:
        types = target.types(run_id)
        assert types[0] == "START", types
        assert types[-1] == "COMPLETE", types
        assert len(types) <= 3, types
        bodies = [str(e) for e in target.events if e["run"]["runId"] == str(run_id)]
        assert len(set(bodies)) == 2, "an event was sent again in other words"


def test_a_run_whose_assembler_was_killed_anywhere_is_finished_by_the_sweep(client, target, environment):
    run_ids: list[UUID] = []

    def one_more_run():
        run_ids.append(daily_load())
        stored(client, run_ids[-1])
        return (run_ids[-1],)

    steps = kill_at_every_step("assemble", environment, one_more_run)
    assert steps >= 10
    time.sleep(CLAIM_OVER)
    assert child.run("sweep", environment) == 0
    told_at_most_once_more(target, run_ids)
    assert not sweep_state.read(client).waiting


def test_a_sweep_that_was_killed_anywhere_leaves_nothing_behind(client, target, environment):
    run_ids: list[UUID] = []

    def two_more_runs():
        time.sleep(CLAIM_OVER)
        run_ids.extend([daily_load(), hourly_load()])
        stored(client, *run_ids[-2:])
        return ()

    kill_at_every_step("sweep", environment, two_more_runs)
    told_at_most_once_more(target, run_ids)


@pytest.mark.parametrize("lost", ["START", "COMPLETE"])
def test_an_event_whose_answer_was_lost_is_sent_again_in_the_same_words(client, target, environment, lost):
    run_id = daily_load()
    stored(client, run_id)
    answers = iter([None])
    target.answer = lambda event: next(answers, 201) if event["eventType"] == lost else 201
    assert child.run("assemble", environment, run_id) == 0
    assert sorted(target.types(run_id)) == sorted(["START", "COMPLETE", lost])
    told_at_most_once_more(target, [run_id])
