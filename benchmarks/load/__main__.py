"""`python -m benchmarks.load assemble-batched --runs 300`: a burst of runs, and what the assembler made of it.

Starts a Prefect server of its own, deploys the automation, serves the assembler, and lets the runs end evenly within
`--seconds`. Prints a line of JSON. The exit code is 0 if the target has START and the end of each run exactly once.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.chaos.server import KillableServer
from tests.chaos.target import HttpTarget
from tests.services import postgres
from tests.services.process import stop

_PROGRAM = str(Path(sys.executable).parent / "prefect-lineage")
_OWN = ("prefect-lineage-assemble", "prefect-lineage-sweep")
# Threads that end runs, and seconds without a delivery after which the rest is given up.
_AT_ONCE = 8
_PATIENCE = 900.0


class Burst:
    """Running runs of one flow, and the time at which each ended."""

    def __init__(self, api_url: str, runs: int) -> None:
        self.api_url = api_url
        self.ended: dict[str, float] = {}
        self._http = httpx.Client(base_url=api_url, timeout=120)
        self._flow = self._post("/flows/", {"name": "nightly load"})["id"]
        begun = {"flow_id": self._flow, "state": {"type": "RUNNING", "name": "Running"}}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            self._runs = list(pool.map(lambda _: self._post("/flow_runs/", begun), range(runs)))

    def end_one(self, number: int) -> None:
        """Let one run write a table and end, with the events that its process would send."""
        from prefect_lineage_events.events import RunInfo
        from tests import by_hand

        run = self._runs[number]
        info = RunInfo(
            flow_run_id=UUID(run["id"]),
            flow_run_name=run["name"],
            flow_id=UUID(self._flow),
            flow_name="nightly load",
            run_count=1,
        )
        emitter, now = uuid4(), dt.datetime.now(dt.timezone.utc)
        write = by_hand.write(f"out_{number % 20}", "orders", run=info, emitter=emitter, at=now)
        for event in (write, by_hand.closing(emitter, 1, at=now, run=info)):
            _emit(event.to_prefect())
        end = {"state": {"type": "COMPLETED", "name": "Completed"}, "force": False}
        self._post(f"/flow_runs/{run['id']}/set_state", end)
        self.ended[run["id"]] = time.time()

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        """The answer; asked again while the server is away, as Prefect's engine does."""
        while True:
            with suppress(httpx.HTTPError):
                answer = self._http.post(path, json=body)
                if answer.is_success:
                    return answer.json()
            time.sleep(0.5)


def _emit(event: dict[str, Any]) -> None:
    from prefect.events import emit_event

    emit_event(**event)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("automation", choices=("assemble", "assemble-on-completion", "assemble-batched"))
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60.0, help="The time within which the runs end.")
    parser.add_argument("--postgres", action="store_true", help="The server's database is PostgreSQL, not SQLite.")
    parser.add_argument("--restart", action="store_true", help="Restart the server after half of the runs.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lineage-load-") as folder, HttpTarget() as target:
        server = KillableServer(Path(folder))
        settings = _database() if chosen.postgres else {}
        server.start(**settings)
        os.environ |= {"PREFECT_API_URL": server.api_url, **target.environment}
        try:
            subprocess.run([_PROGRAM, "deploy", "--with", chosen.automation], check=True, capture_output=True)
            burst = Burst(server.api_url, chosen.runs)
            with _assembler(Path(folder)):
                restart = (lambda: _restart(server, settings)) if chosen.restart else None
                figures = _measure(burst, target, chosen, restart)
        finally:
            server.stop()
    print(json.dumps({**vars(chosen), **figures}))
    return 0 if figures["exactly_once"] == chosen.runs else 1


def _measure(
    burst: Burst, target: HttpTarget, chosen: argparse.Namespace, restart: Callable[[], None] | None
) -> dict[str, Any]:
    began, arrived = time.time(), {}
    states = [_status()]

    def take(event: dict[str, Any]) -> int:
        if event["eventType"] != "START":
            arrived.setdefault(event["run"]["runId"], time.time())
        return 201

    target.answer = take
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for number in range(chosen.runs):
            time.sleep(max(0.0, began + chosen.seconds * number / chosen.runs - time.time()))
            pool.submit(burst.end_one, number)
            if restart and number == chosen.runs // 2:
                restart()
    states.append(_status())
    seen, since = 0, time.time()
    while len(arrived) < chosen.runs and time.time() - since < _PATIENCE:
        time.sleep(1)
        if len(arrived) > seen:
            seen, since = len(arrived), time.time()
    time.sleep(20)
    states.append(_status())
    counts = target.counts()
    waited = sorted(arrived[run] - end for run, end in burst.ended.items() if run in arrived)
    last_end = max(burst.ended.values())
    return {
        "burst_seconds": round(last_end - began),
        "exactly_once": sum(
            counts[run, "START"] == counts[run, "COMPLETE"] == 1 and not _others(counts, run) for run in burst.ended
        ),
        "first": round(waited[0]) if waited else None,
        "median": round(waited[len(waited) // 2]) if waited else None,
        "last_after_the_last_end": round(max(arrived.values()) - last_end) if arrived else None,
        **_assembler_runs(burst.api_url),
        "status": states,
    }


def _others(counts: Counter[tuple[str, str]], run: str) -> int:
    return sum(n for (id_, kind), n in counts.items() if id_ == run and kind not in ("START", "COMPLETE"))


def _assembler_runs(api_url: str) -> dict[str, Any]:
    """The ended runs of the assembler, by flow and state, and the shortest time between two sweeps that worked."""
    runs: Counter[str] = Counter()
    sweeps: list[dt.datetime] = []
    for name in _OWN:
        offset = 0
        while True:
            body = {"flows": {"name": {"any_": [name]}}, "limit": 200, "offset": offset}
            page = httpx.post(f"{api_url}/flow_runs/filter", json=body, timeout=120).json()
            for run in page:
                if run["state_type"] != "SCHEDULED":
                    runs[f"{name.removeprefix('prefect-lineage-')} {run['state_name']}"] += 1
                if name.endswith("sweep") and run["state_type"] == "COMPLETED":
                    sweeps.append(dt.datetime.fromisoformat(run["start_time"].replace("Z", "+00:00")))
            if len(page) < 200:
                break
            offset += 200
    sweeps.sort()
    gaps = [round((later - one).total_seconds()) for one, later in pairwise(sweeps)]
    return {"assembler_runs": dict(runs), "seconds_between_sweeps": gaps}


def _status() -> dict[str, Any]:
    """Ask `prefect-lineage status`; returns what it says, and how long it took."""
    began = time.time()
    done = subprocess.run([_PROGRAM, "status", "--json"], capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)
    except json.JSONDecodeError:
        return {"code": done.returncode, "error": done.stderr[-300:]}
    names = ("assembler", "unassembled", "waiting", "running", "lag_seconds", "trouble", "more", "unanswered")
    shown = {name: found.get(name) for name in names}
    return {"code": done.returncode, "seconds": round(time.time() - began, 1), **shown}


@contextmanager
def _assembler(folder: Path) -> Iterator[None]:
    with (folder / "serve.log").open("w") as sink:
        process = subprocess.Popen([_PROGRAM, "serve"], stdout=sink, stderr=sink, start_new_session=True)
    try:
        _wait_until_ready()
        yield
    finally:
        stop(process)


def _wait_until_ready() -> None:
    while _status().get("assembler") != "ready":
        time.sleep(1)


def _restart(server: KillableServer, settings: dict[str, str]) -> None:
    try:
        server.kill(signal.SIGTERM)
    except subprocess.TimeoutExpired:
        # A server on SQLite may wait for its own locks.
        server.kill(signal.SIGKILL)
    server.start(**settings)


def _database() -> dict[str, str]:
    cluster = postgres.started()
    if cluster is None:
        sys.exit("PostgreSQL's server is not installed")
    url = cluster.url(cluster.database("prefect"), driver="asyncpg")
    return {"PREFECT_API_DATABASE_CONNECTION_URL": url}


if __name__ == "__main__":
    sys.exit(main())
