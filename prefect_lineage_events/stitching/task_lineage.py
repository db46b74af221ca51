"""The lineage of each task of a flow run, and of the flow's own body beside them."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from uuid import UUID, uuid5

from prefect_lineage_events.definitions import TaskDefinition
from prefect_lineage_events.history.model import RunHistory, TaskRun, upstream_closure
from prefect_lineage_events.history.task_names import (
    TASK_MARK,
    TaskName,
    called_flows,
    named_tasks,
    own_name,
    task_names,
)
from prefect_lineage_events.stitching.dataflow import WriteSources
from prefect_lineage_events.stitching.lifetimes import ResolvedStep
from prefect_lineage_events.stitching.model import Lineage, TaskLineage
from prefect_lineage_events.stitching.steps import Scope, scopes_of

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
    defined = history.definitions.tasks
    names = task_names(tasks, defined)
    its_steps: dict[TaskName, list[ResolvedStep]] = defaultdict(list)
    its_writes: dict[TaskName, list[WriteSources]] = defaultdict(list)
    for one in resolved_steps:
        for name in {names[scope] for scope in one.step.scopes if scope in names}:
            its_steps[name].append(one)
    for write in writes:
        for name in {names[scope] for scope in write.scopes if scope in names}:
            its_writes[name].append(write)
    runs: dict[TaskName, list[TaskRun]] = defaultdict(list)
    for task in sorted(tasks, key=_by_time):
        runs[names[task.id]].append(task)
    known = {*runs, *named_tasks(defined)}
    shared = _with_shared_names(known)
    subflows = called_flows(history.tasks.values()) | set(history.definitions.flows)
    jobs = task_jobs(known, subflows, history.ambiguous_tasks)
    definitions = {(one.name, one.key): one for one in defined if one.ran}
    lineages = {name: part(its_steps[name], its_writes[name]) for name in runs if name in its_steps}
    run_ids = {
        name: _run_id(history.run.id, name, by_function=name in shared)
        for name, lineage in lineages.items()
        if not lineage.empty
    }
    before = {name: _upstream(name, runs, names, run_ids, history) for name in run_ids}
    return tuple(
        TaskLineage(
            run_id=run_ids[name],
            task_name=name.name,
            job=jobs[name],
            lineage=lineage,
            runs=tuple(runs[name]),
            definition=_definition(runs[name], definitions),
            upstream=tuple(run_ids[other] for other in run_ids if other in before[name]),
        )
        for name, lineage in lineages.items()
        if name in run_ids
    )


def _definition(
    runs: Iterable[TaskRun], definitions: Mapping[tuple[str, str], TaskDefinition]
) -> TaskDefinition | None:
    """The definition of the task of these runs: the one of its name, or of its key if the flow names the runs."""
    keys = {run.task_key for run in runs}
    found = [one for (_, key), one in definitions.items() if key in keys]
    names = {own_name(run) for run in runs}
    return next((one for one in found if one.name in names), found[0] if found else None)


def _upstream(
    task: TaskName,
    runs: Mapping[TaskName, Sequence[TaskRun]],
    names: Mapping[UUID, TaskName],
    known: Collection[TaskName],
    history: RunHistory,
) -> set[TaskName]:
    """The nearest of the `known` tasks that had to end before a task: it took their results, or waited for them."""

    def before(one: UUID | None) -> Iterable[UUID | None]:
        run = history.tasks.get(one) if one else None
        passes = run is not None and (names.get(run.id) == task or names.get(run.id) not in known)
        return sorted(run.upstream | run.waits_for, key=str) if run is not None and passes else ()

    found = [names.get(one) for one in upstream_closure([run.id for run in runs[task]], before) if one]
    return {name for name in found if name and name in known} - {task}


def _run_id(flow_run_id: UUID, task: TaskName, *, by_function: bool) -> UUID:
    """The same at each assembly, also if the name of the task's job is marked since."""
    return uuid5(flow_run_id, f"task {task.name}" + (f"\0{task.function}" if by_function else ""))


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


def task_jobs(
    tasks: Iterable[TaskName], subflows: Collection[str], ambiguous: Collection[str] = ()
) -> dict[TaskName, str]:
    """The name of each task among the jobs below its flow, no two of them equal.

    It is the task's own name. The name of its function follows it if another task has that name. A mark follows if a
    subflow has the name, or would have a task of that name, or if it is `ambiguous` for another reason. The mark is
    repeated until no other task and no subflow has the name.
    """
    tasks = sorted(tasks)
    shared = _with_shared_names(tasks)
    names = {task: f"{task.name} ({task.function})" if task in shared else task.name for task in tasks}
    taken = Counter([*names.values(), *subflows])
    jobs = {}
    for task, name in names.items():
        jobs[task] = name
        is_of_subflow = name in subflows or any(name.startswith(f"{subflow}.") for subflow in subflows)
        if is_of_subflow or name in ambiguous or taken[name] > 1:
            while taken[jobs[task]]:
                jobs[task] += TASK_MARK
            taken[jobs[task]] += 1
    return jobs


def _with_shared_names(tasks: Collection[TaskName]) -> set[TaskName]:
    """The tasks whose name others have too. A function that bears the name itself keeps it."""
    count = Counter(task.name for task in tasks)
    return {task for task in tasks if count[task.name] > 1 and task.name != task.function}


def _by_time(task: TaskRun) -> tuple[dt.datetime, str, str]:
    return task.started or _LATE, task.name, str(task.id)
