"""The services of the matrix, its processes (two at a time, because the machine has two cores), and the table of
results.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import PrefectServer
from tests.harm.api import Proxy
from tests.harm.corpus import Case
from tests.harm.running import Outcome, run
from tests.services.postgres import (
    Postgres,
    postgres,  # noqa: F401 - a fixture
)
from tests.services.process import free_port


@dataclass(frozen=True)
class Result:
    """The differences from the run without lineage, and the seconds by which the process ended later."""

    verdict: str
    later: float


results: dict[Case, Result] = {}


class Runs:
    """The runs of the collected cases: all are begun at once, and awaited one by one."""

    def __init__(self, server: PrefectServer, directory: Path, cluster: Postgres | None) -> None:
        self.api_url = server.api_url
        self._directory = directory
        self._cluster = cluster
        self._numbers = count(1)
        self._busy = ThreadPoolExecutor(2)
        self._waiting = ThreadPoolExecutor(6)
        self._outcomes: dict[Case, Future[Outcome]] = {}

    def begin(self, case: Case) -> None:
        for one in (case.without, case):
            if one not in self._outcomes:
                pool = self._waiting if one.condition.waits else self._busy
                self._outcomes[one] = pool.submit(self._run, one, next(self._numbers))

    def outcome(self, case: Case) -> Outcome:
        return self._outcomes[case].result()

    def done(self) -> None:
        """Wait until all runs that were begun have ended."""
        for outcome in self._outcomes.values():
            outcome.exception()

    def close(self) -> None:
        for pool in (self._busy, self._waiting):
            pool.shutdown(cancel_futures=True)

    def _run(self, case: Case, number: int) -> Outcome:
        directory = self._directory / f"{number:03}-{case.program}-{case.way}"
        database = ""
        if case.program.startswith("psycopg"):
            assert self._cluster is not None
            database = self._cluster.dsn(self._cluster.database(f"harm{number}"))
        with ExitStack() as stack:
            url = self.api_url
            if case.condition.api == "away":
                url = f"http://127.0.0.1:{free_port()}/api"
            elif case.condition.api != "up":
                url = stack.enter_context(Proxy(url, case.condition.api)).url
            return run(case.program, case.way, case.condition, url, directory, database)


@pytest.fixture(scope="module")
def runs(
    prefect_server_process: PrefectServer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Runs]:
    cases = [item.callspec.params["case"] for item in request.session.items if "case" in _parameters(item)]
    needs_postgres = any(case.program.startswith("psycopg") for case in cases)
    cluster = request.getfixturevalue("postgres") if needs_postgres else None
    made = Runs(prefect_server_process, tmp_path_factory.mktemp("harm"), cluster)
    # runs that mostly wait come first, because they take the longest
    for case in sorted(cases, key=lambda case: not case.condition.waits):
        made.begin(case)
    yield made
    made.close()


def _parameters(item: pytest.Item) -> dict[str, object]:
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec is not None else {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix as a table in Markdown."""
    if not results:
        return
    terminalreporter.section("programs x conditions: the same as without lineage?")
    table: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case, result in results.items():
        table[case.condition.name, result.verdict].append(case)
    for (condition, verdict), cases in table.items():
        programs = ", ".join(sorted({case.program for case in cases}))
        later = max(results[case].later for case in cases)
        terminalreporter.write_line(f"| {condition} | {len(cases)} | {programs} | {verdict} | ended {later:+.1f} s |")
