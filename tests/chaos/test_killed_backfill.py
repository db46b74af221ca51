"""A backfill that is killed in the middle and run again: it sends every run once, and the newest run of each job is
shown.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys

import pytest

from prefect_lineage_events.flows import backfill
from tests.assembler.loads import daily_load, hourly_load, now, stored

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

_RUNS = 8
_BACKFILL = "import sys; from prefect_lineage_events.flows import backfill; backfill(sys.argv[1], sys.argv[2])"


def test_killed_backfill_continues_where_it_stopped(target, client, environment):
    start = now()
    runs = [load() for _ in range(_RUNS) for load in (daily_load, hourly_load)]
    end = now()
    stored(client, *runs)

    _killed_in_the_middle(target, environment, start, end)
    broken_off = target.counts()
    assert 0 < len(broken_off) < 2 * len(runs)
    target.answer = lambda _: 201
    summary = backfill(start, end)

    assert not (summary.failed or summary.left or summary.busy)
    counts = target.counts()
    assert {run_id for run_id, _ in counts} == set(map(str, runs))
    newest = {str(runs[-2]), str(runs[-1])}
    again = {key for key, n in counts.items() if n > 1}
    # Events accepted at the moment of the kill could not be recorded: at most one of each worker.
    at_the_kill = {key for key in again if key in broken_off}
    assert len(at_the_kill) <= 4
    # The newest run of each job is sent once more at the end, where an older one came after it.
    assert again - at_the_kill <= {(run_id, "COMPLETE") for run_id in newest}
    for run_id in runs:
        assert set(target.types(run_id)) == {"START", "COMPLETE"}
    assert _showing(target) == newest
    assert backfill(start, end).already_done == len(runs)
    assert target.counts() == counts


def _killed_in_the_middle(target, environment, start: dt.datetime, end: dt.datetime) -> None:
    """Kill the backfill by SIGKILL while a request is open at the target, which accepts no further events."""
    command = [sys.executable, "-c", _BACKFILL, start.isoformat(), end.isoformat()]
    child = subprocess.Popen(command, env={**os.environ, **environment})

    def answer(_: object) -> int:
        if len(target.events) >= _RUNS:
            child.send_signal(signal.SIGKILL)
            return 503
        return 201

    target.answer = answer
    assert child.wait(150) == -signal.SIGKILL


def _showing(target) -> set[str]:
    """The run of each job that was sent last."""
    return set({e["job"]["name"]: e["run"]["runId"] for e in target.events}.values())
