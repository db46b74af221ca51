"""No secret leaves the process: 200 statements, binds, addresses and errors contain one, and every output is searched."""

from __future__ import annotations

import datetime as dt
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client

from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.delivery.profiles.marquez import MARQUEZ
from prefect_lineage_events.history import api
from tests.conftest import PrefectServer
from tests.secrets.statements import planted
from tests.services.moto import Moto, moto, moto_server

__all__ = ["moto", "moto_server"]
ROOT = Path(__file__).parents[2]
SECRET = re.compile(r"hunter\d{4}zz", re.IGNORECASE)
SETTING = "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_SQL_TEXT"
# Tables in which Prefect itself stores the error of a failed flow.
PREFECT_OWN = {"flow_run", "flow_run_state", "log", "event_resources"}


@pytest.mark.parametrize("sql_text", ["sanitised", "none"])
def test_planted_secrets_are_found_nowhere(
    sql_text: str, prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, sql_text)
    run_id, terminal = _run("quiet", prefect_server)
    events = _assemble(run_id, tmp_path, monkeypatch)

    assert _lineage_events(run_id) > 50, "the statements were not captured: nothing is proved"
    assert _found(terminal) == set()
    assert _found(json.dumps([events, MARQUEZ.shape(events)])) == set()
    assert _found_on_server(prefect_server) == set()


def test_secrets_of_object_stores_are_found_nowhere(
    prefect_server: PrefectServer, moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.secrets.stores import ACCOUNT_KEY

    moto.bucket("lake")
    run_id, terminal = _run("", prefect_server, program="tests.secrets.stores")
    events = _assemble(run_id, tmp_path, monkeypatch)

    names = {one["name"] for one in (*events[-1]["inputs"], *events[-1]["outputs"])}
    assert {"a.csv", "a", "b", "c", "d"} <= names, "the calls were not captured: nothing is proved"
    assert ACCOUNT_KEY not in terminal + json.dumps(events)
    assert _found(terminal) == set()
    assert _found(json.dumps([events, MARQUEZ.shape(events)])) == set()
    assert _found_on_server(prefect_server) == set()


def test_error_that_quotes_a_statement_is_logged_without_its_values(
    prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, _ = _run("loud", prefect_server, exit_code=1)
    events = _assemble(run_id, tmp_path, monkeypatch)

    assert "duplicate key" in events[-1]["run"]["facets"]["errorMessage"]["message"]
    assert _found(json.dumps(events)) == set()
    assert _found_on_server(prefect_server, without=PREFECT_OWN) == set()


def test_full_text_is_unchanged_and_has_no_bind_values(
    prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting asks for full texts, but not for bound values or the password of an address."""
    from tests.secrets.program import BIND, CREDENTIAL, RECORDED, WRITTEN

    monkeypatch.setenv(SETTING, "full")
    run_id, _ = _run("quiet", prefect_server)
    found = _found(json.dumps(_assemble(run_id, tmp_path, monkeypatch)))

    assert found & {one.secret for one in planted()}
    assert not found & {BIND, CREDENTIAL, RECORDED, WRITTEN}


def _run(
    which: str, server: PrefectServer, exit_code: int = 0, program: str = "tests.secrets.program"
) -> tuple[UUID, str]:
    """Run the program; returns its flow run and what it wrote to the terminal."""
    began = dt.datetime.now(dt.timezone.utc)
    done = subprocess.run(
        [sys.executable, "-m", program, which],
        env={
            **server.environment,
            "PREFECT_LOGGING_LEVEL": "DEBUG",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "prefect_lineage_events",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == exit_code, done.stderr
    with get_client(sync_client=True) as client:
        names = {"name": {"any_": ["secrets kept", "secrets in an error", "secrets of stores"]}}
        body = {"flow_runs": {"start_time": {"after_": began.isoformat()}}, "flows": names}
        (run,) = api.post(client, "/flow_runs/filter", body)
    return UUID(run["id"]), done.stdout + done.stderr


def _assemble(run_id: UUID, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    file = folder / "openlineage.jsonl"
    for option, value in {"TYPE": "file", "LOG_FILE_PATH": str(file), "APPEND": "true"}.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{option}", value)
    with get_client(sync_client=True) as client:
        assert assemble_run(client, run_id).complete
    return [json.loads(line) for line in file.read_text().splitlines()]


def _lineage_events(run_id: UUID) -> int:
    with get_client(sync_client=True) as client:
        body = {"filter": {"related": {"id": [f"prefect.flow-run.{run_id}"]}, "event": {"prefix": ["lineage."]}}}
        return int(api.post(client, "/events/filter", {**body, "limit": 1})["total"])


def _found_on_server(server: PrefectServer, without: Iterable[str] = ()) -> set[tuple[str, str]]:
    """Table and secret, in every table of the server's database. If a flow failed, only our events are searched."""
    failed = bool(without)
    database = sqlite3.connect(f"file:{server.log.parent / 'prefect.db'}?mode=ro", uri=True)
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    found = set()
    for table in sorted(tables - set(without)):
        ours = " WHERE event LIKE 'lineage.%'" if table == "events" and failed else ""
        rows = "\n".join(map(repr, database.execute(f'SELECT * FROM "{table}"{ours}')))
        found |= {(table, secret) for secret in _found(rows)}
    database.close()
    return found


def _found(text: str) -> set[str]:
    return set(SECRET.findall(text))
