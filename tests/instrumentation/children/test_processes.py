"""Processes that a run starts: the variables by which their own lineage hangs under the run, and the programs' names."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import anyio
import pytest
from prefect import flow, task
from prefect_shell import ShellOperation, shell_run_command

from prefect_lineage_events import lineage_disabled, lineage_environment, patches, spark_properties
from prefect_lineage_events.emission import not_captured, worker
from prefect_lineage_events.emission.notes import ChildStartedNote, NotCapturedNote
from prefect_lineage_events.instrumentation.children import environment as environment_of_children
from prefect_lineage_events.instrumentation.children import processes
from prefect_lineage_events.settings import settings
from tests.conftest import PrefectServer

pytestmark = pytest.mark.server
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
COMMAND = [sys.executable, "-c", SHOW]
OURS = ("OPENLINEAGE_CONTEXT", "SPARK_SUBMIT_OPTS", "OPENLINEAGE_PARENT_ID", "OPENLINEAGE_ROOT_PARENT_ID")


@pytest.fixture(autouse=True)
def patched() -> Iterator[None]:
    processes.patch(subprocess)
    yield
    patches.switch_off()


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def put(note: Any) -> bool:
        if isinstance(note, NotCapturedNote):
            names.append(note.library)
        return True

    monkeypatch.setattr(worker, "put", put)
    not_captured._noted.clear()
    return names


def by_run() -> str:
    return subprocess.run(COMMAND, check=True, capture_output=True, text=True).stdout


def by_check_output_in_a_shell() -> str:
    return subprocess.check_output(f"{sys.executable} -c '{SHOW}'", shell=True, text=True)


def by_popen() -> str:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True) as process:
        return process.communicate()[0]


def by_asyncio() -> str:
    async def run() -> bytes:
        process = await asyncio.create_subprocess_exec(*COMMAND, stdout=asyncio.subprocess.PIPE)
        return (await process.communicate())[0]

    return asyncio.run(run()).decode()


def by_anyio() -> str:
    async def run() -> bytes:
        return (await anyio.run_process(COMMAND)).stdout

    return anyio.run(run).decode()


def by_shell_operation() -> str:
    return "".join(ShellOperation(commands=[f"{sys.executable} -c '{SHOW}'"], stream_output=False).run())


def by_shell_task() -> str:
    lines = asyncio.run(shell_run_command.fn(f"{sys.executable} -c '{SHOW}'", return_all=True, stream_level=0))
    return "".join(lines)


def seen(text: str) -> dict[str, str]:
    return json.loads(text)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "start", [by_run, by_check_output_in_a_shell, by_popen, by_asyncio, by_anyio, by_shell_operation, by_shell_task]
)
def test_child_finds_the_run_that_started_it(prefect_server: PrefectServer, start: Callable[[], str]) -> None:
    @flow(name="nightly")
    def nightly() -> tuple[str, dict[str, str]]:
        from prefect.runtime import flow_run

        return str(flow_run.id), seen(start())

    run_id, environment = nightly()
    parent = json.loads(environment["OPENLINEAGE_CONTEXT"])["parent"]
    host = prefect_server.api_url.removeprefix("http://").removesuffix("/api")
    assert parent["run"] == {"runId": run_id}
    assert parent["job"] == {"namespace": f"prefect://{host}", "name": "nightly"}
    assert parent["root"]["run"] == {"runId": run_id}
    assert f"-Dspark.openlineage.parentRunId={run_id}" in environment["SPARK_SUBMIT_OPTS"].split()
    # its parts are separated by slashes, which this namespace contains
    assert "OPENLINEAGE_PARENT_ID" not in environment


def test_older_variables_are_set_where_their_form_can_hold_the_names(
    prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_JOB_NAMESPACE", "acme")
    settings.cache_clear()

    @flow(name="nightly")
    def nightly() -> tuple[str, dict[str, str]]:
        from prefect.runtime import flow_run

        return str(flow_run.id), lineage_environment()

    run_id, environment = nightly()
    assert environment["OPENLINEAGE_PARENT_ID"] == f"acme/nightly/{run_id}"
    assert environment["OPENLINEAGE_ROOT_PARENT_ID"] == f"acme/nightly/{run_id}"


def test_run_that_a_flow_of_another_process_called_has_no_environment(
    prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    @flow(name="nightly")
    def nightly() -> list[dict[str, str]]:
        from prefect.context import FlowRunContext

        context = FlowRunContext.get()
        assert context is not None
        assert context.flow_run is not None
        alone = lineage_environment()
        with monkeypatch.context() as called:
            called.setattr(context.flow_run, "parent_task_run_id", uuid4())
            return [alone, lineage_environment()]

    alone, called = nightly()
    assert alone
    assert called == {}


def test_subflow_in_a_task_names_the_flow_above_as_root(prefect_server: PrefectServer) -> None:
    @flow(name="inner")
    def inner() -> dict[str, str]:
        return lineage_environment()

    @task
    def step() -> dict[str, str]:
        return inner()

    @flow(name="outer")
    def outer() -> tuple[str, dict[str, str], dict[str, str]]:
        from prefect.runtime import flow_run

        return str(flow_run.id), step(), spark_properties()

    outer_id, environment, properties = outer()
    parent = json.loads(environment["OPENLINEAGE_CONTEXT"])["parent"]
    assert parent["job"]["name"] == "outer.inner"
    assert parent["run"]["runId"] != outer_id
    assert (parent["root"]["job"]["name"], parent["root"]["run"]["runId"]) == ("outer", outer_id)
    assert properties["spark.openlineage.parentJobName"] == "outer"


def test_variables_of_the_user_stay(prefect_server: PrefectServer) -> None:
    given = {"PATH": os.environ["PATH"], "OPENLINEAGE_CONTEXT": "mine", "SPARK_SUBMIT_OPTS": "-Dmine=1"}

    @flow
    def nightly() -> dict[str, str]:
        return seen(subprocess.run(COMMAND, check=True, capture_output=True, env=given).stdout.decode())

    environment = nightly()
    assert environment["OPENLINEAGE_CONTEXT"] == "mine"
    assert environment["SPARK_SUBMIT_OPTS"].startswith("-Dmine=1 -Dspark.openlineage.")
    assert environment.keys() <= given.keys() | {*OURS, "LC_CTYPE"}
    assert given["SPARK_SUBMIT_OPTS"] == "-Dmine=1"


@pytest.mark.parametrize("position", ["keyword", "bytes", "positional"])
def test_environment_in_each_form_is_extended(prefect_server: PrefectServer, position: str) -> None:
    @flow
    def nightly() -> dict[str, str]:
        path = os.environ["PATH"]
        if position == "bytes":
            process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, env={b"PATH": os.fsencode(path)})
        elif position == "keyword":
            process = subprocess.Popen(args=COMMAND, stdout=subprocess.PIPE, env={"PATH": path})
        else:
            process = subprocess.Popen(
                COMMAND, -1, None, None, subprocess.PIPE, None, None, True, False, None, {"PATH": path}
            )
        return seen(process.communicate()[0].decode())

    assert "OPENLINEAGE_CONTEXT" in nightly()


def test_nothing_changes_outside_of_runs_and_where_lineage_is_disabled(prefect_server: PrefectServer) -> None:
    @flow
    def nightly() -> dict[str, str]:
        with lineage_disabled():
            return seen(by_run())

    for environment in (seen(by_run()), nightly(), lineage_environment()):
        assert not set(OURS) & environment.keys()


def test_wrong_command_raises_as_before(prefect_server: PrefectServer) -> None:
    @flow
    def nightly() -> list[str]:
        errors = []
        for command in (["/no/such/program"], [], None, 7):
            try:
                subprocess.Popen(command)  # type: ignore[call-overload]
            except Exception as error:
                errors.append(type(error).__name__)
        return errors

    inside = nightly()
    patches.switch_off()
    assert inside == nightly()


def test_popen_stays_a_class() -> None:
    assert isinstance(subprocess.Popen, type)

    class Own(subprocess.Popen):  # type: ignore[type-arg]
        pass

    with Own([sys.executable, "-c", ""]) as process:
        assert process.wait() == 0


def test_programs_that_work_on_data_are_named(prefect_server: PrefectServer, named: list[str], tmp_path: Path) -> None:
    program = tmp_path / "psql"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    @flow
    def nightly() -> None:
        subprocess.run([program, "-c", "select 1"], check=True)
        subprocess.run(
            "true; cd . && /usr/bin/dbt --version || true", shell=True, check=True, stderr=subprocess.DEVNULL
        )
        ShellOperation(commands=["echo dbt-ol build", "aws --version || true"], stream_output=False).run()
        asyncio.run(shell_run_command.fn("python -c '' || psql --version || true", stream_level=0))
        subprocess.run(["true"], check=True)

    nightly()
    assert named == [f"{name} (a child process)" for name in ("psql", "dbt", "aws", "python -c")]


@pytest.mark.parametrize("command", ["dbt-ol run", "cd x; /opt/dbt-ol build", "spark-submit job.py"])
def test_program_with_lineage_of_its_own_is_counted(
    prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    notes: list[Any] = []
    monkeypatch.setattr(worker, "put", lambda note: notes.append(note) or True)

    @flow
    def nightly() -> None:
        for _ in range(2):
            subprocess.run(f"{command} || true", shell=True, check=True, stderr=subprocess.DEVNULL)

    nightly()
    assert [type(note) for note in notes].count(ChildStartedNote) == 1


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PREFECT__FLOW_RUN_ID": "run", "PREFECT__DEPLOYMENT_NAME": "nightly"}, "nightly"),
        ({"PREFECT__FLOW_RUN_ID": "another", "PREFECT__DEPLOYMENT_NAME": "nightly"}, None),
        ({"PREFECT__FLOW_RUN_ID": "run"}, None),
    ],
)
def test_name_of_the_deployment_is_that_which_the_worker_set_for_this_run(
    environment: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PREFECT__FLOW_RUN_ID", "PREFECT__DEPLOYMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_JOB_NAME", "{flow}.{deployment}")
    settings.cache_clear()
    context = SimpleNamespace(flow_run=SimpleNamespace(id="run", deployment_id="deployment"))
    assert environment_of_children._deployment_of(context) == expected
    assert environment_of_children._has_unknown_name(context) == (expected is None)
