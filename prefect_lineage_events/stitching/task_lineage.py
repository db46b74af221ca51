"""The lineage of each task of a flow run, and of the flow's own body beside them."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from uuid import UUID, uuid5

from prefect_lineage_events.history.model import RunHistory, TaskRun
from prefect_lineage_events.stitching.dataflow import WriteSources
from prefect_lineage_events.stitching.lifetimes import ResolvedStep
from prefect_lineage_events.stitching.model import Lineage, TaskLineage
from prefect_lineage_events.stitching.steps import Scope, scopes_of

_MARK = " (task)"
_LATE = dt.datetime.max.replace(tzinfo=dt.timezone.utc)
# Returns the lineage of some statements of a run and of the sources of their outputs.
Part = Callable[[Sequence[ResolvedStep], Sequence[WriteSources]], Lineage]


def lineage_by_task(
    history: RunHistory, resolved_steps: Sequence[ResolvedStep], writes: Sequence[WriteSources], part: Part
) -> tuple[TaskLineage, ...]:
    """The lineage of each task that touched data, in the order in which the tasks began.

    A task that is mapped or called in a loop is one: a job shows its last run, so its runs must be sent
    as one for each of their outputs to have a writer.
    """
    tasks = _known_tasks(history, scopes_of(p.step for p in resolved_steps))
    names = _names(tasks)
    its_steps: dict[str, list[ResolvedStep]] = defaultdict(list)
    its_writes: dict[str, list[WriteSources]] = defaultdict(list)
    for one in resolved_steps:
        for name in {names[scope] for scope in one.step.scopes if scope in names}:
            its_steps[name].append(one)
    for write in writes:
        for name in {names[scope] for scope in write.scopes if scope in names}:
            its_writes[name].append(write)
    runs: dict[str, list[TaskRun]] = defaultdict(list)
    for task in sorted(tasks, key=_by_time):
        runs[names[task.id]].append(task)
    jobs = _jobs(runs, _subflow_names(history))
    lineages = {name: part(its_steps[name], its_writes[name]) for name in runs if name in its_steps}
    return tuple(
        TaskLineage(uuid5(history.run.id, f"task {name}"), name, jobs[name], lineage, tuple(runs[name]))
        for name, lineage in lineages.items()
        if not lineage.empty
    )


def lineage_of_body(
    resolved_steps: Sequence[ResolvedStep], writes: Sequence[WriteSources], part: Part, *, whole: Lineage
) -> Lineage:
    """The lineage of statements outside of tasks. Without tasks it is that of the `whole` run."""
    if scopes_of(p.step for p in resolved_steps) <= {None}:
        return whole
    return part(
        [p for p in resolved_steps if None in p.step.scopes], [write for write in writes if None in write.scopes]
    )


def _known_tasks(history: RunHistory, scopes: Iterable[Scope]) -> list[TaskRun]:
    """All task runs of the run, also those that touched nothing: their ends count for the end of their task.

    A task run that Prefect has no record of is one of a task without a name. Task runs that stand for calls of subflows
    are left out.
    """
    known = [task for task in history.tasks.values() if not task.subflow]
    unknown = sorted((scope for scope in scopes if scope and scope not in history.tasks), key=str)
    return [*known, *(TaskRun(id_, "task", "task") for id_ in unknown)]


def _names(tasks: Collection[TaskRun]) -> dict[UUID, str]:
    """The name of each task run's task, the same for all its runs.

    If a flow names the runs of a task itself, the name of the task's function is the same for all runs. The key has it,
    followed by a hash of the code, which changes.
    """
    by_prefect: dict[str, set[str | None]] = defaultdict(set)
    for task in tasks:
        by_prefect[task.task_key].add(_named_by_prefect(task))
    named = {key: names.pop() if len(names) == 1 else None for key, names in by_prefect.items()}
    return {task.id: named[task.task_key] or task.task_key.rpartition("-")[0] or task.task_key for task in tasks}


def _named_by_prefect(task: TaskRun) -> str | None:
    """The task's name, if Prefect named the run: `<task>-` and the dynamic key, or up to three characters of it."""
    if task.dynamic_key is not None:
        ends = (f"-{task.dynamic_key}", f"-{task.dynamic_key[:3]}")
        return next((task.name.removesuffix(end) for end in ends if task.name.endswith(end)), None)
    by_prefect = re.fullmatch(r"(.+)-[0-9a-f]{1,3}", task.name)
    return by_prefect[1] if by_prefect else None


def _subflow_names(history: RunHistory) -> set[str]:
    """The names of the flows that the run called, by the task runs that stand for their calls."""
    called = {_named_by_prefect(task) or task.name for task in history.tasks.values() if task.subflow}
    # A deployment that was called is named FLOW/DEPLOYMENT.
    return called | {name.partition("/")[0] for name in called}


def _jobs(names: Iterable[str], subflows: Collection[str]) -> dict[str, str]:
    """The name of each task among the jobs below its flow: its own, followed by a mark if a subflow has that name, or
    would have a task of that name.

    The mark is repeated until no other task and no subflow has the name.
    """
    names = sorted(names)
    taken = {*names, *subflows}
    jobs = {}
    for name in names:
        jobs[name] = name
        if name in subflows or any(name.startswith(f"{subflow}.") for subflow in subflows):
            while jobs[name] in taken:
                jobs[name] += _MARK
            taken.add(jobs[name])
    return jobs


def _by_time(task: TaskRun) -> tuple[dt.datetime, str, str]:
    return task.started or _LATE, task.name, str(task.id)
