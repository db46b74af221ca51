"""`table-written` after runs that wrote no rows of a table, on a real server with a flow on a real database."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import flow

from prefect_lineage_events import deploy
from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.assembler.options import AssemblyOptions
from prefect_lineage_events.automations.choice import chosen_automations
from tests.automations.conftest import wait_for
from tests.automations.test_firing import runs_of

ROOT = Path(__file__).parents[2]


@flow(name="rolled back: refresh")
def refresh(dataset: str, flow_run_id: str) -> None: ...


def test_rolled_back_write_and_a_create_without_rows_start_no_deployment(
    client: Any, prefect_server: Any, tmp_path: Path
) -> None:
    database = tmp_path / "shop.db"
    with sqlite3.connect(database) as connection:
        for table in ("source", "kept", "taken_back"):
            connection.execute(f"CREATE TABLE {table} (id INTEGER)")
    deployment: Any = refresh.to_deployment("by-table")
    id_ = UUID(str(deployment.apply()))
    chosen = chosen_automations(
        client, ["table-written"], table=f"sqlite://{database}/*", run="rolled back: refresh/by-table"
    )
    deploy.deploy(automations=chosen, settle=1)
    expected = []
    for number in (1, 2):
        command = [sys.executable, "-m", "tests.automations.programs.half", str(database)]
        done = subprocess.run(
            command, env=prefect_server.environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        run_id = done.stdout.split()[-1]
        assemble_run(client, UUID(run_id), AssemblyOptions())
        expected.append({"dataset": f"sqlite://{database}/kept", "flow_run_id": run_id})
        # The second run's firing comes after all that the first run could start.
        wait_for("the deployment's run", lambda count=number: len(runs_of(client, id_)) >= count)
    assert [one["parameters"] for one in runs_of(client, id_)] == expected
