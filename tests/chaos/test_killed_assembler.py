"""Kills of the assembler between any two of its effects: the sweep finishes its work, and sends no event twice.

There is one exception. If the assembler is killed after the target accepted an event, before the response was read, the
acceptance is unknown. Only then is that one event sent again, unchanged.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from prefect import flow

from prefect_lineage_events.assembler import lease, sweep_state
from tests.assembler.loads import daily_load, stored
from tests.by_hand import emit_writes
from tests.chaos import child
from tests.chaos.target import Event, HttpTarget

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

SIDE_BY_SIDE = 2
# No flow here has more effects than these: a flow that never finishes is detected.
MANY = 100
TARGET = "POST /api/v1/lineage"
# Every kind of effect of an assembly. A kill after each kind must have been tried.
WAY = {
    "POST /api/artifacts/",
    "PATCH /api/artifacts/",
    "DELETE /api/artifacts/",
    TARGET,
}


@dataclass(frozen=True)
class Death:
    """A flow that was killed, and its effects up to then."""

    effects: list[str]

    @property
    def behind(self) -> str:
        return self.effects[-1]

    @property
    def events(self) -> int:
        return self.effects.count(TARGET)


def killed(flow_name: str, environment, file: Path, *arguments: object, behind: int) -> Death | None:
    """Kill the flow after this number of effects. None: it had fewer effects, and finished."""
    code = child.run(flow_name, environment, *arguments, kill_behind=behind, effects=file)
    assert code in (0, child.KILLED), f"to be killed behind effect {behind}, it ended with {code}"
    return Death(file.read_text().splitlines()) if code else None


def killed_at_every_step(environment, directory: Path, prepared: Callable[[int], list[UUID]]) -> dict[UUID, Death]:
    """Run `assemble` for one run after the other, killed one effect later each time, until it finishes."""

    def attempt(numbered: tuple[int, UUID]) -> tuple[UUID, Death | None]:
        number, run_id = numbered
        return run_id, killed("assemble", environment, directory / str(number), run_id, behind=number)

    deaths: dict[UUID, Death] = {}
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for first in range(1, MANY, 10):
            for run_id, death in pool.map(attempt, enumerate(prepared(10), first)):
                if death:
                    deaths[run_id] = death
            if len(deaths) < first + 9:
                break
    assert {path(death.behind) for death in deaths.values()} >= WAY
    return deaths


def path(effect: str) -> str:
    """The path of a request, without the id at its end."""
    return effect if effect == TARGET else effect[: effect.rindex("/") + 1]


def words(events: list[Event]) -> Iterator[str]:
    """A text for each event, equal for equal events."""
    return map(str, events)


def of_job(target: HttpTarget, name: str) -> list[Event]:
    return [event for event in target.events if event["job"]["name"] == name]


def taken_by(death: Death | None, events: list[Event]) -> list[Event]:
    """The one event of these that may be sent twice: the last one before the kill."""
    return [events[death.events - 1]] if death and death.behind == TARGET else []


def leases_left(client) -> list[str]:
    return [row["id"] for row in lease._leases(client)]


def test_sweep_finishes_run_whose_assembler_was_killed(client, target, environment, tmp_path):
    job_of: dict[UUID, str] = {}

    def more_runs(count: int) -> list[UUID]:
        names = [f"load {len(job_of) + n}" for n in range(count)]
        runs = {daily_load.with_options(name=name)(): name for name in names}
        stored(client, *runs)
        job_of.update(runs)
        return list(runs)

    deaths = killed_at_every_step(environment, tmp_path, more_runs)
    assert child.run("sweep", environment) == 0

    for run_id, job in job_of.items():
        events = of_job(target, job)
        again = Counter(words(events)) - Counter(set(words(events)))
        assert again == Counter(words(taken_by(deaths.get(run_id), events))), deaths.get(run_id)
        assert list(dict.fromkeys(target.types(run_id))) == ["START", "COMPLETE"]
        assert target.types(run_id)[-1] == "COMPLETE"
    assert not sweep_state.read(client).waiting
    assert not leases_left(client)


@flow
def failing() -> None:
    emit_writes([("half done", "source")])
    raise ValueError("no more")


def test_latest_run_is_restored_after_failed_run_and_killed_assembler(client, target, as_marquez, tmp_path):
    job_of: dict[UUID, str] = {}

    def failed_run(name: str) -> UUID:
        return failing.with_options(name=name)(return_state=True).state_details.flow_run_id

    def more_runs(count: int) -> list[UUID]:
        names = [f"job {len(job_of) + n}" for n in range(count)]
        stored(client, *(daily_load.with_options(name=name)() for name in names))
        assert child.run("sweep", as_marquez) == 0
        runs = {failed_run(name): name for name in names}
        stored(client, *runs)
        job_of.update(runs)
        return list(runs)

    deaths = killed_at_every_step(as_marquez, tmp_path, more_runs)
    assert child.run("sweep", as_marquez) == 0

    for run_id, job in job_of.items():
        # Events of the successful run: its START, and its end, which is sent again after the failed run.
        start, good, *events = of_job(target, job)
        assert [start["eventType"], good["eventType"]] == ["START", "COMPLETE"]
        again = Counter(words(events)) - Counter(set(words(events)))
        assert again == Counter(words(taken_by(deaths.get(run_id), events))), deaths.get(run_id)
        assert list(dict.fromkeys(e["eventType"] for e in events)) == ["START", "FAIL", "COMPLETE"]
        assert events[-1] == good
    assert not leases_left(client)


def test_sweep_after_killed_sweep_delivers_all_runs_once(client, target, environment, tmp_path):
    run_ids: list[UUID] = []
    may_come_again: list[Event] = []
    steps = set()
    for number in itertools.count(1):
        run_ids.append(daily_load())
        stored(client, run_ids[-1])
        death = killed("sweep", environment, tmp_path / str(number), behind=number)
        if death is None:
            break
        assert number < MANY
        steps.add(path(death.behind))
        may_come_again += target.events[-1:] if death.behind == TARGET else []
    assert steps >= WAY
    counts = Counter(words(target.events))
    assert counts - Counter(set(counts)) == Counter(words(may_come_again))
    for run_id in run_ids:
        assert list(dict.fromkeys(target.types(run_id))) == ["START", "COMPLETE"]
    assert not sweep_state.read(client).waiting
    assert not leases_left(client)


@pytest.mark.parametrize("lost", ["START", "COMPLETE"])
def test_event_whose_response_was_lost_is_resent_unchanged(client, target, environment, lost):
    run_id = daily_load()
    stored(client, run_id)
    answers = iter([None])
    target.answer = lambda event: next(answers, 201) if event["eventType"] == lost else 201
    assert child.run("assemble", environment, run_id) == 0
    assert sorted(target.types(run_id)) == sorted(["START", "COMPLETE", lost])
    assert len(set(words(target.events))) == 2
