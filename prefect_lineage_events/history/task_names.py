"""The names of tasks and of called flows, by their task runs. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from prefect_lineage_events.definitions import TaskDefinition
from prefect_lineage_events.history.model import TaskRun

# Marks the job of a task that would have the name of another job.
TASK_MARK = " (task)"


class TaskName(NamedTuple):
    """A task of a flow: its name, and the name of its function. Two tasks of one name have different functions.

    The function's module is named too where another task's function has both names.
    """

    name: str
    function: str


def task_names(tasks: Iterable[TaskRun], defined: Iterable[TaskDefinition] = ()) -> dict[UUID, TaskName]:
    """The task of each task run, the same for all its runs. Task runs that stand for calls of subflows have none.

    If a flow names the runs of a task itself, its events state the task's name. Without one, the name of the task's
    function is the same for all runs. The key has it, followed by a hash of the code, which changes.
    """
    by_key: dict[str, list[TaskRun]] = defaultdict(list)
    for task in tasks:
        if not task.subflow:
            by_key[task.task_key].append(task)
    qualified = _qualified(defined)
    return {
        id_: TaskName(name, qualified.get(key) or function_of(key))
        for key, runs in by_key.items()
        for id_, name in _names_of(key, runs)
    }


def named_tasks(defined: Iterable[TaskDefinition]) -> frozenset[TaskName]:
    """The tasks that a flow names beside others of the same name, and that did not run."""
    defined = list(defined)
    qualified = _qualified(defined)
    return frozenset(
        TaskName(one.name, qualified.get(one.key) or function_of(one.key)) for one in defined if not one.ran
    )


def function_of(key: str) -> str:
    """The name of a task's function, by the task's key."""
    return key.rpartition("-")[0] or key


def _qualified(defined: Iterable[TaskDefinition]) -> dict[str, str]:
    """The functions with their modules, by the key of the task, where several have the same name."""
    of_name: dict[TaskName, dict[str, str]] = defaultdict(dict)
    for one in defined:
        function = ".".join(filter(None, (one.module, one.function.replace("<locals>.", ""))))
        of_name[TaskName(one.name, function_of(one.key))][one.key] = function
    shared = [functions for functions in of_name.values() if len(set(functions.values())) > 1]
    return {key: function for functions in shared for key, function in functions.items()}


def _names_of(key: str, runs: Sequence[TaskRun]) -> Iterator[tuple[UUID, str]]:
    """The names of the tasks with one key: several if `with_options` has renamed the function."""
    names = [own_name(run) for run in runs]
    known = {name for name in names if name}
    stated = any(run.task_name for run in runs)
    several = len(known) > 1 and (stated or all(run.dynamic_key is not None for run in runs))
    one = next(iter(known)) if len(known) == 1 and (stated or all(names)) else None
    for run, name in zip(runs, names, strict=True):
        yield run.id, (name if several else one) or function_of(key)


def own_name(task: TaskRun) -> str | None:
    """The task's name, as its events state it or as the name of its run shows it; None if the flow names the run."""
    return task.task_name or named_by_prefect(task)


def named_by_prefect(task: TaskRun) -> str | None:
    """The task's name, if Prefect named the run: `<task>-` and the dynamic key, or up to three characters of it."""
    if task.dynamic_key is not None:
        ends = (f"-{task.dynamic_key}", f"-{task.dynamic_key[:3]}")
        return next((task.name.removesuffix(end) for end in ends if task.name.endswith(end)), None)
    by_prefect = re.fullmatch(r"(.+)-[0-9a-f]{1,3}", task.name)
    return by_prefect[1] if by_prefect else None


def called_flows(tasks: Iterable[TaskRun]) -> frozenset[str]:
    """The names of the flows that a run called, by the task runs that stand for their calls."""
    called = {named_by_prefect(task) or task.name for task in tasks if task.subflow}
    # A deployment that was called is named FLOW/DEPLOYMENT.
    return frozenset(called | {name.partition("/")[0] for name in called})
