"""The workflows and the metadata of a release."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.audit import verdict

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

_ROOT = Path(__file__).parents[1]
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_WORKFLOWS = sorted((_ROOT / ".github" / "workflows").glob("*.yml"))
_TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (_ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _jobs(file: Path) -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]
    return jobs


def test_there_are_workflows() -> None:
    assert {file.stem for file in _WORKFLOWS} == {"ci", "release"}


@pytest.mark.parametrize("file", _WORKFLOWS, ids=lambda file: file.stem)
def test_workflow_runs_targets_that_the_makefile_has(file: Path) -> None:
    commands = [step["run"] for job in _jobs(file).values() for step in job["steps"] if "run" in step]
    made = [name for command in commands for found in re.findall(r"^make ([a-z -]+)$", command, re.MULTILINE)
            for name in found.split()]  # fmt: skip
    assert made
    assert set(made) <= _TARGETS


@pytest.mark.parametrize("file", _WORKFLOWS, ids=lambda file: file.stem)
def test_job_of_a_workflow_ends_within_a_bound_and_has_no_right_to_write_by_default(file: Path) -> None:
    assert yaml.safe_load(file.read_text(encoding="utf-8"))["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 90 for job in _jobs(file).values())


def test_every_supported_python_is_tested() -> None:
    named = [c.rpartition(" ")[2] for c in _PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)]
    matrix = _jobs(_ROOT / ".github" / "workflows" / "ci.yml")["tests"]["strategy"]["matrix"]
    assert matrix["python"] == named
    assert matrix["versions"] == ["pinned", "lowest", "latest"]


def test_licence_and_notice_are_released() -> None:
    assert _PROJECT["license-files"] == ["LICENSE", "NOTICE"]
    assert all((_ROOT / name).read_text(encoding="utf-8").strip() for name in _PROJECT["license-files"])


_KNOWN = {"name": "known", "version": "1", "vulns": []}
_SKIPPED = {"name": "skipped", "skip_reason": "Dependency not found on PyPI and could not be audited: skipped (1)"}
_FOUND = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}


@pytest.mark.parametrize(
    ("packages", "code", "says"),
    [
        ([_KNOWN], 0, "1 of 1 pinned versions were compared, no vulnerability is known of these"),
        ([_KNOWN, _SKIPPED], 2, "NOT AUDITED: skipped: the advisories' service did not know them, or was not reached"),
        ([_SKIPPED], 2, "0 of 1 pinned versions were compared, no vulnerability is known of these"),
        ([_KNOWN, _FOUND, _SKIPPED], 1, "bad 2: PYSEC-1, mended in 3"),
    ],
)
def test_audit_says_what_it_could_not_compare(packages: list[dict[str, Any]], code: int, says: str) -> None:
    found, lines = verdict({"dependencies": packages})
    assert found == code
    assert says in lines
