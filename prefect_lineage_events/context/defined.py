"""Flows and tasks as their decorators define them, read in the user's thread once for each run: attributes only.

Nothing of the user's is called or imported, and nothing is kept but texts: a function may hold a whole table.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any, NamedTuple
from uuid import UUID

from prefect.flows import Flow
from prefect.tasks import Task

from prefect_lineage_events.credentials import beginning
from prefect_lineage_events.guard import guarded

_MAX_NAMED = 100
_MAX_MODULES = 10
_MAX_CACHED = 200
_MAX_WRAPPERS = 10


class Defined(NamedTuple):
    """A flow or task. `file` is as Python compiled it. `key` is that of a task; `flows` and `tasks` are those that a
    flow's function names: their names, and their names, keys, modules and functions.
    """

    name: str
    module: str
    function: str
    file: str
    description: str
    key: str = ""
    flows: tuple[str, ...] = ()
    tasks: tuple[tuple[str, str, str, str], ...] = ()


_flows: dict[UUID, Defined] = {}


def defined(flow_run_id: UUID | None, flow: Any, task: Any) -> tuple[Defined | None, Defined | None]:
    """The flow of a run and its task as defined; None where there is none, or where that cannot be read."""
    with guarded("reading the definition of a flow or task"):
        of_task = _defined(task)._replace(key=str(task.task_key)) if task is not None else None
        of_flow = _flow(flow_run_id, flow) if flow is not None and flow_run_id is not None else None
        return of_flow, of_task
    return None, None


def _flow(flow_run_id: UUID, flow: Any) -> Defined:
    """The flow of a run, with the flows and tasks that its function names; read once for all tasks of the run."""
    found = _flows.get(flow_run_id)
    if found is None:
        named = list(_named(_function(flow.fn)))
        flows = {str(one.name): None for one in named if isinstance(one, Flow)}
        tasks = {str(one.task_key): _defined(one) for one in named if isinstance(one, Task)}
        of_tasks = tuple((one.name, key, one.module, one.function) for key, one in tasks.items())
        found = _defined(flow)._replace(flows=tuple(flows), tasks=of_tasks)
        if len(_flows) >= _MAX_CACHED:
            _flows.clear()
        _flows[flow_run_id] = found
    return found


def _defined(target: Any) -> Defined:
    function = _function(target.fn)
    code = function.__code__ if function is not None else None
    return Defined(
        str(target.name),
        str(function.__module__ or "") if function is not None else "",
        function.__qualname__ if function is not None else type(target.fn).__qualname__,
        code.co_filename if code is not None else "",
        beginning(str(target.description or "")),
    )


def _function(function: Any) -> FunctionType | None:
    """The user's own function below the decorators that name what they wrap."""
    for _ in range(_MAX_WRAPPERS):
        if type(function) is not FunctionType:
            return None
        wrapped = vars(function).get("__wrapped__")
        if type(wrapped) is not FunctionType:
            return function
        function = wrapped
    return function if type(function) is FunctionType else None


def _named(function: FunctionType | None) -> Iterator[Any]:
    """The flows and tasks that a function names: global and enclosing variables, and attributes of modules."""
    if function is None:
        return
    names = function.__code__.co_names[:_MAX_NAMED]
    known = function.__globals__
    found = [known[name] for name in names if name in known]
    for cell in (function.__closure__ or ())[:_MAX_NAMED]:
        try:
            found.append(cell.cell_contents)
        except ValueError:  # it has no value yet
            continue
    modules = [vars(one) for one in found if type(one) is ModuleType][:_MAX_MODULES]
    found += [attributes[name] for attributes in modules for name in names if name in attributes]
    # `isinstance` would ask a proxy for its class, and a lazy one would load what it stands for.
    yield from (one for one in found if issubclass(type(one), Flow | Task))
