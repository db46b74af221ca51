"""Propagation of the run to threads, thread pools and processes, which do not inherit Prefect's context variables.

The user's code sees no change: no context is copied and no call of theirs is wrapped. Objects of the standard library
only get an attribute with the run that started them. A thread of a pool works for one task after the other, so there
the attribute is on the work item, which is found on the stack.
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

from prefect_lineage_events.guard import count_loss, guarded

Start = TypeVar("Start", bound=Callable[..., Any])

_NOTE = "_prefect_lineage_starter"
_WORK = _WorkItem.run.__code__


def submitting_run() -> Any:
    """The attribute of the thread pool's work item that the calling code runs in; None outside any."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _WORK:
            return getattr(frame.f_locals.get("self"), _NOTE, None)
        frame = frame.f_back  # type: ignore[assignment]
    return None


def thread_starter() -> Any:
    """The attribute of the calling thread, set when the thread was started."""
    return getattr(threading.current_thread(), _NOTE, None)


def process_starter() -> str | None:
    """The text that the parent process set for this process, whatever the start method."""
    return getattr(multiprocessing.current_process(), "_config", {}).get(_NOTE)


def install(of_thread: Callable[[], Any], of_process: Callable[[], str | None]) -> None:
    """Store the results of `of_thread` and `of_process` on threads, work items and processes that start from now on.

    To be called once in a process. The value for a process is a text, because a spawned process pickles it.
    """

    def note(target: Any) -> None:
        target.__dict__[_NOTE] = of_thread()

    def note_process(process: Any) -> None:
        if (starter := of_process()) is not None:
            process._config[_NOTE] = starter

    threading.Thread.start = _before(threading.Thread.start, note)  # type: ignore[method-assign]
    _WorkItem.__init__ = _after(_WorkItem.__init__, note)  # type: ignore[method-assign]
    BaseProcess.__init__ = _after(BaseProcess.__init__, note_process)  # type: ignore[method-assign]


def _before(method: Start, note: Callable[[Any], None]) -> Start:
    @functools.wraps(method)
    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        with guarded("noting who starts a thread", count_loss):
            note(self)
        return method(self, *args, **kwargs)

    return noted  # type: ignore[return-value]


def _after(method: Start, note: Callable[[Any], None]) -> Start:
    @functools.wraps(method)
    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        method(self, *args, **kwargs)
        with guarded("noting who asks for work", count_loss):
            note(self)

    return noted  # type: ignore[return-value]
