"""Execution of one program of the corpus in a process and a directory of its own, and its visible results."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
PACKAGE = HERE.parents[1] / "prefect_lineage_events"
# Messages that depend on the load of the machine.
_CHANCE = re.compile(r"Still processing items: \d+ items remaining|asyncio - Executing .* took [0-9.]+ seconds")
OURS = re.compile(r"prefect_lineage_events - |^lineage: ")
Way = Literal["plain", "swap", "plugin"]
_GIVE_UP = 420.0  # plain Prefect takes a minute to end when its events stall, and longer on a loaded machine
NEVER_ENDED = -999


@dataclass(frozen=True)
class Condition:
    """A fault during a program. `with_lineage_only`: a fault that has no effect without lineage."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    arguments: tuple[str, ...] = ()
    api: Literal["up", "refused", "silent", "stalled", "cut", "away"] = "up"
    stdout: str = ""
    file_size: int = 0
    with_lineage_only: bool = False
    max_log_lines: int = 0  # maximum number of our log lines
    waits: bool = False  # the processes mostly sleep, so more of them may run at once


@dataclass(frozen=True)
class Outcome:
    """All that a program's user could notice; `ours` are the log lines that only lineage writes."""

    stdout: str
    stderr: tuple[str, ...]
    ours: tuple[str, ...]
    code: int
    error: Any
    databases: Mapping[str, Any]
    seconds_to_end: float  # from the end of the program's last line to the end of the process
    directory: Path


def run(program: str, way: Way, condition: Condition, api_url: str, directory: Path, postgres: str) -> Outcome:
    """Run a program; the process is killed if it does not end."""
    work = directory / "work"
    work.mkdir(parents=True)
    report = directory / "report"
    environment = _environment(way, condition, api_url, directory) | {
        "HARM_WAY": way,
        "HARM_REPORT": str(report),
        "HARM_PROGRAMS": str(PROGRAMS),
        "HARM_POSTGRES": postgres,
    }
    report.touch()
    out, err = Path(condition.stdout or directory / "stdout"), directory / "stderr"
    started = time.time()
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, *condition.arguments, str(PROGRAMS / f"{program}.py")],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=(lambda: _limit(condition)) if condition.file_size else None,
        )
        try:
            code = process.wait(_GIVE_UP)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = NEVER_ENDED
    ended = time.time()
    entries = [json.loads(line) for line in report.read_text().splitlines()]
    ending = next((e["ending"] for e in entries if "ending" in e), started)
    lines = [n for n in _steady(err.read_text(errors="replace"), work).splitlines() if not _CHANCE.search(n)]
    return Outcome(
        stdout=_steady(out.read_text(errors="replace"), work) if not condition.stdout else "",
        stderr=tuple(line for line in lines if not OURS.search(line)),
        ours=tuple(line for line in lines if OURS.search(line)),
        code=code,
        error=next((json.loads(_steady(json.dumps(e["error"]), work)) for e in entries if "error" in e), None),
        databases=_databases(work),
        seconds_to_end=ended - ending,
        directory=directory,
    )


def _environment(way: Way, condition: Condition, api_url: str, directory: Path) -> dict[str, str]:
    mine = {n: v for n, v in os.environ.items() if not n.startswith(("PREFECT_", "OPENLINEAGE", "HARM_", "PYTHON"))}
    mine |= {
        "PYTHONPATH": str(HERE / "observer"),
        "PYTHONHASHSEED": "0",
        "PREFECT_API_URL": api_url,
        "PREFECT_HOME": str(directory / "home"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    if way == "plugin":
        mine |= {"PREFECT_PLUGINS_ENABLED": "true", "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT": "true"}
    return mine | condition.environment


def _limit(condition: Condition) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (condition.file_size, condition.file_size))


# Texts that differ between runs.
_STEADY = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\.\d{3}\b"), "<time>"),
    (re.compile(r"0x[0-9a-f]{6,}"), "0x"),
    (re.compile(r"(Task|Flow) run '[^']*'"), r"\1 run '<name>'"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<api>"),
    (re.compile(r"pid=\d+|ForkPoolWorker-\d+|ident=\d+|\bid=\d+|thread id \d+|task-\d+|Task-\d+"), "<number>"),
    (re.compile(r"SqlAlchemyLineage"), "SqlAlchemyConnector"),
    (re.compile(r"dbname=\w+|database \"\w+\""), "<database>"),
)
_FRAME = re.compile(r'^\s*\|?\s*File "([^"]+)", line \d+')


def _steady(text: str, work: Path) -> str:
    text = text.replace(str(work), "<work>").replace(str(work.parent), "<run>")
    for pattern, replacement in _STEADY:
        text = pattern.sub(replacement, text)
    return "\n".join(_without_our_frames(text.splitlines()))


def _without_our_frames(lines: list[str]) -> list[str]:
    """Tracebacks without the frames of the package and of wrapt, which are allowed but must hide no other."""
    kept, skipping = [], False
    for line in lines:
        frame = _FRAME.match(line)
        if frame:
            skipping = frame[1].startswith(str(PACKAGE)) or "/wrapt/" in frame[1]
        elif skipping and not line.startswith("    "):
            skipping = False
        if not skipping:
            kept.append(line)
    return kept


def _databases(work: Path) -> dict[str, Any]:
    """The content of each file, in sorted order: the order of rows depends on threads."""
    found: dict[str, Any] = {}
    for path in sorted(work.rglob("*.db")):
        with closing(sqlite3.connect(path)) as connection:
            try:
                found[path.name] = _hashable(sorted(connection.iterdump()))
            except sqlite3.DatabaseError as error:
                found[path.name] = repr(error)
    for path in sorted(work.rglob("*.duckdb")):
        with duckdb.connect(str(path), read_only=True) as connection:
            names = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
            names += connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
            found[path.name] = tuple(str(connection.table(name).order("ALL").fetchall()) for (name,) in sorted(names))
    return found


def _hashable(dump: list[str]) -> tuple[str, ...]:
    """A value for comparison. Long values are replaced by their length and hash, so that a difference can be read."""
    return tuple(line if len(line) < 500 else f"{line[:200]}... {len(line)} {hash(line)}" for line in dump)
