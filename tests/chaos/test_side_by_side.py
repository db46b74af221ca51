"""Two assemblers of the same runs at the same time send each run once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from prefect_lineage_events.assembler import sweep_state
from tests.assembler.loads import daily_load, hourly_load, now, stored
from tests.chaos import child
from tests.chaos.target import Event, HttpTarget

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]
Flow = tuple[object, ...]


@pytest.fixture
def runs(client) -> list[UUID]:
    runs = [load() for _ in range(3) for load in (daily_load, hourly_load)]
    stored(client, *runs)
    return runs


def at_once(target: HttpTarget, environment, directory: Path, *flows: Flow) -> None:
    """Run the flows at the same time: the target delays the first until each has a lease on a run, or has asked for
    one.
    """
    effects = [directory / f"effects{number}" for number in range(len(flows))]

    def all_claimed() -> bool:
        return all(file.exists() and "POST /api/artifacts/" in file.read_text() for file in effects)

    target.answer = held_back(all_claimed)
    children = [child.start(*flow, effects=file) for flow, file in zip(with_(environment, flows), effects, strict=True)]
    assert [child.ended(process) for process in children] == [0] * len(flows)
    assert all_claimed()


def with_(environment, flows: tuple[Flow, ...]) -> list[tuple[object, ...]]:
    return [(name, environment, *arguments) for name, *arguments in flows]


def held_back(until: Callable[[], bool]) -> Callable[[Event], int]:
    def answer(_: Event) -> int:
        deadline = time.monotonic() + 300
        while not until() and time.monotonic() < deadline:
            time.sleep(0.05)
        return 201

    return answer


def each_once(runs: list[UUID]) -> Counter[tuple[str, str]]:
    return Counter((str(run_id), kind) for run_id in runs for kind in ("START", "COMPLETE"))


def test_two_sweeps_at_once_deliver_each_run_once(client, target, environment, runs, tmp_path):
    at_once(target, environment, tmp_path, ("sweep",), ("sweep",))
    assert child.run("sweep", environment) == 0
    assert target.counts() == each_once(runs)
    assert not sweep_state.read(client).waiting


def test_sweep_beside_automation_delivers_each_run_once(client, target, environment, runs, tmp_path):
    at_once(target, environment, tmp_path, ("sweep",), ("assemble", runs[0]), ("assemble", runs[1]))
    assert child.run("sweep", environment) == 0
    assert target.counts() == each_once(runs)
    assert not sweep_state.read(client).waiting


def test_sweep_beside_backfill_delivers_each_run_once(client, target, environment, tmp_path):
    start = now()
    runs = [daily_load() for _ in range(6)]
    stored(client, *runs)
    at_once(target, environment, tmp_path, ("sweep",), ("backfill", start, now()))
    assert child.run("sweep", environment) == 0
    assert target.counts() == each_once(runs)
    assert not sweep_state.read(client).waiting


def test_sweep_beside_backfill_leaves_newest_run_of_each_job_shown(client, target, as_marquez, tmp_path):
    start = now()
    runs = [load() for _ in range(3) for load in (daily_load, hourly_load)]
    stored(client, *runs)
    at_once(target, as_marquez, tmp_path, ("sweep",), ("backfill", start, now()))
    assert child.run("sweep", as_marquez) == 0
    newest = {str(run_id) for run_id in runs[-2:]}
    more = target.counts() - each_once(runs)
    assert set(more) <= {(run_id, "COMPLETE") for run_id in newest}
    assert set(target.counts()) == set(each_once(runs))
    showing = {event["job"]["name"]: event["run"]["runId"] for event in target.events}
    assert set(showing.values()) == newest
