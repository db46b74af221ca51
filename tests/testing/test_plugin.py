"""The pytest plugin, in a pytest of its own: cheap where it is not used, and one import away where it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.pages import DOCS

ROOT = DOCS.parent
PLUGIN = "prefect_lineage_events.testing.plugin"


def run(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_program.py").write_text(program)
    environment = {
        **os.environ,
        "PREFECT_HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    environment.pop("PREFECT_API_URL", None)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", PLUGIN, "-p", "no:cacheprovider", str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        cwd=folder,
        check=False,
    )


def test_the_plugin_is_an_entry_point_under_its_own_name() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert f'"{PLUGIN}" = "{PLUGIN}"' in text.partition("[project.entry-points.pytest11]")[2].partition("[")[0]


def test_nothing_is_imported_for_tests_without_the_fixture(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "import sys\n"
        "def test_it():\n"
        "    heavy = {'prefect', 'sqlglot', 'pydantic', 'openlineage', 'sqlalchemy'}\n"
        "    assert not heavy & {name.partition('.')[0] for name in sys.modules}\n",
    )
    assert done.returncode == 0, done.stdout


def test_a_test_asks_for_the_fixture_and_sees_its_failure(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "import pytest\n"
        "from prefect import flow\n"
        "from prefect_lineage_events import record_write\n"
        "@flow\n"
        "def copies():\n"
        "    record_write('s3://lake/out.csv', 's3://lake/in.csv')\n"
        "@pytest.mark.lineage('files')\n"
        "def test_good(lineage):\n"
        "    copies()\n"
        "    lineage.assert_edge('in.csv', 'out.csv')\n"
        "    lineage.assert_nothing_else()\n"
        "def test_bad(lineage):\n"
        "    copies()\n"
        "    lineage.assert_edge('inn.csv', 'out.csv')\n",
    )
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "inn.csv: is in.csv meant?" in done.stdout
