"""The whole path on each store: a flow as its user would run it, the assembler, OpenLineage in a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events import assemble
from tests.conftest import PrefectServer
from tests.openlineage.validation import faults
from tests.services.postgres import Postgres, postgres  # noqa: F401  (a fixture)
from tests.services.snowflake import ACCOUNT, PASSWORD, SnowflakeStandIn, snowflake_server  # noqa: F401  (a fixture)

PROGRAM = Path(__file__).parent / "shop.py"
Event = dict[str, Any]


def sqlite_options(request: pytest.FixtureRequest, folder: Path) -> tuple[str, dict[str, Any], str, str]:
    return "sqlalchemy", {"connection_info": f"sqlite:///{folder / 'shop.db'}"}, f"sqlite://{folder / 'shop.db'}", ""


def duckdb_options(request: pytest.FixtureRequest, folder: Path) -> tuple[str, dict[str, Any], str, str]:
    file = folder / "shop.duckdb"
    return "sqlalchemy", {"connection_info": f"duckdb:///{file}"}, f"duckdb://{file}", "main."


def postgres_options(request: pytest.FixtureRequest, folder: Path) -> tuple[str, dict[str, Any], str, str]:
    server: Postgres = request.getfixturevalue("postgres")
    url = server.url(server.database("stores_shop"))
    return "sqlalchemy", {"connection_info": url}, f"postgres://localhost:{server.port}", "stores_shop.public."


def snowflake_options(request: pytest.FixtureRequest, folder: Path) -> tuple[str, dict[str, Any], str, str]:
    server: SnowflakeStandIn = request.getfixturevalue("snowflake_server")
    server.connect("STORES_SHOP").close()
    options = {
        "credentials": {"account": ACCOUNT, "user": "etl", "password": PASSWORD},
        "database": "STORES_SHOP",
        "schema": "PUBLIC",
        "warehouse": "ETL_WH",
        "link": server.link,
    }
    return "snowflake", options, f"snowflake://{ACCOUNT}", "STORES_SHOP.PUBLIC."


@pytest.mark.parametrize("options", [sqlite_options, duckdb_options, postgres_options, snowflake_options])
def test_shop_has_expected_lineage_with_columns(
    options: Any,
    request: pytest.FixtureRequest,
    prefect_server: PrefectServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind, needs, namespace, prefix = options(request, tmp_path)
    run_id = _run(kind, needs, prefect_server)
    start, end = _assemble(run_id, tmp_path / "lineage.jsonl", monkeypatch)

    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert faults([start, end]) == []
    assert {_last_part(d) for d in end["inputs"]} == {"customers", "orders", "revenue"}
    assert {_last_part(d) for d in end["outputs"]} == {"customers", "orders", "revenue"}
    assert {d["namespace"] for d in (*end["inputs"], *end["outputs"])} == {namespace}
    assert all(d["name"].casefold().startswith(prefix.casefold()) for d in end["outputs"])
    revenue = next(d for d in end["outputs"] if _last_part(d) == "revenue")
    assert _sources(revenue, "customer") == {("customers", "name", "IDENTITY")}
    assert _sources(revenue, "total") == {("orders", "amount", "AGGREGATION")}
    assert PASSWORD not in json.dumps([start, end])


def _run(kind: str, needs: dict[str, Any], server: PrefectServer) -> str:
    command = [sys.executable, str(PROGRAM), kind, json.dumps(needs)]
    done = subprocess.run(
        command, env=server.environment, cwd=PROGRAM.parent, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "refused:" in done.stderr
    return done.stdout.split()[0]


def _assemble(run_id: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    for name, value in {"TYPE": "file", "LOG_FILE_PATH": str(file), "APPEND": "true"}.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{name}", value)
    assert assemble(flow_run_id=run_id).complete
    return [json.loads(line) for line in file.read_text().splitlines()]


def _last_part(dataset: Event) -> str:
    return dataset["name"].rpartition(".")[2].casefold()


def _sources(dataset: Event, column: str) -> set[tuple[str, str, str]]:
    fields = {name.casefold(): field for name, field in dataset["facets"]["columnLineage"]["fields"].items()}
    return {
        (_last_part(source), source["field"].casefold(), one["subtype"])
        for source in fields[column]["inputFields"]
        for one in source["transformations"]
        if one["type"] == "DIRECT"
    }
