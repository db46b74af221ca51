"""The thread of control in which the calling code runs: a thread, a work item of a pool, or an asyncio task.

Each has a path: `3.7` was started by `3`. The one in which Prefect runs the flow or task, its root, has the empty path.
The ones that it started are below it. So rows read by one coroutine are not taken for the source of another's writes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import count
from types import FrameType
from typing import Any, NamedTuple
from uuid import UUID

from prefect_lineage_events.context import propagation

# The path in a thread that serves many callers in turn, none of which is known.
UNKNOWN = "*"
# Runs with a known root. In a process with more at a time, code of the oldest counts as a thread that it started.
_MAX_ROOTS = 10_000
_MAX_READINGS = 4
# The modules of Prefect whose frames hold a run's engine, and the engine's attribute with the run.
_ENGINES = {"prefect.flow_engine": "flow_run", "prefect.task_engine": "task_run"}


class _Root(NamedTuple):
    """The thread, and the asyncio task in it, in which Prefect runs a flow or task."""

    thread: int
    task: weakref.ref[Any] | None


# None for a run of this process whose root is not known.
_roots: OrderedDict[UUID, _Root | None] = OrderedDict()
_numbers = count(1)
_number_of: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


def note_root(run_id: UUID, *, within: UUID | None = None) -> None:
    """Make the calling thread of control the root of this run, whose context Prefect enters. Later calls do nothing.

    `within` is the flow run of a task run: its root is kept while tasks of it begin.
    """
    if within is not None:
        with suppress(KeyError):  # it has no root, or another thread has just removed it
            _roots.move_to_end(within)
    if _roots.get(run_id) is None:
        add_root(run_id, _Root(threading.get_ident(), _reference(asyncio_task())))


def add_root(run_id: UUID, root: _Root | None) -> None:
    """Add the root of a run of this process; None where it is not known."""
    _roots[run_id] = root
    while len(_roots) > _MAX_ROOTS:
        _roots.popitem(last=False)


def running_roots() -> dict[UUID, _Root]:
    """The roots of the runs that Prefect's engines execute now in this process, found on the stacks of its threads.

    The threads go on meanwhile, and a frame that has returned or is suspended hides those below it: what two readings
    in a row agree on counts.
    """
    found = _roots_on_stacks()
    for _ in range(_MAX_READINGS):
        before, found = found, _roots_on_stacks()
        if found == before:
            break
    return found


def _roots_on_stacks() -> dict[UUID, _Root]:
    found: dict[UUID, _Root] = {}
    for thread, innermost in sys._current_frames().items():
        frame: FrameType | None = innermost
        inside: list[UUID] = []  # the runs on the stack up to here, within the same event loop
        while frame is not None:
            if run_id := _run_in(frame):
                inside.append(run_id)
            loop = _loop_of(frame)
            if loop is not None:
                found.update((id_, _Root(thread, _reference(asyncio.current_task(loop)))) for id_ in inside)
                inside = []
                for task in asyncio.all_tasks(loop):
                    found.update((id_, _Root(thread, _reference(task))) for id_ in map(_run_in, _frames(task)) if id_)
            frame = frame.f_back
        found.update((id_, _Root(thread, None)) for id_ in inside)
    return found


class _Waiting(NamedTuple):
    """A thread that waits for a coroutine in another one: the run and the path there are its own."""

    run: UUID | None
    thread: int
    path: str


_waiting: ContextVar[_Waiting | None] = ContextVar("lineage_waiting_thread", default=None)


@contextmanager
def waits(run_id: UUID | None) -> Iterator[None]:
    """A block in which the calling thread waits for a coroutine that inherits its context in another thread."""
    token = _waiting.set(_Waiting(run_id, threading.get_ident(), path(run_id)))
    try:
        yield
    finally:
        _waiting.reset(token)


def path(run_id: UUID | None) -> str:
    """The path of the calling code within the run."""
    waiting = _waiting.get()
    if waiting is not None and waiting.run == run_id and waiting.thread != threading.get_ident():
        return waiting.path
    root = _roots.get(run_id) if run_id is not None else None
    task = asyncio_task()
    if root is not None and root.thread == threading.get_ident():
        in_root = (root.task() if root.task else None) is task
        return "" if in_root or task is None else str(_number(task))
    above = _thread(is_here=run_id in _roots)
    return above if task is None or above == UNKNOWN else f"{above}.{_number(task)}"


def path_below(run_id: UUID | None) -> str:
    """A new path for a thread or work item that the calling code starts."""
    above = path(run_id)
    return UNKNOWN if above == UNKNOWN else f"{above}.{next(_numbers)}".lstrip(".")


def _thread(*, is_here: bool) -> str:
    """The path of the calling thread or its work item. `is_here`: Prefect runs the flow or task in this process."""
    start = propagation.submitting_run() or propagation.thread_starter()
    thread = threading.current_thread()
    if type(thread).__module__.startswith("anyio"):
        return UNKNOWN
    if start is not None:
        return str(start.path)
    # A work item that was submitted before lineage was switched on is known by itself only.
    return str(_number(propagation.work_item() or thread)) if is_here else f"p{os.getpid()}"


def _number(thing: Any) -> int:
    number = _number_of.get(thing)
    if number is None:
        number = _number_of[thing] = next(_numbers)
    return number


def asyncio_task() -> Any:
    """The running asyncio task; None outside any."""
    loop = asyncio._get_running_loop()
    return asyncio.current_task(loop) if loop is not None else None


def _reference(task: Any) -> weakref.ref[Any] | None:
    return weakref.ref(task) if task is not None else None


def _run_in(frame: FrameType) -> UUID | None:
    """The run whose engine executes this frame; None for a frame of any other code."""
    attribute = _ENGINES.get(frame.f_globals.get("__name__", ""))
    if attribute is None:
        return None
    engine = frame.f_locals.get("self") or frame.f_locals.get("engine")
    return getattr(getattr(engine, attribute, None), "id", None)


def _loop_of(frame: FrameType) -> Any:
    """The event loop that this frame runs; None for any other frame."""
    if frame.f_code.co_name == "run_forever" and frame.f_globals.get("__name__") == "asyncio.base_events":
        return frame.f_locals.get("self")
    return None


def _frames(task: Any) -> Iterator[FrameType]:
    """The frames of a suspended asyncio task, from its coroutine to the innermost that it awaits."""
    coroutine = task.get_coro()
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None:
            yield frame
        coroutine = getattr(coroutine, "cr_await", None)
