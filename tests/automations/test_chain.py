"""A chain of three flows that is driven by tables alone, with the served assembler between them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect_lineage_events import deploy
from prefect_lineage_events.automations.choice import chosen_automations
from tests.automations.conftest import wait_for
from tests.automations.programs.chain import load
from tests.by_hand import table

ROOT = Path(__file__).resolve().parent.parent.parent


@contextmanager
def running(*arguments: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], env=environment, cwd=ROOT, stdout=sink, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _notes(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob(f"{name}.*.json")]


def _is_deployed(client: Any, flow: str) -> bool:
    body = {"flows": {"name": {"any_": [flow]}}}
    return bool(client.request("POST", "/deployments/filter", json=body).json())


def test_three_flows_run_by_tables_alone(client: Any, prefect_server: Any, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    environment = {
        **prefect_server.environment,
        "PREFECT_LOGGING_LEVEL": "INFO",
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(tmp_path / "lineage.jsonl"),
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
    }
    serve = ("prefect_lineage_events.cli", "serve", "--settle", "2", "--poll-seconds", "1")
    chain = ("tests.automations.programs.chain", str(notes))
    with (
        running(*serve, environment=environment, log=tmp_path / "serve.log"),
        running(*chain, environment=environment, log=tmp_path / "chain.log"),
    ):
        wait_for("the deployments", lambda: _is_deployed(client, "chain report"))
        for written, name in (("chain_orders", "chain summarise"), ("chain_totals", "chain report")):
            chosen = chosen_automations(client, ["table-written"], table=table(written).uri, run=f"{name}/by-table")
            deploy.deploy(automations=chosen, settle=2)
        wait_for("the assembler", lambda: "Serving the assembler" in (tmp_path / "serve.log").read_text())
        loaded = load()
        wait_for("the third flow", lambda: _notes(notes, "report"), seconds=400)
    columns = [{"name": "id", "type": "integer"}]
    assert _notes(notes, "summarise") == [{"dataset": table("chain_orders").uri, "schema": columns}]
    assert _notes(notes, "report") == [{"dataset": table("chain_totals").uri, "schema": "public"}]
    sent = [json.loads(line) for line in (tmp_path / "lineage.jsonl").read_text().splitlines()]
    second = [event["run"]["facets"]["jobDependencies"] for event in sent if event["job"]["name"] == "chain summarise"]
    assert second
    for facet in second:
        (upstream,) = facet["upstream"]
        assert (upstream["job"]["name"], upstream["run"]["runId"]) == ("chain load", loaded)
        assert upstream["status_trigger_rule"] == "EXECUTE_ON_SUCCESS"
