"""The thread of control in which the calling code runs: a thread, a work item of a pool, or an asyncio task.

Each has a path: `3.7` was started by `3`. The one in which Prefect runs the flow or task itself has the empty path, and
those that it started are below it. So rows read by one coroutine are not taken for the source of another's writes.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections import OrderedDict
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

from prefect_lineage_events.context import propagation

# The path in a thread that serves many callers in turn, none of which is known.
UNKNOWN = "*"
# Runs with a known root. In a process with more at a time, code of the oldest counts as a thread that it started.
_MAX_ROOTS = 10_000


class _Root(NamedTuple):
    """The thread, and the asyncio task in it, in which Prefect runs a flow or task."""

    thread: int
    task: weakref.ref[Any] | None


_roots: OrderedDict[UUID, _Root] = OrderedDict()
_numbers = count(1)
_number_of: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


def note_root(run_id: UUID, *, within: UUID | None = None) -> None:
    """Make the calling thread of control the root of this run, whose context Prefect enters. Later calls do nothing.

    The root of the flow run that a task runs `within` is kept for as long as its tasks begin.
    """
    if within is not None:
        with suppress(KeyError):  # it has none, or another thread has just dropped it
            _roots.move_to_end(within)
    if run_id not in _roots:
        task = _asyncio_task()
        _roots[run_id] = _Root(threading.get_ident(), weakref.ref(task) if task is not None else None)
        while len(_roots) > _MAX_ROOTS:
            _roots.popitem(last=False)


def path(run_id: UUID | None) -> str:
    """The path of the calling code within the run."""
    root = _roots.get(run_id) if run_id is not None else None
    task = _asyncio_task()
    if root is not None and root.thread == threading.get_ident():
        in_root = (root.task() if root.task else None) is task
        return "" if in_root or task is None else str(_number(task))
    above = _thread(root)
    return above if task is None or above == UNKNOWN else f"{above}.{_number(task)}"


def path_below(run_id: UUID | None) -> str:
    """A new path for a thread or work item that the calling code starts."""
    above = path(run_id)
    return UNKNOWN if above == UNKNOWN else f"{above}.{next(_numbers)}".lstrip(".")


def _thread(root: _Root | None) -> str:
    start = propagation.submitting_run() or propagation.thread_starter()
    thread = threading.current_thread()
    if type(thread).__module__.startswith("anyio"):
        return UNKNOWN
    if start is not None:
        return str(start.path)
    return f"p{os.getpid()}" if root is None else str(_number(thread))


def _number(thing: Any) -> int:
    number = _number_of.get(thing)
    if number is None:
        number = _number_of[thing] = next(_numbers)
    return number


def _asyncio_task() -> Any:
    """The running asyncio task; None outside any."""
    loop = asyncio._get_running_loop()
    return asyncio.current_task(loop) if loop is not None else None
