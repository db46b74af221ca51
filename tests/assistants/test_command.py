"""`prefect-lineage mcp` beside a real Prefect server, asked by the SDK's own client."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest
from prefect import flow, runtime

from prefect_lineage_events import record_sql
from prefect_lineage_events.flows import assemble

mcp = pytest.importorskip("mcp")

COMMAND = ["-m", "prefect_lineage_events.cli", "mcp"]


@flow(name="mcp-sales")
def sales(table: str) -> str:
    record_sql(f"INSERT INTO {table} (total) SELECT amount FROM raw.mcp_orders", on="postgresql://db/shop", rows=3)
    return str(runtime.flow_run.id)


def run_and_assemble(table: str) -> str:
    run_id = sales(table)
    assemble(flow_run_id=run_id)
    return run_id


async def test_an_assistant_sees_assembled_runs_and_those_that_follow(prefect_server, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(tmp_path / "events"))
    run_id = await asyncio.to_thread(run_and_assemble, "mart.mcp_sales")
    server = mcp.StdioServerParameters(
        command=sys.executable, args=COMMAND, env={**os.environ, **prefect_server.environment}
    )
    async with mcp.Client(server) as client:
        found = await client.call_tool("describe_dataset", {"dataset": "mart.mcp_sales"})
        assert not found.is_error, found.content
        (writer,) = found.structured_content["answer"]["writers"]
        assert (writer["flow"], writer["last"]["id"], writer["rows"]) == ("mcp-sales", run_id, 3)
        origin = await client.call_tool("origin_of_column", {"column": "mcp_sales.total"})
        assert [one["column"] for one in origin.structured_content["answer"]["columns"]] == ["amount"]


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--port", "0"], {}, "is no port: give a number from 1 to 65535"),
        ([], {"PREFECT_API_URL": "http://127.0.0.1:9/api"}, "127.0.0.1:9"),
        ([], {"PREFECT_API_URL": ""}, "PREFECT_API_URL is not set"),
    ],
)
def test_failure_is_one_line_with_a_remedy(arguments, environment, message):
    done = subprocess.run(
        [sys.executable, *COMMAND, *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
