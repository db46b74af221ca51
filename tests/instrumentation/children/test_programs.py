"""Programs and scripts of child processes, which are named as not captured."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events import patches
from prefect_lineage_events.instrumentation.children import processes
from prefect_lineage_events.instrumentation.children.programs import programs_of


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        (["psql", "-c", "select 1"], ["psql"]),
        ([b"/usr/bin/psql"], ["psql"]),
        (Path("/opt/dbt"), ["dbt"]),
        (["bash", "-c", "psql -c 'select 1' | aws s3 cp - s3://b/k"], ["psql", "aws"]),
        (["/bin/bash", "-lc", "set -e; cd x; dbt build"], ["dbt"]),
        (["sudo", "-u", "etl", "pg_dump", "shop"], ["pg_dump"]),
        (["env", "A=1", "timeout", "60", "mysql"], ["mysql"]),
        (["uv", "run", "dbt", "build"], ["dbt"]),
        (["docker", "run", "image", "python", "load.py"], ["python load.py"]),
        (["ssh", "host", "psql -f x.sql"], ["psql"]),
        ([sys.executable, "load.py", "--day", "1"], [f"{Path(sys.executable).name} load.py"]),
        (["python3.11", "-u", "-W", "error", "/srv/jobs/load.py"], ["python3.11 load.py"]),
        (["python", "-c", "print(1)"], ["python -c"]),
        (["python", "-m", "shop.load"], ["python -m shop.load"]),
        (["python", "-m", "pip", "install", "x"], []),
        (["python", "-m", "prefect.flow_engine"], []),
        (["python", "-m", "uvicorn", "app"], []),
        (["python", "--version"], []),
        (["java", "-Xmx1g", "-jar", "load.jar"], ["java load.jar"]),
        (["Rscript", "model.R"], ["Rscript model.R"]),
        (["bash", "load.sh"], ["bash load.sh"]),
        (["bash"], []),
        (["./load.sh", "psql"], ["load.sh"]),
        (["cat", "/etc/dbt", "load.py"], []),
        (["echo", "psql"], []),
        (["git", "status"], []),
        ([], []),
        (None, []),
        ("python load.py && python -m shop.load; ./after.sh", ["python load.py", "python -m shop.load", "after.sh"]),
        ("python <<EOF\nprint(1)\nEOF\nbash <<EOF\npsql\nEOF", ["python <<", "psql"]),
        ('cd jobs && python "load.py"', ["python load.py"]),
        ("pip install python-dateutil; ls my-python x.python y", []),
        ("ls -l | grep orders", []),
        (b"psql", ["psql"]),
        ("psql; psql", ["psql"]),
    ],
)
def test_programs_of_a_command(command: Any, programs: list[str]) -> None:
    assert list(programs_of(command)) == programs


def test_script_of_a_shell_is_read_for_its_programs(tmp_path: Path) -> None:
    (tmp_path / "load.sh").write_text("#!/bin/sh\nset -e\npsql -f load.sql\npython after.py\n")
    (tmp_path / "sh.py").write_text("psql")
    (tmp_path / "large.sh").write_text("true\n" * 10_000)
    os.mkfifo(tmp_path / "pipe")
    assert list(programs_of(["bash", "-e", "load.sh"], tmp_path)) == ["psql", "python after.py"]
    assert list(programs_of([str(tmp_path / "load.sh")])) == ["psql", "python after.py"]
    for name in ("sh.py", "large.sh", "pipe", "absent.sh"):
        assert list(programs_of(["bash", "-o", "pipefail", name], str(tmp_path))) == [f"bash {name}"]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    names: list[str] = []
    monkeypatch.setattr(processes, "name_library", names.append)
    processes.patch_os(os)
    yield names
    patches.switch_off()


def test_program_of_os_system_is_named_and_run(named: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert os.waitstatus_to_exitcode(os.system(f"true psql; echo 1 > {out}; exit 3")) == 3
    assert os.system(command=b"true") == 0  # type: ignore[call-arg]
    assert named == ["psql (a child process)"]
    assert out.read_text() == "1\n"
    with pytest.raises(TypeError):
        os.system()  # type: ignore[call-arg]
    assert pickle.loads(pickle.dumps(os.system)) is os.system
