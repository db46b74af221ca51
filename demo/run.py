"""`make demo`: a server, the assembler, two flows, and the lineage that the automation makes of them.

The exit code is 0 only if every edge of `expected.py` arrived. In a terminal the services stay up afterwards, until
Ctrl-C.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from demo import expected, lineage, services

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".demo"
FLOWS = ("flights nightly", "airport report", "delay report")
ASSEMBLING_TIMEOUT = 240


def main() -> int:
    began = time.monotonic()
    # Each of these signals also ends the children. Background jobs of a shell would otherwise ignore SIGINT.
    for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_, signal.default_int_handler)
    with ExitStack() as stack:
        stack.enter_context(only_one())
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        port = services.free_port()
        api = f"http://127.0.0.1:{port}/api"
        environment = child_environment(api)
        say("starting a Prefect server of its own ...")
        stack.callback(services.prefect_server(FOLDER, port, environment).stop)
        say("prefect-lineage deploy: blocks, deployments and automation ...")
        run([str(Path(sys.executable).parent / "prefect-lineage"), "deploy", "--settle", "5"], environment)
        stack.callback(services.assembler(FOLDER, environment).stop)
        run([sys.executable, "-m", "demo.prepare", str(FOLDER)], environment)
        say("running the flows over 336,776 flights ...")
        run([sys.executable, "-m", "demo.flows"], environment, cwd=FOLDER)
        say("the flows are done; now the automation starts the assembler:")
        by_automation = wait_for_assembling(api)
        good = report(lineage.read(FOLDER / "openlineage.jsonl"), by_automation, port, api)
        say(f"done in {time.monotonic() - began:.0f} s")
        if sys.stdin.isatty() and sys.stdout.isatty():
            stay_up()
    return 0 if good else 1


@contextmanager
def only_one() -> Iterator[None]:
    """Hold a lock: a second demo in this checkout would delete this one's folder."""
    with (ROOT / ".demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("another demo is running in this checkout: stop it first (Ctrl-C in its terminal)")
        yield


def child_environment(api: str) -> dict[str, str]:
    """The user's environment without Prefect and OpenLineage variables: the demo must not write into the user's
    systems.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "OPENLINEAGE", "MARQUEZ_"))}
    transport = "OPENLINEAGE__TRANSPORT__"
    target = {"TYPE": "file", "LOG_FILE_PATH": str(FOLDER / "openlineage.jsonl"), "APPEND": "true"}
    if marquez := os.environ.get("MARQUEZ_URL"):
        to_file = {f"TRANSPORTS__FILE__{k}": v for k, v in target.items()}
        to_marquez = {"TRANSPORTS__MARQUEZ__TYPE": "http", "TRANSPORTS__MARQUEZ__URL": marquez}
        target = {"TYPE": "composite", "CONTINUE_ON_FAILURE": "false", **to_file, **to_marquez}
    return {
        **kept,
        # The server has a new port each time. Without a fixed namespace, each demo would add another graph.
        "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_JOB_NAMESPACE": "prefect-lineage-demo",
        "PYTHONPATH": str(ROOT),
        "PREFECT_HOME": str(FOLDER / "prefect"),
        "PREFECT_API_URL": api,
        "PREFECT_UI_URL": api.removesuffix("/api") + "/v2",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_LOGGING_LEVEL": "INFO",
        **{transport + k: v for k, v in target.items()},
    }


def run(command: list[str], environment: dict[str, str], cwd: Path = ROOT) -> None:
    done = subprocess.run(command, env=environment, cwd=cwd, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with code {done.returncode}")


def wait_for_assembling(api: str) -> set[str]:
    """Wait until every run is in the file, and print progress. Returns the names of the flows.

    Returns an empty set if something other than the automation started the assembler.
    """
    deadline = time.monotonic() + ASSEMBLING_TIMEOUT
    with httpx.Client(base_url=api, timeout=30) as client:
        runs = {r["id"]: name for name in FLOWS for r in flow_runs(client, name)}
        while time.monotonic() < deadline:
            arrived = set(lineage.read(FOLDER / "openlineage.jsonl").runs) & set(runs)
            assembling = flow_runs(client, "prefect-lineage-assemble")
            states = ", ".join(r["state"]["name"] for r in assembling) or "none yet"
            say(f"  {len(arrived)} of {len(runs)} runs assembled; assembler runs: {states}")
            if arrived == set(runs):
                makers = {(r.get("created_by") or {}).get("type") for r in assembling}
                return set(runs.values()) if makers == {"AUTOMATION"} else set()
            time.sleep(3)
    return set()


def flow_runs(client: httpx.Client, flow: str) -> list[dict[str, Any]]:
    answer = client.post("/flow_runs/filter", json={"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_ASC"})
    return answer.raise_for_status().json()


def report(found: lineage.Lineage, by_automation: set[str], port: int, api: str) -> bool:
    print("\n" + lineage.tree(found) + "\n")
    with httpx.Client(base_url=api, timeout=30) as client:
        nightly = flow_runs(client, FLOWS[0])[0]["id"]
    say(f"OpenLineage file   {FOLDER / 'openlineage.jsonl'}")
    say(f"the run's page     http://127.0.0.1:{port}/v2/runs/flow-run/{nightly}  (tab Artifacts: the graph)")
    say(f"the event feed     http://127.0.0.1:{port}/v2/events")
    if marquez := os.environ.get("MARQUEZ_URL"):
        say(f"the graph          {marquez.rstrip('/')}/api/v1/lineage?nodeId=job:{job_node()}&depth=5")
    problems = [f"missing edge {a} -> {b}" for a, b in sorted(expected.EDGES - found.edges)]
    problems += [f"missing column {a} -> {b}" for a, b in sorted(expected.COLUMNS - found.column_edges)]
    problems += [f"{name} must not show" for edge in sorted(found.edges) for name in edge if name in expected.ABSENT]
    problems += [f"{name!r} was not assembled by the automation" for name in FLOWS if name not in by_automation]
    for problem in problems:
        say(f"WRONG: {problem}")
    if not problems:
        say(f"all {len(expected.EDGES)} expected edges and {len(expected.COLUMNS)} column edges are there")
    return not problems


def job_node() -> str:
    events = lineage.terminal_events(FOLDER / "openlineage.jsonl")
    job = next(e["job"] for e in events if e["job"]["name"] == FLOWS[0])
    return f"{job['namespace']}:{job['name']}".replace(" ", "%20")


def stay_up() -> None:
    say("look around; Ctrl-C ends it all")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        say("stopping ...")


def say(text: str) -> None:
    print(f"[demo] {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except services.ServiceError as error:
        sys.exit(f"[demo] {error}")
