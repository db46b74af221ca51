"""The flow run and task run that the calling code belongs to, also where Prefect has no context.

Prefect keeps its run in context variables, which raw threads, executors and spawned processes do not inherit. There the
run is, in this order: the one whose code submitted the work, or started the thread or the process; the one in which the
connection was last used, if it is still running; else the only one running in this process.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from prefect.context import FlowRunContext, SettingsContext, TaskRunContext
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_lineage_events import filters
from prefect_lineage_events.context import child_processes, propagation, running, threads
from prefect_lineage_events.context.defined import Defined, defined
from prefect_lineage_events.context.last_run import LastRun
from prefect_lineage_events.events import RunInfo
from prefect_lineage_events.guard import count_loss, guarded, logger

_MAX_CACHED = 2_000

# True within a library's call that is noted as a whole, or in which nothing is noted.
in_call: ContextVar[bool] = ContextVar("lineage_in_library_call", default=False)


class Run:
    """A flow run, and the task run in it, that statements belong to.

    `task_key` is the same for all runs of one task. `detached`: this process has only a copy of the run (Dask workers,
    process pools), so it does not see the run's end. `captured` is the result of the include and exclude rules.
    `was_live`: this process knew the object with the run's state when the run was first used.
    `settings` is Prefect's settings context of the run, which may differ from the process's (in test harnesses).
    `defined` are its flow and its task as their decorators define them.
    """

    __slots__ = ("captured", "defined", "detached", "info", "settings", "task_key", "was_live")

    def __init__(
        self,
        info: RunInfo,
        *,
        task_name: str | None = None,
        task_key: str = "",
        detached: bool = False,
        settings: SettingsContext | None = None,
        defined: tuple[Defined | None, Defined | None] = (None, None),
    ) -> None:
        self.info = info
        self.task_key = task_key
        self.detached = detached
        self.captured = filters.current().captures(info.flow_name, task_name)
        self.settings = settings
        self.defined = defined
        self.was_live = self.live() is not None

    @property
    def key(self) -> UUID | None:
        """The key of the run's emitter: the flow run, or the task run where there is no flow."""
        return self.info.flow_run_id or self.info.task_run_id

    @property
    def thread(self) -> str:
        """The path of the thread of control that the calling code runs in (see `threads`)."""
        return threads.path(self.info.task_run_id or self.info.flow_run_id)

    def live(self) -> Any:
        """The object on which Prefect's engine updates this run's state; None when that is in another process."""
        if self.detached:
            return None
        if self.info.flow_run_id is not None:
            return running.flow_runs.get(self.info.flow_run_id)
        return running.task_runs.get(self.info.task_run_id) if self.info.task_run_id else None

    def is_running(self) -> bool:
        """Return whether the run is known to be in progress in this process."""
        if self.detached:
            live = running.task_runs.get(self.info.task_run_id) if self.info.task_run_id else None
        else:
            live = self.live()
        return live is not None and not running.is_over(live)


_lock = threading.Lock()
_runs: dict[tuple[UUID | None, int | None, UUID | None], Run] = {}
_with_children: set[UUID] = set()  # flow runs that started processes, which may have done their work
_outside: list[Run] = []
_interruption: list[Callable[[Run], None]] = []
_end_of_work_elsewhere: list[Callable[[Run], None]] = []
_settings_by_api: dict[tuple[str | None, str | None], SettingsContext] = {}


# The variables of Prefect's contexts: `get` of the classes does the same, and takes three times as long.
_flow_context: Callable[[Any], Any] = FlowRunContext.__var__.get
_task_context: Callable[[Any], Any] = TaskRunContext.__var__.get


_last = LastRun()


def current_run(known: Run | None = None) -> Run | None:
    """The run of the calling code, None outside any. `known`: the run in which the connection was last used.

    Costs less than a microsecond: each thread keeps its last run, and runs are cached by their ids.
    """
    flow, task = _flow_context(None), _task_context(None)
    if flow is not None or task is not None:
        if _last.run is None or not _last.is_of(flow, task):
            _last.keep(flow, task, _run_of(flow, task))
        return _last.run
    inherited = _inherited_run()
    if inherited is not None:
        return inherited
    if known is not None and known.is_running():
        return known
    return _only_running() or _run_of_process() or (_outside[-1] if _outside else None)


@contextmanager
def run_outside(run: Run) -> Iterator[None]:
    """A block in which code outside of all runs belongs to `run`, in all threads: the testing kit's."""
    _outside.append(run)
    running.entered_run()
    try:
        yield
    finally:
        _outside.remove(run)


def _inherited_run() -> Run | None:
    """The run of a thread without Prefect's context.

    Work of a pool belongs to the run that submitted it; another thread to the run that started it, while that runs.
    """
    start: _Start | None = propagation.submitting_run()
    if start is not None and start.run is not None:
        return start.run
    start = propagation.thread_starter()
    return start.run if start is not None and start.run is not None and start.run.is_running() else None


class _Start(NamedTuple):
    """The attribute of a thread, or of a work item of a pool: the run that started it, and its path there.

    `in_call`: it was started within a library's call that is noted as a whole, or in which nothing is noted.
    """

    run: Run | None
    path: str
    in_call: bool


def _start() -> _Start | None:
    run, in_call = _starting_run(), is_in_call()
    if run is None:
        return _Start(None, threads.UNKNOWN, in_call) if in_call else None
    return _Start(run, threads.path_below(run.info.task_run_id or run.info.flow_run_id), in_call)


def is_in_call() -> bool:
    """Return whether the calling code, or what started its thread or work item, is within a library's call."""
    if in_call.get():
        return True
    if FlowRunContext.get() is not None or TaskRunContext.get() is not None:
        return False  # a context that was inherited as a whole
    start: _Start | None = propagation.starter()
    return start is not None and start.in_call


def handed_over() -> Any:
    """The calling code's run and its own thread of control, for `propagation.take_over` in a thread that works for it.

    None outside any run and any library's call.
    """
    run, in_call = _starting_run(), is_in_call()
    if run is None:
        return _Start(None, threads.UNKNOWN, in_call) if in_call else None
    return _Start(run, run.thread, in_call)


def _starting_run() -> Run | None:
    """The run of the calling code, which starts a thread or submits work."""
    flow, task = FlowRunContext.get(), TaskRunContext.get()
    if flow is not None or task is not None:
        return _run_of(flow, task)
    return _inherited_run()


def _serialized_run() -> str | None:
    """The run of the calling code as a text, for the process that it starts."""
    run = _starting_run() or _run_of_process()
    if run is None or not run.captured:
        return None
    _note_child(run)
    return json.dumps({"info": run.info.model_dump(mode="json", exclude_none=True), "task_key": run.task_key})


@lru_cache(maxsize=1)
def _run_of_process() -> Run | None:
    """The run that started this process, where the process was spawned and has inherited nothing else."""
    serialized = propagation.process_starter()
    if serialized is None and multiprocessing.parent_process() is not None:
        logger.warning(
            "lineage: the run of this process is not known, because lineage was not switched on in the process that "
            "started it; call prefect_lineage_events.instrument() there"
        )
    if not serialized:
        return None
    known = json.loads(serialized)
    return Run(RunInfo.model_validate(known["info"]), task_key=known["task_key"], detached=True)


def _run_of(flow: Any, task: Any) -> Run | None:
    flow_run: Any = flow.flow_run if flow is not None else None
    task_run: Any = task.task_run if task is not None else None
    if flow_run is not None and task_run is not None and task_run.flow_run_id != flow_run.id:
        # In a subflow that a task calls, the task's context is still set, but the code belongs to the subflow.
        task, task_run = None, None
    if flow_run is None and task_run is None:
        return None
    flow_run_id = flow_run.id if flow_run is not None else task_run.flow_run_id
    key = (
        flow_run_id,
        flow_run.run_count if flow_run is not None else None,
        task_run.id if task_run is not None else None,
    )
    run = _runs.get(key)
    if run is None:
        for context in (flow, task):
            if context is not None and id(context) not in running.contexts:
                running.add(context)
        run = _new_run(flow_run_id, flow, flow_run, task, task_run)
        with _lock:
            if len(_runs) >= _MAX_CACHED:
                _runs.clear()
            run = _runs.setdefault(key, run)
    return run


def _new_run(flow_run_id: UUID | None, flow: Any, flow_run: Any, task: Any, task_run: Any) -> Run:
    declared = flow.flow if flow is not None else None
    info = RunInfo(
        flow_run_id=flow_run_id,
        flow_run_name=flow_run.name if flow_run is not None else None,
        flow_id=flow_run.flow_id if flow_run is not None else None,
        flow_name=declared.name if declared is not None else None,
        run_count=flow_run.run_count if flow_run is not None else None,
        task_run_id=task_run.id if task_run is not None else None,
        task_run_name=task_run.name if task_run is not None else None,
        task_name=_name_beside(task_run, task.task.name) if task_run is not None and task is not None else None,
    )
    # Without its flow's context, a task run belongs to a flow run that ends in another process.
    elsewhere = flow.detached or flow_run_id in running.inherited if flow is not None else flow_run_id is not None
    return Run(
        info,
        task_name=task.task.name if task is not None else None,
        task_key=task.task.task_key if task is not None else "",
        detached=elsewhere,
        settings=_settings(),
        defined=defined(flow_run_id, declared, task.task if task is not None else None),
    )


def _name_beside(task_run: Any, name: str) -> str | None:
    """The name of a task, unless Prefect named its run: `<task>-` and the dynamic key, or three characters of it.

    A flow's own name of the run may begin with the task's name too.
    """
    key = task_run.dynamic_key
    return None if task_run.name in (f"{name}-{key}", f"{name}-{key[:3]}") else name


def _settings() -> SettingsContext | None:
    """The settings of the calling code. Runs stay in the cache, so all with the same API share one object."""
    context = SettingsContext.get()
    if context is None:
        return None
    api = context.settings.api
    key = (api.url, api.key.get_secret_value() if api.key is not None else None)
    return _settings_by_api.setdefault(key, context)


def is_ambiguous() -> bool:
    """Return whether the calling thread, which has no run, may work for any of several runs in progress.

    That holds for a thread that was started before lineage was switched on: the run that started it is not known.
    """
    return len(running.flow_runs) > 1 and propagation.is_unmarked() and len(_running_flows_and_tasks()[0]) > 1


def _only_running() -> Run | None:
    """The only run in progress, for a thread without a context; None where there are several."""
    flows, tasks = _running_flows_and_tasks()
    if len(flows) > 1:
        return None
    flow = next(iter(flows.values()), None)
    task = next(iter(tasks.values())) if len(tasks) == 1 else None
    return _run_of(flow, task) if flow or task else None


def runs_in_progress() -> list[Run]:
    """The flow runs and task runs in progress in this process, with that of the calling code."""
    flows, tasks = _running_flows_and_tasks()
    alone = [task for task in tasks.values() if task.task_run.flow_run_id not in flows]
    found = [_run_of(flow, None) for flow in flows.values()] + [_run_of(None, task) for task in alone]
    return [run for run in (*found, current_run()) if run is not None]


def _running_flows_and_tasks() -> tuple[dict[UUID, Any], dict[UUID, Any]]:
    """The contexts of flows and of tasks in progress that the calling thread may work for."""
    # By run, because the engine enters more than one context for the same task run.
    flows: dict[UUID, Any] = {}
    tasks: dict[UUID, Any] = {}
    for context in filter(None, (reference() for reference in running.contexts.valuerefs())):
        run = running.run_of(context)
        if run is not None and running.is_entered(context) and not running.is_over(run):
            (tasks if isinstance(context, TaskRunContext) else flows)[run.id] = context
    if len(flows) > 1 and propagation.is_unmarked():
        # The run that started this thread is not known. A flow waits while its subflow runs, so the innermost is taken.
        outer = {id(context) for inner in flows.values() for context in running.enclosing(inner)}
        flows = {run_id: context for run_id, context in flows.items() if id(context) not in outer}
    return flows, tasks


def _note_child(run: Run | None) -> None:
    """Record that a run started a process, which may work for it: this process then reports the end of the run."""
    if run is not None and not run.detached and run.info.flow_run_id is not None:
        _with_children.add(run.info.flow_run_id)


def before_interruption(call: Callable[[Run], None]) -> None:
    """Register a call to be made in the user's thread when a signal ends a flow run, before the process is killed.

    After SIGTERM Prefect reports the run as crashed and sends itself the signal once more: no exit call is made then.
    """
    _interruption.append(call)


def after_work_elsewhere(call: Callable[[Run], None]) -> None:
    """Register a call to be made at the end of a flow run that worked in other processes (children, a pool, Dask, Ray).

    Those processes do not see its end. Readers wait for a report of it, which only this process can send.
    """
    _end_of_work_elsewhere.append(call)


def _left(context: Any, interrupted: bool) -> None:
    """Make the calls that are registered for the end of a flow run."""
    calls = _interruption if interrupted else _end_of_work_elsewhere if _ends_with_work_elsewhere(context) else []
    run = _run_of(context, None) if calls else None
    for call in calls if run is not None else ():
        call(run)  # type: ignore[arg-type]


def _ends_with_work_elsewhere(context: Any) -> bool:
    with guarded("looking where the tasks ran", count_loss):
        if not running.is_over(context.flow_run):
            return False
        # Children that were started before lineage was switched on are known by their marks.
        in_children = context.flow_run.id in _with_children or child_processes.any_marks(context.flow_run.id)
        _with_children.discard(context.flow_run.id)
        return in_children or not isinstance(context.task_runner, ThreadPoolTaskRunner)
    return False


def forget() -> None:
    """Clear the caches, after the settings changed."""
    global _last
    _last = LastRun()
    _runs.clear()
    _run_of_process.cache_clear()


def _reset_after_fork() -> None:
    forget()
    _with_children.clear()


def _before_fork() -> None:
    with guarded("noting a fork", count_loss):
        _note_child(_starting_run() if running.contexts else None)


os.register_at_fork(before=_before_fork, after_in_child=_reset_after_fork)


running.when_left(_left)
propagation.declare(_start, _serialized_run)
