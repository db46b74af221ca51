"""The run of the calling code, and of a process that another one started."""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import Any

import pytest
from prefect.client.schemas.objects import TaskRun

from prefect_lineage_events.context import run as runs
from prefect_lineage_events.history.model import TaskRun as HistoryTaskRun
from prefect_lineage_events.history.task_names import own_name

_PROGRAM = """
import multiprocessing
from prefect_lineage_events import instrument, record_read

def work():
    record_read("s3://b/k")
    record_read("s3://b/k")

if __name__ == "__main__":
    {before}
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == 0
"""


def standard_error(before: str) -> str:
    program = _PROGRAM.format(before=before)
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=600)
    return done.stderr


def test_a_child_of_a_process_without_lineage_is_reported_once() -> None:
    assert standard_error("pass").count("lineage was not switched on in the process that started it") == 1


def test_a_child_of_a_process_outside_any_run_is_not_reported() -> None:
    assert standard_error('record_read("s3://b/k")') == ""


@pytest.mark.parametrize(
    ("run_name", "beside"),
    [
        ("load-7f3", None),
        ("load-7f3e8a1c", None),
        ("load-eu", "load"),
        ("load-", "load"),
        ("load", "load"),
        ("part 1", "load"),
        ("load-more-7f3", "load"),
    ],
)
def test_a_task_is_named_beside_each_run_that_prefect_did_not_name(run_name: str, beside: str | None) -> None:
    made = TaskRun(name=run_name, task_key="copy-1a2b", dynamic_key="7f3e8a1c")
    assert runs._name_beside(made, "load") == beside
    # The assembler finds the task's name in the two together.
    assert own_name(HistoryTaskRun(made.id, run_name, "copy-1a2b", dynamic_key="7f3e8a1c", task_name=beside)) == "load"


class _Context:
    """A context of Prefect."""


def test_code_after_a_task_belongs_to_the_flow_again(monkeypatch: pytest.MonkeyPatch) -> None:
    flow, tasks = _Context(), [_Context()]
    monkeypatch.setattr(runs, "_run_of", lambda _, task: "the flow's" if task is None else "the task's")
    monkeypatch.setattr(runs, "_flow_context", lambda _: flow)
    monkeypatch.setattr(runs, "_task_context", lambda _: tasks[0] if tasks else None)
    found: list[Any] = [runs.current_run()]
    tasks.clear()
    gc.collect()
    found.append(runs.current_run())
    runs.forget()
    assert found == ["the task's", "the flow's"]
