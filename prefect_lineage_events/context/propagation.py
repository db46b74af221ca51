"""Propagation of the run to threads, thread pools and processes, which do not inherit Prefect's context variables.

The user's code sees no change: no context is copied, and none of their functions is wrapped. Objects of the standard
library only get an attribute with the run that started them. A thread of a pool works for one task after the other, so
there the work item has the attribute. The work item is found on the stack.
"""

from __future__ import annotations

import functools
import multiprocessing
import sys
import threading
from collections.abc import Callable
from concurrent.futures.thread import _WorkItem
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from prefect_lineage_events import patches
from prefect_lineage_events.guard import count_loss, guarded

Start = TypeVar("Start", bound=Callable[..., Any])

_NOTE = "_prefect_lineage_starter"
_WORK = _WorkItem.run.__code__


def work_item() -> Any:
    """The thread pool's work item that the calling code runs in; None outside any."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _WORK:
            return frame.f_locals.get("self")
        frame = frame.f_back  # type: ignore[assignment]
    return None


def submitting_run() -> Any:
    """The attribute of the thread pool's work item that the calling code runs in; None outside any."""
    return getattr(work_item(), _NOTE, None)


def thread_starter() -> Any:
    """The attribute of the calling thread, set when the thread was started."""
    return getattr(threading.current_thread(), _NOTE, None)


def starter() -> Any:
    """The attribute of the work item that the calling code runs in; outside any, that of the calling thread."""
    item = work_item()
    return getattr(threading.current_thread() if item is None else item, _NOTE, None)


def is_foreign() -> bool:
    """Return whether the calling thread was not started by Python: a library in C++ or Rust calls back in it."""
    return isinstance(threading.current_thread(), threading._DummyThread)


def take_over(start: Any) -> None:
    """Have the calling thread work for another one from now on: set the attribute that its start had set."""
    setattr(threading.current_thread(), _NOTE, start)


def is_unmarked() -> bool:
    """Return whether the calling thread, or its work item, was started before lineage was switched on."""
    thread, item = threading.current_thread(), work_item()
    if thread is threading.main_thread() or isinstance(thread, threading._DummyThread):
        return False
    return not hasattr(thread if item is None else item, _NOTE)


def process_starter() -> str | None:
    """The text that the parent process set for this process, whatever the start method.

    It is empty if the parent was in no run, and None if lineage was not switched on there.
    """
    return getattr(multiprocessing.current_process(), "_config", {}).get(_NOTE)


def declare(of_thread: Callable[[], Any], of_process: Callable[[], str | None]) -> None:
    """Declare the patches that store these results on the threads, work items and processes that start later.

    To be called once in a process. The value for a process is a text, because a spawned process pickles it.
    """

    def note(target: Any) -> None:
        target.__dict__[_NOTE] = of_thread()

    def note_process(process: Any) -> None:
        process._config[_NOTE] = of_process() or ""

    patches.declare(threading.Thread, "start", functools.partial(_before, note))
    patches.declare(_WorkItem, "__init__", functools.partial(_after, note))
    patches.declare(BaseProcess, "__init__", functools.partial(_after, note_process))


def _before(note: Callable[[Any], None], method: Start, is_on: Callable[[], bool]) -> Start:
    @functools.wraps(method)
    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        with guarded("storing the run of a new thread", count_loss):
            if is_on():
                note(self)
        return method(self, *args, **kwargs)

    return noted  # type: ignore[return-value]


def _after(note: Callable[[Any], None], method: Start, is_on: Callable[[], bool]) -> Start:
    @functools.wraps(method)
    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        method(self, *args, **kwargs)
        with guarded("storing the run of submitted work", count_loss):
            if is_on():
                note(self)

    return noted  # type: ignore[return-value]
