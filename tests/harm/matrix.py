"""Comparison of small programs with and without lineage, under many kinds of failure. `make test-harm` runs it.

Each program runs in a process of its own without lineage, with our blocks instead of the plain ones, and with the plain
ones under the plugin. Everything that a user could notice is compared: standard output and error (without our own
lines, which are counted), the exit code, the last exception with its causes and the program's own lines in its
traceback, the databases afterwards, and the time until the process ends.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.harm.conftest import Result, Runs, results
from tests.harm.corpus import ALL, CASES, UP, Case
from tests.harm.running import NEVER_ENDED, Outcome

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

# The promise is 5 seconds. A shared machine adds noise to both of the compared runs.
_LONGER_AT_MOST = 5.0
_NOISE = 3.0
# A process that ends at once sends no events, and a table in memory has no name to search for.
_NOT_CAPTURED = {"os_exit", "signal_kill", "cut_off", "many_statements", "recursion", "psycopg_connections"}


def differences(case: Case, with_us: Outcome, without: Outcome) -> Iterator[str]:
    # Prefect's messages about an unreachable API depend on the moment at which it noticed.
    compared = () if case.condition.api != "up" else ("stderr",)
    if NEVER_ENDED in (with_us.code, without.code):
        yield "it had to be killed"
    for name in ("stdout", "code", "error", *compared):
        mine, theirs = getattr(with_us, name), getattr(without, name)
        if mine != theirs:
            yield f"{name}: {_first_difference(mine, theirs)}"
    if with_us.databases != without.databases:
        names = {
            n for n in {*with_us.databases, *without.databases} if with_us.databases.get(n) != without.databases.get(n)
        }
        yield f"databases: {sorted(names)}"
    if len(with_us.ours) > case.condition.max_log_lines:
        yield f"logged too much: {with_us.ours}"
    if (longer := later(with_us, without)) > _LONGER_AT_MOST + _NOISE:
        yield f"the process ended {longer:.1f} s later"


def later(with_us: Outcome, without: Outcome) -> float:
    """Seconds by which the process took longer to end, counted from the program's last line."""
    return with_us.seconds_to_end - without.seconds_to_end


def _first_difference(mine: Any, theirs: Any) -> str:
    a = mine.splitlines() if isinstance(mine, str) else mine
    b = theirs.splitlines() if isinstance(theirs, str) else theirs
    if not isinstance(a, list | tuple) or not isinstance(b, list | tuple):
        return f"{mine!r} instead of {theirs!r}"
    for number in range(max(len(a), len(b))):
        left, right = ("\n".join(map(str, part[number : number + 3])) for part in (a, b))
        if a[number : number + 1] != b[number : number + 1]:
            return f"line {number + 1}: {left!r} instead of {right!r}"
    return "nothing"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_program_behaves_as_without_lineage(case: Case, runs: Runs) -> None:
    with_us, without = runs.outcome(case), runs.outcome(case.without)
    found = list(differences(case, with_us, without))
    results[case] = Result("no: " + "; ".join(found)[:300] if found else "yes", later(with_us, without))
    assert not found, "\n".join([*found, f"in {runs.outcome(case).directory}"])


class CapturedEvents:
    """All lineage events of the session, by the directory of their run."""

    def __init__(self, api_url: str) -> None:
        self.by_directory: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.counts: dict[str, dict[str, Any]] = {}
        directories: dict[str, str] = {}
        events = list(self._events(api_url))
        for event in events:
            place = re.search(r"/(\d{3}-\w+-\w+)/work", str(event["resource"]) + str(event["related"]))
            run = event["payload"].get("run", {}).get("flow_run_id", "")
            if place:
                self.by_directory[place[1]].append(event)
                directories[run] = place[1]
        for event in events:
            if event["event"] == "lineage.closed":
                run = event["payload"].get("run", {}).get("flow_run_id", "")
                self.counts[directories.get(run, run)] = event["payload"]

    @staticmethod
    def _events(api_url: str) -> Iterator[dict[str, Any]]:
        body = {"filter": {"event": {"prefix": ["lineage."]}}, "limit": 50}
        page = httpx.post(f"{api_url}/events/filter", json=body, timeout=60).raise_for_status().json()
        yield from page["events"]
        while page["next_page"]:
            page = httpx.get(page["next_page"], timeout=60).raise_for_status().json()
            yield from page["events"]


@pytest.fixture(scope="module")
def captured(runs: Runs) -> CapturedEvents:
    runs.done()
    return CapturedEvents(runs.api_url)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.condition is UP and case.program not in _NOT_CAPTURED], ids=str
)
def test_lineage_of_program_is_captured(case: Case, runs: Runs, captured: CapturedEvents) -> None:
    """Without this test, a package that does nothing would pass the others."""
    assert captured.by_directory[runs.outcome(case).directory.name]


def test_notes_dropped_by_full_queue_are_counted_and_logged_once(runs: Runs, captured: CapturedEvents) -> None:
    (case,) = (case for case in CASES if case.condition.name == "queue full")
    assert len(runs.outcome(case).ours) == 1
    assert any(count.get("dropped") for count in captured.counts.values())


def test_matrix_has_every_program() -> None:
    assert {case.program for case in CASES} == set(ALL)
