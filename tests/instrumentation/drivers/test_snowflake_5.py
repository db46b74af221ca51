"""Snowflake's connector 5 by its own classes, in a process of its own: the environment has the older one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[3]
_CONNECTOR = _ROOT / ".venv-snowflake5"


@pytest.fixture(scope="module")
def reported() -> dict[str, list[list[Any]]]:
    if not _CONNECTOR.is_dir():
        pytest.skip("connector 5 is not installed (.venv-snowflake5, which `make test` sets up)")
    command = [sys.executable, "-m", "tests.processes.programs.snowflake_5", str(_CONNECTOR)]
    ended = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(line) for line in ended.stdout.splitlines())


@pytest.mark.parametrize(
    ("way", "statements"),
    [
        ("execute", [["INSERT INTO a SELECT * FROM b", 2, "query-id", True]]),
        ("keyword", [["SELECT 1", 2, "query-id", True]]),
        ("executemany", [["INSERT INTO a VALUES (%s)", 2, "query-id", True]]),
        ("row by row", [["UPDATE a SET x = %s", 4, "query-id", True]]),
        ("string", [["SELECT 1;", 2, "query-id", True], ["SELECT 2", 2, "query-id", True]]),
        ("stream", [["SELECT 1;", 2, "query-id", True], ["SELECT 2", 2, "query-id", True]]),
        ("sent", []),
        ("opened", [["INSERT INTO a SELECT * FROM b", 2, "query-id", True]]),
        ("asked", [["CREATE TABLE z AS SELECT * FROM a", None, "00000000-0000-0000-0000-000000000001", True]]),
    ],
)
def test_each_way_reports_each_statement_once(
    way: str, statements: list[list[Any]], reported: dict[str, list[list[Any]]]
) -> None:
    assert reported[way] == statements


def test_write_pandas_reports_its_stage_and_its_copy_and_no_file(reported: dict[str, list[list[Any]]]) -> None:
    stage, upload, copied = (sql for sql, *_ in reported["write_pandas"])

    assert stage.startswith("CREATE TEMPORARY STAGE identifier('\"__WRITE_PANDAS_STAGE_")
    assert upload == ""
    assert copied.startswith('COPY INTO identifier(\'"T"\') ("A") FROM (SELECT')
