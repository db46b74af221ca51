"""Random programs have the same events when they are run as in the simulation."""

from __future__ import annotations

import datetime as dt
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client

from prefect_lineage_events.events import LineageEvent
from prefect_lineage_events.history import api
from prefect_lineage_events.history.reader import read_history
from prefect_lineage_events.history.runs import read_run
from tests.conftest import PrefectServer
from tests.markers import patience_with, wait_until_stored
from tests.stitching.interpreter import Interpreter
from tests.stitching.programs import WORLD, Function, Writer
from tests.stitching.rendering import flagged, single_rows, source

pytestmark = pytest.mark.server

PROGRAMS = (6, 76, 117)


def statements(events: Iterable[LineageEvent]) -> Counter[object]:
    """Each kind of statement, with the rows of all its executions; those of an UPDATE depend on what is there."""
    found: Counter[object] = Counter()
    for event in events:
        shape = (
            (event.run.task_run_name or "").rpartition("-")[0],
            event.operation,
            _last(event.output.name) if event.output else None,
            tuple(_last(dataset.name) for dataset in event.inputs),
            tuple(column.name for column in event.result_columns),
            event.bound_columns,
            len(event.value_origins),
            any(event.threads),
        )
        found[shape, "executions"] += event.statement.executions
        found[shape, "rows"] += event.statement.rows or 0 if event.statement.effect != "update" else 0
    return +found


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def task_graph(rows: Iterable[dict[str, Any]], names: dict[str, str]) -> set[object]:
    """Of each task run its parameters, and by name what Prefect found to have come in them."""
    return {
        (row["name"].rpartition("-")[0], name, tuple(sorted(names[str(ref["id"])] for ref in refs)))
        for row in rows
        for name, refs in row["task_inputs"].items()
        if name not in ("wait_for", "__parents__")
    }


def on_paper(seed: int) -> tuple[Function, Interpreter]:
    random = Random(seed)
    program, interpreter = Writer(random).program(), Interpreter(random)
    interpreter.run(program)
    return program, interpreter


def shop(file: Path, program: Function) -> None:
    with sqlite3.connect(file) as connection:
        for name, (rows, columns) in WORLD.items():
            connection.execute(f"CREATE TABLE {name} ({', '.join(f'{column} INTEGER' for column in columns)})")
            marks = ", ".join("?" for _ in columns)
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", [[n] * len(columns) for n in range(rows)])
        connection.execute("CREATE TABLE audit (step TEXT, rows INTEGER)")
        for name in single_rows(program):
            connection.execute(f"CREATE TABLE {name} (step TEXT, value INTEGER)")
        for name in flagged(program):
            connection.execute(f"CREATE TABLE {name} (id INTEGER, flag INTEGER)")
    connection.close()


@pytest.mark.parametrize("seed", PROGRAMS)
def test_history_of_a_real_program_has_the_generated_lineage(
    seed: int, prefect_server: PrefectServer, tmp_path: Path
) -> None:
    program, interpreter = on_paper(seed)
    shop(tmp_path / "shop.db", program)
    (tmp_path / "program.py").write_text(source(program))
    began = dt.datetime.now(dt.timezone.utc)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")],
        env={**prefect_server.environment, "SHOP_URL": f"sqlite:///{tmp_path / 'shop.db'}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with get_client(sync_client=True) as client:
        wait_until_stored(client)
        body = {"flow_runs": {"start_time": {"after_": began.isoformat()}}, "sort": "START_TIME_ASC"}
        runs = [run for rows in api.pages(client, "/flow_runs/filter", body) for run in rows]
        histories = [
            read_history(client, read_run(client, UUID(run["id"])), patience_with(client, run["id"])) for run in runs
        ]
        of_these = {"flow_runs": {"id": {"any_": [run["id"] for run in runs]}}}
        rows = [row for page in api.pages(client, "/task_runs/filter", of_these) for row in page]
    flows = {str(history.run.id): history.run.flow_name for history in histories}
    names = {row["id"]: row["name"].rpartition("-")[0] for row in rows} | flows
    real = statements(event for history in histories for event in history.events)
    simulated = interpreter.tasks()
    simulated_names = {task["id"]: task["name"].rpartition("-")[0] for task in simulated} | interpreter.flow_names()

    assert real == statements(event for event in interpreter.events() if isinstance(event, LineageEvent))
    assert task_graph(rows, names) == task_graph(simulated, simulated_names)
